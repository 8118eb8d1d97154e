/* SPDX-License-Identifier: Apache-2.0 */
#include "base/opt.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/num.h"

static int wrong(struct arena *arena, struct str text, const char *expected, struct str *ret_why)
{
	struct str shown = text.n > 60 ? (struct str){ text.p, 60 } : text;

	*ret_why = arena_printf(arena, "\"%.*s\"%s is not %s", STR_ARG(shown),
				text.n > 60 ? "..." : "", expected);
	return -EINVAL;
}

static int parse_bool(struct str text, bool *ret)
{
	static const char *const words[2][4] = { { "false", "no", "off", "0" },
						 { "true", "yes", "on", "1" } };

	for (int value = 0; value < 2; value++)
		for (int i = 0; i < 4; i++)
			if (str_eq(text, str_of(words[value][i]))) {
				*ret = value;
				return 0;
			}
	return -EINVAL;
}

static int parse_int(const struct opt *opt, struct str text, int64_t *to, struct arena *arena,
		     struct str *ret_why)
{
	int64_t value;

	if (num_i64(text, &value) < 0)
		return wrong(arena, text, "a whole number", ret_why);
	if ((opt->min || opt->max) && (value < opt->min || value > opt->max)) {
		*ret_why = arena_printf(arena, "%lld is not between %lld and %lld",
					(long long)value, (long long)opt->min, (long long)opt->max);
		return -EINVAL;
	}
	*to = value;
	return 0;
}

static int parse_number(const struct opt *opt, struct str text, double *to, struct arena *arena,
			struct str *ret_why)
{
	double value;

	/* NaN is not >= 0 either. */
	if (num_f64(text, &value) < 0 || !(value >= 0) || isinf(value))
		return wrong(arena, text, "a number from 0 on, such as 0.35", ret_why);
	if (opt->max && value > (double)opt->max) {
		*ret_why = arena_printf(arena, "%.*s is more than %lld", STR_ARG(text),
					(long long)opt->max);
		return -EINVAL;
	}
	*to = value + 0.0; /* -0 becomes 0 */
	return 0;
}

static struct str print_number(double value, struct arena *arena)
{
	char *text = arena_alloc(arena, NUM_TEXT_MAX);

	return (struct str){ text, num_print_f64(text, value) };
}

static struct str print_duration(int64_t ns, struct arena *arena)
{
	static const struct {
		int64_t ns;
		const char *unit;
	} units[] = {
		{ 86400 * INT64_C(1000000000), "d" },
		{ 3600 * INT64_C(1000000000), "h" },
		{ 60 * INT64_C(1000000000), "m" },
		{ INT64_C(1000000000), "s" },
		{ 1000000, "ms" },
		{ 1000, "us" },
	};

	for (size_t i = 0; ns && i < sizeof(units) / sizeof(units[0]); i++)
		if (ns % units[i].ns == 0)
			return arena_printf(arena, "%lld%s", (long long)(ns / units[i].ns),
					    units[i].unit);
	return ns ? arena_printf(arena, "%lldns", (long long)ns) : STR("0");
}

static int parse_duration(const struct opt *opt, struct str text, int64_t *to, struct arena *arena,
			  struct str *ret_why)
{
	int64_t value;

	if (opt->choices && str_eq(text, str_of(opt->choices))) {
		*to = -1;
		return 0;
	}
	if (num_duration(text, &value) < 0) {
		if (num_duration(arena_printf(arena, "%.*ss", STR_ARG(text)), &value) == 0) {
			*ret_why = arena_printf(arena, "%.*s has no unit (did you mean %.*ss?)",
						STR_ARG(text), STR_ARG(text));
			return -EINVAL;
		}
		return wrong(arena, text,
			     opt->choices ? arena_printf(arena, "%s or a time span such as 15s",
							 opt->choices)
						    .p
					  : "a time span such as 15s or 2m",
			     ret_why);
	}
	if ((opt->min || opt->max) && (value < opt->min || value > opt->max)) {
		struct str min = print_duration(opt->min, arena);
		struct str max = print_duration(opt->max, arena);

		*ret_why = arena_printf(arena, "%.*s is not between %.*s and %.*s", STR_ARG(text),
					STR_ARG(min), STR_ARG(max));
		return -EINVAL;
	}
	*to = value;
	return 0;
}

