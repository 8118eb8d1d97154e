/* SPDX-License-Identifier: Apache-2.0 */
/* Decompression piece by piece, of whole, cut and wrong data. */
#include <errno.h>
#include <zlib.h>

#include "unit.h"

#include "base/buf.h"
#include "base/gunzip.h"

enum { SIZE = 200000, ROOM = 2 * SIZE };

struct page {
	char plain[SIZE], packed[ROOM];
	size_t n;
};

static int setup(void **state)
{
	struct page *page = calloc(1, sizeof(*page));
	z_stream z = { 0 };

	assert_non_null(page);
	for (size_t i = 0; i < SIZE; i++)
		page->plain[i] = (char)('a' + (i * 2654435761U >> 16) % 26);
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)page->plain;
	z.avail_in = SIZE;
	z.next_out = (Bytef *)page->packed;
	z.avail_out = ROOM;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	page->n = ROOM - z.avail_out;
	(void)deflateEnd(&z);
	*state = page;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static int take(void *arg, struct str part)
{
	struct buf *out = arg;

	buf_str(out, part);
	return out->err;
}

/* In pieces of `piece` bytes. */
static int feed(struct gunzip *g, struct str packed, size_t piece, struct buf *out)
{
	int r = 0;

	while (packed.n && r == 0) {
		size_t n = packed.n < piece ? packed.n : piece;

		r = gunzip_feed(g, (struct str){ packed.p, n }, take, out);
		packed = str_skip(packed, n);
	}
	return r;
}

static void test_whole(void **state)
{
	static const size_t pieces[] = { 1, 7, 4096, ROOM };
	const struct page *page = *state;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		_cleanup_buf_ struct buf out = { 0 };
		struct gunzip g = { 0 };

		assert_int_equal(feed(&g, (struct str){ page->packed, page->n }, pieces[i], &out),
				 0);
		assert_int_equal(gunzip_end(&g), 0);
		assert_int_equal(out.n, SIZE);
		assert_memory_equal(out.p, page->plain, SIZE);
	}
}

static void test_two(void **state)
{
	const struct page *page = *state;
	_cleanup_buf_ struct buf twice = { 0 }, out = { 0 };
	struct gunzip g = { 0 };

	buf_put(&twice, page->packed, page->n);
	buf_put(&twice, page->packed, page->n);
	assert_int_equal(feed(&g, buf_view(&twice), 1000, &out), 0);
	assert_int_equal(gunzip_end(&g), 0);
	assert_int_equal(out.n, 2 * SIZE);
}

static void test_cut(void **state)
{
	const struct page *page = *state;

	for (size_t cut = 1; cut < page->n; cut += cut < 30 ? 1 : 9973) {
		_cleanup_buf_ struct buf out = { 0 };
		struct gunzip g = { 0 };

		assert_int_equal(feed(&g, (struct str){ page->packed, page->n - cut }, 4096, &out),
				 0);
		assert_int_equal(gunzip_end(&g), -EBADMSG);
	}
}

static void test_wrong(void **state)
{
	const struct page *page = *state;
	_cleanup_buf_ struct buf bad = { 0 }, out = { 0 };
	struct gunzip g = { 0 };

	assert_int_equal(feed(&g, STR("no gzip at all"), 100, &out), -EBADMSG);
	(void)gunzip_end(&g);
	buf_put(&bad, page->packed, page->n);
	bad.p[bad.n - 5] ^= 1; /* the check of the sum */
	assert_int_equal(feed(&g, buf_view(&bad), 4096, &out), -EBADMSG);
	(void)gunzip_end(&g);
	bad.p[bad.n - 5] ^= 1;
	buf_cstr(&bad, "junk");
	assert_int_equal(feed(&g, buf_view(&bad), ROOM, &out), -EBADMSG);
	(void)gunzip_end(&g);
	assert_int_equal(gunzip_end(&g), -EBADMSG);
}

/* Who takes it may have enough: no more of it is made. */
static void test_enough(void **state)
{
	const struct page *page = *state;
	_cleanup_buf_ struct buf out = { .max = 1000 };
	struct gunzip g = { 0 };

	assert_int_equal(feed(&g, (struct str){ page->packed, page->n }, ROOM, &out), -E2BIG);
	(void)gunzip_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(test_enough, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
