/* SPDX-License-Identifier: Apache-2.0 */
/* OBJECT.conf: what an object made for another exporter does not say of itself. libconfig. */
#include <errno.h>
#include <libconfig.h>

#include "base/cleanup.h"
#include "bpf/describe.h"

struct reading {
	struct arena *arena;
	struct str file;
	struct str *why;
};

static int wrong(struct reading *r, const config_setting_t *s, const char *what)
{
	*r->why = arena_printf(r->arena, "%.*s:%d: %s: %s", STR_ARG(r->file),
			       (int)config_setting_source_line(s),
			       config_setting_name(s) ? config_setting_name(s) : "item", what);
	return -EINVAL;
}

static void add(struct reading *r, struct sidecar_map *map, const char *prefix, const char *text)
{
	map->tags = arena_grow(r->arena, map->tags, map->n, sizeof(*map->tags));
	map->tags[map->n++] = ARENA_CONCAT(r->arena, str_of(prefix), STR(":"), str_of(text));
}

static int read_labels(struct reading *r, const config_setting_t *s, struct sidecar_map *map)
{
	if (!config_setting_is_list(s) && !config_setting_is_array(s))
		return wrong(r, s, "a list is expected, (\"NAME|DECODER\", ...)");
	for (int i = 0; i < config_setting_length(s); i++) {
		const char *text = config_setting_get_string_elem(s, i);

		if (!text)
			return wrong(r, s, "each label is a string, \"NAME|DECODER\"");
		add(r, map, "label", text);
	}
	return 0;
}

static int read_map(struct reading *r, const config_setting_t *s, struct sidecar_map *map)
{
	static const char *const words[] = { "help", "type", "name", "scale", "buckets", "perf" };

	map->map = arena_str(r->arena, str_of(config_setting_name(s)));
	for (int i = 0; i < config_setting_length(s); i++) {
		const config_setting_t *item = config_setting_get_elem(s, (unsigned)i);
		struct str name = str_of(config_setting_name(item));
		size_t w = 0;

		if (str_eq(name, STR("labels"))) {
			int error = read_labels(r, item, map);

			if (error < 0)
				return error;
			continue;
		}
		while (w < ARRAY_SIZE(words) && !str_eq(name, str_of(words[w])))
			w++;
		if (w == ARRAY_SIZE(words))
			return wrong(r, item,
				     "there is: help, type, name, scale, buckets, perf, labels");
		if (config_setting_type(item) != CONFIG_TYPE_STRING)
			return wrong(r, item, "a string in quotes is expected");
		add(r, map, words[w], config_setting_get_string(item));
	}
	return 0;
}

int sidecar_parse(struct str text, struct str file, struct arena *arena, struct sidecar *ret,
		  struct str *ret_why)
{
	struct reading reading = { arena, file, ret_why };
	const config_setting_t *root;
	config_t config;
	int r = 0;

	*ret = (struct sidecar){ 0 };
	if (!text.n)
		return 0;
	if (memchr(text.p, '\0', text.n)) {
		*ret_why = ARENA_CONCAT(arena, file, STR(": a NUL is in it"));
		return -EINVAL;
	}
	config_init(&config);
	/* A comment in a last line without line end would be a syntax error. */
	text = ARENA_CONCAT(arena, text, STR("\n"));
	if (config_read_string(&config, arena_cstr(arena, text)) != CONFIG_TRUE) {
		*ret_why = arena_printf(arena, "%.*s:%d: %s", STR_ARG(file),
					config_error_line(&config), config_error_text(&config));
		r = -EINVAL;
	}
	root = config_root_setting(&config);
	for (int i = 0; r == 0 && i < config_setting_length(root); i++) {
		const config_setting_t *s = config_setting_get_elem(root, (unsigned)i);

		if (!config_setting_is_group(s)) {
			r = wrong(&reading, s, "MAP = { help = \"...\"; ... }; is expected");
			break;
		}
		ret->maps = arena_grow(arena, ret->maps, ret->n, sizeof(*ret->maps));
		ret->maps[ret->n] = (struct sidecar_map){ 0 };
		r = read_map(&reading, s, &ret->maps[ret->n++]);
	}
	config_destroy(&config);
	return r;
}
