/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OBJECT.conf: what an object made for another exporter does not say of itself, in the syntax of
 * peekpush.conf. Each map of the object is a section, so that a misspelt one has its nearest name.
 */
#include <errno.h>

#include "base/conf.h"
#include "bpf/describe.h"

struct map_conf {
	struct str help, type, name, scale, skip, buckets, perf;
	struct opt_map labels;
};

#define TEXT(key, words) OPT_ROW(#key, OPT_STRING, struct map_conf, key, "", NULL, words)

static const struct opt map_opts[] = {
	{ TEXT(help, "what the metric tells") },
	{ TEXT(type, "counter, gauge or histogram") },
	{ TEXT(name, "the metric's name, when it is not the map's") },
	{ TEXT(scale, "factor of a counter or gauge") },
	{ TEXT(skip, "\"zero\": entries that are 0 are no series") },
	{ TEXT(buckets, "of a histogram: \"exp2 0..27 * 1e-6\"") },
	{ TEXT(perf, "event that is counted in a map of perf events") },
	{ OPT_ROW("labels", OPT_MAP, struct map_conf, labels, "", NULL,
		  "name and decoders of each member of the key, in their order") },
	{ 0 },
};

static void add(struct sidecar_map *map, struct arena *arena, const char *prefix, struct str text)
{
	if (!text.n)
		return;
	map->tags = arena_grow(arena, map->tags, map->n, sizeof(*map->tags));
	map->tags[map->n++] = ARENA_CONCAT(arena, str_of(prefix), text);
}

static void add_map(struct sidecar *sidecar, struct arena *arena, struct str name,
		    const struct map_conf *conf)
{
	struct sidecar_map map = { .map = name };

	add(&map, arena, "help:", conf->help);
	add(&map, arena, "type:", conf->type);
	add(&map, arena, "name:", conf->name);
	add(&map, arena, "scale:", conf->scale);
	add(&map, arena, "skip:", conf->skip);
	add(&map, arena, "buckets:", conf->buckets);
	add(&map, arena, "perf:", conf->perf);
	for (size_t i = 0; i < conf->labels.n; i++)
		add(&map, arena, "label:",
		    ARENA_CONCAT(arena, conf->labels.v[i].key, STR("|"), conf->labels.v[i].value));
	if (!map.n)
		return;
	sidecar->maps = arena_grow(arena, sidecar->maps, sidecar->n, sizeof(map));
	sidecar->maps[sidecar->n++] = map;
}

/* Maps that libbpf makes of .rodata and the like have dots in their names, which no path may. */
static size_t sections_of(const struct libbpf *lib, struct bpf_object *object, struct arena *arena,
			  const struct opt_section ***ret)
{
	const struct opt_section **v = NULL;
	size_t n = 0;

	for (struct bpf_map *m = NULL; (m = lib->bpf_object__next_map(object, m));) {
		struct opt_section *section;

		if (strchr(lib->bpf_map__name(m), '.'))
			continue;
		section = arena_zalloc(arena, 1, sizeof(*section));
		*section = (struct opt_section){
			.path = arena_cstr(arena, str_of(lib->bpf_map__name(m))),
			.help = "a map of the object",
			.opts = map_opts,
			.size = sizeof(struct map_conf),
		};
		v = arena_grow(arena, v, n, sizeof(const struct opt_section *));
		v[n++] = section;
	}
	v = arena_grow(arena, v, n, sizeof(const struct opt_section *));
	v[n] = NULL;
	*ret = v;
	return n;
}

int sidecar_parse(const struct libbpf *lib, struct bpf_object *object, struct str text,
		  struct str file, struct arena *arena, struct sidecar *ret, struct str *ret_why)
{
	const struct opt_section **sections;
	size_t n = sections_of(lib, object, arena, &sections);
	struct conf *conf;
	int r;

	*ret = (struct sidecar){ 0 };
	if (!text.n)
		return 0;
	if (memchr(text.p, '\0', text.n)) {
		*ret_why = ARENA_CONCAT(arena, file, STR(": a NUL is in it"));
		return -EINVAL;
	}
	conf = conf_new(sections);
	r = conf_load_text(conf, arena_cstr(arena, text), arena_cstr(arena, file));
	if (r < 0)
		*ret_why = arena_str(arena, conf_error(conf));
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct map_conf copy = *(const struct map_conf *)conf_get(conf, sections[i]);

		add_map(ret, arena, str_of(sections[i]->path), &copy);
	}
	conf_free(conf);
	return r;
}
