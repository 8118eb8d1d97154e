/* SPDX-License-Identifier: Apache-2.0 */
/* Counting cores and modules, and the numbers that name the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "one-collector.h"

static const char cpu_dir[] = "sys/devices/system/cpu";

static void start(struct one *one, bool resident)
{
	one_start(one, "machine", NULL, resident);
	one_write(one, "proc/meminfo", "MemTotal: 1024 kB\nSwapTotal: 0 kB\n");
	one_write(one, "sys/devices/system/cpu/online", "0\n");
}

static void write_cpu(struct one *one, int cpu, const char *attr, const char *value)
{
	one_write(one, arena_printf(&one->memory, "%s/cpu%d/topology/%s", cpu_dir, cpu, attr).p,
		  value);
}

/* Of the family's only sample. */
static double value(struct one *one, const char *family)
{
	return one_value(one, family, NULL);
}

static void test_cores_by_siblings(void **state)
{
	struct one one;

	(void)state;
	start(&one, false);
	one_write(&one, "sys/devices/system/cpu/online", "0-7\n");
	/* Two packages of two cores that have the same numbers in each, two threads a core. */
	for (int cpu = 0; cpu < 8; cpu++) {
		static const char *const lists[] = { "0,4", "1,5", "2,6", "3,7" };

		write_cpu(&one, cpu, "physical_package_id", cpu % 4 < 2 ? "0\n" : "1\n");
		write_cpu(&one, cpu, "core_id", "0\n");
		write_cpu(&one, cpu, "thread_siblings_list", lists[cpu % 4]);
	}
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, "machine_cpu_cores") == 8);
	assert_true(value(&one, "machine_cpu_physical_cores") == 4);
	assert_true(value(&one, "machine_cpu_sockets") == 2);
	assert_true(value(&one, "machine_memory_bytes") == 1024 * 1024);
	assert_true(value(&one, "machine_swap_bytes") == 0);
	assert_true(value(&one, "machine_scrape_error") == 0);
	one_stop(&one);
}

static void test_cores_by_number(void **state)
{
	struct one one;

	(void)state;
	start(&one, false);
	one_write(&one, "sys/devices/system/cpu/online", "0-1,3,5\n");
	for (int cpu = 0; cpu < 6; cpu++) {
		write_cpu(&one, cpu, "physical_package_id", cpu < 3 ? "0\n" : "7\n");
		write_cpu(&one, cpu, "core_id", cpu == 0 || cpu == 1 ? "9\n" : "4\n");
	}
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, "machine_cpu_cores") == 4);
	assert_true(value(&one, "machine_cpu_physical_cores") == 2);
	assert_true(value(&one, "machine_cpu_sockets") == 2);
	one_stop(&one);
}

