/* SPDX-License-Identifier: Apache-2.0 */
/* One setting of a libconfig file, as the value of an option: scalars, lists, maps, groups. */
#include <libconfig.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/conf_internal.h"
#include "base/num.h"

struct str conf_where(struct conf *conf, const config_setting_t *s, const char *name)
{
	const char *file = config_setting_source_file(s);

	return arena_printf(&conf->arena, "%s:%u", file ? file : name,
			    config_setting_source_line(s));
}

/* A scalar setting in the text form that opt_parse() takes. */
static bool scalar_text(struct conf *conf, const config_setting_t *s, struct str *ret)
{
	char *text;

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		*ret = str_of(config_setting_get_string(s));
		return true;
	case CONFIG_TYPE_BOOL:
		*ret = config_setting_get_bool(s) ? STR("true") : STR("false");
		return true;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		*ret = arena_printf(&conf->arena, "%lld", config_setting_get_int64(s));
		return true;
	case CONFIG_TYPE_FLOAT:
		ret->p = text = arena_alloc(&conf->arena, NUM_TEXT_MAX);
		ret->n = num_print_f64(text, config_setting_get_float(s));
		return true;
	default:
		return false;
	}
}

static bool type_fits(const struct opt *opt, int type)
{
	switch (opt->type) {
	case OPT_BOOL:
		return type == CONFIG_TYPE_BOOL;
	case OPT_INT:
		return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
	case OPT_NUMBER:
		return type != CONFIG_TYPE_BOOL && type != CONFIG_TYPE_STRING;
	case OPT_SIZE:
	case OPT_DURATION:
		return type != CONFIG_TYPE_BOOL;
	default:
		return type == CONFIG_TYPE_STRING;
	}
}

static const char *wanted(const struct opt *opt)
{
	switch (opt->type) {
	case OPT_BOOL:
		return "true or false, without quotes";
	case OPT_INT:
		return "a whole number, without quotes";
	case OPT_NUMBER:
		return "a number, without quotes";
	case OPT_SIZE:
		return "a size such as \"64k\"";
	case OPT_DURATION:
		return "a time span such as \"15s\"";
	case OPT_LIST:
		return "a list such as (\"a\", \"b\")";
	case OPT_MAP:
		return "a group such as { key = \"value\"; }";
	case OPT_GROUPS:
		return "a list of groups such as ({ name = \"a\"; }, { name = \"b\"; })";
	default:
		return "text in quotes";
	}
}

/*
 * Where values go: a section (then `slot` says so, and knows where they came from), or one of a
 * list of groups.
 */
struct into {
	struct conf *conf;
	struct conf_slot *slot;
	const struct opt_section *section;
	void *data;
	const char *file;
};

static int put(const struct into *into, const struct opt *opt, struct str text, struct str origin)
{
	struct str why = { 0 };

	if (into->slot)
		return conf_put(into->conf, into->slot, opt, text, origin);
	if (opt_parse(opt, into->data, text, true, &into->conf->arena, &why) == 0)
		return 0;
	return conf_fail(into->conf, "%.*s: %s.%s: %.*s", STR_ARG(origin), into->section->path,
			 opt->name, STR_ARG(why));
}

/* An item of a list or map in a group keeps its commas: nobody prints these by themselves. */
static int put_item(const struct into *into, const struct opt *opt, const config_setting_t *item,
		    struct str text)
{
	struct conf *conf = into->conf;
	struct str origin = conf_where(conf, item, into->file), why = { 0 };
	const char *key = config_setting_name(item);

	if (into->slot && opt->type == OPT_LIST && str_find(text, ',') < text.n) {
		origin = conf_where(conf, config_setting_parent(item), into->file);
		return conf_fail(conf, "%.*s: %s.%s: a comma within an item", STR_ARG(origin),
				 into->section->path, opt->name);
	}
	if (into->slot && opt->type == OPT_MAP)
		text = arena_printf(&conf->arena, "%s=%.*s", key, (int)text.n, text.p);
	if (into->slot)
		return conf_put(conf, into->slot, opt, text, origin);
	if (opt_add(opt, into->data, str_of(key), text, &conf->arena, &why) == 0)
		return 0;
	return conf_fail(conf, "%.*s: %s.%s: %.*s", STR_ARG(origin), into->section->path, opt->name,
			 STR_ARG(why));
}

