/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that the kernel lets go backwards, and cpus that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "collect/node/cpu.h"
#include "one-collector.h"

#define SECONDS "node_cpu_seconds_total"
#define CPU "sys/devices/system/cpu/"
#define IDLE(cpu) "cpu=\"" #cpu "\",mode=\"idle\""
#define IOWAIT(cpu) "cpu=\"" #cpu "\",mode=\"iowait\""
#define STEAL(cpu) "cpu=\"" #cpu "\",mode=\"steal\""
#define USER(cpu) "cpu=\"" #cpu "\",mode=\"user\""

static const struct cpu_conf conf = { .guest = true };

static void assert_value(const struct one *one, const char *family, const char *labels,
			 double expected)
{
	double got = one_value(one, family, labels);

	if (!(got == expected) && !(isnan(got) && isnan(expected)))
		fail_msg("%s{%s} is %f, not %f", family, labels, got, expected);
}

/* User, idle, iowait and steal of one cpu, in ticks. */
static void write_stat(const struct one *one, unsigned user, unsigned idle, unsigned iowait,
		       unsigned steal)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 %u 0 0 %u %u 0 0 %u 0 0\nintr 1\n", user,
		       idle, iowait, steal);
	one_write(one, "proc/stat", text);
}

static void start(struct one *one, bool resident)
{
	one_start(one, "cpu", &conf, resident);
	one_write(one, "proc/sys/kernel/random/boot_id", "first-boot\n");
}

/* As an agent the memory is its own, as a oneshot it is in the state. */
static void never_backwards(bool resident)
{
	struct one one;

	start(&one, resident);
	write_stat(&one, 100, 5000, 300, 20);
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, SECONDS, IDLE(0), 50);

	write_stat(&one, 99, 4701, 299, 19); /* less by 2.99 s, the most that is a glitch */
	if (!resident)
		one_restart(&one);
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, SECONDS, IDLE(0), 50);
	assert_value(&one, SECONDS, IOWAIT(0), 3);
	assert_value(&one, SECONDS, STEAL(0), 0.2);
	assert_value(&one, SECONDS, USER(0), 0.99);

	write_stat(&one, 120, 5001, 298, 21); /* caught up, but for iowait */
	if (!resident)
		one_restart(&one);
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, SECONDS, IDLE(0), 50.01);
	assert_value(&one, SECONDS, IOWAIT(0), 3);
	assert_value(&one, SECONDS, STEAL(0), 0.21);
	one_stop(&one);
}

static void test_agent_never_backwards(void **state)
{
	(void)state;
	never_backwards(true);
}

static void test_oneshot_never_backwards(void **state)
{
	(void)state;
	never_backwards(false);
}

static void put_back(bool resident)
{
	struct one one;

	start(&one, resident);
	write_stat(&one, 100, 5000, 300, 20);
	assert_int_equal(one_run(&one), 0);
	write_stat(&one, 101, 4699, 1, 0); /* 3.01 s less: taken out and put back */
	if (!resident)
		one_restart(&one);
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, SECONDS, IDLE(0), 46.99);
	assert_value(&one, SECONDS, IOWAIT(0), 0.01);
	assert_value(&one, SECONDS, STEAL(0), 0);
	one_stop(&one);
}

static void test_cpu_put_back(void **state)
{
	(void)state;
	put_back(true);
	put_back(false);
}

static void test_reboot(void **state)
{
	struct one one;

	(void)state;
	start(&one, false);
	write_stat(&one, 100, 5000, 300, 20);
	assert_int_equal(one_run(&one), 0);
	one_write(&one, "proc/sys/kernel/random/boot_id", "second-boot\n");
	write_stat(&one, 1, 4999, 2, 3);
	one_restart(&one);
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, SECONDS, IDLE(0), 49.99);
	assert_value(&one, SECONDS, IOWAIT(0), 0.02);
	one_stop(&one);
}

/* Without a boot id nobody can tell whether what was remembered still holds. */
static void test_no_boot_id(void **state)
{
	struct one one;

	(void)state;
	start(&one, false);
	one_remove(&one, "proc/sys/kernel/random/boot_id");
	write_stat(&one, 100, 5000, 300, 20);
	assert_int_equal(one_run(&one), 0);
	write_stat(&one, 100, 4999, 300, 20);
	one_restart(&one);
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, SECONDS, IDLE(0), 49.99);
	one_stop(&one);
}

static void test_damaged_state(void **state)
{
	static const char *const texts[] = {
		"",
		",",
		"first-boot",
		"first-boot,,,",
		"first-boot,0 99999999",
		"first-boot,0 99999999 1",
		"first-boot,x 1 2 3,0 -1 2 3",
		"first-boot,99999999999 1 2 3",
		"first-boot,0 99999999999999999999999 1 1",
		"another-boot,0 99999999 1 1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct one one;

		start(&one, false);
		state_set(&one.state, STR("cpu.peaks"), str_of(texts[i]));
		write_stat(&one, 100, 5000, 300, 20);
		assert_int_equal(one_run(&one), 0);
		assert_value(&one, SECONDS, IDLE(0), 50);
		one_stop(&one);
	}
}

