/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/describe.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "bpf/types.h"

#define PREFIX STR("ebpf_exporter_")

struct description {
	struct types types;
	const struct sidecar *sidecar;
	struct arena *arena;
	struct spec *spec;
	bool has_tags; /* some map of the object says what it is */
	struct str why;
};

/* The tags of one map, wherever they come from. */
struct tags {
	size_t n;
	struct str *v;
	bool from_sidecar;
};

static int wrong(struct description *d, const char *map, const char *what)
{
	d->why = arena_printf(d->arena, "map %s: %s", map, what);
	return -EINVAL;
}

/* The text behind `prefix` of the first tag that has it; without a `p` when none has. */
static struct str tag_of(const struct tags *tags, struct str prefix)
{
	for (size_t i = 0; i < tags->n; i++)
		if (str_starts(tags->v[i], prefix))
			return str_skip(tags->v[i], prefix.n);
	return (struct str){ 0 };
}

static struct tags tags_of(const struct description *d, const char *map)
{
	struct tags tags = { 0 };
	int id = d->types.lib->btf__find_by_name_kind(d->types.btf, map, BTF_KIND_VAR);

	for (size_t i = 0; i < d->sidecar->n; i++)
		if (str_eq(d->sidecar->maps[i].map, str_of(map)))
			return (struct tags){ d->sidecar->maps[i].n, d->sidecar->maps[i].tags,
					      true };
	if (id > 0)
		tags.n = types_tags(&d->types, (uint32_t)id, -1, d->arena, &tags.v);
	return tags;
}

static bool is_tagged(const struct tags *tags)
{
	return tags->from_sidecar || tag_of(tags, STR("type:")).p || tag_of(tags, STR("name:")).p;
}

/* Of "enum:NAME" or "constant:NAME" among the decoders, what the enum's constants are. */
static int expand_enums(struct description *d, const char *map, struct str *text)
{
	struct str rest = *text, part, out = STR("");
	bool first = true;

	while (str_cut(&rest, '|', &part)) {
		if (!first && str_starts(part, STR("regexp:")))
			return 0;
		bool whole = str_starts(part, STR("constant:"));

		if (!first && (whole || str_starts(part, STR("enum:")))) {
			part = types_enum(&d->types, str_skip(part, str_find(part, ':') + 1), whole,
					  d->arena);
			if (!part.n)
				return wrong(d, map,
					     "neither the kernel nor the object has the "
					     "enum of its label");
		}
		out = first ? part : ARENA_CONCAT(d->arena, out, STR("|"), part);
		first = false;
	}
	*text = out;
	return 0;
}

/* One label: `text` as tagged, or empty; the rest from its member's name and type. */
static int add_label(struct description *d, const char *map, struct spec_metric *metric,
		     struct str text, struct str member, uint32_t type)
{
	struct spec_label label = { 0 };
	struct str why, name = member;
	size_t bar = str_find(text, '|');
	int r;

	if (bar > 0 && text.n)
		name = (struct str){ text.p, bar };
	if (bar + 1 >= text.n)
		text = ARENA_CONCAT(d->arena, name, STR("|"),
				    types_decoder(&d->types, type, d->arena));
	else
		text = ARENA_CONCAT(d->arena, name, str_skip(text, bar));
	r = expand_enums(d, map, &text);
	if (r < 0)
		return r;
	if (spec_parse_label(text, d->arena, &label, &why) < 0)
		return wrong(d, map, arena_cstr(d->arena, why));
	metric->labels = arena_grow(d->arena, metric->labels, metric->n_labels, sizeof(label));
	metric->labels[metric->n_labels++] = label;
	return 0;
}

static bool is_padding(struct str name)
{
	return name.n == 0 || str_starts(name, STR("__pad")) || str_starts(name, STR("_pad")) ||
	       str_eq(name, STR("pad"));
}

/* The next "label:" tag of the map itself at or behind *at; only sidecars and scalar keys. */
static bool next_map_label(const struct tags *tags, size_t *at, struct str *ret)
{
	for (; *at < tags->n; (*at)++)
		if (str_starts(tags->v[*at], STR("label:"))) {
			*ret = str_skip(tags->v[(*at)++], 6);
			return true;
		}
	return false;
}

