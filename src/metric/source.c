/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/source.h"

#include "metric/places.h"

int metrics_check_regex(struct str text, struct arena *arena, struct str *ret_why)
{
	struct regex *compiled;
	int r = regex_compile(text, REGEX_WHOLE, arena, &compiled, ret_why);

	if (r == 0)
		regex_free(compiled);
	return r;
}

static void add_rules(struct metrics_filter *filter, const struct opt_map *map, bool exclude,
		      struct arena *arena)
{
	for (size_t i = 0; i < map->n; i++) {
		struct label_rule *rule = &filter->rules[filter->n_rules++];
		struct str why;

		*rule = (struct label_rule){ .name = map->v[i].key, .exclude = exclude };
		/* Checked when it was read. */
		(void)regex_compile(map->v[i].value, REGEX_WHOLE, arena, &rule->value, &why);
	}
}

bool metrics_filter_open(const struct metrics_filter *conf, struct arena *arena,
			 struct metrics_filter *ret)
{
	size_t n = conf->labels_include.n + conf->labels_exclude.n;

	*ret = *conf;
	ret->n_rules = 0;
	ret->rules = NULL;
	if (n) {
		ret->rules = arena_zalloc(arena, n, sizeof(*ret->rules));
		add_rules(ret, &conf->labels_include, false, arena);
		add_rules(ret, &conf->labels_exclude, true, arena);
	}
	return n || conf->include.text.n || conf->exclude.text.n || conf->labels_drop.n ||
	       conf->series;
}

void metrics_filter_close(struct metrics_filter *filter)
{
	for (size_t i = 0; i < filter->n_rules; i++)
		regex_free(filter->rules[i].value);
	filter->n_rules = 0;
}

void metrics_filter_each_regex(const struct metrics_filter *filter, regex_fn *fn, void *arg)
{
	if (filter->include.compiled)
		fn(filter->include.compiled, arg);
	if (filter->exclude.compiled)
		fn(filter->exclude.compiled, arg);
	for (size_t i = 0; i < filter->n_rules; i++)
		fn(filter->rules[i].value, arg);
}

void metrics_enter(struct metrics *m, struct metrics_source *source)
{
	const struct metrics_filter *filter = source->filter;
	bool free = source->free;

	*source = (struct metrics_source){
		.name = source->name,
		.filter = filter,
		.free = free,
		.parent = m->source,
		.outer = m->limits,
		.before = m->series,
	};
	if (filter) {
		source->filters = filter->include.compiled || filter->exclude.compiled;
		source->drops = filter->labels_drop.n > 0;
		source->looks = source->drops || filter->n_rules;
		source->bounded = filter->series > 0;
	}
	if (source->bounded)
		source->places = places_find(m->places, SCOPE_SOURCE, source->name);
	if (m->source) {
		source->free |= m->source->free;
		source->filters |= m->source->filters;
		source->looks |= m->source->looks;
		source->drops |= m->source->drops;
		source->bounded |= m->source->bounded && !free;
	}
	if (source->free)
		m->limits = (struct metrics_limits){ 0 };
	m->source = source;
}

void metrics_leave(struct metrics *m)
{
	struct metrics_source *source = m->source;

	m->limits = source->outer;
	m->source = source->parent;
	if (source->over || source->dropped[DROP_EQUAL]) {
		source->next = m->offenders;
		m->offenders = source;
	}
}

void metrics_enter_part(struct metrics *m, struct str name, const struct metrics_filter *filter)
{
	struct metrics_source *source = arena_zalloc(&m->arena, 1, sizeof(*source));

	source->name = arena_str(&m->arena, name);
	source->filter = filter;
	metrics_enter(m, source);
}

void metrics_enter_free(struct metrics *m)
{
	struct metrics_source *source = arena_zalloc(&m->arena, 1, sizeof(*source));

	source->free = true;
	metrics_enter(m, source);
}

const struct metrics_source *metrics_source_root(const struct metrics_source *source)
{
	while (source && source->parent)
		source = source->parent;
	return source;
}

bool source_wants(const struct metrics_source *source, struct str family)
{
	for (; source && source->filters; source = source->parent) {
		const struct metrics_filter *filter = source->filter;

		if (!filter)
			continue;
		if (filter->include.compiled ? !opt_regex_match(&filter->include, family)
					     : opt_regex_match(&filter->exclude, family))
			return false;
	}
	return true;
}

void source_note_part(struct metrics *m, struct family *f)
{
	f->source = m->source;
	if (!m->source)
		return;

	struct family_part *part = arena_alloc(&m->arena, sizeof(*part));

	*part = (struct family_part){ m->source, f->series, f->parts };
	f->parts = part;
}

bool source_has_room(struct metrics *m, struct family *f, const struct labels *labels)
{
	for (struct metrics_source *s = m->source; s && s->bounded; s = s->parent) {
		if (!s->filter || !s->filter->series ||
		    places_admit(s->places, m->series - s->before, (uint32_t)s->filter->series, f,
				 labels))
			continue;
		s->over++;
		return false;
	}
	return true;
}

/* The gate has renamed what the grouping key owns. */
static bool is_named(const struct metrics *m, struct str name, struct str wanted)
{
	static const struct str exported = { "exported_", 9 };

	if (metrics_is_grouping(m, wanted))
		while (name.n > wanted.n && str_starts(name, exported))
			name = str_skip(name, exported.n);
	return str_eq(name, wanted);
}

static bool is_dropped(const struct metrics *m, const struct metrics_filter *filter,
		       struct str name)
{
	for (size_t i = 0; i < filter->labels_drop.n; i++)
		if (is_named(m, name, filter->labels_drop.v[i]))
			return true;
	return false;
}

static bool is_unwanted(const struct metrics *m, const struct metrics_filter *filter,
			const struct label *label)
{
	for (size_t i = 0; i < filter->n_rules; i++) {
		const struct label_rule *rule = &filter->rules[i];

		if (is_named(m, label->name, rule->name) &&
		    regex_match(rule->value, label->value) == rule->exclude)
			return true;
	}
	return false;
}

/* NULL: not wanted. A label that one source drops is still there for the one it is part of. */
static const struct labels *reduce(struct metrics *m, const struct labels *labels)
{
	struct label *v = arena_alloc(&m->arena, (labels->n + 1) * sizeof(*v));
	size_t n = 0;

	for (uint32_t i = 0; i < labels->n; i++) {
		bool drop = false;

		for (const struct metrics_source *s = m->source; s && s->looks; s = s->parent) {
			if (!s->filter)
				continue;
			if (is_unwanted(m, s->filter, &labels->v[i]))
				return NULL;
			drop |= is_dropped(m, s->filter, labels->v[i].name);
		}
		if (!drop)
			v[n++] = labels->v[i];
	}
	return n < labels->n ? metrics_labels(m, n, v) : labels;
}

/* What becomes of a set is found out once for each source. */
const struct labels *source_labels(struct metrics *m, const struct labels *labels)
{
	uint32_t id = labels->id;
	const struct labels *to;

	if (id >= m->n_reduced) {
		size_t n = 2 * ((size_t)m->labels + 64);

		m->reduced = arena_resize(&m->arena, m->reduced, m->n_reduced * sizeof(*m->reduced),
					  n * sizeof(*m->reduced));
		memset(m->reduced + m->n_reduced, 0, (n - m->n_reduced) * sizeof(*m->reduced));
		m->n_reduced = (uint32_t)n;
	}
	if (m->reduced[id].by == m->source)
		return m->reduced[id].to;
	to = reduce(m, labels);
	m->reduced[id] = (struct labels_reduced){ m->source, to };
	return to;
}
