/* SPDX-License-Identifier: Apache-2.0 */
/* The words of tags and sidecar files: buckets, and labels with their decoders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "bpf/decode.h"
#include "bpf/spec.h"

static void test_buckets(void **state)
{
	static const struct {
		const char *text;
		enum spec_buckets buckets;
		uint32_t min, max;
		double factor;
	} cases[] = {
		{ "exp2 0..27 * 1e-6", BUCKETS_EXP2, 0, 27, 1e-6 },
		{ "  exp2   0 .. 63*2  ", BUCKETS_EXP2, 0, 63, 2 },
		{ "exp2zero 1..64", BUCKETS_EXP2ZERO, 1, 64, 1 },
		{ "linear 950..1050 * 0.001", BUCKETS_LINEAR, 950, 1050, 0.001 },
		{ "linear 7..7", BUCKETS_LINEAR, 7, 7, 1 },
		{ "fixed 1, 2,500 * 1e3", BUCKETS_FIXED, 0, 2, 1000 },
	};
	_cleanup_arena_ struct arena arena = { 0 };
	struct spec_histogram histogram = { .offset = 42 };
	struct str why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
			spec_parse_buckets(str_of(cases[i].text), &arena, &histogram, &why), 0);
		assert_int_equal(histogram.buckets, cases[i].buckets);
		assert_int_equal(histogram.min, cases[i].min);
		assert_int_equal(histogram.max, cases[i].max);
		assert_memory_equal(&histogram.factor, &cases[i].factor, sizeof(double));
		assert_int_equal(histogram.offset, 42);
	}
	assert_int_equal(histogram.n_keys, 3);
	assert_int_equal(histogram.keys[0], 1);
	assert_int_equal(histogram.keys[2], 500);
}

static void test_bad_buckets(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "exp2, exp2zero, linear or fixed" },
		{ "exp3 0..2", "exp2, exp2zero, linear or fixed" },
		{ "exp2", "MIN..MAX" },
		{ "exp2 0.3", "MIN..MAX" },
		{ "exp2 0...3", "MIN..MAX" },
		{ "exp2 3..0", "MIN..MAX" },
		{ "exp2 -1..3", "MIN..MAX" },
		{ "exp2 0..3 4", "MIN..MAX" },
		{ "exp2 0..64", "powers of 2" },
		{ "exp2zero 0..65", "powers of 2" },
		{ "linear 0..1024", "too many" },
		{ "linear 1048576..1048577", "too many" },
		{ "linear 0..18446744073709551616", "MIN..MAX" },
		{ "exp2 0..3 *", "factor" },
		{ "exp2 0..3 * 0", "factor" },
		{ "exp2 0..3 * -1", "factor" },
		{ "exp2 0..3 * NaN", "factor" },
		{ "exp2 0..3 * Inf", "factor" },
		{ "exp2 0..3 * 1 * 2", "factor" },
		{ "fixed", "need keys" },
		{ "fixed 1,x", "not a number" },
		{ "fixed 1,,2", "not a number" },
		{ "fixed 2,1", "rise" },
		{ "fixed 2,2", "rise" },
	};
	_cleanup_arena_ struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct spec_histogram histogram = { .max = 7 };
		struct str why;

		assert_int_equal(
			spec_parse_buckets(str_of(cases[i].text), &arena, &histogram, &why),
			-EINVAL);
		assert_int_equal(histogram.max, 7);
		if (!strstr(arena_cstr(&arena, why), cases[i].why))
			fail_msg("%s: \"%.*s\"", cases[i].text, STR_ARG(why));
	}
}

static struct spec_label must_parse(struct arena *arena, const char *text)
{
	struct spec_label label = { .name = STR("member"), .offset = 3 };
	struct str why;

	if (spec_parse_label(str_of(text), arena, &label, &why))
		fail_msg("%s: %.*s", text, STR_ARG(why));
	assert_int_equal(label.offset, 3);
	return label;
}

static void test_label(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct spec_label label;

	(void)state;
	label = must_parse(&arena, "");
	assert_true(str_eq(label.name, STR("member")) && label.n == 0);
	label = must_parse(&arena, "device");
	assert_true(str_eq(label.name, STR("device")) && label.n == 0);
	label = must_parse(&arena, "|errno");
	assert_true(str_eq(label.name, STR("member")) && label.n == 1);
	assert_int_equal(label.decoders[0].kind, DECODE_ERRNO);
	label = must_parse(&arena, " op | uint | map?: 0 = read , 10=a b,x= ");
	assert_true(str_eq(label.name, STR("op")) && label.n == 2);
	assert_int_equal(label.decoders[1].kind, DECODE_MAP);
	assert_true(label.decoders[1].keep_unknown);
	assert_int_equal(label.decoders[1].n, 6);
	assert_true(str_eq(label.decoders[1].args[0], STR("0")));
	assert_true(str_eq(label.decoders[1].args[1], STR("read")));
	assert_true(str_eq(label.decoders[1].args[3], STR("a b")));
	assert_true(str_eq(label.decoders[1].args[5], STR("")));
	label = must_parse(&arena, "x|cgroup|regexp:^/(a|b)\\.slice$ ^(x{1,3}):y=");
	assert_int_equal(label.n, 2);
	assert_int_equal(label.decoders[1].kind, DECODE_REGEXP);
	assert_false(label.decoders[1].keep_unknown);
	assert_int_equal(label.decoders[1].n, 2);
	assert_true(str_eq(label.decoders[1].args[0], STR("^/(a|b)\\.slice$")));
	assert_true(str_eq(label.decoders[1].args[1], STR("^(x{1,3}):y=")));
	label = must_parse(&arena,
			   "x|regexp:[]*+?{1}[:alnum:]]+(a\\+)*\\** ^/(.*/)?([^/]+)\\.scope$");
	assert_int_equal(label.decoders[0].n, 2);
}

