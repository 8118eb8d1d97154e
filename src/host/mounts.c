/* SPDX-License-Identifier: Apache-2.0 */
#include "host/mounts.h"

#include <errno.h>

#include "base/num.h"

static int octal_escape(struct str s)
{
	int byte = 0;

	if (s.n < 4 || s.p[0] != '\\')
		return -EINVAL;
	for (size_t i = 1; i < 4; i++) {
		if (s.p[i] < '0' || s.p[i] > '7')
			return -EINVAL;
		byte = byte * 8 + (s.p[i] - '0');
	}
	return byte > 0 && byte < 256 ? byte : -EINVAL;
}

static struct str unescape(struct arena *arena, struct str s)
{
	if (str_find(s, '\\') == s.n)
		return s;

	char *p = arena_alloc(arena, s.n), *to = p;

	while (s.n) {
		int byte = octal_escape(s);

		*to++ = byte < 0 ? s.p[0] : (char)byte;
		s = str_skip(s, byte < 0 ? 1 : 4);
	}
	return str_between(p, to);
}

static bool has_option(struct str options, struct str wanted)
{
	struct str option;

	while (str_cut(&options, ',', &option))
		if (str_eq(option, wanted))
			return true;
	return false;
}

static int parse_number(struct str *field, char sep, uint32_t *ret)
{
	struct str digits;
	uint64_t value;

	if (!str_cut(field, sep, &digits) || num_u64(digits, &value) < 0 || value > UINT32_MAX)
		return -EBADMSG;
	*ret = (uint32_t)value;
	return 0;
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [OPTIONAL...] - TYPE DEVICE SUPER_OPTIONS */
static int parse_line(struct str line, struct arena *arena, struct mount *ret)
{
	struct str field[6], word, type, device;

	for (size_t i = 0; i < 6; i++)
		if (!str_cut(&line, ' ', &field[i]))
			return -EBADMSG;
	do {
		if (!str_cut(&line, ' ', &word))
			return -EBADMSG;
	} while (!str_eq(word, STR("-")));
	if (!str_cut(&line, ' ', &type) || !str_cut(&line, ' ', &device) || !type.n ||
	    !str_starts(field[4], STR("/")))
		return -EBADMSG;

	struct mount mount = { .read_only = has_option(field[5], STR("ro")) ||
					    has_option(line, STR("ro")) };

	if (parse_number(&field[2], ':', &mount.major) < 0 ||
	    parse_number(&field[2], ':', &mount.minor) < 0 || field[2].n)
		return -EBADMSG;
	mount.device = unescape(arena, device);
	mount.point = unescape(arena, field[4]);
	mount.type = unescape(arena, type);
	*ret = mount;
	return 0;
}

void mounts_parse(struct str text, struct arena *arena, struct mount **ret, size_t *ret_n,
		  size_t *ret_bad)
{
	size_t lines = 0, n = 0, number = 0, bad = 0;
	struct str rest = text, line;

	while (str_line(&rest, &line))
		lines++;

	struct mount *mounts = arena_zalloc(arena, lines ? lines : 1, sizeof(*mounts));

	while (str_line(&text, &line)) {
		number++;
		if (parse_line(line, arena, &mounts[n]) == 0)
			n++;
		else if (!bad)
			bad = number;
	}
	*ret = mounts;
	*ret_n = n;
	*ret_bad = bad;
}
