/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/process/rules_internal.h"

#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/num.h"

enum { NAME_MAX_BYTES = 256 };

/* Takes "(?P<name>" or "(?<name>" or "(?:" off the front. False when it is none of them. */
static bool take_group(struct str *text, struct str *ret_name)
{
	struct str rest = *text, name;

	if (str_starts(rest, STR("(?:"))) {
		*text = str_skip(rest, 3);
		*ret_name = STR("");
		return true;
	}
	if (str_starts(rest, STR("(?P<")))
		rest = str_skip(rest, 4);
	else if (str_starts(rest, STR("(?<")))
		rest = str_skip(rest, 3);
	else
		return false;
	if (str_find(rest, '>') == rest.n || !str_cut(&rest, '>', &name) || !name.n)
		return false;
	*text = rest;
	*ret_name = name;
	return true;
}

/* One bracket expression, as it is. */
static void copy_bracket(struct str *text, struct buf *out)
{
	size_t at = 1;

	at += at < text->n && text->p[at] == '^';
	at += at < text->n && text->p[at] == ']';
	while (at < text->n && text->p[at] != ']')
		at++;
	at += at < text->n;
	buf_put(out, text->p, at);
	*text = str_skip(*text, at);
}

/* Into POSIX's spelling; ret->names learns what the captures are called. */
static int translate(struct str text, struct buf *out, struct rule_term *term, struct str *ret_why)
{
	while (text.n) {
		struct str name = { 0 };

		if (text.p[0] == '[') {
			copy_bracket(&text, out);
		} else if (text.p[0] == '\\' && text.n > 1) {
			if (text.p[1] == 'd')
				buf_cstr(out, "[0-9]");
			else
				buf_put(out, text.p, 2);
			text = str_skip(text, 2);
		} else if (text.p[0] == '(') {
			if (!take_group(&text, &name))
				text = str_skip(text, 1);
			buf_char(out, '(');
			if (term->n_captures + 1 >= RULE_CAPTURES_MAX) {
				*ret_why = STR("more than 14 pairs of parentheses");
				return -EINVAL;
			}
			term->names[term->n_captures++] = name;
		} else {
			buf_char(out, text.p[0]);
			text = str_skip(text, 1);
		}
	}
	buf_char(out, '\0');
	return out->err;
}

int rule_compile(struct str text, struct arena *arena, struct rule_term *term, struct str *ret_why)
{
	_cleanup_buf_ struct buf out = { .max = OPT_REGEX_MAX };
	char message[200];
	int r;

	if (memchr(text.p, '\0', text.n)) {
		*ret_why = STR("a NUL byte");
		return -EINVAL;
	}
	text = arena_str(arena, text);
	r = translate(text, &out, term, ret_why);
	if (r == -E2BIG)
		*ret_why = arena_printf(arena, "longer than %d bytes", OPT_REGEX_MAX);
	if (r < 0)
		return -EINVAL;
	term->compiled = malloc(sizeof(*term->compiled));
	if (!term->compiled)
		abort();
	r = regcomp(term->compiled, out.p, REG_EXTENDED);
	if (r == 0)
		return 0;
	(void)regerror(r, term->compiled, message, sizeof(message));
	free(term->compiled);
	term->compiled = NULL;
	*ret_why = arena_printf(arena, "not a regular expression: %s", message);
	return -EINVAL;
}

bool rule_search(const struct rule_term *term, struct str text, struct rule_captures *captures)
{
	regmatch_t match[RULE_CAPTURES_MAX];

	if (!text.p || regexec(term->compiled, text.p, RULE_CAPTURES_MAX, match, 0) != 0)
		return false;
	for (size_t i = 0; i < term->n_captures && captures->n < RULE_CAPTURES_MAX; i++) {
		struct str value = { 0 };

		if (match[i + 1].rm_so >= 0)
			value = str_between(text.p + match[i + 1].rm_so,
					    text.p + match[i + 1].rm_eo);
		captures->names[captures->n] = term->names[i];
		captures->values[captures->n++] = value;
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
		for (size_t k = 0; k < rule->terms[i].n_captures; k++)
			if (captures.n < RULE_CAPTURES_MAX)
				captures.names[captures.n++] = rule->terms[i].names[k];
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
