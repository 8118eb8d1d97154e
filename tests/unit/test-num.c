/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <float.h>
#include <math.h>

#include "unit.h"

#include "base/num.h"

#define INF ((double)INFINITY)

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "00000000000000000000018446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "184467440737095516150", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 42;

		assert_int_equal(num_u64(str_of(cases[i].text), &value), cases[i].r);
		assert_int_equal(value, cases[i].r ? 42 : cases[i].value);
	}

	uint64_t value = 42;

	assert_int_equal(num_u64((struct str){ 0 }, &value), -EINVAL);
	assert_int_equal(num_u64((struct str){ "1\0", 2 }, &value), -EINVAL);
	assert_int_equal(value, 42);
}

static void test_i64(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "-0", 0, 0 },
		{ "-12", 0, -12 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "-9223372036854775808", 0, INT64_MIN },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "-9223372036854775809", -ERANGE, 0 },
		{ "-99999999999999999999", -ERANGE, 0 },
		{ "-", -EINVAL, 0 },
		{ "--1", -EINVAL, 0 },
		{ "- 1", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t value = 42;

		assert_int_equal(num_i64(str_of(cases[i].text), &value), cases[i].r);
		assert_true(value == (cases[i].r ? 42 : cases[i].value));
	}
}

static void test_hex(void **state)
{
	uint64_t value = 42;

	(void)state;
	assert_int_equal(num_hex(STR("0xfF"), &value), 0);
	assert_int_equal(value, 255);
	assert_int_equal(num_hex(STR("0X10"), &value), 0);
	assert_int_equal(value, 16);
	assert_int_equal(num_hex(STR("ffffffffffffffff"), &value), 0);
	assert_int_equal(value, UINT64_MAX);
	value = 42;
	assert_int_equal(num_hex(STR("10000000000000000"), &value), -ERANGE);
	assert_int_equal(num_hex(STR(""), &value), -EINVAL);
	assert_int_equal(num_hex(STR("0x"), &value), -EINVAL);
	assert_int_equal(num_hex(STR("0xg"), &value), -EINVAL);
	assert_int_equal(num_hex(STR("-1"), &value), -EINVAL);
	assert_int_equal(num_hex(STR("1 "), &value), -EINVAL);
	assert_int_equal(num_hex(STR("\xe1"), &value), -EINVAL);
	assert_int_equal(value, 42);
}

/* What Go's strconv.ParseFloat takes, less what Prometheus refuses before it asks. */
static void test_f64(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "+1", 1 },
		{ "-1", -1 },
		{ "1.", 1 },
		{ ".5", 0.5 },
		{ "-.5e1", -5 },
		{ "1e3", 1000 },
		{ "1E+3", 1000 },
		{ "1e-3", 0.001 },
		{ "000000000000000000001", 1 },
		{ "123456789012345", 123456789012345 },
		{ "1234567890123456789", 1234567890123456789.0 },
		{ "1.7976931348623157e308", DBL_MAX },
		{ "4.9e-324", 4.9406564584124654e-324 },
		{ "1e-400", 0 },
		{ "0e999", 0 },
		{ "Inf", INF },
		{ "+inf", INF },
		{ "-Infinity", -INF },
		{ "INFINITY", INF },
		{ "iNf", INF },
	};
	static const char *const bad[] = {
		"",        " ",    " 1",        "1 ",    "1\n",  "+",      "-",     ".",
		"+.",      "1e",   "1e+",       "e1",    ".e1",  "1e1.5",  "1.2.3", "--1",
		"+-1",     "0x10", "0x1p4",     "1_000", "1,5",  "nan(1)", "+nan",  "-nan",
		"infinit", "in",   "infinityx", "na",    "NaNs", "1d",     "1f",    "\xef\xbc\x91",
		"1e 5",    "0b1",  "0o7",       "nil",
	};
	double value = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(num_f64(str_of(good[i].text), &value), 0);
		assert_true(value == good[i].value);
	}
	value = 42;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (num_f64(str_of(bad[i]), &value) != -EINVAL)
			fail_msg("\"%s\" was not refused", bad[i]);
		assert_true(value == 42);
	}
	assert_int_equal(num_f64((struct str){ 0 }, &value), -EINVAL);
	assert_int_equal(num_f64((struct str){ "1\0002", 3 }, &value), -EINVAL);
	assert_int_equal(num_f64(STR("1e309"), &value), -ERANGE);
	assert_int_equal(num_f64(STR("-1e309"), &value), -ERANGE);
	assert_true(value == 42);
	assert_int_equal(num_f64(STR("nan"), &value), 0);
	assert_true(isnan(value));
	value = 42;
	assert_int_equal(num_f64(STR("NaN"), &value), 0);
	assert_true(isnan(value));
	assert_int_equal(num_f64(STR("-0"), &value), 0);
	assert_true(value == 0 && signbit(value));
}

