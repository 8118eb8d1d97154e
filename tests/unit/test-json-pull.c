/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/json_pull.h"

static struct arena arena;

static struct json_pull over(const char *text)
{
	return (struct json_pull){ .rest = str_of(text), .arena = &arena };
}

static int release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void test_walks(void **state)
{
	struct json_pull pull =
		over(" {\"a\": [1, \"x\", {\"deep\":[{}]}, true ,false],\n\"b\":\"y\"} ");
	struct str key;

	(void)state;
	assert_true(json_pull_enter(&pull, '{'));
	assert_true(json_pull_key(&pull, &key));
	assert_text(key, "a");
	assert_true(json_pull_enter(&pull, '['));
	assert_true(json_pull_item(&pull));
	assert_text(json_pull_text(&pull), "");
	assert_true(json_pull_item(&pull));
	assert_text(json_pull_text(&pull), "x");
	assert_true(json_pull_item(&pull));
	json_pull_skip(&pull);
	assert_true(json_pull_item(&pull));
	assert_true(json_pull_yes(&pull));
	assert_true(json_pull_item(&pull));
	assert_false(json_pull_yes(&pull));
	assert_false(json_pull_item(&pull));
	assert_true(json_pull_key(&pull, &key));
	assert_text(key, "b");
	assert_text(json_pull_text(&pull), "y");
	assert_false(json_pull_key(&pull, &key));
	assert_false(pull.bad);
}

static void test_empty_and_other_kinds(void **state)
{
	struct json_pull pull = over("[{}, [], \"s\", null, -1.5e+3, [2]]");
	struct str key;

	(void)state;
	assert_true(json_pull_enter(&pull, '['));
	assert_true(json_pull_item(&pull) && json_pull_enter(&pull, '{'));
	assert_false(json_pull_key(&pull, &key));
	assert_true(json_pull_item(&pull) && json_pull_enter(&pull, '['));
	assert_false(json_pull_item(&pull));
	/* Another kind than the one that is asked for is passed over. */
	assert_true(json_pull_item(&pull));
	assert_false(json_pull_enter(&pull, '{'));
	assert_true(json_pull_item(&pull));
	assert_text(json_pull_text(&pull), "");
	assert_true(json_pull_item(&pull));
	assert_false(json_pull_yes(&pull));
	assert_true(json_pull_item(&pull));
	assert_text(json_pull_text(&pull), "");
	assert_false(json_pull_item(&pull));
	assert_false(pull.bad);
}

static void test_strings(void **state)
{
	static const struct {
		const char *json, *want;
	} cases[] = {
		{ "\"\"", "" },
		{ "\"a\\\"b\\\\c\\/\"", "a\"b\\c/" },
		{ "\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t" },
		{ "\"\\u0041\\u00e9\\u20ac\"", "A\xc3\xa9\xe2\x82\xac" },
		{ "\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!" },
		{ "\"\\ufffd\"", "\xef\xbf\xbd" },
		{ "\"\\ud83dx\"", "\xef\xbf\xbdx" }, /* half a pair */
		{ "\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
					"A" }, /* half a pair, and another character */
		{ "\"\\ude00\"", "\xef\xbf\xbd" },
		{ "\"\\u00g0\"", "\xef\xbf\xbd" },
		{ "\"]}[{,:\"", "]}[{,:" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct json_pull pull = over(cases[i].json);

		assert_text(json_pull_text(&pull), cases[i].want);
		assert_false(pull.bad);
		assert_int_equal(pull.rest.n, 0);
	}
}

static void test_broken(void **state)
{
	static const char *const texts[] = {
		"",         "{",          "{\"a\"",    "{\"a\":",   "{\"a\":1",    "{\"a\" 1}",
		"{a:1}",    "{1:2}",      "{\"a\":}",  "{\"a\":\"", "{\"a\":\"\\", "{\"a\":\"\\u00",
		"{\"a\":[", "{\"a\":[1,", "{\"a\":[}", "{\"a\":]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct json_pull pull = over(texts[i]);
		struct str key;

		if (json_pull_enter(&pull, '{'))
			while (json_pull_key(&pull, &key))
				json_pull_skip(&pull);
		assert_true(pull.bad);
		/* There is nothing more to come. */
		assert_false(json_pull_key(&pull, &key) || json_pull_item(&pull));
		assert_false(json_pull_enter(&pull, '['));
		assert_int_equal(json_pull_text(&pull).n, 0);
	}
}

static void test_deep(void **state)
{
	char text[20000];
	struct json_pull pull = { .rest = { text, sizeof(text) }, .arena = &arena };

	(void)state;
	memset(text, '[', sizeof(text) / 2);
	memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
	json_pull_skip(&pull);
	assert_false(pull.bad);
	assert_int_equal(pull.rest.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks),   cmocka_unit_test(test_empty_and_other_kinds),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_broken),
		cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, release);
}