static void note_origin(struct conf *conf, struct conf_slot *slot, const struct opt *opt,
			struct str origin)
{
	struct conf_value *value = &slot->values[opt - slot->section->opts];

	value->source = conf->source;
	value->origin = arena_str(&conf->arena, origin);
}

static int wrong_type(const struct into *into, const struct opt *opt, const config_setting_t *s)
{
	struct str origin = conf_where(into->conf, s, into->file);

	return conf_fail(into->conf, "%.*s: %s.%s: expected %s", STR_ARG(origin),
			 into->section->path, opt->name, wanted(opt));
}

/* Lists and maps come item by item; an empty one still replaces what was there. */
static int load_items(const struct into *into, const struct opt *opt, const config_setting_t *s)
{
	int n = config_setting_length(s);
	int r = put(into, opt, STR(""), conf_where(into->conf, s, into->file));
	struct str text;

	for (int i = 0; i < n && r == 0; i++) {
		const config_setting_t *item = config_setting_get_elem(s, (unsigned)i);

		if (!scalar_text(into->conf, item, &text))
			return wrong_type(into, opt, item);
		r = put_item(into, opt, item, text);
	}
	return r;
}

static int load_groups(const struct into *into, const struct opt *opt, const config_setting_t *s);

static int load_option(const struct into *into, const struct opt *opt, const config_setting_t *s)
{
	int type = config_setting_type(s);
	struct str text;

	if ((opt->type == OPT_LIST && (type == CONFIG_TYPE_LIST || type == CONFIG_TYPE_ARRAY)) ||
	    (opt->type == OPT_MAP && type == CONFIG_TYPE_GROUP))
		return load_items(into, opt, s);
	if (opt->type == OPT_GROUPS && type == CONFIG_TYPE_LIST)
		return load_groups(into, opt, s);
	if (opt->type == OPT_MAP || opt->type == OPT_GROUPS || !type_fits(opt, type) ||
	    !scalar_text(into->conf, s, &text))
		return wrong_type(into, opt, s);
	return put(into, opt, text, conf_where(into->conf, s, into->file));
}

int conf_load_option(struct conf *conf, struct conf_slot *slot, const struct opt *opt,
		     const config_setting_t *s, const char *name)
{
	const struct into into = { conf, slot, slot->section, slot->data, name };

	return load_option(&into, opt, s);
}

/* What may stand in a group, for who has written something else. */
static struct str known_names(const struct opt_section *section, struct arena *arena)
{
	struct str names = { 0 };

	for (const struct opt *opt = section->opts; opt->name; opt++)
		names = arena_printf(arena, "%.*s%s%s", STR_ARG(names), names.n ? ", " : "",
				     opt->name);
	return names;
}

static bool is_named(const struct opt_section *section)
{
	return strcmp(section->opts[0].name, "name") == 0;
}

static struct str name_of(const struct opt_section *section, const void *data)
{
	if (!is_named(section))
		return STR("");
	return *(const struct str *)(const void *)((const char *)data + section->opts[0].offset);
}

static int load_group(const struct into *into, const config_setting_t *group)
{
	struct conf *conf = into->conf;
	struct str at = conf_where(conf, group, into->file), name, why = { 0 };
	int n = config_setting_length(group), r = 0;

	for (int i = 0; i < n && r == 0; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const char *key = config_setting_name(s);
		const struct opt *opt = conf_opt_of(into->section, str_of(key));

		if (!opt) {
			at = conf_where(conf, s, into->file);
			why = known_names(into->section, &conf->arena);
			return conf_fail(conf, "%.*s: %s.%s: unknown option; there are: %.*s",
					 STR_ARG(at), into->section->path, key, STR_ARG(why));
		}
		r = load_option(into, opt, s);
	}
	if (r < 0)
		return r;
	name = name_of(into->section, into->data);
	if (is_named(into->section) && !name.n)
		return conf_fail(conf, "%.*s: %s: one without a name", STR_ARG(at),
				 into->section->path);
	if (into->section->check && into->section->check(into->data, &conf->arena, &why) < 0)
		return conf_fail(conf, "%.*s: %s%s%.*s: %.*s", STR_ARG(at), into->section->path,
				 name.n ? " " : "", STR_ARG(name), STR_ARG(why));
	return 0;
}

