/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What BPF programs count, as ebpf_exporter names it. The maps of a program that is loaded are
 * metrics by their own description; nothing here knows any of them. Read by their pins, which the
 * loader left, so that this needs no capability.
 */
#include "collect/ebpf/ebpf.h"

#include <errno.h>

/*
 * Those that serve another collector have been loaded for it, whatever the list says. A user's own
 * may stand in for one of ours that is off by default.
 */
static bool is_wanted(const struct ebpf_conf *conf, const struct spec *spec)
{
	bool ours = str_eq(spec->file, STR(BUILTIN_FILE));

	for (const struct builtin *b = builtin_programs; ours && b->name; b++)
		if (str_eq(str_of(b->name), spec->object))
			return b->hidden || ebpf_wants(conf, spec->object, b->on);
	return ebpf_wants(conf, spec->object, true);
}

/* The metrics of all objects; one that two objects define alike is added up, in one place. */
static void add_source(struct ebpf *self, const struct loaded_object *object,
		       const struct spec_metric *metric)
{
	struct source *source = arena_zalloc(&self->memory, 1, sizeof(*source));
	struct source **end = &self->sources;

	*source = (struct source){ .object = object, .metric = metric };
	for (; *end; end = &(*end)->next) {
		if (!str_eq((*end)->metric->name, metric->name))
			continue;
		if (spec_same_metric((*end)->metric, metric)) {
			source->twin = (*end)->twin;
			(*end)->twin = source;
		} else {
			source->refused = (*end)->object;
			source->next = self->refused;
			self->refused = source;
		}
		return;
	}
	*end = source;
}

static void close_set(struct ebpf *self)
{
	loaded_close(&self->set);
	arena_reset(&self->memory);
	self->objects = NULL;
	self->n_objects = 0;
	self->sources = self->refused = NULL;
	self->opened = false;
}

static void choose(struct ebpf *self, const struct ebpf_conf *conf)
{
	struct loaded *set = &self->set;

	self->objects = arena_zalloc(&self->memory, set->n + 1, sizeof(*self->objects));
	for (size_t i = 0; i < set->n; i++) {
		const struct loaded_object *object = &set->objects[i];

		if (!is_wanted(conf, &object->spec))
			continue;
		self->objects[self->n_objects++] = object;
		for (size_t m = 0; m < object->spec.n_metrics; m++)
			add_source(self, object, &object->spec.metrics[m]);
	}
}

/* An agent keeps everything open for as long as the same is pinned. */
static int open_set(struct collect *c)
{
	const struct ebpf_conf *conf = c->conf;
	struct ebpf *self = c->self;
	int r;

	if (self->opened && loaded_stale(conf->pins.p, &self->set) == 0)
		return 0;
	close_set(self);
	r = loaded_open(conf->pins.p, STR(""), &self->set);
	if (r < 0) {
		r = collect_fail(c, r == -ENOENT ? -ENODATA : r, "%.*s", STR_ARG(self->set.why));
		close_set(self);
		return r;
	}
	self->opened = true;
	choose(self, conf);
	return 0;
}

static bool evicts(const struct spec_map *map)
{
	return map->type != BPF_MAP_TYPE_HASH && map->type != BPF_MAP_TYPE_PERCPU_HASH;
}

/* One map of a metric. */
static int read_map(struct collect *c, struct rows *rows, const struct source *source)
{
	const struct spec *spec = &source->object->spec;
	const struct spec_map *map = &spec->maps[source->metric->map];
	struct ebpf *self = c->self;
	uint64_t bad = rows->bad;
	int r = rows_read(rows, source->metric, source->object->maps[source->metric->map], map,
			  &self->scratch);

	ebpf_count_bad(c, spec->object, rows->bad - bad);
	if (r < 0)
		collect_note(c, map->name, "%.*s: map %.*s cannot be read: %s",
			     STR_ARG(spec->object), STR_ARG(map->name),
			     r == -EBADMSG ? "it is not what its description says" : strerror(-r));
	else if (!evicts(map) && rows->entries >= map->max_entries)
		collect_note(c, map->name, "%.*s: map %.*s is full: what is new is not counted",
			     STR_ARG(spec->object), STR_ARG(map->name));
	return r;
}