static int struct_key(struct description *d, const char *map, uint32_t key,
		      const struct btf_type *t, const struct tags *tags, struct spec_metric *metric)
{
	size_t at = 0;

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		struct str name = types_name(&d->types, m->name_off), text = STR(""), *own;
		int64_t size = d->types.lib->btf__resolve_size(d->types.btf, m->type);
		uint32_t offset = btf_member_bit_offset(t, i) / 8;
		struct str next;
		int r;

		if (is_padding(name))
			continue;
		if (btf_member_bitfield_size(t, i) || size <= 0)
			return wrong(d, map, "its key has a bit field");
		if (metric->type == SPEC_HISTOGRAM && metric->histogram.in_key &&
		    i + 1 == btf_vlen(t)) {
			metric->histogram.offset = offset;
			metric->histogram.size = (uint32_t)size;
			break;
		}
		if (next_map_label(tags, &at, &next))
			text = next;
		else if (tags->from_sidecar && at)
			return wrong(d, map, "it has fewer labels than its key has members");
		struct tags of_member = {
			types_tags(&d->types, key, (int)i, d->arena, &own),
			own,
			false,
		};
		if (!text.p || !text.n)
			text = tag_of(&of_member, STR("label:"));
		r = add_label(d, map, metric, text, name, m->type);
		if (r < 0)
			return r;
		metric->labels[metric->n_labels - 1].offset = offset;
		metric->labels[metric->n_labels - 1].size = (uint32_t)size;
	}
	struct str more;

	if (next_map_label(tags, &at, &more))
		return wrong(d, map, "it has more labels than its key has members");
	return 0;
}

/* A key that is one number (or not typed at all): one label, or the bucket, or an array's index. */
static int scalar_key(struct description *d, const char *map, uint32_t key, const struct tags *tags,
		      const struct spec_map *m, struct spec_metric *metric)
{
	struct str text;
	size_t at = 0;
	int r;

	if (metric->type == SPEC_HISTOGRAM && metric->histogram.in_key) {
		metric->histogram.size = m->key_size;
		return 0;
	}
	if (!next_map_label(tags, &at, &text)) {
		/* As ebpf_exporter: without a label, the first entry of an array is all there is.
		 */
		if (m->max_entries == 1 || m->key_size == 4)
			return 0;
		return wrong(d, map, "its key is no struct and it has no label");
	}
	r = add_label(d, map, metric, text, STR(""), key);
	if (r < 0)
		return r;
	if (next_map_label(tags, &at, &text))
		return wrong(d, map, "its key is one number and it has more than one label");
	metric->labels[0].size = m->key_size;
	return 0;
}

/* Where the buckets and the sum stand in a value that is a struct, or a member of it at `base`. */
static int struct_value(struct description *d, const char *map, const struct btf_type *t,
			uint32_t base, struct spec_metric *metric)
{
	struct spec_histogram *h = &metric->histogram;
	bool sum = false;

	if (metric->type != SPEC_HISTOGRAM)
		return wrong(d, map, "its value is a struct, and it is no histogram");
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		struct str name = types_name(&d->types, m->name_off);
		int64_t size = d->types.lib->btf__resolve_size(d->types.btf, m->type);

		if (str_eq(name, STR("bucket"))) {
			h->offset = base + btf_member_bit_offset(t, i) / 8;
			h->size = (uint32_t)size;
		} else if (str_eq(name, STR("sum")) && size == 8) {
			h->sum_offset = base + btf_member_bit_offset(t, i) / 8;
			sum = true;
		}
	}
	if (!sum || h->size % 8 || h->size / 8 <= h->max)
		return wrong(d, map,
			     "the value of a histogram is { u64 bucket[MAX + 1]; u64 sum; }");
	return 0;
}

static int metric_type(struct description *d, const char *map, const struct tags *tags,
		       struct spec_metric *metric)
{
	struct str type = tag_of(tags, STR("type:")), buckets = tag_of(tags, STR("buckets:")), why;

	if (!type.p)
		type = buckets.p                               ? STR("histogram")
		       : str_ends(metric->name, STR("_total")) ? STR("counter")
							       : STR("gauge");
	if (str_eq(type, STR("counter")))
		metric->type = SPEC_COUNTER;
	else if (str_eq(type, STR("gauge")))
		metric->type = SPEC_GAUGE;
	else if (str_eq(type, STR("histogram")))
		metric->type = SPEC_HISTOGRAM;
	else
		return wrong(d, map, "its type is none of counter, gauge, histogram");
	if (metric->type != SPEC_HISTOGRAM)
		return 0;
	if (spec_parse_buckets(buckets, d->arena, &metric->histogram, &why) < 0)
		return wrong(d, map, arena_cstr(d->arena, why));
	return 0;
}

