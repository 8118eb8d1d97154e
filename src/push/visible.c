/* SPDX-License-Identifier: Apache-2.0 */
#include "push/visible.h"

/* C1 controls, line and paragraph separators, and what reorders the line around it. */
static bool harmful(struct str c)
{
	const unsigned char *p = (const unsigned char *)c.p;

	if (c.n == 1)
		return p[0] < 0x20 || p[0] == 0x7f;
	if (c.n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	if (c.n == 3 && p[0] == 0xe2 && p[1] == 0x80)
		return (p[2] >= 0x8e && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae);
	return c.n == 3 && p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
}

static size_t spell(char *to, struct str c)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	if (c.n == 1 && c.p[0] == '\n') {
		memcpy(to, "\\n", 2);
		return 2;
	}
	if (c.n == 1 && c.p[0] == '\t') {
		memcpy(to, "\\t", 2);
		return 2;
	}
	for (size_t i = 0; i < c.n; i++) {
		unsigned char byte = (unsigned char)c.p[i];

		to[n++] = '\\';
		to[n++] = 'x';
		to[n++] = hex[byte >> 4];
		to[n++] = hex[byte & 15];
	}
	return n;
}

struct str visible(struct arena *arena, struct str text, size_t max)
{
	enum { WORST = 16, DOTS = 3 };
	size_t room = (text.n < max ? text.n * 4 : max) + WORST, n = 0, fits = 0;
	char *p = arena_alloc(arena, room + DOTS + 1);

	while (text.n && n <= max) {
		size_t length = str_utf8_char(text);
		struct str c = { text.p, length ? length : 1 };

		if (n + DOTS <= max)
			fits = n;
		if (length == 0 || harmful(c)) {
			n += spell(p + n, c);
		} else {
			memcpy(p + n, c.p, c.n);
			n += c.n;
		}
		text = str_skip(text, c.n);
	}
	if (n > max) {
		memcpy(p + fits, "...", DOTS);
		n = fits + DOTS;
	}
	p[n] = '\0';
	return (struct str){ p, n };
}
