/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of single files of the kernel, where their text is not as it usually is. */
#include "unit.h"

#include <errno.h>

#include "host/irqs.h"
#include "host/pci.h"
#include "host/perf.h"
#include "host/sysctl.h"

static void test_irqs(void **state)
{
	struct arena arena = { 0 };
	struct irq_line line;
	struct irqs irqs;

	(void)state;
	assert_int_equal(irqs_open(STR(""), &arena, &irqs), -EBADMSG);
	assert_int_equal(irqs_open((struct str){ 0 }, &arena, &irqs), -EBADMSG);
	assert_int_equal(irqs_open(STR("\n 1: 2\n"), &arena, &irqs), -EBADMSG);
	assert_int_equal(irqs_open(STR("  CPU0 XPU1\n"), &arena, &irqs), -EBADMSG);
	assert_int_equal(irqs_open(STR("  CPU0   CPU12\n 7:3 18446744073709551615  A  b   c \n"
				       "no colon\nERR:  5\nX: 1 2 three\n8: 1 2\n"),
				   &arena, &irqs),
			 0);
	assert_int_equal(irqs.n, 2);
	assert_text(irqs.cpus[1], "12");
	assert_true(irqs_next(&irqs, &line));
	assert_text(line.name, "7");
	assert_int_equal(line.n, 2);
	assert_true(line.counts[1] == UINT64_MAX);
	assert_text(line.info, "A");
	assert_text(line.devices, "b c");
	assert_true(irqs_next(&irqs, &line));
	assert_int_equal(line.n, 0);
	assert_true(irqs_next(&irqs, &line));
	assert_text(line.name, "ERR");
	assert_int_equal(line.n, 1);
	assert_true(irqs_next(&irqs, &line));
	assert_text(line.info, "three");
	assert_text(line.devices, "");
	assert_true(irqs_next(&irqs, &line));
	assert_text(line.info, "");
	assert_false(irqs_next(&irqs, &line));
	arena_release(&arena);
}

static void test_cpus(void **state)
{
	static const struct {
		const char *text;
		int r;
		size_t n;
		uint32_t last;
	} cases[] = {
		{ "0", 0, 1, 0 },
		{ "0-3", 0, 4, 3 },
		{ "1-10:5", 0, 2, 6 },
		{ "0,2-4:2,65535", 0, 4, 65535 },
		{ "", -EINVAL, 0, 0 },
		{ "a", -EINVAL, 0, 0 },
		{ "3-", -EINVAL, 0, 0 },
		{ "3-1", -EINVAL, 0, 0 },
		{ "1-2:0", -EINVAL, 0, 0 },
		{ "1 2", -EINVAL, 0, 0 },
		{ "65536", -EINVAL, 0, 0 },
		{ "0-65535,1", -E2BIG, 0, 0 },
		{ "1-2:18446744073709551615", -EINVAL, 0, 0 },
	};
	struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t *v = NULL;
		size_t n = 0;

		assert_int_equal(perf_cpus(str_of(cases[i].text), &arena, &v, &n), cases[i].r);
		if (cases[i].r < 0)
			continue;
		assert_int_equal(n, cases[i].n);
		assert_int_equal(v[n - 1], cases[i].last);
	}
	arena_release(&arena);
}

static void test_pci(void **state)
{
	struct pci_location at;

	(void)state;
	assert_true(pci_location(STR("0000:3b:00.1"), &at));
	assert_text(at.bus, "3b");
	assert_text(at.function, "1");
	assert_false(pci_location(STR("0000:3b:00"), &at));
	assert_false(pci_location(STR("0000:3b:00.1.2"), &at));
	assert_false(pci_location(STR("pci0000:00"), &at));
	assert_false(pci_location((struct str){ 0 }, &at));
	at = pci_parent(STR("../../../devices/pci0000:00/0000:00:02.5/0000:04:00.0"));
	assert_text(at.device, "02");
	at = pci_parent(STR("../../../devices/pci0000:00/0000:00:02.5"));
	assert_text(at.device, "*");
	at = pci_parent((struct str){ 0 });
	assert_text(at.segment, "*");
}