/* A slice in the middle of other digits must be read to its own end only. */
static void test_f64_slices(void **state)
{
	double value;
	char *big = malloc(100001);

	(void)state;
	assert_non_null(big);
	assert_int_equal(num_f64((struct str){ "1.234567", 4 }, &value), 0);
	assert_true(value == 1.23);
	memset(big, '1', 100000);
	big[1] = '.';
	big[100000] = '9';
	assert_int_equal(num_f64((struct str){ big, 100000 }, &value), 0);
	assert_true(value == 1.1111111111111112);
	free(big);
}

static void test_take(void **state)
{
	struct str rest = STR(" \t12 -5 -9223372036854775808 x 1.5 7");
	uint64_t u = 42;
	int64_t i = 42;
	double d = 42;

	(void)state;
	assert_true(num_take_u64(&rest, &u) && u == 12);
	assert_false(num_take_u64(&rest, &u));
	assert_int_equal(u, 12);
	assert_true(num_take_i64(&rest, &i) && i == -5);
	assert_true(num_take_i64(&rest, &i) && i == INT64_MIN);
	assert_false(num_take_i64(&rest, &i));
	assert_true(i == INT64_MIN);
	assert_false(num_take_f64(&rest, &d));
	assert_true(d == 42);
	assert_true(num_take_f64(&rest, &d) && d == 1.5);
	assert_true(num_take_f64(&rest, &d) && d == 7);
	assert_false(num_take_f64(&rest, &d));
	assert_false(num_take_u64(&rest, &u));

	rest = STR("99999999999999999999999 1");
	assert_false(num_take_u64(&rest, &u));
	assert_int_equal(u, 12);

	rest = STR("3kB");
	assert_true(num_take_u64(&rest, &u) && u == 3);
	assert_text(rest, "kB");

	rest = STR("-");
	assert_false(num_take_i64(&rest, &i));
	assert_text(rest, "-");

	rest = (struct str){ 0 };
	assert_false(num_take_u64(&rest, &u));
	assert_false(num_take_i64(&rest, &i));
	assert_false(num_take_f64(&rest, &d));
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "15s", 15000000000 },
		{ "250ms", 250000000 },
		{ "7us", 7000 },
		{ "9ns", 9 },
		{ "1h30m", 5400000000000 },
		{ "2d", 172800000000000 },
		{ "1w", 604800000000000 },
		{ "1.5s", 1500000000 },
		{ "0.1s", 100000000 },
		{ ".5m", 30000000000 },
		{ "9007199254740993ns", 9007199254740993 },
		{ "9223372036854775807ns", INT64_MAX },
		{ "106751d", 106751 * INT64_C(86400000000000) },
	};
	static const char *const bad[] = { "",    "15",     "s",   "15 s", " 15s", "15s ", "-15s",
					   "+5s", "1.2.3s", ".s",  "15S",  "1y",   "1e3s", "00",
					   "1m5", "15sec",  "inf", "0x1s", "1,5s", "ms" };
	static const char *const large[] = { "9223372036854775808ns",
					     "106752d",
					     "1e18d",
					     "99999999999999999999999s",
					     "9223372036854775807ns1ns",
					     "9223372036.9s",
					     "106751d24h",
					     "9999999999.5s" };
	int64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (num_duration(str_of(good[i].text), &ns) != 0 || ns != good[i].ns)
			fail_msg("%s is %lld", good[i].text, (long long)ns);
	}
	ns = 42;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (num_duration(str_of(bad[i]), &ns) != -EINVAL)
			fail_msg("\"%s\" was not refused", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		if (num_duration(str_of(large[i]), &ns) >= 0)
			fail_msg("\"%s\" was not refused", large[i]);
	assert_int_equal(num_duration((struct str){ 0 }, &ns), -EINVAL);
	assert_int_equal(num_duration(STR("9223372036854775808ns"), &ns), -ERANGE);
	assert_int_equal(num_duration(STR("9999999999.5s"), &ns), -ERANGE);
	assert_true(ns == 42);
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "4096B", 4096 },
		{ "64k", 65536 },
		{ "64K", 65536 },
		{ "64kB", 65536 },
		{ "64KiB", 65536 },
		{ "16M", 16777216 },
		{ "1G", 1073741824 },
		{ "1T", 1099511627776 },
		{ "18446744073709551615", UINT64_MAX },
		{ "16777215T", UINT64_C(16777215) << 40 },
	};
	static const char *const bad[] = { "",     "k",   "-1",  "+1",  "1.5M", "1 M",
					   "1M ",  " 1",  "1P",  "1ki", "1iB",  "1kb",
					   "1kBB", "1Mi", "1e3", "0x1", "1\xeb" };
	static const char *const large[] = { "18446744073709551616", "16777216T",
					     "18014398509481984k" };
	uint64_t bytes = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (num_size(str_of(good[i].text), &bytes) != 0 || bytes != good[i].bytes)
			fail_msg("%s is %llu", good[i].text, (unsigned long long)bytes);
	bytes = 42;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (num_size(str_of(bad[i]), &bytes) != -EINVAL)
			fail_msg("\"%s\" was not refused", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		assert_int_equal(num_size(str_of(large[i]), &bytes), -ERANGE);
	assert_int_equal(num_size((struct str){ 0 }, &bytes), -EINVAL);
	assert_int_equal(bytes, 42);
}

