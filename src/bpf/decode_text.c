/* SPDX-License-Identifier: Apache-2.0 */
/* What has its text in itself: addresses and names of the network. */
#include <arpa/inet.h>

#include "bpf/decode_internal.h"

/*
 * Names as DNS has them on the wire, each part behind its length. What is none is left as it is,
 * as ebpf_exporter does: rather a strange name than a lost row.
 */
struct str decode_dname(struct str bytes, struct arena *arena)
{
	char *copy = arena_alloc(arena, bytes.n), *to = copy;
	struct str rest = bytes;

	while (rest.n && rest.p[0]) {
		size_t n = (unsigned char)rest.p[0];

		if (n >= rest.n)
			return (struct str){ bytes.p, str_find(bytes, '\0') };
		if (to > copy)
			*to++ = '.';
		to = mempcpy(to, rest.p + 1, n);
		rest = str_skip(rest, n + 1);
	}
	return to > copy ? str_between(copy, to) : STR(".");
}

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

struct str decode_inet_ip(struct str bytes, struct arena *arena)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	const unsigned char *p = (const unsigned char *)bytes.p;

	if (bytes.n == 16 && memcmp(p, mapped, sizeof(mapped)) == 0)
		p += sizeof(mapped);
	else if (bytes.n == 16)
		return print_v6(p, arena);
	return arena_printf(arena, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
}
