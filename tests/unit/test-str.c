/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"

static void test_cut(void **state)
{
	struct str rest = STR("a::b"), head;

	(void)state;
	assert_true(str_cut(&rest, ':', &head) && str_eq(head, STR("a")));
	assert_true(str_cut(&rest, ':', &head) && str_eq(head, STR("")));
	assert_true(str_cut(&rest, ':', &head) && str_eq(head, STR("b")));
	assert_false(str_cut(&rest, ':', &head));
}

static void test_word(void **state)
{
	struct str rest = STR("  one\ttwo \n"), word;

	(void)state;
	assert_true(str_word(&rest, &word) && str_eq(word, STR("one")));
	assert_true(str_word(&rest, &word) && str_eq(word, STR("two")));
	assert_false(str_word(&rest, &word));
}

static void test_trim(void **state)
{
	(void)state;
	assert_true(str_eq(str_trim(STR(" \t x y\r\n")), STR("x y")));
	assert_true(str_eq(str_trim(STR("  ")), STR("")));
	assert_true(str_eq(str_trim((struct str){ 0 }), STR("")));
}

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(str_distance(STR("timeuot"), STR("timeout")), 1);
	assert_int_equal(str_distance(STR("tsl"), STR("tls")), 1);
	assert_int_equal(str_distance(STR("tsl"), STR("url")), 2);
	assert_int_equal(str_distance(STR("ab"), STR("")), 2);
	assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
	assert_int_equal(str_distance(STR("a cat"), STR("an act")), 2);
	assert_int_equal(str_distance(STR(""), STR("abc")), 3);
	assert_int_equal(str_distance(STR("same"), STR("same")), 0);
}

static void test_utf8(void **state)
{
	static const struct {
		struct str text;
		bool valid;
	} cases[] = {
		{ { "plain", 5 }, true },
		{ { "\xc3\xa9", 2 }, true },
		{ { "\xf0\x9f\x98\x80", 4 }, true },
		{ { "\xed\xa0\x80", 3 }, false },
		{ { "\xc0\xaf", 2 }, false },
		{ { "\xf4\x90\x80\x80", 4 }, false },
		{ { "\xe2\x82", 2 }, false },
		{ { "\xff", 1 }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(str_utf8_valid(cases[i].text), cases[i].valid);
}

static void test_compare(void **state)
{
	(void)state;
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("ab"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR(""), STR("")), 0);
	assert_true(str_starts(STR("cpu0"), STR("cpu")) && !str_starts(STR("cp"), STR("cpu")));
	assert_true(str_ends(STR("a.conf"), STR(".conf")) && !str_ends(STR("f"), STR("conf")));
}

/* Empty slices without an address are everywhere; adding even 0 to NULL is undefined. */
static void test_null(void **state)
{
	struct str none = { 0 }, rest = { 0 }, piece;

	(void)state;
	assert_null(str_skip(none, 0).p);
	assert_null(str_skip(none, 3).p);
	assert_false(str_word(&rest, &piece));
	assert_false(str_line(&rest, &piece));
	assert_int_equal(str_find(none, 'x'), 0);
	assert_int_equal(str_cmp(none, none), 0);
	assert_true(str_eq(none, STR("")) && str_utf8_valid(none));
	assert_false(str_starts(none, STR("a")) || str_ends(none, STR("a")));
}

/* A slice without an address is empty, and nothing more: undefined behaviour is easy here. */
static void test_nothing(void **state)
{
	struct str none = { 0 }, rest = none, head = STR("kept");

	(void)state;
	assert_true(str_eq(none, STR("")) && str_eq(none, none) && !str_eq(none, STR("a")));
	assert_true(str_starts(none, none) && str_starts(STR("a"), none));
	assert_false(str_starts(none, STR("a")));
	assert_true(str_ends(none, none) && str_ends(STR("a"), none));
	assert_false(str_ends(none, STR("a")));
	assert_true(str_cmp(none, STR("a")) < 0 && str_cmp(none, none) == 0);
	assert_int_equal(str_find(none, 'a'), 0);
	assert_int_equal(str_skip(none, 5).n, 0);
	assert_int_equal(str_trim(none).n, 0);
	assert_false(str_cut(&rest, ':', &head));
	assert_false(str_word(&rest, &head));
	assert_true(str_eq(head, STR("kept")));
	assert_int_equal(str_distance(none, STR("ab")), 2);
	assert_int_equal(str_utf8_char(none), 0);
	assert_true(str_utf8_valid(none));
	assert_int_equal(str_hash(none), str_hash(STR("")));
	assert_int_equal(str_of(NULL).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),     cmocka_unit_test(test_word),
		cmocka_unit_test(test_trim),    cmocka_unit_test(test_distance),
		cmocka_unit_test(test_null),    cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_compare), cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