/* A map's value, or the member of it that is a metric. */
struct part {
	struct tags tags;
	struct str name;
	uint32_t type, offset;
};

static int add_metric(struct description *d, const struct spec_map *m, uint32_t index,
		      const struct tags *tags, const struct part *part)
{
	const char *map = m->name.p;
	uint32_t key = types_map_member(&d->types, map, "key");
	const struct btf_type *key_type = key ? types_resolve(&d->types, key, NULL) : NULL,
			      *value_type = part->type ? types_resolve(&d->types, part->type, NULL)
						       : NULL;
	struct str name = tag_of(&part->tags, STR("name:")),
		   scale = tag_of(&part->tags, STR("scale:"));
	struct spec_metric metric = { .map = index, .scale = 1 };
	int r;

	metric.name = ARENA_CONCAT(d->arena, PREFIX, name.p ? name : part->name);
	/* The object, and the type information in it, are closed before this is used. */
	metric.help = arena_str(d->arena, tag_of(&part->tags, STR("help:")));
	if (!metric.help.n)
		metric.help =
			ARENA_CONCAT(d->arena, STR("Map "), m->name, STR(" of a BPF object."));
	if (scale.p && (num_f64(scale, &metric.scale) < 0 || !(metric.scale > 0)))
		return wrong(d, map, "its scale is not a number above 0");
	r = metric_type(d, map, &part->tags, &metric);
	if (r < 0)
		return r;
	/* Times are summed in finer units than those of the buckets. */
	if (metric.type == SPEC_HISTOGRAM && !scale.p)
		metric.scale = metric.histogram.factor;
	metric.skip_zero = str_eq(tag_of(tags, STR("skip:")), STR("zero"));
	metric.histogram.in_key = !value_type || !btf_is_struct(value_type);
	if (value_type && btf_is_struct(value_type))
		r = struct_value(d, map, value_type, part->offset, &metric);
	else if (m->value_size != 8 && m->value_size != 4 && m->value_size != 2 &&
		 m->value_size != 1)
		r = wrong(d, map, "its value is not a number of 1, 2, 4 or 8 bytes");
	else
		metric.is_signed = value_type && btf_is_int(value_type) &&
				   btf_int_encoding(value_type) & BTF_INT_SIGNED;
	if (r < 0)
		return r;
	r = key_type && btf_is_struct(key_type) ? struct_key(d, map, key, key_type, tags, &metric)
						: scalar_key(d, map, key, tags, m, &metric);
	if (r < 0)
		return r;
	d->spec->metrics =
		arena_grow(d->arena, d->spec->metrics, d->spec->n_metrics, sizeof(metric));
	d->spec->metrics[d->spec->n_metrics++] = metric;
	return 0;
}

/* The members of a map's value that are histograms of their own. */
static size_t tagged_members(const struct description *d, const char *map, struct part **ret)
{
	uint32_t value = types_map_member(&d->types, map, "value");
	const struct btf_type *t = value ? types_resolve(&d->types, value, NULL) : NULL;
	struct part *parts = NULL;
	size_t n = 0;

	for (uint32_t i = 0; t && btf_is_struct(t) && i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		struct part part = {
			.name = types_name(&d->types, m->name_off),
			.type = m->type,
			.offset = btf_member_bit_offset(t, i) / 8,
		};

		part.tags.n = types_tags(&d->types, value, (int)i, d->arena, &part.tags.v);
		if (!is_tagged(&part.tags))
			continue;
		parts = arena_grow(d->arena, parts, n, sizeof(part));
		parts[n++] = part;
	}
	*ret = parts;
	return n;
}

static bool is_readable(uint32_t type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return true;
	default:
		return false;
	}
}

