/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (!prefix.n || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n &&
	       (!suffix.n || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n ? memcmp(a.p, b.p, n) : 0;

	return r ? r : (a.n > b.n) - (a.n < b.n);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct str str_trim(struct str s)
{
	while (s.n && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct str str_skip(struct str s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return (struct str){ n ? s.p + n : s.p, s.n - n };
}

size_t str_find(struct str s, char c)
{
	const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

	return at ? (size_t)(at - s.p) : s.n;
}

bool str_cut(struct str *rest, char sep, struct str *ret_head)
{
	if (!rest->n)
		return false;
	size_t at = str_find(*rest, sep);

	*ret_head = (struct str){ rest->p, at };
	*rest = str_skip(*rest, at + 1);
	return true;
}

bool str_line(struct str *rest, struct str *ret_line)
{
	return str_cut(rest, '\n', ret_line);
}

bool str_word(struct str *rest, struct str *ret_word)
{
	const char *p = rest->p, *end = rest->n ? p + rest->n : p, *begin;

	while (p < end && is_blank(*p))
		p++;
	begin = p;
	while (p < end && !is_blank(*p))
		p++;
	*rest = str_between(p, end);
	if (p == begin)
		return false;
	*ret_word = str_between(begin, p);
	return true;
}

uint64_t str_hash(struct str s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15u;
	return h ^ (h >> 29);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t str_distance(struct str a, struct str b)
{
	size_t rows[3][65], *before = rows[0], *last = rows[1], *row = rows[2];

	if (a.n > 64 || b.n > 64)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *unused = before;

		before = last;
		last = row;
		row = unused;
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			row[j] = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);
			row[j] = least(row[j], least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[b.n];
}

size_t str_utf8_char(struct str s)
{
	if (!s.n)
		return 0;
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 0 || p[0] > 0xf4 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies beyond U+10FFFF (Unicode table 3-7). */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

bool str_utf8_valid(struct str s)
{
	while (s.n) {
		uint64_t eight;
		size_t n;

		/* Nearly all text is ASCII. */
		while (s.n >= sizeof(eight)) {
			memcpy(&eight, s.p, sizeof(eight));
			if (eight & UINT64_C(0x8080808080808080))
				break;
			s = str_skip(s, sizeof(eight));
		}
		if (!s.n)
			break;
		n = str_utf8_char(s);

		if (!n)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

void str_mask(char *text, size_t n)
{
	for (size_t i = 0, size; i < n; i += size) {
		const unsigned char *p = (const unsigned char *)text + i;

		size = str_utf8_char((struct str){ text + i, n - i });
		if (size > 2 || (size == 2 && (p[0] != 0xc2 || p[1] >= 0xa0)) ||
		    (size == 1 && p[0] >= 0x20 && p[0] != 0x7f))
			continue;
		size = size ? size : 1;
		memset(text + i, '?', size);
	}
}
