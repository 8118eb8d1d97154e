/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "host/mounts.h"

static struct mount *parse(struct str text, struct arena *arena, size_t n, size_t bad)
{
	struct mount *mounts;
	size_t got, got_bad;

	mounts_parse(text, arena, &mounts, &got, &got_bad);
	assert_int_equal(got, n);
	assert_int_equal(got_bad, bad);
	return mounts;
}

static void assert_str(struct str got, struct str expected)
{
	if (!str_eq(got, expected))
		fail_msg("got \"%.*s\", not \"%.*s\"", STR_ARG(got), STR_ARG(expected));
}

static void test_fields(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct mount *m = parse(STR("27 1 254:7 / / rw,relatime - ext4 /dev/vda rw,discard\n"
				    "36 27 0:45 /sub /srv ro,nosuid shared:12 master:3 - nfs4 "
				    "nas:/vol rw,vers=4.2\n"
				    "37 27 8:1 / /boot rw - vfat /dev/sda1 ro,errors=remount-ro\n"),
				&arena, 3, 0);

	(void)state;
	assert_str(m[0].device, STR("/dev/vda"));
	assert_str(m[0].point, STR("/"));
	assert_str(m[0].type, STR("ext4"));
	assert_int_equal(m[0].major, 254);
	assert_int_equal(m[0].minor, 7);
	assert_false(m[0].read_only);
	assert_str(m[1].device, STR("nas:/vol"));
	assert_str(m[1].point, STR("/srv"));
	assert_str(m[1].type, STR("nfs4"));
	assert_true(m[1].read_only);
	assert_true(m[2].read_only);
}

static void test_ro_is_a_whole_word(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct mount *m =
		parse(STR("1 0 8:1 / /a rw - ext4 /dev/a rw,errors=remount-ro,root=ro,row"), &arena,
		      1, 0);

	(void)state;
	assert_false(m[0].read_only);
}

static void test_escapes(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct mount *m = parse(STR("1 0 0:9 / /a\\040b\\011c\\012d\\134e\\377\\99\\0 rw - "
				    "fuse.x\\040y host\\043share rw\n"),
				&arena, 1, 0);

	(void)state;
	assert_str(m[0].point, STR("/a b\tc\nd\\e\xff\\99\\0"));
	assert_str(m[0].type, STR("fuse.x y"));
	assert_str(m[0].device, STR("host#share"));
}

static void test_empty_device(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct mount *m = parse(STR("1 0 0:9 / /a rw - tmpfs  ro,size=4k\n"), &arena, 1, 0);

	(void)state;
	assert_str(m[0].device, STR(""));
	assert_str(m[0].type, STR("tmpfs"));
	assert_true(m[0].read_only);
}

static void test_bad_lines(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct mount *m = parse(STR("1 0 8:1 / /a rw - ext4 /dev/a rw\n"
				    "\n"
				    "2 0 8:1 / /b rw - ext4\n"
				    "3 0 8 / /c rw - ext4 /dev/c rw\n"
				    "4 0 8:1:2 / /d rw - ext4 /dev/d rw\n"
				    "5 0 8:4294967296 / /e rw - ext4 /dev/e rw\n"
				    "6 0 8:1 / f rw - ext4 /dev/f rw\n"
				    "7 0 8:1 / /g rw ext4 /dev/g rw\n"
				    "8 0 8:1 / /h rw - ext4 /dev/h rw"),
				&arena, 2, 2);

	(void)state;
	assert_str(m[0].point, STR("/a"));
	assert_str(m[1].point, STR("/h"));
	parse((struct str){ 0 }, &arena, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),    cmocka_unit_test(test_ro_is_a_whole_word),
		cmocka_unit_test(test_escapes),   cmocka_unit_test(test_empty_device),
		cmocka_unit_test(test_bad_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
