/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/process/rules_internal.h"

#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/num.h"

enum { NAME_MAX_BYTES = 256 };

int rule_compile(struct str text, struct arena *arena, struct rule_term *term, struct str *ret_why)
{
	int r = regex_compile(text, REGEX_GROUPS, arena, &term->regex, ret_why);

	if (r < 0 || regex_n_groups(term->regex) < RULE_CAPTURES_MAX - 1)
		return r;
	regex_free(term->regex);
	term->regex = NULL;
	*ret_why = STR("more than 14 pairs of parentheses");
	return -EINVAL;
}

bool rule_search(const struct rule_term *term, struct str text, struct rule_captures *captures)
{
	struct regex_groups groups;

	if (!text.p || !regex_find(term->regex, text, &groups))
		return false;
	for (size_t i = 1; i < groups.n && captures->n < RULE_CAPTURES_MAX; i++) {
		captures->names[captures->n] = regex_name(term->regex, i);
		captures->values[captures->n++] = groups.v[i];
	}
	return true;
}

enum part {
	PART_COMM,
	PART_EXE,
	PART_PATH,
	PART_USER,
	PART_PID,
	PART_START,
	PART_CGROUP,
	PART_CGROUPS,
	PART_UNIT,
	PART_CONTAINER,
};

static const struct {
	struct str word;
	enum part part;
} parts[] = {
	{ { "comm", 4 }, PART_COMM },
	{ { "exe", 3 }, PART_EXE },
	{ { "path", 4 }, PART_PATH },
	{ { "user", 4 }, PART_USER },
	{ { "pid", 3 }, PART_PID },
	{ { "start", 5 }, PART_START },
	{ { "cgroup", 6 }, PART_CGROUP },
	{ { "unit", 4 }, PART_UNIT },
	{ { "container", 9 }, PART_CONTAINER },
	/* As process-exporter spells them. */
	{ { ".Comm", 5 }, PART_COMM },
	{ { ".ExeBase", 8 }, PART_EXE },
	{ { ".ExeFull", 8 }, PART_PATH },
	{ { ".Username", 9 }, PART_USER },
	{ { ".PID", 4 }, PART_PID },
	{ { ".StartTime", 10 }, PART_START },
	{ { ".Cgroups", 8 }, PART_CGROUPS },
};

/* Takes text up to the next {WORD} or {{WORD}}; ret_word is empty where none follows. */
static struct str take_plain(struct str *rest, struct str *ret_word)
{
	size_t at = str_find(*rest, '{');
	struct str plain = { rest->p, at }, word;
	bool twice;

	*ret_word = (struct str){ 0 };
	*rest = str_skip(*rest, at + 1);
	if (at == plain.n && !rest->n)
		return plain;
	twice = str_starts(*rest, STR("{"));
	*rest = str_skip(*rest, twice);
	if (!str_cut(rest, '}', &word))
		return plain;
	if (twice && str_starts(*rest, STR("}")))
		*rest = str_skip(*rest, 1);
	*ret_word = str_trim(word);
	return plain;
}

static struct str exe_base(struct str path)
{
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	return slash && slash + 1 < path.p + path.n ? str_between(slash + 1, path.p + path.n)
						    : path;
}

static struct str part_of(enum part part, struct identity *who)
{
	switch (part) {
	case PART_COMM:
		return identity_comm(who->process);
	case PART_EXE:
		return exe_base(identity_argv0(who));
	case PART_PATH:
		return identity_argv0(who);
	case PART_USER:
		return identity_user(who);
	case PART_PID:
		return arena_printf(who->arena, "%u", who->process->pid);
	case PART_START:
		return arena_printf(who->arena, "%llu",
				    (unsigned long long)(who->process->start_ns / 1000000));
	case PART_CGROUP:
		return identity_path(who);
	case PART_CGROUPS:
		return identity_cgroups(who);
	case PART_UNIT:
		return identity_unit(who);
	case PART_CONTAINER:
		return identity_container(who);
	}
	return STR("");
}

/* {1}, {.Matches.name} or {name}; -1 when there is no such capture. */
static int64_t capture_of(struct str word, const struct rule_captures *captures)
{
	uint64_t number;

	if (str_starts(word, STR(".Matches.")))
		word = str_skip(word, 9);
	if (num_u64(word, &number) == 0)
		return number >= 1 && number <= captures->n ? (int64_t)number - 1 : -1;
	for (size_t i = 0; i < captures->n; i++)
		if (word.n && str_eq(word, captures->names[i]))
			return (int64_t)i;
	return -1;
}

static size_t part_index(struct str word)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(parts) && !str_eq(parts[i].word, word))
		i++;
	return i;
}

int rule_check_name(const struct rule *rule, struct arena *arena, struct str *ret_why)
{
	struct rule_captures captures = { 0 };
	struct str rest = rule->name, word;

	for (size_t i = 0; i < rule->n; i++)
		for (size_t k = 1;
		     rule->terms[i].regex && k <= regex_n_groups(rule->terms[i].regex); k++)
			if (captures.n < RULE_CAPTURES_MAX)
				captures.names[captures.n++] = regex_name(rule->terms[i].regex, k);
	while (rest.n) {
		(void)take_plain(&rest, &word);
		if (!word.n || part_index(word) < ARRAY_SIZE(parts) ||
		    capture_of(word, &captures) >= 0)
			continue;
		*ret_why = arena_printf(arena, "name: there is no {%.*s}", STR_ARG(word));
		return -EINVAL;
	}
	return 0;
}

struct str rule_expand(const struct rule *rule, struct identity *who,
		       const struct rule_captures *captures)
{
	_cleanup_buf_ struct buf out = { .max = 64 << 10 };
	struct str rest = rule->name, word, name;

	while (rest.n) {
		struct str plain = take_plain(&rest, &word);
		int64_t capture;

		buf_str(&out, plain);
		if (!word.n)
			continue;
		capture = capture_of(word, captures);
		if (part_index(word) < ARRAY_SIZE(parts))
			buf_str(&out, part_of(parts[part_index(word)].part, who));
		else if (capture >= 0)
			buf_str(&out, captures->values[capture]);
	}
	name = buf_view(&out);
	if (name.n > NAME_MAX_BYTES)
		name.n = NAME_MAX_BYTES;
	return name.n ? arena_str(who->arena, name) : identity_comm(who->process);
}
