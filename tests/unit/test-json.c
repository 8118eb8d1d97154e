/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "unit.h"

#include "base/json.h"

struct met {
	size_t n;
	char keys[64];
};

static bool meet(void *arg, struct str key, struct json value)
{
	struct met *met = arg;

	assert_int_equal(json_i64(value), (int64_t)++met->n);
	memcpy(met->keys + strlen(met->keys), key.p, key.n);
	return met->n < 2;
}

static void test_values(void **state)
{
	static const struct str text =
		STR("{\"a\":{\"b\":\"x\\ny\"},\"n\":-7,\"t\":true,\"f\":1.5,\"l\":[1,\"two\",null],"
		    "\"m\":{\"p\":1,\"q\":2,\"r\":3}}");
	struct json_lib lib = { 0 };
	struct met met = { 0 };
	struct json json;
	const char *why = NULL;

	(void)state;
	assert_int_equal(json_parse(&lib, text, &json, &why), 0);
	assert_text(json_text(JSON_PATH(json, "a", "b")), "x\ny");
	assert_text(json_text(JSON_PATH(json, "a", "b", "c")), "");
	assert_text(json_text(JSON_PATH(json, "no", "b")), "");
	assert_text(json_text(json_get(json, "n")), "");
	assert_int_equal(json_i64(json_get(json, "n")), -7);
	assert_int_equal(json_i64(json_get(json, "f")), 0);
	assert_int_equal(json_i64(json_get(json, "a")), 0);
	assert_int_equal(json_size(json_get(json, "l")), 3);
	assert_int_equal(json_size(json_get(json, "a")), 0);
	assert_text(json_text(json_at(json_get(json, "l"), 1)), "two");
	assert_null(json_at(json_get(json, "l"), 3).value);
	assert_null(json_at(json, 0).value);
	json_each(json_get(json, "m"), meet, &met);
	assert_int_equal(met.n, 2);
	assert_int_equal(strlen(met.keys), 2);
	json_each(json_get(json, "l"), meet, &met);
	assert_int_equal(met.n, 2);
	json_release(&json);
	json_release(&json);
}

/* One number that is too large for us is no reason to know nothing of the rest. */
static void test_numbers(void **state)
{
	static const struct str text =
		STR("{\"hard\":18446744073709551615,\"low\":-18446744073709551616,"
		    "\"most\":9007199254740992,\"least\":-9007199254740992,\"pid\":4194304}");
	struct json_lib lib = { 0 };
	struct json json;
	const char *why = NULL;

	(void)state;
	assert_int_equal(json_parse(&lib, text, &json, &why), 0);
	assert_int_equal(json_i64(json_get(json, "hard")), 0);
	assert_int_equal(json_i64(json_get(json, "low")), 0);
	assert_int_equal(json_i64(json_get(json, "most")), INT64_C(1) << 53);
	assert_int_equal(json_i64(json_get(json, "least")), -(INT64_C(1) << 53));
	assert_int_equal(json_i64(json_get(json, "pid")), 4194304);
	json_release(&json);
}

static void test_refused(void **state)
{
	static const struct str texts[] = {
		{ NULL, 0 },         { "", 0 },
		{ "{", 1 },          { "[1,]", 4 },
		{ "{} x", 4 },       { "[\"\\u0000\"]", 10 },
		{ "[\"\xff\"]", 5 }, { "[\"\xed\xa0\x80\"]", 7 },
		{ "nonsense", 8 },   { "{\"a\":1e999}", 11 },
	};
	struct json_lib lib = { 0 };
	struct json json;
	const char *why = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(json_parse(&lib, texts[i], &json, &why), -EBADMSG);

	_cleanup_free_ char *deep = malloc(1 << 20);

	memset(deep, '[', 1 << 20);
	assert_int_equal(json_parse(&lib, (struct str){ deep, 1 << 20 }, &json, &why), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