/* Each name is a decoder, except for those that need an argument. */
static void test_names(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };

	(void)state;
	for (int kind = 0; kind < DECODERS; kind++) {
		const char *name = decoder_name((enum decoder_kind)kind);
		struct str text = arena_printf(&arena, "x|%s%s", name,
					       kind == DECODE_MAP      ? ":1=2"
					       : kind == DECODE_REGEXP ? ":x"
								       : "");

		assert_int_equal(decoder_kind(str_of(name)), kind);
		assert_int_equal(must_parse(&arena, text.p).decoders[0].kind, kind);
	}
	assert_int_equal(decoder_kind(STR("")), -1);
	assert_int_equal(decoder_kind(STR("uin")), -1);
}

static void test_bad_label(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "a|foo", "no decoder \"foo\"" },
		{ "a||uint", "no decoder \"\"" },
		{ "a|uint:3", "takes no argument" },
		{ "a|uint:", "takes no argument" },
		{ "a|map", "needs pairs" },
		{ "a|map:", "needs pairs" },
		{ "a|map:1", "KEY=TEXT" },
		{ "a|map:=x", "KEY=TEXT" },
		{ "a|map:1=2,1=3", "twice" },
		{ "a|map??:1=2", "no decoder" },
		{ "a|regexp", "needs an expression" },
		{ "a|regexp: ", "needs an expression" },
		{ "a|regexp:(", "not a regular expression: missing closing parenthesis" },
		{ "a|regexp:(a)\\1", "RE2 has no \\1" },
		{ "a|regexp:((a{99}){99}){99}", "is too large" },
		{ "a|regexp:a{0,99999}", "number too big" },
		{ "a|regexp:a**", "does not follow a repeatable item" },
		{ "a|uint|uint|uint|uint|uint|uint|uint|uint|uint", "too many decoders" },
	};
	_cleanup_arena_ struct arena arena = { 0 };
	char longest[600] = "a|regexp:";

	(void)state;
	memset(longest + strlen(longest), 'x', 520);
	for (size_t i = 0; i <= ARRAY_SIZE(cases); i++) {
		const char *text = i < ARRAY_SIZE(cases) ? cases[i].text : longest;
		const char *what = i < ARRAY_SIZE(cases) ? cases[i].why : "too long";
		struct spec_label label = { .size = 7 };
		struct str why;

		assert_int_equal(spec_parse_label(str_of(text), &arena, &label, &why), -EINVAL);
		assert_int_equal(label.size, 7);
		assert_null(label.decoders);
		if (!strstr(arena_cstr(&arena, why), what))
			fail_msg("%s: \"%.*s\"", text, STR_ARG(why));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),   cmocka_unit_test(test_bad_buckets),
		cmocka_unit_test(test_label),     cmocka_unit_test(test_names),
		cmocka_unit_test(test_bad_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
