/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of disks, and when it is looked up again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "one-collector.h"
#include "collect/node/device_filter.h"

#define SDA "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n"
#define SDB "   8      16 sdb 1 2 3 4 5 6 7 8 9 10 11\n"
#define INFO "node_disk_info"
#define READS "node_disk_reads_completed_total"

static const struct device_filter all;

static void start(struct one *one)
{
	one_start(one, "diskstats", &all, true);
	one_write(one, "proc/diskstats", SDA);
	one_write(one, "udev/data/b8:0", "E:ID_MODEL=old\n");
	one_write(one, "sys/block/sda/queue/rotational", "1\n");
	assert_int_equal(one_run(one), 0);
}

static void assert_label(const struct one *one, const char *label, const char *expected)
{
	struct str got = one_label(one, INFO, label);

	if (!str_eq(got, str_of(expected)))
		fail_msg("%s is %.*s, not %s", label, STR_ARG(got), expected);
}

static void test_udev_changes(void **state)
{
	struct one one;

	(void)state;
	start(&one);
	assert_label(&one, "model", "old");
	one_write(&one, "udev/data/b8:0", "E:ID_MODEL=newer\n");
	assert_int_equal(one_run(&one), 0);
	assert_label(&one, "model", "newer");
	one_remove(&one, "udev/data/b8:0");
	assert_int_equal(one_run(&one), 0);
	assert_label(&one, "model", "");
	one_stop(&one);
}

static void test_rotational_changes(void **state)
{
	struct one one;

	(void)state;
	start(&one);
	assert_label(&one, "rotational", "1");
	one_write(&one, "sys/block/sda/queue/rotational", "0\n");
	assert_int_equal(one_run(&one), 0);
	assert_label(&one, "rotational", "0");
	one_stop(&one);
}

static void test_disks_come_and_go(void **state)
{
	struct one one;

	(void)state;
	start(&one);
	one_write(&one, "proc/diskstats", SDB);
	assert_int_equal(one_run(&one), 0);
	assert_label(&one, "device", "sdb");
	assert_label(&one, "model", "");
	assert_label(&one, "rotational", "0");
	one_write(&one, "proc/diskstats", SDB SDA);
	assert_int_equal(one_run(&one), 0);
	assert_true(one_value(&one, READS, "device=\"sda\"") == 1);
	assert_true(one_value(&one, READS, "device=\"sdb\"") == 1);
	one_stop(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udev_changes),
		cmocka_unit_test(test_rotational_changes),
		cmocka_unit_test(test_disks_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