static void test_print(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ -0.0, "-0" },
		{ 1, "1" },
		{ -1.5, "-1.5" },
		{ 0.1, "0.1" },
		{ 0.25, "0.25" },
		{ 123456.789, "123456.789" },
		{ 1e6, "1000000" },
		{ 1234567.89, "1234567.89" },
		{ 0.001, "0.001" },
		{ 1700000000.123456, "1700000000.123456" },
		{ 9007199254740991, "9007199254740991" },
		{ 18446744073709551615.0, "1.8446744073709552e+19" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 1e-7, "0.0000001" },
		{ 1e-10, "1e-10" },
		{ 5e-324, "5e-324" },
		{ DBL_MAX, "1.7976931348623157e+308" },
		{ INF, "+Inf" },
		{ -INF, "-Inf" },
	};
	char text[NUM_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_text(((struct str){ text, num_print_f64(text, cases[i].value) }),
			    cases[i].text);
	assert_text(((struct str){ text, num_print_f64(text, (double)NAN) }), "NaN");
	assert_text(((struct str){ text, num_print_f64(text, -(double)NAN) }), "NaN");
	assert_text(((struct str){ text, num_print_u64(text, 0) }), "0");
	assert_text(((struct str){ text, num_print_u64(text, UINT64_MAX) }),
		    "18446744073709551615");
}

/* xorshift: the same numbers in each run. */
static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* The digits of a number without point, exponent and the zeros at its ends. */
static size_t significant(const char *text, size_t n)
{
	size_t digits = 0, zeros = 0;

	for (size_t i = 0; i < n && text[i] != 'e'; i++) {
		if (text[i] < '0' || text[i] > '9' || (text[i] == '0' && !digits))
			continue;
		digits++;
		zeros = text[i] == '0' ? zeros + 1 : 0;
	}
	return digits - zeros;
}

static void check_round_trip(double value)
{
	char text[NUM_TEXT_MAX + 1], shorter[40];
	size_t n = num_print_f64(text, value), digits;
	double back;

	assert_true(n > 0 && n <= NUM_TEXT_MAX);
	text[n] = '\0';
	if (num_f64((struct str){ text, n }, &back) != 0 ||
	    memcmp(&back, &value, sizeof(back)) != 0)
		fail_msg("%.17g became %s", value, text);
	digits = significant(text, n);
	assert_true(digits <= 17);
	if (digits < 2)
		return;
	(void)snprintf(shorter, sizeof(shorter), "%.*e", (int)digits - 2, value);
	if (strtod(shorter, NULL) == value)
		fail_msg("%s would do for %s", shorter, text);
}

static void test_round_trip(void **state)
{
	uint64_t x = 88172645463325252;
	double value;

	(void)state;
	for (int i = 0; i < 500000; i++) {
		uint64_t bits = next_random(&x);

		memcpy(&value, &bits, sizeof(value));
		if (isfinite(value))
			check_round_trip(value);
	}
	/* What samples look like: integers, ticks, times, ratios. */
	for (int i = 0; i < 125000; i++) {
		uint64_t bits = next_random(&x);
		unsigned shift = (unsigned)(bits & 63);

		check_round_trip((double)(next_random(&x) >> shift));
		check_round_trip((double)(next_random(&x) >> shift) / 100);
		check_round_trip((double)(next_random(&x) >> shift) / 1e9);
		check_round_trip((double)(next_random(&x) >> 11) * 0x1p-53);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),        cmocka_unit_test(test_i64),
		cmocka_unit_test(test_hex),        cmocka_unit_test(test_f64),
		cmocka_unit_test(test_f64_slices), cmocka_unit_test(test_take),
		cmocka_unit_test(test_duration),   cmocka_unit_test(test_size),
		cmocka_unit_test(test_print),      cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