static int parse_choice(const struct opt *opt, struct str text, int *to, struct arena *arena,
			struct str *ret_why)
{
	struct str rest = str_of(opt->choices), choice;

	for (int i = 0; str_cut(&rest, '|', &choice); i++)
		if (str_eq(choice, text)) {
			*to = i;
			return 0;
		}
	*ret_why = arena_printf(arena, "one of %s", opt->choices);
	return wrong(arena, text, ret_why->p, ret_why);
}

static int too_many(struct arena *arena, struct str *ret_why)
{
	*ret_why = arena_printf(arena, "more than %d items", OPT_ITEMS_MAX);
	return -EINVAL;
}

static int map_add(struct opt_map *map, struct str key, struct str value, struct arena *arena,
		   struct str *ret_why)
{
	for (size_t i = 0; i < map->n; i++)
		if (str_eq(map->v[i].key, key)) {
			map->v[i].value = arena_str(arena, value);
			return 0;
		}
	if (map->n == OPT_ITEMS_MAX)
		return too_many(arena, ret_why);
	map->v = arena_grow(arena, map->v, map->n, sizeof(*map->v));
	map->v[map->n].key = arena_str(arena, key);
	map->v[map->n++].value = arena_str(arena, value);
	return 0;
}

static int check(const struct opt *opt, struct str text, struct arena *arena, struct str *ret_why)
{
	return opt->check ? opt->check(text, arena, ret_why) : 0;
}

static int list_add(const struct opt *opt, struct opt_list *to, struct str item,
		    struct arena *arena, struct str *ret_why)
{
	if (to->n == OPT_ITEMS_MAX)
		return too_many(arena, ret_why);
	if (check(opt, item, arena, ret_why) < 0)
		return -EINVAL;
	to->v = arena_grow(arena, to->v, to->n, sizeof(*to->v));
	to->v[to->n++] = arena_str(arena, item);
	return 0;
}

static int parse_list(const struct opt *opt, struct str text, bool fresh, struct opt_list *to,
		      struct arena *arena, struct str *ret_why)
{
	struct str item;

	if (fresh)
		*to = (struct opt_list){ 0 };
	while (str_cut(&text, ',', &item)) {
		item = str_trim(item);
		if (item.n && list_add(opt, to, item, arena, ret_why) < 0)
			return -EINVAL;
	}
	return 0;
}

static int map_put(const struct opt *opt, struct opt_map *to, struct str key, struct str value,
		   struct arena *arena, struct str *ret_why)
{
	if (check(opt, value, arena, ret_why) < 0) {
		*ret_why = ARENA_CONCAT(arena, key, STR(": "), *ret_why);
		return -EINVAL;
	}
	return map_add(to, key, value, arena, ret_why);
}

static int parse_map(const struct opt *opt, struct str text, bool fresh, struct opt_map *to,
		     struct arena *arena, struct str *ret_why)
{
	struct str key, value = text;

	if (fresh)
		*to = (struct opt_map){ 0 };
	if (!text.n)
		return 0;
	if (str_find(text, '=') == text.n)
		return wrong(arena, text, "of the form KEY=VALUE", ret_why);
	(void)str_cut(&value, '=', &key);
	if (!key.n)
		return wrong(arena, text, "of the form KEY=VALUE", ret_why);
	return map_put(opt, to, key, value, arena, ret_why);
}

int opt_add(const struct opt *opt, void *section_data, struct str key, struct str item,
	    struct arena *arena, struct str *ret_why)
{
	void *to = (char *)section_data + opt->offset;

	return opt->type == OPT_MAP ? map_put(opt, to, key, item, arena, ret_why)
				    : list_add(opt, to, item, arena, ret_why);
}