/* The same glitches in either mode give the same numbers. */
static void test_agent_and_oneshot_agree(void **state)
{
	struct one agent, oneshot;
	uint32_t random = 12345;

	(void)state;
	start(&agent, true);
	start(&oneshot, false);
	for (unsigned i = 0; i < 200; i++) {
		unsigned idle, iowait, steal;

		random = random * 1664525 + 1013904223;
		idle = 1000 + i * 10 - (random >> 24) % 64 - (i % 50 == 49 ? 900 : 0);
		iowait = 500 + i - (random >> 16) % 32;
		steal = 100 + i - (random >> 8) % 16;
		write_stat(&agent, i, idle, iowait, steal);
		write_stat(&oneshot, i, idle, iowait, steal);
		one_restart(&oneshot);
		assert_int_equal(one_run(&agent), 0);
		assert_int_equal(one_run(&oneshot), 0);
		assert_value(&oneshot, SECONDS, IDLE(0), one_value(&agent, SECONDS, IDLE(0)));
		assert_value(&oneshot, SECONDS, IOWAIT(0), one_value(&agent, SECONDS, IOWAIT(0)));
		assert_value(&oneshot, SECONDS, STEAL(0), one_value(&agent, SECONDS, STEAL(0)));
	}
	one_stop(&agent);
	one_stop(&oneshot);
}

static void test_bad_lines(void **state)
{
	struct one one;

	(void)state;
	start(&one, true);
	one_write(&one, "proc/stat",
		  "cpu  1\ncpu0 1 2 3\ncpu1 1 2 3 400\ncpux 1 2 3 4\ncpu2 1 2 3 4 5x 6 7 8\n"
		  "cpu99999999 1 2 3 4\ncpu3 5 6 7 800 9 10 11 12 13 14 15\nintr 1\n");
	assert_int_equal(one_run(&one), -EBADMSG);
	assert_value(&one, SECONDS, IDLE(0), (double)NAN);
	assert_value(&one, SECONDS, IDLE(1), 4);
	assert_value(&one, SECONDS, IDLE(2), (double)NAN);
	assert_value(&one, SECONDS, IDLE(3), 8);
	assert_value(&one, SECONDS, STEAL(3), 0.12);
	one_stop(&one);
}

static void write_cpu(const struct one *one, unsigned cpu, unsigned core, unsigned count)
{
	static const struct {
		const char *file;
		bool is_count;
	} files[] = {
		{ "topology/core_id", false },
		{ "thermal_throttle/core_throttle_count", true },
		{ "thermal_throttle/package_throttle_count", true },
	};
	char path[128], text[32];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), CPU "cpu%u/%s", cpu, files[i].file);
		(void)snprintf(text, sizeof(text), "%u\n", files[i].is_count ? count : core);
		one_write(one, path, text);
	}
	(void)snprintf(path, sizeof(path), CPU "cpu%u/topology/physical_package_id", cpu);
	one_write(one, path, "0\n");
}

static void test_throttles(void **state)
{
	struct one one;

	(void)state;
	start(&one, true);
	write_stat(&one, 1, 2, 3, 4);
	one_write(&one, CPU "online", "0-2\n");
	write_cpu(&one, 0, 4, 10);
	write_cpu(&one, 1, 4, 10);
	write_cpu(&one, 2, 5, 20);
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, "node_cpu_core_throttles_total", "core=\"4\",package=\"0\"", 10);
	assert_value(&one, "node_cpu_core_throttles_total", "core=\"5\",package=\"0\"", 20);
	assert_value(&one, "node_cpu_package_throttles_total", "package=\"0\"", 10);
	assert_int_equal(one.metrics.dropped[DROP_DUPLICATE], 0);

	/* Counted on, while the files are open. */
	write_cpu(&one, 0, 4, 11);
	write_cpu(&one, 2, 5, 9);
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, "node_cpu_core_throttles_total", "core=\"4\",package=\"0\"", 11);
	assert_value(&one, "node_cpu_core_throttles_total", "core=\"5\",package=\"0\"", 9);

	/* The kernel takes the folder away with the cpu; its twin counts on. */
	one_remove(&one, CPU "cpu0/thermal_throttle/core_throttle_count");
	one_remove(&one, CPU "cpu2/thermal_throttle/core_throttle_count");
	one_write(&one, CPU "online", "1\n");
	write_cpu(&one, 1, 4, 12);
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, "node_cpu_core_throttles_total", "core=\"4\",package=\"0\"", 12);
	assert_value(&one, "node_cpu_core_throttles_total", "core=\"5\",package=\"0\"",
		     (double)NAN);
	one_stop(&one);
}

static void test_online(void **state)
{
	struct one one;

	(void)state;
	start(&one, true);
	write_stat(&one, 1, 2, 3, 4);
	one_write(&one, CPU "online", "0-1\n");
	one_write(&one, CPU "cpu0/topology/core_id", "0\n");
	one_write(&one, CPU "cpu1/online", "1\n");
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, "node_cpu_online", "cpu=\"1\"", (double)NAN);

	one_write(&one, CPU "cpu0/online", "1\n");
	one_write(&one, CPU "cpu1/online", "0\n");
	one_write(&one, CPU "online", "0\n");
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, "node_cpu_online", "cpu=\"0\"", 1);
	assert_value(&one, "node_cpu_online", "cpu=\"1\"", 0);
	one_stop(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agent_never_backwards),
		cmocka_unit_test(test_oneshot_never_backwards),
		cmocka_unit_test(test_cpu_put_back),
		cmocka_unit_test(test_reboot),
		cmocka_unit_test(test_no_boot_id),
		cmocka_unit_test(test_damaged_state),
		cmocka_unit_test(test_agent_and_oneshot_agree),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_throttles),
		cmocka_unit_test(test_online),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
