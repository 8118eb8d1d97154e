/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/process/rules.h"

#include <errno.h>
#include <fnmatch.h>

#include "base/cleanup.h"
#include "collect/process/rules_internal.h"

enum { VALUES_MAX = 256 };

static const struct {
	struct str key;
	enum rule_field field;
	bool files; /* of a living process only */
	bool regex;
} fields[] = {
	{ { "comm", 4 }, RULE_COMM, false, false },
	{ { "exe", 3 }, RULE_EXE, true, false },
	{ { "user", 4 }, RULE_USER, false, false },
	{ { "unit", 4 }, RULE_UNIT, true, false },
	{ { "container", 9 }, RULE_CONTAINER, true, false },
	{ { "cgroup", 6 }, RULE_CGROUP, true, true },
	{ { "cmdline", 7 }, RULE_CMDLINE, true, true },
	{ { "name", 4 }, RULE_NAME, false, false },
};

/* The next KEY=VALUE or KEY='VALUE'. 1, 0 at the end, or -EINVAL. */
static int take_word(struct str *rest, struct arena *arena, struct str *ret_key,
		     struct str *ret_value, struct str *ret_why)
{
	struct str text = str_trim(*rest);
	size_t eq = str_find(text, '='), end = 0;

	if (!text.n)
		return 0;
	while (end < text.n && text.p[end] != ' ' && text.p[end] != '\t')
		end++;
	if (eq >= end || eq == 0) {
		*ret_why = arena_printf(arena, "\"%.*s\" is not of the form KEY=VALUE", (int)end,
					text.p);
		return -EINVAL;
	}
	*ret_key = (struct str){ text.p, eq };
	text = str_skip(text, eq + 1);
	if (text.n && text.p[0] == '\'') {
		text = str_skip(text, 1);
		end = str_find(text, '\'');
		if (end == text.n ||
		    (end + 1 < text.n && text.p[end + 1] != ' ' && text.p[end + 1] != '\t')) {
			*ret_why = arena_printf(arena, "%.*s: a ' without its match",
						STR_ARG(*ret_key));
			return -EINVAL;
		}
		*rest = str_skip(text, end + 1);
	} else {
		end = 0;
		while (end < text.n && text.p[end] != ' ' && text.p[end] != '\t')
			end++;
		*rest = str_skip(text, end);
	}
	*ret_value = (struct str){ text.p, end };
	if (end)
		return 1;
	*ret_why = arena_printf(arena, "%.*s: nothing behind the =", STR_ARG(*ret_key));
	return -EINVAL;
}

static int unknown_key(struct str key, struct arena *arena, struct str *ret_why)
{
	const char *nearest = "cmdline";
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (str_distance(key, fields[i].key) < best) {
			best = str_distance(key, fields[i].key);
			nearest = fields[i].key.p;
		}
	*ret_why = arena_printf(arena, "unknown condition %.*s (did you mean %s?)", STR_ARG(key),
				nearest);
	return -EINVAL;
}

static void split_values(struct str text, struct arena *arena, struct rule_term *term)
{
	struct str value;

	while (str_cut(&text, ',', &value)) {
		value = str_trim(value);
		if (!value.n || term->n == VALUES_MAX)
			continue;
		term->values = arena_grow(arena, term->values, term->n, sizeof(*term->values));
		term->values[term->n++] = arena_str(arena, value);
	}
}

static int add_term(struct rule *rule, size_t field, struct str value, struct arena *arena,
		    struct str *ret_why)
{
	struct rule_term term = { .field = fields[field].field };

	if (fields[field].regex) {
		int r = rule_compile(value, arena, &term, ret_why);

		if (r < 0) {
			*ret_why = ARENA_CONCAT(arena, fields[field].key, STR(": "), *ret_why);
			return r;
		}
	} else {
		split_values(value, arena, &term);
	}
	rule->wants_files |= fields[field].files;
	rule->terms = arena_grow(arena, rule->terms, rule->n, sizeof(*rule->terms));
	rule->terms[rule->n++] = term;
	return 0;
}

static void release_rule(struct rule *rule)
{
	for (size_t i = 0; i < rule->n; i++)
		regex_free(rule->terms[i].regex);
	*rule = (struct rule){ 0 };
}

static int parse_rule(struct str key, struct str text, struct arena *arena, struct rule *ret,
		      struct str *ret_why)
{
	struct rule rule = { .name = key };
	struct str word, value;
	int r;