static void *group_at(const struct opt_section *section, const struct opt_groups *groups, size_t i)
{
	return (char *)groups->v + i * section->size;
}

/* The one of that name, or NULL. */
static void *find_group(const struct opt_section *section, const struct opt_groups *groups,
			struct str name)
{
	for (size_t i = 0; name.n && i < groups->n; i++)
		if (str_eq(name_of(section, group_at(section, groups, i)), name))
			return group_at(section, groups, i);
	return NULL;
}

static void append(const struct opt_section *section, struct opt_groups *groups, const void *data,
		   struct arena *arena)
{
	groups->v = arena_grow(arena, groups->v, groups->n, section->size);
	memcpy(group_at(section, groups, groups->n++), data, section->size);
}

static void clear(const struct opt_section *section, struct opt_groups *groups)
{
	for (size_t i = 0; i < groups->n; i++)
		opt_release(section, group_at(section, groups, i));
	*groups = (struct opt_groups){ 0 };
}

/* Each takes the place of the one of its name; the others go to the end. */
static int merge(struct conf *conf, const struct opt_section *section, struct opt_groups *groups,
		 const struct opt_groups *fresh)
{
	for (size_t i = 0; i < fresh->n; i++) {
		void *from = group_at(section, fresh, i);
		void *old = find_group(section, groups, name_of(section, from));

		if (old) {
			opt_release(section, old);
			memcpy(old, from, section->size);
		} else {
			append(section, groups, from, &conf->arena);
		}
	}
	return groups->n > OPT_ITEMS_MAX
		       ? conf_fail(conf, "%s: more than %d", section->path, OPT_ITEMS_MAX)
		       : 0;
}

static void print_text(struct buf *out, struct str text)
{
	buf_char(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '"' || c == '\\')
			buf_char(out, '\\');
		if (c < ' ' || c == 127)
			buf_printf(out, "\\x%02x", c);
		else
			buf_char(out, (char)c);
	}
	buf_char(out, '"');
}

static void print_value(struct buf *out, const struct opt *opt, const void *data,
			struct arena *arena)
{
	const void *from = (const char *)data + opt->offset;
	const struct opt_list *list = from;
	const struct opt_map *map = from;

	if (opt->type == OPT_LIST) {
		buf_char(out, '(');
		for (size_t i = 0; i < list->n; i++) {
			buf_cstr(out, i ? ", " : "");
			print_text(out, list->v[i]);
		}
		buf_char(out, ')');
	} else if (opt->type == OPT_MAP) {
		buf_cstr(out, "{ ");
		for (size_t i = 0; i < map->n; i++) {
			buf_str(out, map->v[i].key);
			buf_cstr(out, " = ");
			print_text(out, map->v[i].value);
			buf_cstr(out, "; ");
		}
		buf_char(out, '}');
	} else if (opt->type == OPT_INT) {
		/* Without its L, one that needs more than 32 bits would be cut. */
		buf_printf(out, "%sL", opt_print(opt, data, arena).p);
	} else if (opt->type == OPT_BOOL || opt->type == OPT_NUMBER || opt->type == OPT_GROUPS) {
		buf_str(out, opt_print(opt, data, arena));
	} else {
		print_text(out, opt_print(opt, data, arena));
	}
}

