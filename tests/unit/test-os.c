/* SPDX-License-Identifier: Apache-2.0 */
/* os-release(5): quoting, version numbers, dates, which file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "one-collector.h"

static void assert_name(const char *text, const char *expected)
{
	struct one one;

	one_start(&one, "os", NULL, false);
	one_write(&one, "root/etc/os-release", text);
	assert_int_equal(one_run(&one), 0);

	struct str got = one_label(&one, "node_os_info", "pretty_name");

	if (!str_eq(got, str_of(expected)))
		fail_msg("%s: got \"%.*s\", not \"%s\"", text, STR_ARG(got), expected);
	one_stop(&one);
}

static void test_quoting(void **state)
{
	(void)state;
	assert_name("PRETTY_NAME=Plain\n", "Plain");
	assert_name("PRETTY_NAME=Plain", "Plain");
	assert_name("PRETTY_NAME=\"Two words\"\n", "Two words");
	assert_name("PRETTY_NAME='Two words'\n", "Two words");
	assert_name("PRETTY_NAME=\"a \\\"b\\\" \\\\ \\$ \\` c\"\n", "a \"b\" \\ $ ` c");
	assert_name("PRETTY_NAME='a \\\"b\\\" \"c\"'\n", "a \\\"b\\\" \"c\"");
	assert_name("PRETTY_NAME=\"it's\"\n", "it's");
	assert_name("PRETTY_NAME=\"a\"'b'c\n", "abc");
	assert_name("PRETTY_NAME=\"never closed\n", "never closed");
	assert_name("PRETTY_NAME=\"backslash at the end\\\n", "backslash at the end\\");
	assert_name("PRETTY_NAME=\nID=x\n", "");
	assert_name("PRETTY_NAME=\"\"\n", "");
	assert_name("  PRETTY_NAME=\"blanks around\"  \r\n", "blanks around");
	assert_name("PRETTY_NAME=first\nPRETTY_NAME=last\n", "last");
	assert_name("#PRETTY_NAME=comment\nPRETTY_NAMES=other\nPRETTY_NAME\nID=x\n", "");
	assert_name("PRETTY_NAME=a=b\n", "a=b");
}

static double version_of(const char *text)
{
	struct one one;
	double value;

	one_start(&one, "os", NULL, false);
	one_write(&one, "root/etc/os-release", text);
	assert_int_equal(one_run(&one), 0);
	value = one_value(&one, "node_os_version", "id=\"x\",id_like=\"\",name=\"\"");
	one_stop(&one);
	return value;
}

static void test_version(void **state)
{
	(void)state;
	assert_true(version_of("ID=x\nVERSION_ID=12\n") == 12);
	assert_true(version_of("ID=x\nVERSION_ID=\"12.4\"\n") == 12.4);
	assert_true(version_of("ID=x\nVERSION_ID=12.4.1\n") == 12.4);
	assert_true(version_of("ID=x\nVERSION_ID=12.\n") == 12);
	assert_true(version_of("ID=x\nVERSION_ID=20261121T0600\n") == 20261121);
	assert_true(version_of("ID=x\nVERSION_ID=3.20.0_alpha\n") == 3.2);
	assert_true(isnan(version_of("ID=x\nVERSION_ID=rolling\n")));
	assert_true(isnan(version_of("ID=x\nVERSION_ID=\n")));
	assert_true(isnan(version_of("ID=x\nVERSION_ID=.5\n")));
	assert_true(isnan(version_of("ID=x\nVERSION_ID=0\n")));
	assert_true(isnan(version_of("ID=x\n")));
}

static double end_of(const char *text)
{
	struct one one;
	double value;

	one_start(&one, "os", NULL, false);
	one_write(&one, "root/etc/os-release", text);
	assert_int_equal(one_run(&one), 0);
	value = one_value(&one, "node_os_support_end_timestamp_seconds", "");
	one_stop(&one);
	return value;
}

static void test_support_end(void **state)
{
	(void)state;
	assert_true(end_of("SUPPORT_END=1970-01-02\n") == 86400);
	assert_true(end_of("SUPPORT_END=\"2028-06-30\"\n") == 1845936000);
	assert_true(isnan(end_of("SUPPORT_END=2028-06-30T00:00\n")));
	assert_true(isnan(end_of("SUPPORT_END=2028-13-30\n")));
	assert_true(isnan(end_of("SUPPORT_END=2027-02-29\n")));
	assert_true(isnan(end_of("SUPPORT_END=soon\n")));
	assert_true(isnan(end_of("SUPPORT_END=\n")));
}

static void test_which_file(void **state)
{
	struct one one;

	(void)state;
	one_start(&one, "os", NULL, true);
	assert_int_equal(one_run(&one), -ENODATA);
	one_write(&one, "root/usr/lib/os-release", "ID=vendor\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(str_eq(one_label(&one, "node_os_info", "id"), STR("vendor")));
	one_write(&one, "root/etc/os-release", "ID=local\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(str_eq(one_label(&one, "node_os_info", "id"), STR("local")));
	one_write(&one, "root/etc/os-release", "");
	assert_int_equal(one_run(&one), -EBADMSG);
	one_stop(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_support_end),
		cmocka_unit_test(test_which_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
