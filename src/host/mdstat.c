/* SPDX-License-Identifier: Apache-2.0 */
#include "host/mdstat.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/num.h"

static bool contains(struct str s, struct str wanted)
{
	return s.n >= wanted.n && memmem(s.p, s.n, wanted.p, wanted.n) != NULL;
}

static uint64_t count(struct str s, struct str wanted)
{
	uint64_t n = 0;

	for (; s.n >= wanted.n; s = str_skip(s, 1))
		n += str_starts(s, wanted);
	return n;
}

/* "md6 : active (read-only) raid1 sdb2[2](F) sdc[1](S) sda2[0]" */
static int parse_device(struct str line, struct md_array *ret)
{
	struct str rest = line, colon, state;
	struct md_array array = { 0 };

	if (!str_word(&rest, &array.name) || !str_word(&rest, &colon) || !str_eq(colon, STR(":")) ||
	    !str_word(&rest, &state))
		return -EBADMSG;
	array.state = str_eq(state, STR("active"))     ? MD_ACTIVE
		      : str_eq(state, STR("inactive")) ? MD_INACTIVE
						       : MD_OTHER;
	array.failed = count(rest, STR("(F)"));
	array.spare = count(rest, STR("(S)"));
	/* raid0 and linear print no [n/m]: all of their members are needed. */
	if (array.state != MD_INACTIVE)
		array.active = array.required = count(rest, STR("["));
	*ret = array;
	return 0;
}

/* "10240 blocks super 1.2 level 5, 512k chunk, algorithm 2 [4/3] [UU_U]" */
static int parse_size(struct str line, struct md_array *array)
{
	struct str rest = line, word;
	uint64_t required, active;

	if (!num_take_u64(&rest, &array->blocks))
		return -EBADMSG;
	array->synced = array->blocks;
	array->has_size = true;
	if (array->state == MD_INACTIVE)
		return 0;
	while (str_word(&rest, &word)) {
		if (!str_starts(word, STR("[")) || str_find(word, '/') == word.n)
			continue;
		word = str_skip(word, 1);
		if (!num_take_u64(&word, &required) || !str_starts(word, STR("/")))
			return -EBADMSG;
		word = str_skip(word, 1);
		if (!num_take_u64(&word, &active) || !str_eq(word, STR("]")))
			return -EBADMSG;
		array->required = required;
		array->active = active;
		break;
	}
	return 0;
}

static bool is_waiting(struct str line)
{
	return contains(line, STR("=DELAYED")) || contains(line, STR("=PENDING")) ||
	       contains(line, STR("=REMOTE"));
}

/*
 * "[=>....]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec", or
 * "resync=DELAYED", PENDING, REMOTE: then nothing is done yet, or not by this host.
 */
static int parse_progress(struct str line, struct md_array *array)
{
	static const struct {
		struct str word;
		enum md_state state;
	} actions[] = {
		{ { "recovery", 8 }, MD_RECOVERING },
		{ { "reshape", 7 }, MD_OTHER },
		{ { "check", 5 }, MD_CHECKING },
		{ { "resync", 6 }, MD_RESYNCING },
	};
	struct str rest = line, piece;

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (contains(line, actions[i].word)) {
			array->state = actions[i].state;
			break;
		}
	array->synced = 0;
	if (is_waiting(line))
		return 0;
	if (!str_cut(&rest, '(', &piece) || !num_take_u64(&rest, &array->synced) ||
	    !str_starts(rest, STR("/")))
		return -EBADMSG;
	return 0;
}

static bool is_progress(struct str line)
{
	return (contains(line, STR(" = ")) || is_waiting(line)) && !contains(line, STR("bitmap:"));
}

/* The indented lines of one array. Returns the number of the first that is wrong, or 0. */
static size_t parse_details(struct str *rest, size_t *number, struct md_array *array)
{
	size_t bad = 0;
	struct str line;

	while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t') && str_line(rest, &line)) {
		int r = 0;

		++*number;
		if (!array->has_size && contains(line, STR(" blocks")))
			r = parse_size(line, array);
		else if (is_progress(line))
			r = parse_progress(line, array);
		if (r < 0 && !bad)
			bad = *number;
	}
	return bad;
}

int mdstat_next(struct str *rest, size_t *number, struct md_array *ret, size_t *ret_bad)
{
	struct md_array array;
	struct str line;

	do {
		if (!str_line(rest, &line))
			return 0;
		++*number;
	} while (!str_trim(line).n || str_starts(line, STR("Personalities")) ||
		 str_starts(line, STR("unused devices")));

	size_t bad = parse_device(line, &array) < 0 ? *number : parse_details(rest, number, &array);

	/* An array whose disks are all gone has no size to tell. */
	if (!bad && !array.has_size && array.state != MD_INACTIVE)
		bad = *number;
	if (bad) {
		*ret_bad = bad;
		return -EBADMSG;
	}
	*ret = array;
	return 1;
}