/* What is behind a name is not the device's, and the last line may lack its end. */
static void test_pci_names(void **state)
{
	const struct str ids =
		STR("# names\n1022  A\n\t14b5  Root\n\t\t1022 0001  Board\n10de  B\n\t14b5  Other\n"
		    "C 06  Bridge\n\t04  PCI\nC 07  Last");
	struct arena arena = { 0 };
	_cleanup_fd_ int dir = unit_dir(NULL);
	struct pci_device names;

	(void)state;
	unit_write(dir, "vendor", STR("0x1022\n"));
	unit_write(dir, "device", STR("0x14b5\n"));
	unit_write(dir, "subsystem_vendor", STR("0x1022\n"));
	unit_write(dir, "subsystem_device", STR("0x0001\n"));
	unit_write(dir, "class", STR("0x060400\n"));
	names = pci_names(ids, dir, &arena);
	assert_text(names.vendor, "A");
	assert_text(names.device, "Root");
	assert_text(names.subsystem_vendor, "A");
	assert_text(names.subsystem_device, "Board");
	assert_text(names.class, "PCI");
	unit_write(dir, "vendor", STR("0x10de\n"));
	unit_write(dir, "class", STR("0x070000\n"));
	names = pci_names(ids, dir, &arena);
	assert_text(names.device, "Other");
	assert_text(names.subsystem_device, "0001");
	assert_text(names.class, "Last");
	names = pci_names((struct str){ 0 }, dir, &arena);
	assert_text(names.vendor, "10de");
	assert_text(names.class, "Unknown class (070000)");
	unit_write(dir, "class", STR("0x0\n"));
	unit_write(dir, "vendor", STR("\n"));
	names = pci_names(ids, dir, &arena);
	assert_text(names.vendor, "");
	assert_text(names.class, "Unknown class (0)");
	unit_remove(dir);
	arena_release(&arena);
}

static void test_sysctl(void **state)
{
	struct arena arena = { 0 };
	_cleanup_fd_ int dir = unit_dir(NULL);
	struct sysctl sysctl;
	double value;

	(void)state;
	assert_int_equal(mkdirat(dir, "net", 0755), 0);
	assert_int_equal(mkdirat(dir, "net/a.b", 0755), 0);
	unit_write(dir, "net/a.b/x", STR("1\t-2\n"));
	unit_write(dir, "net/y", STR("\n"));
	assert_int_equal(sysctl_read(dir, STR("net/a.b/x:one,two"), &arena, &sysctl), 0);
	assert_text(sysctl.name, "net/a.b/x");
	assert_int_equal(sysctl.n_words, 2);
	assert_int_equal(sysctl.n_keys, 2);
	assert_text(sysctl.keys[1], "two");
	assert_int_equal(sysctl_read(dir, STR("net.y:a:b"), &arena, &sysctl), -ENODATA);
	assert_int_equal(sysctl.n_keys, 2);
	assert_int_equal(sysctl_read(dir, STR("net.a.b.x"), &arena, &sysctl), -ENOENT);
	assert_int_equal(sysctl_read(dir, STR("/net/y"), &arena, &sysctl), -ENOENT);
	assert_int_equal(sysctl_read(dir, STR("net/../net/y"), &arena, &sysctl), -ENOENT);
	assert_int_equal(sysctl_read(dir, STR(""), &arena, &sysctl), -ENOENT);
	assert_true(sysctl_number(STR("-7"), &value) && value == -7);
	assert_true(sysctl_number(STR("18446744073709551615"), &value) && value > 1.8e19);
	assert_true(sysctl_number(STR("0x10"), &value) && value == 16);
	assert_false(sysctl_number(STR("0x"), &value));
	assert_false(sysctl_number(STR("cubic"), &value));
	unit_remove(dir);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_irqs),   cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_pci),    cmocka_unit_test(test_pci_names),
		cmocka_unit_test(test_sysctl),
	};

	return cmocka_run_group_tests_name("kernel-files", tests, NULL, NULL);
}
