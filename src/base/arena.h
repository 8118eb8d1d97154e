/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump memory that is given back all at once. A reset folds what was used into one chunk, so
 * that the next round of the same size calls malloc() not at all. Allocation never returns
 * NULL: out of memory ends the program here.
 */
#pragma once

#include "base/str.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	size_t used;                /* in the newest chunk */
	size_t total;               /* bytes handed out since the last reset */
	size_t peak;                /* the most that was, before a resize gave some back */
};

/* Memory of `size` bytes, aligned to 16, not zeroed. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
/* The same, zeroed, for `n` elements; a product that overflows ends the program. */
void *arena_zalloc(struct arena *arena, size_t n, size_t size)
	__attribute__((malloc, returns_nonnull));

/*
 * Resizes the newest allocation in place where it can, else moves it; `p` may be NULL. What
 * a reader that does not know a file's size wants.
 */
void *arena_resize(struct arena *arena, void *p, size_t old_size, size_t size)
	__attribute__((returns_nonnull));

/*
 * Room for one more of `n` elements of an array that has only ever grown by this: it doubles
 * whenever n is a power of two. `v` may be NULL while n is 0.
 */
void *arena_grow(struct arena *arena, void *v, size_t n, size_t size)
	__attribute__((returns_nonnull));

/* A NUL-ended copy, borrowed as a slice. */
struct str arena_str(struct arena *arena, struct str s);
char *arena_cstr(struct arena *arena, struct str s) __attribute__((returns_nonnull));
struct str arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Pieces put together: what arena_printf() would do at ten times the cost. */
struct str arena_concat(struct arena *arena, size_t n, const struct str *pieces);
#define ARENA_CONCAT(arena, ...)                                                                \
	arena_concat((arena), sizeof((const struct str[]){ __VA_ARGS__ }) / sizeof(struct str), \
		     (const struct str[]){ __VA_ARGS__ })

/* Each byte that is part of no UTF-8 character becomes U+FFFD; valid text is not copied. */
struct str arena_utf8(struct arena *arena, struct str s);

/* Forgets everything; keeps memory for the next round. */
void arena_reset(struct arena *arena);
/* Frees everything. */
void arena_release(struct arena *arena);