static int parse_regex(const struct opt *opt, struct str text, struct opt_regex *to,
		       struct arena *arena, struct str *ret_why)
{
	struct str bare = arena_str(arena, text);
	int flags = REGEX_WHOLE | (opt->groups ? REGEX_GROUPS : 0);
	struct regex *compiled = NULL;

	if (bare.n && regex_compile(bare, flags, arena, &compiled, ret_why) < 0)
		return -EINVAL;
	regex_free(to->compiled);
	*to = (struct opt_regex){ bare, compiled };
	return 0;
}

int opt_parse(const struct opt *opt, void *section_data, struct str text, bool fresh,
	      struct arena *arena, struct str *ret_why)
{
	void *to = (char *)section_data + opt->offset;

	switch (opt->type) {
	case OPT_STRING:
		if (text.n && memchr(text.p, '\0', text.n))
			return wrong(arena, text, "text without NUL bytes", ret_why);
		if (check(opt, text, arena, ret_why) < 0)
			return -EINVAL;
		*(struct str *)to = arena_str(arena, text);
		return 0;
	case OPT_BOOL:
		if (parse_bool(text, to) < 0)
			return wrong(arena, text, "true or false", ret_why);
		return 0;
	case OPT_INT:
		return parse_int(opt, text, to, arena, ret_why);
	case OPT_NUMBER:
		return parse_number(opt, text, to, arena, ret_why);
	case OPT_SIZE:
		if (num_size(text, to) < 0)
			return wrong(arena, text, "a size such as 64k or 16M", ret_why);
		return 0;
	case OPT_DURATION:
		return parse_duration(opt, text, to, arena, ret_why);
	case OPT_CHOICE:
		return parse_choice(opt, text, to, arena, ret_why);
	case OPT_LIST:
		return parse_list(opt, text, fresh, to, arena, ret_why);
	case OPT_MAP:
		return parse_map(opt, text, fresh, to, arena, ret_why);
	case OPT_REGEX:
		return parse_regex(opt, text, to, arena, ret_why);
	case OPT_GROUPS: /* only conf_file.c can read any */
		*(struct opt_groups *)to = (struct opt_groups){ 0 };
		return text.n ? wrong(arena, text, "empty", ret_why) : 0;
	}
	return -EINVAL;
}

/*
 * A default that does not parse is our own mistake, found by the first test that runs.
 * Expressions are compiled when somebody asks for their section: it takes longer than all the
 * rest of a start, and `run` needs none.
 */
void opt_preset(const struct opt_section *section, void *section_data, struct arena *arena)
{
	for (const struct opt *opt = section->opts; opt->name; opt++) {
		struct opt_regex *regex = (void *)((char *)section_data + opt->offset);
		struct str why;

		if (opt->preset && opt->type == OPT_REGEX)
			*regex = (struct opt_regex){ str_of(opt->preset), NULL };
		else if (opt->preset &&
			 opt_parse(opt, section_data, str_of(opt->preset), true, arena, &why) < 0)
			abort();
	}
}

static char *put(char *to, struct str s, char after)
{
	if (s.n)
		memcpy(to, s.p, s.n);
	to[s.n] = after;
	return to + s.n + 1;
}

static struct str print_list(const struct opt_list *list, struct arena *arena)
{
	size_t size = 1;

	for (size_t i = 0; i < list->n; i++)
		size += list->v[i].n + 1;

	char *p = arena_alloc(arena, size), *to = p;

	for (size_t i = 0; i < list->n; i++)
		to = put(to, list->v[i], i + 1 < list->n ? ',' : '\0');
	*to = '\0';
	return str_between(p, list->n ? to - 1 : to);
}

static struct str print_map(const struct opt_map *map, struct arena *arena)
{
	size_t size = 1;

	for (size_t i = 0; i < map->n; i++)
		size += map->v[i].key.n + map->v[i].value.n + 2;

	char *p = arena_alloc(arena, size), *to = p;