static void say_over(struct collect *c, const struct rows *rows)
{
	const struct ebpf_conf *conf = c->conf;

	if (!rows->over)
		return;
	metrics_dropped(c->out, DROP_LIMIT, rows->over, rows->metric->name);
	collect_note(c, rows->metric->name,
		     "%.*s: more series than ebpf.max_series (%lld) allows; %llu entries left out",
		     STR_ARG(rows->metric->name), (long long)conf->max_series,
		     (unsigned long long)rows->over);
}

/* Returns how many of the maps could be read; *ret_r is why the last could not. */
static size_t add_metrics(struct collect *c, int *ret_r)
{
	const struct ebpf_conf *conf = c->conf;
	struct ebpf *self = c->self;
	struct rows rows = {
		.decoder = self->decoder,
		.memory = c->scratch,
		.text = &self->text,
		.values = &self->values,
		.max = (size_t)conf->max_series,
	};
	size_t n = 0;

	for (const struct source *first = self->sources; first; first = first->next) {
		rows_begin(&rows, first->metric);
		for (const struct source *s = first; s; s = s->twin) {
			int r = read_map(c, &rows, s);

			n += r == 0;
			*ret_r = r < 0 ? r : *ret_r;
		}
		rows.metric = first->metric;
		rows_emit(&rows, c->out);
		say_over(c, &rows);
	}
	return n;
}

static int run(struct collect *c)
{
	struct ebpf *self = c->self;
	int r = open_set(c), why = 0;

	if (r < 0)
		return r;
	if (self->set.why.n)
		collect_note(c, STR("pins"), "%.*s", STR_ARG(self->set.why));
	if (!self->n_objects)
		return collect_fail(c, -ENODATA, "what is loaded is taken out by ebpf.programs");
	for (const struct source *s = self->refused; s; s = s->next)
		collect_note(c, s->metric->name,
			     "%.*s: %.*s defines it otherwise than %.*s does, and is left out",
			     STR_ARG(s->metric->name), STR_ARG(s->object->spec.object),
			     STR_ARG(s->refused->spec.object));
	decoder_begin(self->decoder, c->host);
	for (size_t i = 0; i < self->n_objects; i++) {
		struct str name = self->objects[i]->spec.object;

		r = loaded_refresh(self->objects[i]);
		if (r < 0)
			collect_note(c, name, "%.*s: its counters cannot be brought up to date: %s",
				     STR_ARG(name), strerror(-r));
	}
	/* Where not a single map can be read, the reason is that of all. */
	if (!add_metrics(c, &why) && why < 0) {
		c->n_notes = c->more_notes = 0;
		return collect_fail(c, why, "maps cannot be read: %s", strerror(-why));
	}
	decoder_each_regex(self->decoder, collect_slow_regex, c);
	ebpf_add_own(c);
	return 0;
}

static int open_tables(struct collect *c)
{
	struct ebpf *self = c->self;

	self->decoder = decoder_new();
	return 0;
}

static void close_all(struct collect *c)
{
	struct ebpf *self = c->self;

	close_set(self);
	decoder_free(self->decoder);
	self->decoder = NULL;
	arena_release(&self->memory);
	arena_release(&self->text);
	buf_release(&self->values);
	buf_release(&self->scratch);
}

const struct collector collector_ebpf = {
	.name = "ebpf",
	.help = "what BPF programs count",
	.reads = "maps pinned below ebpf.pins, by bpf(2)",
	.on = true,
	.ours = true,
	.section = &section_ebpf,
	.self_size = sizeof(struct ebpf),
	.open = open_tables,
	.run = run,
	.close = close_all,
};
