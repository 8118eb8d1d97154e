/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	_Alignas(16) char data[];
};

enum { CHUNK_MIN = 16 * 1024, ALIGN = 16 };

static _Noreturn void out_of_memory(void)
{
	static const char text[] = "peekpush: out of memory\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	abort();
}

static void add_chunk(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk;

	if (arena->chunks && size < arena->chunks->size)
		size = arena->chunks->size;
	if (size < CHUNK_MIN)
		size = CHUNK_MIN;
	chunk = size < SIZE_MAX / 2 ? malloc(sizeof(*chunk) + size) : NULL;
	if (!chunk)
		out_of_memory();
	chunk->next = arena->chunks;
	chunk->size = size;
	arena->chunks = chunk;
	arena->used = 0;
}

static size_t align_up(size_t size)
{
	if (size > SIZE_MAX / 4)
		out_of_memory();
	return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size = align_up(size ? size : 1);
	if (!arena->chunks || arena->chunks->size - arena->used < size)
		add_chunk(arena, size);

	void *p = arena->chunks->data + arena->used;

	arena->used += size;
	arena->total += size;
	return p;
}

void *arena_zalloc(struct arena *arena, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		out_of_memory();
	return memset(arena_alloc(arena, bytes), 0, bytes);
}

void *arena_resize(struct arena *arena, void *p, size_t old_size, size_t size)
{
	size_t was = align_up(old_size ? old_size : 1), want = align_up(size ? size : 1);

	if (p && arena->chunks && (char *)p + was == arena->chunks->data + arena->used &&
	    arena->used - was + want <= arena->chunks->size) {
		if (arena->peak < arena->total)
			arena->peak = arena->total;
		arena->used = arena->used - was + want;
		arena->total = arena->total - was + want;
		return p;
	}
	void *moved = arena_alloc(arena, size);

	if (p)
		memcpy(moved, p, old_size < size ? old_size : size);
	return moved;
}

char *arena_cstr(struct arena *arena, struct str s)
{
	char *p = arena_alloc(arena, s.n + 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

void *arena_grow(struct arena *arena, void *v, size_t n, size_t size)
{
	if (n & (n - 1))
		return v;
	return arena_resize(arena, v, n * size, (n ? 2 * n : 1) * size);
}

struct str arena_str(struct arena *arena, struct str s)
{
	return (struct str){ arena_cstr(arena, s), s.n };
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0)
		return STR("");

	char *p = arena_alloc(arena, (size_t)n + 1);

	va_start(ap, format);
	(void)vsnprintf(p, (size_t)n + 1, format, ap);
	va_end(ap);
	return (struct str){ p, (size_t)n };
}

struct str arena_concat(struct arena *arena, size_t n, const struct str *pieces)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += pieces[i].n;

	char *p = arena_alloc(arena, size + 1), *to = p;

	for (size_t i = 0; i < n; i++)
		if (pieces[i].n)
			to = mempcpy(to, pieces[i].p, pieces[i].n);
	*to = '\0';
	return (struct str){ p, size };
}

void arena_reset(struct arena *arena)
{
	if (arena->chunks && arena->chunks->next) {
		size_t most = arena->peak > arena->total ? arena->peak : arena->total;

		arena_release(arena);
		add_chunk(arena, most + most / 4);
	}
	arena->used = 0;
	arena->total = 0;
	arena->peak = 0;
}

void arena_release(struct arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *next = arena->chunks->next;

		free(arena->chunks);
		arena->chunks = next;
	}
	*arena = (struct arena){ 0 };
}

struct str arena_utf8(struct arena *arena, struct str s)
{
	static const char replacement[] = "\xef\xbf\xbd";

	if (str_utf8_valid(s))
		return s;

	char *p = arena_alloc(arena, 3 * s.n), *to = p;

	while (s.n) {
		size_t n = str_utf8_char(s);

		memcpy(to, n ? s.p : replacement, n ? n : 3);
		to += n ? n : 3;
		s = str_skip(s, n ? n : 1);
	}
	return str_between(p, to);
}