	for (size_t i = 0; i < map->n; i++) {
		to = put(to, map->v[i].key, '=');
		to = put(to, map->v[i].value, i + 1 < map->n ? ',' : '\0');
	}
	*to = '\0';
	return str_between(p, map->n ? to - 1 : to);
}

static struct str print_choice(const struct opt *opt, int value)
{
	struct str rest = str_of(opt->choices), choice = { 0 };

	for (int i = 0; i <= value && str_cut(&rest, '|', &choice); i++)
		;
	return choice;
}

struct str opt_print(const struct opt *opt, const void *section_data, struct arena *arena)
{
	const void *from = (const char *)section_data + opt->offset;

	switch (opt->type) {
	case OPT_STRING:
		return *(const struct str *)from;
	case OPT_BOOL:
		return *(const bool *)from ? STR("true") : STR("false");
	case OPT_INT:
		return arena_printf(arena, "%lld", (long long)*(const int64_t *)from);
	case OPT_NUMBER:
		return print_number(*(const double *)from, arena);
	case OPT_SIZE:
		return arena_printf(arena, "%llu", (unsigned long long)*(const uint64_t *)from);
	case OPT_DURATION:
		return opt->choices && *(const int64_t *)from < 0
			       ? str_of(opt->choices)
			       : print_duration(*(const int64_t *)from, arena);
	case OPT_CHOICE:
		return print_choice(opt, *(const int *)from);
	case OPT_LIST:
		return print_list(from, arena);
	case OPT_MAP:
		return print_map(from, arena);
	case OPT_REGEX:
		return ((const struct opt_regex *)from)->text;
	case OPT_GROUPS:
		return ((const struct opt_groups *)from)->text;
	}
	return STR("");
}

struct str opt_map_get(const struct opt_map *map, struct str key)
{
	for (size_t i = 0; i < map->n; i++)
		if (str_eq(map->v[i].key, key))
			return map->v[i].value;
	return (struct str){ 0 };
}

void opt_compile(const struct opt_section *section, void *section_data)
{
	struct arena arena = { 0 };

	for (const struct opt *opt = section->opts; opt->name; opt++) {
		struct opt_regex *regex = (void *)((char *)section_data + opt->offset);
		const struct opt_groups *groups = (void *)regex;
		struct str text, why;

		for (size_t i = 0; opt->type == OPT_GROUPS && i < groups->n; i++)
			opt_compile(opt->group, (char *)groups->v + i * opt->group->size);
		if (opt->type != OPT_REGEX || regex->compiled || !regex->text.n)
			continue;
		text = regex->text;
		if (parse_regex(opt, text, regex, &arena, &why) < 0)
			abort();
		regex->text = text;
	}
	arena_release(&arena);
}

void opt_each_regex(const struct opt_section *section, const void *section_data, regex_fn *fn,
		    void *arg)
{
	for (const struct opt *opt = section->opts; opt->name; opt++) {
		const void *at = (const char *)section_data + opt->offset;
		const struct opt_regex *regex = at;
		const struct opt_groups *groups = at;

		for (size_t i = 0; opt->type == OPT_GROUPS && i < groups->n; i++)
			opt_each_regex(opt->group, (const char *)groups->v + i * opt->group->size,
				       fn, arg);
		if (opt->type == OPT_REGEX && regex->compiled)
			fn(regex->compiled, arg);
	}
}

void opt_release(const struct opt_section *section, void *section_data)
{
	for (const struct opt *opt = section->opts; opt->name; opt++) {
		struct opt_regex *regex = (void *)((char *)section_data + opt->offset);
		const struct opt_groups *groups = (void *)regex;

		for (size_t i = 0; opt->type == OPT_GROUPS && i < groups->n; i++)
			opt_release(opt->group, (char *)groups->v + i * opt->group->size);
		if (opt->type != OPT_REGEX || !regex->compiled)
			continue;
		regex_free(regex->compiled);
		regex->compiled = NULL;
	}
}
