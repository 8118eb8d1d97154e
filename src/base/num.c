/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes digits; -EINVAL when there are none, -ERANGE past 2^64. */
static int take_digits(struct str *rest, uint64_t *ret)
{
	if (!rest->n)
		return -EINVAL;

	const char *p = rest->p, *end = rest->p + rest->n;
	uint64_t value = 0;
	bool over = false;

	while (p < end && is_digit(*p)) {
		over |= __builtin_mul_overflow(value, 10u, &value);
		over |= __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value);
		p++;
	}
	if (p == rest->p)
		return -EINVAL;
	*rest = str_between(p, end);
	if (over)
		return -ERANGE;
	*ret = value;
	return 0;
}

int num_u64(struct str s, uint64_t *ret)
{
	uint64_t value;
	int r = take_digits(&s, &value);

	if (r < 0)
		return r;
	if (s.n)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int signed_of(uint64_t magnitude, bool negative, int64_t *ret)
{
	if (magnitude > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return 0;
}

int num_i64(struct str s, int64_t *ret)
{
	bool negative = s.n && s.p[0] == '-';
	uint64_t magnitude;
	int r = num_u64(str_skip(s, negative), &magnitude);

	return r < 0 ? r : signed_of(magnitude, negative, ret);
}

int num_hex(struct str s, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.n > 2 && s.p[0] == '0' && (s.p[1] | 0x20) == 'x')
		s = str_skip(s, 2);
	if (!s.n)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], low = (char)(c | 0x20);
		unsigned digit;

		if (is_digit(c))
			digit = (unsigned)(c - '0');
		else if (low >= 'a' && low <= 'f')
			digit = (unsigned)(low - 'a' + 10);
		else
			return -EINVAL;
		if (value >> 60)
			return -ERANGE;
		value = value << 4 | digit;
	}
	*ret = value;
	return 0;
}

static bool equals_ignoring_case(struct str s, const char *lower)
{
	size_t i = 0;

	for (; i < s.n && lower[i]; i++)
		if ((s.p[i] | 0x20) != lower[i])
			return false;
	return i == s.n && !lower[i];
}

/* strtod() takes more than Prometheus does (hex, nan(...)), so the form is checked first. */
static bool is_decimal_float(struct str s)
{
	size_t i = 0, digits = 0;

	for (; i < s.n && is_digit(s.p[i]); i++)
		digits++;
	if (i < s.n && s.p[i] == '.')
		for (i++; i < s.n && is_digit(s.p[i]); i++)
			digits++;
	if (!digits)
		return false;
	if (i < s.n && (s.p[i] | 0x20) == 'e') {
		i++;
		if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
			i++;
		size_t begin = i;

		while (i < s.n && is_digit(s.p[i]))
			i++;
		if (i == begin)
			return false;
	}
	return i == s.n;
}

int num_f64(struct str s, double *ret)
{
	bool sign = s.n && (s.p[0] == '+' || s.p[0] == '-');
	bool negative = sign && s.p[0] == '-';
	struct str body = str_skip(s, sign);
	uint64_t integer;

	if (body.n && body.n < 16 && num_u64(body, &integer) == 0) {
		*ret = negative ? -(double)integer : (double)integer;
		return 0;
	}
	if (equals_ignoring_case(body, "nan") && !sign) {
		*ret = (double)NAN;
		return 0;
	}
	if (equals_ignoring_case(body, "inf") || equals_ignoring_case(body, "infinity")) {
		*ret = negative ? -(double)INFINITY : (double)INFINITY;
		return 0;
	}
	if (!is_decimal_float(body))
		return -EINVAL;

	char small[64];
	_cleanup_free_ char *large = NULL;
	char *text = small;

	if (s.n >= sizeof(small)) {
		text = large = malloc(s.n + 1);
		if (!text)
			return -ENOMEM;
	}
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';

	double value = strtod(text, NULL);

	if (isinf(value))
		return -ERANGE;
	*ret = value;
	return 0;
}

static void skip_blanks(struct str *rest)
{
	while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t'))
		*rest = str_skip(*rest, 1);
}

bool num_take_u64(struct str *rest, uint64_t *ret)
{
	skip_blanks(rest);
	return take_digits(rest, ret) == 0;
}

bool num_take_i64(struct str *rest, int64_t *ret)
{
	uint64_t magnitude;

	skip_blanks(rest);
	bool negative = rest->n && rest->p[0] == '-';
	struct str digits = str_skip(*rest, negative);

	if (take_digits(&digits, &magnitude) < 0 || signed_of(magnitude, negative, ret) < 0)
		return false;
	*rest = digits;
	return true;
}

bool num_take_f64(struct str *rest, double *ret)
{
	struct str word;

	return str_word(rest, &word) && num_f64(word, ret) == 0;
}

size_t num_print_u64(char *to, uint64_t value)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	for (size_t i = 0; i < n; i++)
		to[i] = digits[n - 1 - i];
	return n;
}

/*
 * Most of what a kernel counts is an integer, or one divided by 100 (ticks), 10^3, 10^6 or
 * 10^9. i/10^k is correctly rounded by IEEE division exactly as a parser rounds the decimal
 * text, so when it gives the value back, the digits of i are its text. Up to 15 digits no other
 * decimal reads back to the same double, so none is shorter.
 */
