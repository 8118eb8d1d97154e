/* SPDX-License-Identifier: Apache-2.0 */
/* What has its text in itself: names of the network. */
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
