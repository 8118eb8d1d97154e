/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed slices of text: never owned, not NUL-ended, passed by value. Parsers walk a file
 * by taking pieces off the front of a `rest` slice; nothing is copied and nothing can run
 * past the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

/* A slice of a string literal. */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })

/* printf's "%.*s" arguments for a slice; for messages, never for metrics. */
#define STR_ARG(s) (int)((s).n > 4096 ? 4096 : (s).n), (s).p

static inline struct str str_of(const char *text)
{
	return (struct str){ text, text ? strlen(text) : 0 };
}

static inline struct str str_between(const char *begin, const char *end)
{
	return (struct str){ begin, (size_t)(end - begin) };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Compares bytes as strcmp() does: <0, 0 or >0. */
int str_cmp(struct str a, struct str b);

/* Removes blanks, tabs and line ends from both ends. */
struct str str_trim(struct str s);

/* The slice without its first `n` bytes (empty when it is shorter). */
struct str str_skip(struct str s, size_t n);

/* Finds the first `c`; returns its index or s.n. */
size_t str_find(struct str s, char c);

/*
 * Takes the text up to `sep` off the front of `rest`, and the separator with it. The last
 * piece needs no separator. False when `rest` is empty; ret_head is then left alone.
 */
bool str_cut(struct str *rest, char sep, struct str *ret_head);

/* str_cut() at line ends. */
bool str_line(struct str *rest, struct str *ret_line);

/* Takes the next run of non-blank characters (blank: space, tab, CR, LF) off the front. */
bool str_word(struct str *rest, struct str *ret_word);

/* FNV-1a with a final mix; stable between runs and machines (it is stored in state files). */
uint64_t str_hash(struct str s);

/*
 * How many slips of the finger lie between two words: one byte too many, too few or wrong, or two
 * swapped. For "did you mean"; slices over 64 bytes count as infinitely far.
 */
size_t str_distance(struct str a, struct str b);

/* Length of the valid UTF-8 character at the front (1-4), 0 when the bytes are not one. */
size_t str_utf8_char(struct str s);
bool str_utf8_valid(struct str s);

/*
 * Makes text fit for a terminal, in place: a hostile name must not paint it or forge a second
 * line, neither by ASCII's control characters nor by those of U+0080 to U+009F, nor by the same
 * as bare bytes. Each byte of such a thing becomes '?'.
 */
void str_mask(char *text, size_t n);
