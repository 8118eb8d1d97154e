/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "push/gzip.h"

/* Unpacks one gzip member and checks that nothing follows it. */
static struct str unpack(struct str packed, size_t room, struct arena *arena)
{
	z_stream z = { .next_in = (z_const Bytef *)(uintptr_t)packed.p,
		       .avail_in = (uInt)packed.n };
	char *to = arena_alloc(arena, room + 1);

	z.next_out = (Bytef *)to;
	z.avail_out = (uInt)(room + 1);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(inflateEnd(&z), Z_OK);
	return (struct str){ to, z.total_out };
}

static void test_round_trip(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 65535, 65536, 1000003 };
	_cleanup_arena_ struct arena arena = { 0 };
	char *noise = arena_alloc(&arena, 1000003);
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < 1000003; i++) {
		x = x * 1664525 + 1013904223;
		noise[i] = (char)(x >> 24);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (int level = 1; level <= 9; level += 4) {
			_cleanup_buf_ struct buf out = { 0 };
			struct str in = { noise, sizes[i] };

			buf_cstr(&out, "before");
			assert_int_equal(gzip_pack(in, level, &out), 0);
			assert_true(str_starts(buf_view(&out), STR("before\x1f\x8b")));
			assert_true(str_eq(unpack(str_skip(buf_view(&out), 6), in.n, &arena), in));
		}
	}
}

static void test_compresses(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf in = { 0 }, out = { 0 }, again = { 0 };

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_printf(&in, "node_cpu_seconds_total{cpu=\"%d\"} %d\n", i, i * 7);
	assert_int_equal(gzip_pack(buf_view(&in), 6, &out), 0);
	assert_true(out.n < in.n / 4);
	assert_true(str_eq(unpack(buf_view(&out), in.n, &arena), buf_view(&in)));
	assert_int_equal(gzip_pack(buf_view(&in), 6, &again), 0);
	assert_true(str_eq(buf_view(&out), buf_view(&again)));
}

static void test_no_slice(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 };

	(void)state;
	assert_int_equal(gzip_pack((struct str){ 0 }, 6, &out), 0);
	assert_int_equal(unpack(buf_view(&out), 0, &arena).n, 0);
}

static void test_limits(void **state)
{
	_cleanup_buf_ struct buf small = { .max = 100 }, out = { 0 };

	(void)state;
	assert_int_equal(gzip_pack(STR("abc"), 6, &small), -E2BIG);
	assert_int_equal(gzip_pack(STR("abc"), 10, &out), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_compresses),
		cmocka_unit_test(test_no_slice),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
