/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>

#include "unit.h"

#include "base/arena.h"

static void test_alloc(void **state)
{
	struct arena arena = { 0 };
	size_t sizes[] = { 0, 1, 15, 16, 17, 4096, 16384, 100000, 3 };
	char *p[ARRAY_SIZE(sizes)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = arena_alloc(&arena, sizes[i]);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)i, sizes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[i][k], i);
	arena_release(&arena);
}

static void test_zalloc(void **state)
{
	struct arena arena = { 0 };

	(void)state;
	for (int round = 0; round < 3; round++) {
		char *dirty = arena_alloc(&arena, 1000);

		memset(dirty, 0xff, 1000);
		arena_reset(&arena);
		const char *p = arena_zalloc(&arena, 100, 10);

		for (size_t i = 0; i < 1000; i++)
			assert_int_equal(p[i], 0);
	}
	assert_non_null(arena_zalloc(&arena, 0, 8));
	arena_release(&arena);
}

static void test_strings(void **state)
{
	struct arena arena = { 0 };
	struct str copy = arena_str(&arena, (struct str){ "a\0b", 3 });

	(void)state;
	assert_int_equal(copy.n, 3);
	assert_memory_equal(copy.p, "a\0b", 4);
	assert_string_equal(arena_cstr(&arena, (struct str){ 0 }), "");
	assert_text(arena_str(&arena, (struct str){ 0 }), "");
	assert_text(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
	assert_text(arena_printf(&arena, "%s", ""), "");

	char *big = malloc(70001);

	assert_non_null(big);
	memset(big, 'z', 70000);
	big[70000] = '\0';
	copy = arena_printf(&arena, "%s!", big);
	assert_int_equal(copy.n, 70001);
	assert_int_equal(copy.p[70000], '!');
	assert_int_equal(copy.p[70001], '\0');
	free(big);
	arena_release(&arena);
}

static void test_resize(void **state)
{
	struct arena arena = { 0 };
	char *first = arena_resize(&arena, NULL, 0, 10), *p;

	(void)state;
	memcpy(first, "0123456789", 10);
	p = arena_resize(&arena, first, 10, 5000);
	assert_ptr_equal(p, first);
	assert_memory_equal(p, "0123456789", 10);
	p = arena_resize(&arena, p, 5000, 4);
	assert_ptr_equal(p, first);

	/* What stands behind it must survive its growth. */
	char *next = arena_alloc(&arena, 16);

	memcpy(next, "abcdefghijklmnop", 16);
	p = arena_resize(&arena, p, 4, 100);
	assert_ptr_not_equal(p, first);
	assert_memory_equal(p, "0123", 4);
	memset(p, 'x', 100);
	assert_memory_equal(next, "abcdefghijklmnop", 16);

	/* Larger than the chunk that holds it. */
	p = arena_resize(&arena, p, 100, 200000);
	assert_memory_equal(p, "xxxx", 4);
	memset(p, 'y', 200000);
	assert_memory_equal(next, "abcdefghijklmnop", 16);
	arena_release(&arena);
}

static size_t chunks_used(void)
{
	return (size_t)mallinfo2().uordblks + (size_t)mallinfo2().hblkhd;
}

/* One cycle's worth; the last allocation is a file, read into more than it turns out to need. */
static void one_round(struct arena *arena)
{
	for (int i = 0; i < 500; i++)
		memset(arena_alloc(arena, 100), 1, 100);

	char *p = arena_alloc(arena, 60000);

	memset(p, 2, 60000);
	p = arena_resize(arena, p, 60000, 10);
	assert_int_equal(p[9], 2);
}

static void test_steady(void **state)
{
	struct arena arena = { 0 };
	const void *chunk;
	size_t used;

	(void)state;
	for (int i = 0; i < 2; i++) {
		one_round(&arena);
		arena_reset(&arena);
	}
	chunk = arena.chunks;
	used = chunks_used();
	for (int i = 0; i < 50; i++) {
		one_round(&arena);
		assert_int_equal(chunks_used(), used);
		assert_ptr_equal(arena.chunks, chunk);
		arena_reset(&arena);
		assert_int_equal(arena.total, 0);
	}
	arena_release(&arena);
	assert_null(arena.chunks);
	/* Fit for use again. */
	assert_text(arena_str(&arena, STR("again")), "again");
	arena_release(&arena);
	arena_release(&arena);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),   cmocka_unit_test(test_zalloc),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_resize),
		cmocka_unit_test(test_steady),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