/* What the machine does not say is no 0. */
static void test_no_topology(void **state)
{
	struct one one;

	(void)state;
	start(&one, false);
	one_write(&one, "sys/devices/system/cpu/online", "0-3\n");
	write_cpu(&one, 0, "physical_package_id", "-1\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, "machine_cpu_cores") == 4);
	assert_true(isnan(value(&one, "machine_cpu_physical_cores")));
	assert_true(isnan(value(&one, "machine_cpu_sockets")));
	assert_true(isnan(value(&one, "machine_dimm_count")));
	assert_true(isnan(value(&one, "machine_nvm_capacity")));
	one_stop(&one);
}

static void test_cpu_goes(void **state)
{
	struct one one;

	(void)state;
	start(&one, true);
	one_write(&one, "sys/devices/system/cpu/online", "0-1\n");
	write_cpu(&one, 0, "thread_siblings_list", "0-1\n");
	write_cpu(&one, 1, "thread_siblings_list", "0-1\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, "machine_cpu_physical_cores") == 1);
	one_write(&one, "sys/devices/system/cpu/online", "0,2\n");
	write_cpu(&one, 0, "thread_siblings_list", "0\n");
	write_cpu(&one, 2, "thread_siblings_list", "2\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, "machine_cpu_cores") == 2);
	assert_true(value(&one, "machine_cpu_physical_cores") == 2);
	one_stop(&one);
}

static void test_bad_lists(void **state)
{
	static const char *const lists[] = { "", "x", "3-1", "0-99999999", "0,,1", "0-65536" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct one one;

		start(&one, false);
		one_write(&one, "sys/devices/system/cpu/online", lists[i]);
		assert_int_equal(one_run(&one), -EBADMSG);
		assert_true(value(&one, "machine_scrape_error") == 1);
		assert_true(isnan(value(&one, "machine_cpu_cores")));
		assert_true(value(&one, "machine_memory_bytes") == 1024 * 1024);
		one_stop(&one);
	}
}

static void write_module(struct one *one, const char *name, const char *size, const char *type)
{
	const char *path = "sys/devices/system/edac/mc";

	one_write(one, arena_printf(&one->memory, "%s/%s/size", path, name).p, size);
	if (type)
		one_write(one, arena_printf(&one->memory, "%s/%s/dimm_mem_type", path, name).p,
			  type);
}

static void test_dimms(void **state)
{
	static const char none[] = "boot_id=\"\",machine_id=\"\",system_uuid=\"\",type=\"";
	struct one one;

	(void)state;
	start(&one, true);
	write_module(&one, "mc0/dimm0", "8192\n", "Registered-DDR4\n");
	write_module(&one, "mc0/dimm1", "8192\n", "Registered-DDR4\n");
	write_module(&one, "mc0/dimm2", "0\n", "Unknown\n");
	write_module(&one, "mc0/dimm3", "many\n", "Unknown\n");
	write_module(&one, "mc0/dimm4", "18446744073709551615\n", "Unknown\n");
	write_module(&one, "mc0/dimmer", "5\n", "Unknown\n");
	write_module(&one, "mc1/rank0", "1\n", "DDR3\n");
	write_module(&one, "mc1/rank1", "1\n", "DDR3\n");
	write_module(&one, "mc2/dimm0", "4\n", NULL);
	/* The second cycle answers from what the first one found. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(one_run(&one), 0);

		const char *registered = arena_printf(&one.memory, "%sRegistered-DDR4\"", none).p;
		const char *ranks = arena_printf(&one.memory, "%sDDR3\"", none).p;
		const char *untold = arena_printf(&one.memory, "%s\"", none).p;
		const char *unknown = arena_printf(&one.memory, "%sUnknown\"", none).p;

		assert_true(one_value(&one, "machine_dimm_count", registered) == 2);
		assert_true(one_value(&one, "machine_dimm_capacity_bytes", registered) ==
			    16384.0 * 1048576);
		assert_true(isnan(one_value(&one, "machine_dimm_count", ranks)));
		assert_true(one_value(&one, "machine_dimm_capacity_bytes", ranks) == 2097152);
		assert_true(one_value(&one, "machine_dimm_count", untold) == 1);
		assert_true(isnan(one_value(&one, "machine_dimm_count", unknown)));
		assert_true(isnan(one_value(&one, "machine_dimm_capacity_bytes", unknown)));
	}
	one_stop(&one);
}

static void assert_label(const struct one *one, const char *name, const char *wanted)
{
	struct str got = one_label(one, "machine_memory_bytes", name);

	if (!str_eq(got, str_of(wanted)))
		fail_msg("%s: got \"%.*s\", not \"%s\"", name, STR_ARG(got), wanted);
}

static void test_ids(void **state)
{
	struct one one;

	(void)state;
	start(&one, false);
	one_write(&one, "root/var/lib/dbus/machine-id", "feed\n");
	one_write(&one, "proc/sys/kernel/random/boot_id", "beef-01\n");
	assert_int_equal(one_run(&one), 0);
	assert_label(&one, "machine_id", "feed");
	assert_label(&one, "boot_id", "beef-01");
	assert_label(&one, "system_uuid", "feed");
	one_write(&one, "sys/class/dmi/id/product_uuid", "4C4C-A\n");
	one_write(&one, "root/etc/machine-id", "dead\n");
	one_restart(&one);
	assert_int_equal(one_run(&one), 0);
	assert_label(&one, "machine_id", "dead");
	assert_label(&one, "system_uuid", "4C4C-A");
	one_stop(&one);
}

static void test_strange_ids(void **state)
{
	struct one one;

	(void)state;
	start(&one, false);
	one_write(&one, "root/etc/machine-id", "two words\n");
	one_write(&one, "proc/sys/kernel/random/boot_id",
		  "0123456789012345678901234567890123456789012345678901234567890123456789\n");
	one_write(&one, "sys/class/dmi/id/product_uuid", "\"quoted\"\n");
	assert_int_equal(one_run(&one), 0);
	assert_label(&one, "machine_id", "");
	assert_label(&one, "boot_id", "");
	assert_label(&one, "system_uuid", "");
	one_stop(&one);
}

static void test_device_tree(void **state)
{
	struct one one;

	(void)state;
	start(&one, false);
	one_write(&one, "proc/device-tree/vm,uuid", "1-2");
	assert_int_equal(one_run(&one), 0);
	assert_label(&one, "system_uuid", "1-2");
	one_stop(&one);
}

static void test_version(void **state)
{
	struct one one;

	(void)state;
	start(&one, false);
	one_write(&one, "proc/sys/kernel/osrelease", "6.1.0-test\n");
	one_write(&one, "root/etc/os-release", "PRETTY_NAME=\"Some \\\"OS\\\" 1\"\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(str_eq(one_label(&one, "cadvisor_version_info", "kernelVersion"),
			   STR("6.1.0-test")));
	assert_true(str_eq(one_label(&one, "cadvisor_version_info", "osVersion"),
			   STR("Some \"OS\" 1")));
	assert_true(str_starts(one_label(&one, "cadvisor_version_info", "cadvisorVersion"),
			       STR("peekpush-")));
	one_stop(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cores_by_siblings),
		cmocka_unit_test(test_cores_by_number),
		cmocka_unit_test(test_no_topology),
		cmocka_unit_test(test_cpu_goes),
		cmocka_unit_test(test_bad_lists),
		cmocka_unit_test(test_dimms),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_strange_ids),
		cmocka_unit_test(test_device_tree),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
