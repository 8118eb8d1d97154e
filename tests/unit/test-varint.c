/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "unit.h"

#include "base/varint.h"

static void test_numbers(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 127, 128, 300, 16384, UINT32_MAX, UINT64_MAX };
	static const double reals[] = { 0, 1, -2.5, 1e300, 0.1, (double)INFINITY };
	_cleanup_buf_ struct buf out = { 0 };
	struct str rest, text;
	uint64_t value;
	double real;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		varint_put(&out, numbers[i]);
	varint_put_text(&out, STR("two\nlines"));
	varint_put_text(&out, (struct str){ 0 });
	for (size_t i = 0; i < ARRAY_SIZE(reals); i++)
		varint_put_f64(&out, reals[i]);
	rest = buf_view(&out);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_true(varint_take(&rest, &value));
		assert_true(value == numbers[i]);
	}
	assert_true(varint_take_text(&rest, &text));
	assert_text(text, "two\nlines");
	assert_true(varint_take_text(&rest, &text));
	assert_text(text, "");
	for (size_t i = 0; i < ARRAY_SIZE(reals); i++) {
		assert_true(varint_take_f64(&rest, &real));
		assert_true(real == reals[i]);
	}
	assert_int_equal(rest.n, 0);
}

static void test_damage(void **state)
{
	struct str none = { 0 }, cut = STR("\xff\xff"),
		   long_text = STR("\x05"
				   "abc"),
		   text;
	struct str endless = STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01");
	uint64_t value = 42;

	(void)state;
	assert_false(varint_take(&none, &value));
	assert_false(varint_take(&cut, &value));
	assert_false(varint_take(&endless, &value));
	assert_false(varint_take_text(&long_text, &text));
	assert_int_equal(long_text.n, 4);
	assert_int_equal(value, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
