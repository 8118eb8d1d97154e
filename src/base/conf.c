/* SPDX-License-Identifier: Apache-2.0 */
#include "base/conf_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static size_t count_opts(const struct opt_section *section)
{
	size_t n = 0;

	while (section->opts[n].name)
		n++;
	return n;
}

/* Nothing is written for what nobody has set: there are hundreds of these, and two confs a start.
 */
static struct str origin_of(const struct conf_value *value)
{
	return value->source ? value->origin : STR("built-in");
}

struct conf *conf_new(const struct opt_section *const *sections)
{
	struct conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		abort();
	while (sections[conf->n])
		conf->n++;
	conf->source = 1;
	conf->slots = arena_zalloc(&conf->arena, conf->n, sizeof(*conf->slots));
	for (size_t i = 0; i < conf->n; i++) {
		struct conf_slot *slot = &conf->slots[i];

		slot->section = sections[i];
		slot->n = i && sections[i]->opts == sections[i - 1]->opts ? slot[-1].n
									  : count_opts(sections[i]);
		slot->data = arena_zalloc(&conf->arena, 1, sections[i]->size);
		slot->values = arena_zalloc(&conf->arena, slot->n, sizeof(*slot->values));
		if (!sections[i]->quiet)
			opt_preset(sections[i], slot->data, &conf->arena);
	}
	return conf;
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->n; i++)
		opt_release(conf->slots[i].section, conf->slots[i].data);
	arena_release(&conf->arena);
	free(conf);
}

struct conf_slot *conf_slot_for(const struct conf *conf, const struct opt_section *section)
{
	for (size_t i = 0; i < conf->n; i++)
		if (conf->slots[i].section == section)
			return &conf->slots[i];
	abort();
}

const void *conf_get(const struct conf *conf, const struct opt_section *section)
{
	const struct conf_slot *slot = conf_slot_for(conf, section);

	opt_compile(section, slot->data);
	return slot->data;
}

struct str conf_error(const struct conf *conf)
{
	return conf->error;
}

int conf_fail(struct conf *conf, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n >= (int)sizeof(text))
		memcpy(text + sizeof(text) - 4, "...", 4);
	conf->error = arena_str(&conf->arena, str_of(text));
	return -EINVAL;
}

struct conf_slot *conf_slot_of(const struct conf *conf, struct str path)
{
	for (size_t i = 0; i < conf->n; i++)
		if (str_eq(str_of(conf->slots[i].section->path), path))
			return &conf->slots[i];
	return NULL;
}

const struct opt *conf_opt_of(const struct opt_section *section, struct str name)
{
	for (const struct opt *opt = section->opts; opt->name; opt++)
		if (str_eq(str_of(opt->name), name))
			return opt;
	return NULL;
}

const struct opt *conf_find(const struct conf *conf, struct str path, struct str name,
			    struct conf_slot **ret_slot)
{
	for (size_t i = 0; i < conf->n; i++) {
		const struct opt *opt = NULL;

		if (str_eq(str_of(conf->slots[i].section->path), path))
			opt = conf_opt_of(conf->slots[i].section, name);
		if (!opt)
			continue;
		*ret_slot = &conf->slots[i];
		return opt;
	}
	return NULL;
}

static void consider(struct str wanted, struct str known, size_t *best, struct str *nearest)
{
	size_t d = str_distance(wanted, known);

	if (d < *best) {
		*best = d;
		*nearest = known;
	}
}

/* What a key without its section, or with a wrong one, may mean: the first of that name. */
static struct str same_name(struct conf *conf, struct str key)
{
	while (str_find(key, '.') < key.n)
		key = str_skip(key, str_find(key, '.') + 1);
	for (size_t i = 0; i < conf->n; i++) {
		const struct opt_section *section = conf->slots[i].section;

		if (conf_opt_of(section, key))
			return arena_printf(&conf->arena, "%s.%.*s", section->path, STR_ARG(key));
	}
	return (struct str){ 0 };
}

struct str conf_hint(struct conf *conf, struct str key)
{
	struct str nearest = { 0 };
	size_t best = key.n / 3 + 2;

	for (size_t i = 0; i < conf->n; i++) {
		const struct opt_section *section = conf->slots[i].section;

		consider(key, str_of(section->path), &best, &nearest);
		for (const struct opt *opt = section->opts; opt->name; opt++)
			consider(key, arena_printf(&conf->arena, "%s.%s", section->path, opt->name),
				 &best, &nearest);
	}
	if (!nearest.n)
		nearest = same_name(conf, key);
	if (!nearest.n)
		return STR("");
	return arena_printf(&conf->arena, " (did you mean %.*s?)", STR_ARG(nearest));
}

