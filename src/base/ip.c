/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ip.h"

#include <arpa/inet.h>

static char *put_hex(char *to, unsigned value)
{
	static const char digits[] = "0123456789abcdef";

	for (int shift = 12; shift >= 0; shift -= 4)
		if (value >> shift || !shift)
			*to++ = digits[value >> shift & 15];
	return to;
}

/* inet_ntop() writes some addresses with a dotted end that RFC 5952 and Go do not. */
static struct str print_v6(const unsigned char *p, struct arena *arena)
{
	char *text = arena_alloc(arena, INET6_ADDRSTRLEN), *to = text;
	unsigned group[8], best = 8, length = 1;

	for (unsigned i = 0; i < 8; i++)
		group[i] = (unsigned)p[2 * i] << 8 | p[2 * i + 1];
	/* The longest run of zeros, if it is longer than one, is left out. */
	for (unsigned i = 0, run; i < 8; i += run ? run : 1) {
		for (run = 0; i + run < 8 && !group[i + run]; run++)
			;
		if (run > length) {
			best = i;
			length = run;
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		if (i == best) {
			*to++ = ':';
			*to++ = ':';
			i += length - 1;
			continue;
		}
		if (i && i != best + length)
			*to++ = ':';
		to = put_hex(to, group[i]);
	}
	return str_between(text, to);
}

struct str ip_text(struct str bytes, struct arena *arena)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	const unsigned char *p = (const unsigned char *)bytes.p;

	if (bytes.n != 4 && bytes.n != 16)
		return (struct str){ 0 };
	if (bytes.n == 16 && memcmp(p, mapped, sizeof(mapped)) == 0)
		p += sizeof(mapped);
	else if (bytes.n == 16)
		return print_v6(p, arena);
	return arena_printf(arena, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
}
