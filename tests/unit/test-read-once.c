/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are read once in a cycle, for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "one-collector.h"

static struct str read_stat(struct one *one)
{
	struct str text = STR("none");

	assert_int_equal(host_read_once(&one->host, HOST_PROC, "stat", &text), 0);
	return text;
}

static void test_same_in_a_cycle(void **state)
{
	struct one one;
	struct str first, again;

	(void)state;
	one_start(&one, "stat", NULL, true);
	one.host.cycle = 1;
	one_write(&one, "proc/stat", "first\n");
	first = read_stat(&one);
	assert_true(str_eq(first, STR("first\n")));
	one_write(&one, "proc/stat", "second\n");
	again = read_stat(&one);
	assert_ptr_equal(again.p, first.p);
	assert_true(str_eq(again, STR("first\n")));

	one.host.cycle++;
	assert_true(str_eq(read_stat(&one), STR("second\n")));
	one_stop(&one);
}

/* Who does not count cycles gets what is there now. */
static void test_no_cycle(void **state)
{
	struct one one;

	(void)state;
	one_start(&one, "stat", NULL, false);
	one_write(&one, "proc/stat", "first\n");
	assert_true(str_eq(read_stat(&one), STR("first\n")));
	one_write(&one, "proc/stat", "second\n");
	assert_true(str_eq(read_stat(&one), STR("second\n")));
	one_stop(&one);
}

static void test_failure_is_not_kept(void **state)
{
	struct one one;
	struct str text;

	(void)state;
	one_start(&one, "stat", NULL, true);
	one.host.cycle = 1;
	assert_int_equal(host_read_once(&one.host, HOST_PROC, "stat", &text), -ENOENT);
	one_write(&one, "proc/stat", "there\n");
	assert_true(str_eq(read_stat(&one), STR("there\n")));
	one_stop(&one);
}

static void test_roots_differ(void **state)
{
	struct one one;
	struct str text;

	(void)state;
	one_start(&one, "stat", NULL, true);
	one.host.cycle = 1;
	one_write(&one, "proc/stat", "proc\n");
	one_write(&one, "sys/stat", "sys\n");
	assert_true(str_eq(read_stat(&one), STR("proc\n")));
	assert_int_equal(host_read_once(&one.host, HOST_SYS, "stat", &text), 0);
	assert_true(str_eq(text, STR("sys\n")));
	one_stop(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_in_a_cycle),
		cmocka_unit_test(test_no_cycle),
		cmocka_unit_test(test_failure_is_not_kept),
		cmocka_unit_test(test_roots_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
