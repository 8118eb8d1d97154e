/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "unit.h"

#include "base/buf.h"

static void test_kinds(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	buf_put(&buf, "ab", 2);
	buf_str(&buf, STR("c"));
	buf_str(&buf, (struct str){ 0 });
	buf_put(&buf, NULL, 0);
	buf_cstr(&buf, "d");
	buf_cstr(&buf, "");
	buf_char(&buf, ' ');
	buf_u64(&buf, UINT64_MAX);
	buf_char(&buf, ' ');
	buf_f64(&buf, 0.1);
	buf_char(&buf, ' ');
	buf_f64(&buf, -(double)INFINITY);
	buf_printf(&buf, " %s %d", "x", -3);
	assert_int_equal(buf.err, 0);
	assert_text(buf_view(&buf), "abcd 18446744073709551615 0.1 -Inf x -3");
	buf_release(&buf);
	assert_int_equal(buf.n, 0);
}

static void test_growth(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	for (size_t i = 0; i < 100000; i++)
		buf_char(&buf, (char)('a' + i % 26));
	assert_int_equal(buf.err, 0);
	assert_int_equal(buf.n, 100000);
	for (size_t i = 0; i < 100000; i++)
		assert_int_equal(buf.p[i], 'a' + i % 26);

	char *p = buf.p;
	size_t cap = buf.cap;

	buf_reset(&buf);
	assert_int_equal(buf.n, 0);
	buf_cstr(&buf, "new");
	assert_text(buf_view(&buf), "new");
	assert_ptr_equal(buf.p, p);
	assert_int_equal(buf.cap, cap);
	buf_release(&buf);
	buf_cstr(&buf, "again");
	assert_text(buf_view(&buf), "again");
	buf_release(&buf);
	buf_release(&buf);
}

static void test_maximum(void **state)
{
	struct buf buf = { .max = 10 };

	(void)state;
	buf_cstr(&buf, "0123456789");
	assert_int_equal(buf.err, 0);
	buf_char(&buf, 'x');
	assert_int_equal(buf.err, -E2BIG);
	assert_text(buf_view(&buf), "0123456789");

	/* It sticks: what would fit is not taken after a gap either. */
	buf.n = 0;
	buf_char(&buf, 'y');
	buf_u64(&buf, 1);
	buf_f64(&buf, 1);
	buf_printf(&buf, "z");
	assert_null(buf_reserve(&buf, 1));
	assert_int_equal(buf.n, 0);
	assert_int_equal(buf.err, -E2BIG);

	buf_reset(&buf);
	buf_cstr(&buf, "fine");
	assert_int_equal(buf.err, 0);
	assert_text(buf_view(&buf), "fine");

	buf_release(&buf);
	assert_int_equal(buf.max, 10);
	buf_put(&buf, "01234567890", 11);
	assert_int_equal(buf.err, -E2BIG);
	assert_int_equal(buf.n, 0);
	buf_release(&buf);
}

static void test_huge(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	buf_char(&buf, 'a');
	assert_null(buf_reserve(&buf, SIZE_MAX));
	assert_int_equal(buf.err, -E2BIG);
	buf_reset(&buf);
	assert_null(buf_reserve(&buf, (size_t)1 << 31));
	assert_int_equal(buf.err, -E2BIG);
	buf_release(&buf);
}

static void test_reserve(void **state)
{
	struct buf buf = { 0 };
	char *p = buf_reserve(&buf, 5000);

	(void)state;
	assert_non_null(p);
	memset(p, 'r', 5000);
	buf.n += 3;
	buf_char(&buf, '.');
	assert_text(buf_view(&buf), "rrr.");
	buf_release(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),   cmocka_unit_test(test_growth),
		cmocka_unit_test(test_maximum), cmocka_unit_test(test_huge),
		cmocka_unit_test(test_reserve),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