/* All of them, with what is not as built in. */
static int print_groups(struct conf *conf, const struct opt_section *section,
			struct opt_groups *groups)
{
	_cleanup_buf_ struct buf out = { 0 };
	struct arena arena = { 0 };
	void *plain = arena_zalloc(&arena, 1, section->size);

	opt_preset(section, plain, &arena);
	for (size_t i = 0; i < groups->n; i++) {
		const char *data = (const char *)groups->v + i * section->size;

		buf_cstr(&out, i ? ", { " : "({ ");
		for (const struct opt *opt = section->opts; opt->name; opt++) {
			if (str_eq(opt_print(opt, data, &arena), opt_print(opt, plain, &arena)))
				continue;
			buf_printf(&out, "%s = ", opt->name);
			print_value(&out, opt, data, &arena);
			buf_cstr(&out, "; ");
		}
		buf_char(&out, '}');
	}
	buf_cstr(&out, groups->n ? ")" : "");
	groups->text = arena_str(&conf->arena, buf_view(&out));
	arena_release(&arena);
	return out.err;
}

static int load_fresh(const struct into *into, const struct opt *opt, const config_setting_t *item,
		      struct opt_groups *fresh)
{
	struct conf *conf = into->conf;
	struct into group = { .conf = conf, .section = opt->group, .file = into->file };
	struct str at = conf_where(conf, item, into->file), name;
	int r;

	if (config_setting_type(item) != CONFIG_TYPE_GROUP)
		return wrong_type(into, opt, item);
	group.data = arena_zalloc(&conf->arena, 1, opt->group->size);
	opt_preset(opt->group, group.data, &conf->arena);
	r = load_group(&group, item);
	name = name_of(opt->group, group.data);
	if (r == 0 && find_group(opt->group, fresh, name))
		r = conf_fail(conf, "%.*s: %s: a second \"%.*s\"", STR_ARG(at), opt->group->path,
			      STR_ARG(name));
	if (r < 0)
		opt_release(opt->group, group.data);
	else
		append(opt->group, fresh, group.data, &conf->arena);
	return r;
}

static int load_groups(const struct into *into, const struct opt *opt, const config_setting_t *s)
{
	struct opt_groups *groups = (void *)((char *)into->data + opt->offset), fresh = { 0 };
	int n = config_setting_length(s), r = 0;

	for (int i = 0; i < n && r == 0; i++)
		r = load_fresh(into, opt, config_setting_get_elem(s, (unsigned)i), &fresh);
	if (r < 0) {
		clear(opt->group, &fresh);
		return r;
	}
	if (!n)
		clear(opt->group, groups);
	r = merge(into->conf, opt->group, groups, &fresh);
	if (r == 0)
		r = print_groups(into->conf, opt->group, groups);
	if (r == 0 && into->slot)
		note_origin(into->conf, into->slot, opt, conf_where(into->conf, s, into->file));
	return r;
}

int conf_parse_groups(struct conf *conf, struct conf_slot *slot, const struct opt *opt,
		      struct str text, const char *origin)
{
	struct into into = { conf, slot, slot->section, slot->data, origin };
	config_t config;
	int r;

	if (!text.n) {
		clear(opt->group, (void *)((char *)slot->data + opt->offset));
		note_origin(conf, slot, opt, str_of(origin));
		return 0;
	}
	text = ARENA_CONCAT(&conf->arena, STR("x = "), text, STR(";\n"));
	r = conf_check_text(conf, text.p, origin);
	if (r < 0)
		return r;
	config_init(&config);
	if (config_read_string(&config, text.p) != CONFIG_TRUE)
		r = conf_fail(conf, "%s: %s.%s: %s", origin, slot->section->path, opt->name,
			      config_error_text(&config));
	else if (config_setting_length(config_root_setting(&config)) != 1)
		r = conf_fail(conf, "%s: %s.%s: more than one list", origin, slot->section->path,
			      opt->name);
	else
		r = load_option(&into, opt, config_lookup(&config, "x"));
	if (r == 0)
		note_origin(conf, slot, opt, str_of(origin));
	config_destroy(&config);
	return r;
}