	while ((r = take_word(&text, arena, &word, &value, ret_why)) > 0) {
		size_t i = 0;

		while (i < ARRAY_SIZE(fields) && !str_eq(fields[i].key, word))
			i++;
		if (i == ARRAY_SIZE(fields))
			r = unknown_key(word, arena, ret_why);
		else if (fields[i].field == RULE_NAME)
			rule.name = arena_str(arena, value);
		else
			r = add_term(&rule, i, value, arena, ret_why);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = rule_check_name(&rule, arena, ret_why);
	if (r < 0)
		release_rule(&rule);
	else
		*ret = rule;
	return r;
}

int rules_check(struct str text, struct arena *arena, struct str *ret_why)
{
	struct rule rule;
	int r = parse_rule(STR("x"), text, arena, &rule, ret_why);

	if (r == 0)
		release_rule(&rule);
	return r;
}

void rules_init(struct rules *rules, const struct opt_map *map, struct arena *arena)
{
	struct str why;

	*rules = (struct rules){ .hash = str_hash(STR("")) };
	rules->v = arena_zalloc(arena, map->n + 1, sizeof(*rules->v));
	for (size_t i = 0; i < map->n; i++) {
		rules->hash = (rules->hash * 31) ^ str_hash(map->v[i].key);
		rules->hash = (rules->hash * 31) ^ str_hash(map->v[i].value);
		if (parse_rule(map->v[i].key, map->v[i].value, arena, &rules->v[rules->n], &why) ==
		    0)
			rules->n++;
	}
	if (!map->n)
		rules->v[rules->n++] = (struct rule){ .name = STR("{comm}") };
}

void rules_release(struct rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		release_rule(&rules->v[i]);
	*rules = (struct rules){ 0 };
}

void rules_each_regex(const struct rules *rules, regex_fn *fn, void *arg)
{
	for (size_t i = 0; i < rules->n; i++)
		for (size_t k = 0; k < rules->v[i].n; k++)
			if (rules->v[i].terms[k].regex)
				fn(rules->v[i].terms[k].regex, arg);
}

static bool any_matches(const struct rule_term *term, struct str text, struct arena *arena)
{
	const char *z = arena_cstr(arena, text);

	for (size_t i = 0; i < term->n; i++)
		if (fnmatch(term->values[i].p, z, 0) == 0)
			return true;
	return false;
}

/* A pattern without a slash is for the last part of the path. */
static bool exe_matches(const struct rule_term *term, struct str exe, struct arena *arena)
{
	const char *z = arena_cstr(arena, exe), *base = strrchr(z, '/');

	for (size_t i = 0; i < term->n; i++) {
		bool whole = str_find(term->values[i], '/') < term->values[i].n;

		if (fnmatch(term->values[i].p, whole || !base ? z : base + 1, 0) == 0)
			return true;
	}
	return false;
}

static bool user_matches(const struct rule_term *term, struct identity *who)
{
	return any_matches(term, identity_user(who), who->arena) ||
	       any_matches(term, arena_printf(who->arena, "%u", who->process->uid), who->arena);
}

static bool term_holds(const struct rule_term *term, struct identity *who,
		       struct rule_captures *captures)
{
	switch (term->field) {
	case RULE_COMM:
		return any_matches(term, identity_comm(who->process), who->arena);
	case RULE_EXE:
		return exe_matches(term, identity_argv0(who), who->arena);
	case RULE_USER:
		return user_matches(term, who);
	case RULE_UNIT:
		return any_matches(term, identity_unit(who), who->arena);
	case RULE_CONTAINER:
		return any_matches(term, identity_container(who), who->arena);
	case RULE_CGROUP:
		return rule_search(term, identity_path(who), captures);
	case RULE_CMDLINE:
		return rule_search(term, identity_cmdline(who), captures);
	case RULE_NAME:
		break;
	}
	return false;
}

bool rules_match(const struct rules *rules, struct identity *who, struct str *ret_name)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule *rule = &rules->v[i];
		struct rule_captures captures = { 0 };
		size_t at = 0;

		if (who->dead && rule->wants_files)
			continue;
		while (at < rule->n && term_holds(&rule->terms[at], who, &captures))
			at++;
		if (at < rule->n)
			continue;
		*ret_name = rule_expand(rule, who, &captures);
		return true;
	}
	return false;
}