static int add_metrics(struct description *d, const struct spec_map *m, uint32_t index,
		       const struct tags *tags)
{
	const char *map = m->name.p;
	bool guessed = !d->has_tags && str_ends(m->name, STR("_total"));
	struct part whole = { *tags, m->name, types_map_member(&d->types, map, "value"), 0 },
		    *parts = &whole;
	size_t n = 1;
	int r = 0;

	if (!is_tagged(tags) && !guessed)
		n = tagged_members(d, map, &parts);
	if (n && !is_readable(m->type))
		return wrong(d, map, "no metric can be of its type");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_metric(d, m, index, tags, &parts[i]);
	return r;
}

static void add_maps(struct description *d, struct bpf_object *object)
{
	const struct libbpf *lib = d->types.lib;

	for (struct bpf_map *map = lib->bpf_object__next_map(object, NULL); map;
	     map = lib->bpf_object__next_map(object, map)) {
		const char *name = lib->bpf_map__name(map);
		struct tags tags = tags_of(d, name);
		struct part *parts;

		/* What libbpf makes of .rodata and .bss; a dot is no name in a BPF file system. */
		if (strchr(name, '.'))
			continue;
		d->has_tags |= is_tagged(&tags) || tagged_members(d, name, &parts);
		d->spec->maps = arena_grow(d->arena, d->spec->maps, d->spec->n_maps,
					   sizeof(*d->spec->maps));
		d->spec->maps[d->spec->n_maps++] = (struct spec_map){
			.name = arena_str(d->arena, str_of(name)),
			.type = lib->bpf_map__type(map),
			.key_size = lib->bpf_map__key_size(map),
			.value_size = lib->bpf_map__value_size(map),
			.max_entries = lib->bpf_map__max_entries(map),
		};
	}
}

static enum spec_refresh refresh_of(struct str name, struct str hook)
{
	if (!str_starts(hook, STR("iter")))
		return REFRESH_NONE;
	if (str_starts(name, STR("refresh_each_cpu")))
		return REFRESH_EACH_CPU;
	return str_starts(name, STR("refresh")) ? REFRESH_ONCE : REFRESH_NONE;
}

static void add_programs(struct description *d, struct bpf_object *object)
{
	const struct libbpf *lib = d->types.lib;

	for (struct bpf_program *p = lib->bpf_object__next_program(object, NULL); p;
	     p = lib->bpf_object__next_program(object, p)) {
		struct str name = str_of(lib->bpf_program__name(p)),
			   hook = str_of(lib->bpf_program__section_name(p));

		d->spec->programs = arena_grow(d->arena, d->spec->programs, d->spec->n_programs,
					       sizeof(*d->spec->programs));
		d->spec->programs[d->spec->n_programs++] = (struct spec_program){
			.name = arena_str(d->arena, name),
			.hook = arena_str(d->arena, hook),
			.refresh = refresh_of(name, hook),
		};
	}
}

int describe(const struct libbpf *lib, struct bpf_object *object, const struct btf *kernel,
	     const struct sidecar *sidecar, struct arena *arena, struct spec *ret,
	     struct str *ret_why)
{
	struct description d = {
		.types = { lib, lib->bpf_object__btf(object), kernel },
		.sidecar = sidecar,
		.arena = arena,
		.spec = ret,
	};
	int r = 0;

	add_programs(&d, object);
	add_maps(&d, object);
	for (uint32_t i = 0; r == 0 && i < ret->n_maps; i++) {
		const struct spec_map *m = &ret->maps[i];
		struct tags tags = tags_of(&d, m->name.p);

		r = add_metrics(&d, m, i, &tags);
	}
	if (r < 0)
		*ret_why = d.why;
	return r;
}

struct str describe_map_tag(const struct libbpf *lib, const struct btf *btf,
			    const struct sidecar *sidecar, const char *map, struct str prefix)
{
	_cleanup_arena_ struct arena arena = { 0 };
	const struct description d = {
		.types = { lib, btf, NULL },
		.sidecar = sidecar,
		.arena = &arena,
	};
	struct tags tags = tags_of(&d, map);

	/* The text stands in the BTF or the sidecar, not in this arena. */
	return tag_of(&tags, prefix);
}

struct str describe_function_tag(const struct libbpf *lib, const struct btf *btf,
				 const char *function, struct str prefix)
{
	_cleanup_arena_ struct arena arena = { 0 };
	const struct types types = { lib, btf, NULL };
	int id = lib->btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	struct tags tags = { 0 };

	if (id > 0)
		tags.n = types_tags(&types, (uint32_t)id, -1, &arena, &tags.v);
	return tag_of(&tags, prefix);
}
