/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers. Every parser on every input; what one takes, it must have taken for a reason that
 * holds without it: by its characters, by libc, or by printing and reading it again.
 * runner: -runs=600000
 */
#include <math.h>
#include <stdlib.h>

#include "base/num.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool only(struct str s, const char *allowed)
{
	for (size_t i = 0; i < s.n; i++)
		if (!s.p[i] || !strchr(allowed, s.p[i]))
			return false;
	return s.n > 0;
}

static void round_trip(double value)
{
	char text[NUM_TEXT_MAX];
	size_t n = num_print_f64(text, value);
	double back;

	must(n > 0 && n <= NUM_TEXT_MAX);
	must(num_f64((struct str){ text, n }, &back) == 0);
	must(isnan(value) ? isnan(back) : memcmp(&back, &value, sizeof(value)) == 0);
}

static void check_whole(struct str s, const char *text)
{
	char again[NUM_TEXT_MAX];
	uint64_t u = 0, back = 0;
	int64_t i = 0;
	double d = 0;

	if (num_u64(s, &u) == 0) {
		must(only(s, "0123456789"));
		must(num_u64((struct str){ again, num_print_u64(again, u) }, &back) == 0);
		must(back == u && u == strtoull(text, NULL, 10));
	}
	if (num_i64(s, &i) == 0) {
		must(only(s, "-0123456789"));
		must(i == strtoll(text, NULL, 10));
	}
	if (num_hex(s, &u) == 0) {
		must(only(s, "xX0123456789abcdefABCDEF"));
		must(u == strtoull(text, NULL, 16));
	}
	if (num_f64(s, &d) == 0) {
		double libc = strtod(text, NULL);

		must(only(s, "+-.0123456789eEiInNfFtTyYaA"));
		must(isnan(d) ? isnan(libc) : d == libc);
		must(!isinf(d) || !only(s, "+-.0123456789eE"));
		round_trip(d);
	}
}

static void check_units(struct str s)
{
	uint64_t bytes = 0;
	int64_t ns = -1;

	if (num_duration(s, &ns) == 0) {
		must(only(s, ".0123456789nusmhdw"));
		must(ns >= 0);
	} else {
		must(ns == -1);
	}
	if (num_size(s, &bytes) == 0)
		must(only(s, "0123456789kKmMgGtTiB"));
}

/* Whatever is taken is taken off the front, and the rest is the end of the same text. */
static void check_take(struct str s)
{
	for (int kind = 0; kind < 3; kind++) {
		struct str rest = s;
		bool more = true;

		while (more) {
			size_t before = rest.n;
			uint64_t u;
			int64_t i;
			double d;

			more = kind == 0   ? num_take_u64(&rest, &u)
			       : kind == 1 ? num_take_i64(&rest, &i)
					   : num_take_f64(&rest, &d);
			must(rest.n <= before && rest.p + rest.n == s.p + s.n);
			must(!more || rest.n < before);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy without a NUL behind it, so that reading on is seen, and one with it for libc. */
	char *exact = malloc(size ? size : 1), *text = malloc(size + 1);
	struct str s = { exact, size };
	double value;

	must(exact && text);
	if (size) {
		memcpy(exact, data, size);
		memcpy(text, data, size);
	}
	text[size] = '\0';
	check_whole(s, text);
	check_units(s);
	check_take(s);
	if (size >= sizeof(value)) {
		memcpy(&value, data, sizeof(value));
		round_trip(value);
	}
	free(exact);
	free(text);
	return 0;
}