static size_t print_decimal(char *to, double magnitude)
{
	static const struct {
		double scale;
		unsigned digits;
	} scales[] = { { 1e3, 3 }, { 1e6, 6 }, { 1e9, 9 } };

	for (size_t k = 0; k < ARRAY_SIZE(scales); k++) {
		double scaled = nearbyint(magnitude * scales[k].scale);

		if (scaled >= 1e15)
			return 0;
		if (scaled / scales[k].scale != magnitude)
			continue;

		uint64_t all = (uint64_t)scaled, unit = (uint64_t)scales[k].scale;
		uint64_t fraction = all % unit;
		size_t n = num_print_u64(to, all / unit);

		to[n++] = '.';
		for (unsigned d = 0; d < scales[k].digits && fraction; d++) {
			unit /= 10;
			to[n++] = (char)('0' + fraction / unit);
			fraction %= unit;
		}
		return n;
	}
	return 0;
}

size_t num_print_f64(char *to, double value)
{
	size_t n = 0, body = 0;

	if (isnan(value))
		return (size_t)(stpcpy(to, "NaN") - to);
	if (isinf(value))
		return (size_t)(stpcpy(to, value < 0 ? "-Inf" : "+Inf") - to);
	if (signbit(value))
		to[n++] = '-';

	double magnitude = fabs(value);

	if (magnitude < 9007199254740992.0 && magnitude == (double)(uint64_t)magnitude)
		return n + num_print_u64(to + n, (uint64_t)magnitude);
	if (magnitude < 9e15)
		body = print_decimal(to + n, magnitude);
	/* Up to 15 digits all doubles keep, but for those too small for a full fraction. */
	for (int precision = magnitude < DBL_MIN ? 1 : 15; !body && precision <= 17; precision++) {
		char text[NUM_TEXT_MAX];
		int length = snprintf(text, sizeof(text), "%.*g", precision, magnitude);

		if (precision == 17 || strtod(text, NULL) == magnitude) {
			body = (size_t)length;
			memcpy(to + n, text, body);
		}
	}
	return n + body;
}

/* Adds number x unit; whole numbers stay integers, a double would round nanoseconds. */
static int add_span(struct str number, int64_t unit_ns, int64_t *total)
{
	uint64_t whole;
	int64_t ns;
	double amount;

	if (num_u64(number, &whole) == 0) {
		if (__builtin_mul_overflow(whole, unit_ns, &ns))
			return -ERANGE;
	} else {
		if (num_f64(number, &amount) < 0)
			return -EINVAL;
		amount *= (double)unit_ns;
		if (amount >= 9e18)
			return -ERANGE;
		ns = (int64_t)nearbyint(amount);
	}
	return __builtin_add_overflow(*total, ns, total) ? -ERANGE : 0;
}

int num_duration(struct str s, int64_t *ret_ns)
{
	static const struct {
		struct str unit;
		int64_t ns;
	} units[] = {
		{ { "ns", 2 }, 1 },
		{ { "us", 2 }, 1000 },
		{ { "ms", 2 }, 1000000 },
		{ { "s", 1 }, 1000000000 },
		{ { "m", 1 }, 60 * 1000000000LL },
		{ { "h", 1 }, 3600 * 1000000000LL },
		{ { "d", 1 }, 86400 * 1000000000LL },
		{ { "w", 1 }, 7 * 86400 * 1000000000LL },
	};
	int64_t total = 0;

	if (str_eq(s, STR("0"))) {
		*ret_ns = 0;
		return 0;
	}
	if (!s.n)
		return -EINVAL;
	while (s.n) {
		size_t number = 0, unit, k;
		int r;

		while (number < s.n && (is_digit(s.p[number]) || s.p[number] == '.'))
			number++;
		for (unit = number; unit < s.n && s.p[unit] >= 'a' && s.p[unit] <= 'z';)
			unit++;
		for (k = 0; k < ARRAY_SIZE(units); k++)
			if (str_eq(str_between(s.p + number, s.p + unit), units[k].unit))
				break;
		if (k == ARRAY_SIZE(units))
			return -EINVAL;
		r = add_span((struct str){ s.p, number }, units[k].ns, &total);
		if (r < 0)
			return r;
		s = str_skip(s, unit);
	}
	*ret_ns = total;
	return 0;
}

int num_size(struct str s, uint64_t *ret_bytes)
{
	static const char suffixes[] = "kmgt";
	uint64_t value;
	int r = take_digits(&s, &value);

	if (r < 0)
		return r;
	if (s.n) {
		const char *at = strchr(suffixes, s.p[0] | 0x20);

		if (at && *at) {
			unsigned shift = 10 * (unsigned)(at - suffixes + 1);

			if (value > UINT64_MAX >> shift)
				return -ERANGE;
			value <<= shift;
			s = str_skip(s, 1);
			if (s.n == 2 && s.p[0] == 'i')
				s = str_skip(s, 1);
		}
		if (s.n == 1 && s.p[0] == 'B')
			s = str_skip(s, 1);
		if (s.n)
			return -EINVAL;
	}
	*ret_bytes = value;
	return 0;
}
