/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "host/human_size.h"

static void reads(void **state)
{
	static const struct {
		const char *text;
		double decimal, bcache;
	} cases[] = {
		{ "0", 0, 0 },
		{ "1023", 1023, 1023 },
		{ "18446744073709551615", 18446744073709551616.0, 18446744073709551616.0 },
		{ "0.0k", 0, 0 },
		{ "0.5k", 512, 500 },
		{ "5.5k", 5632, 5620 },
		/* bcache up to Linux 4.13 could say this, and it is more than .9. */
		{ "1.10k", 1126, 2024 },
		{ "512k", 524288, 524288 },
		{ "3M", 3145728, 3145728 },
		{ "2.0G", 2147483648.0, 2147483648.0 },
		{ "1.0T", 1099511627776.0, 1099511627776.0 },
		{ "1.0P", 1125899906842624.0, 1125899906842624.0 },
		{ "15E", 17293822569102704640.0, 17293822569102704640.0 },
		{ "-17.1M", -17930649, -17928192 },
		{ "4.0M/sec", 4194304, 4194304 },
		{ "99%", 99, 99 },
		{ "405.7", 405, 405 },
		{ "1.5m", 1572864, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		double value = -1;

		assert_int_equal(human_size(str_of(cases[i].text), HUMAN_DECIMAL, &value), 0);
		assert_true(value == cases[i].decimal);
		assert_int_equal(human_size(str_of(cases[i].text), HUMAN_BCACHE, &value), 0);
		if (cases[i].bcache != 0)
			assert_true(value == cases[i].bcache);
	}
}

static void refuses(void **state)
{
	static const char *const bad[] = { "",       "-",   "k",    "-k",   "1.k", ".5k",
					   "1.5.2k", "1 k", "--1",  "/sec", "%",   "none",
					   "nan",    "inf", "infk", "16E",  "1kk", "0x10" };
	double value = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(human_size(str_of(bad[i]), HUMAN_BCACHE, &value), -EINVAL);
	assert_int_equal(human_size((struct str){ 0 }, HUMAN_DECIMAL, &value), -EINVAL);
	assert_true(value == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