int conf_put(struct conf *conf, struct conf_slot *slot, const struct opt *opt, struct str text,
	     struct str origin)
{
	struct conf_value *value = &slot->values[opt - slot->section->opts];
	struct str why = { 0 };

	if (opt->type == OPT_GROUPS)
		return conf_parse_groups(conf, slot, opt, text, origin.p);

	int r = opt_parse(opt, slot->data, text, value->source != conf->source, &conf->arena, &why);

	if (r < 0)
		return conf_fail(conf, "%.*s: %s.%s: %.*s", STR_ARG(origin), slot->section->path,
				 opt->name, STR_ARG(why));
	value->source = conf->source;
	value->origin = arena_str(&conf->arena, origin);
	return 0;
}

/* push.labels.site = x: the last part is a key of the map. */
static bool split_key(const struct conf *conf, struct str key, struct conf_slot **ret_slot,
		      const struct opt **ret_opt, struct str *ret_map_key)
{
	for (size_t at = key.n; at-- > 0;) {
		if (key.p[at] != '.')
			continue;

		struct str path = { key.p, at }, name = str_skip(key, at + 1), map_key = { 0 };

		if (!conf_slot_of(conf, path))
			continue;

		size_t dot = str_find(name, '.');
		const struct opt *opt =
			conf_find(conf, path, (struct str){ name.p, dot }, ret_slot);

		if (dot < name.n)
			map_key = str_skip(name, dot + 1);
		if (!opt || (dot < name.n && (opt->type != OPT_MAP || !map_key.n)))
			return false;
		*ret_opt = opt;
		*ret_map_key = map_key;
		return true;
	}
	return false;
}

struct str conf_origin_of(const struct conf *conf, struct str key)
{
	struct conf_slot *slot;
	const struct opt *opt;
	struct str map_key;

	if (!split_key(conf, key, &slot, &opt, &map_key))
		return (struct str){ 0 };
	return origin_of(&slot->values[opt - slot->section->opts]);
}

int conf_set(struct conf *conf, struct str key, struct str text, const char *origin)
{
	struct conf_slot *slot;
	const struct opt *opt;
	struct str map_key;

	if (!split_key(conf, key, &slot, &opt, &map_key)) {
		struct str hint = conf_hint(conf, key);

		return conf_fail(conf, "%s: unknown option %.*s%.*s", origin, STR_ARG(key),
				 STR_ARG(hint));
	}
	if (map_key.n)
		text = arena_printf(&conf->arena, "%.*s=%.*s", (int)map_key.n, map_key.p,
				    (int)text.n, text.p);
	return conf_put(conf, slot, opt, text, str_of(origin));
}

int conf_load_environment(struct conf *conf)
{
	int r = 0;

	conf->source++;
	for (size_t i = 0; i < conf->n; i++) {
		struct conf_slot *slot = &conf->slots[i];

		for (const struct opt *opt = slot->section->opts; opt->name; opt++) {
			const char *text = opt->env ? getenv(opt->env) : NULL;
			struct str rest = str_of(text), item;

			if (!rest.n)
				continue;
			if (opt->type != OPT_MAP)
				r = conf_put(conf, slot, opt, rest, str_of(opt->env));
			while (opt->type == OPT_MAP && r == 0 && str_cut(&rest, ',', &item))
				r = conf_put(conf, slot, opt, str_trim(item), str_of(opt->env));
			if (r < 0)
				return r;
		}
	}
	return 0;
}

struct str conf_origin(const struct conf *conf, const struct opt_section *section,
		       const void *value)
{
	for (size_t i = 0; i < conf->n; i++) {
		const struct conf_slot *slot = &conf->slots[i];

		if (slot->section != section)
			continue;
		for (size_t k = 0; k < slot->n; k++)
			if ((const char *)slot->data + section->opts[k].offset == value)
				return origin_of(&slot->values[k]);
	}
	return STR("built-in");
}

void conf_each(const struct conf *conf,
	       void (*each)(void *arg, const struct opt_section *section, const struct opt *opt,
			    struct str value, struct str origin),
	       void *arg)
{
	struct arena arena = { 0 };

	for (size_t i = 0; i < conf->n; i++) {
		const struct conf_slot *slot = &conf->slots[i];

		for (size_t k = 0; k < slot->n; k++) {
			const struct opt *opt = &slot->section->opts[k];

			if (slot->section->quiet && !slot->values[k].source)
				continue;
			each(arg, slot->section, opt, opt_print(opt, slot->data, &arena),
			     origin_of(&slot->values[k]));
		}
	}
	arena_release(&arena);
}
