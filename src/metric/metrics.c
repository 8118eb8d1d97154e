/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families and samples. Samples are chained in blocks per family, so the output is contiguous
 * by family without sorting, and a bit, or (family id, labels id) in one word, is all that the
 * check for duplicates has to remember.
 */
#include "metric/metrics.h"

#include <stddef.h>

#include "metric/places.h"
#include "metric/source.h"

enum { BLOCK_FIRST = 4, BLOCK_LAST = 512 };

void metrics_init(struct metrics *m, struct metrics_limits limits)
{
	*m = (struct metrics){ .limits = limits };
}

void metrics_reset(struct metrics *m)
{
	/* The tables start as large as this cycle needed them: steady state never rehashes. */
	uint32_t family_slots = m->family_slots, labels_slots = m->labels_slots;
	uint32_t seen_slots = m->seen_slots;

	arena_reset(&m->arena);
	m->first = m->last = NULL;
	m->families = m->series = m->labels = m->n_seen = 0;
	memset(m->dropped, 0, sizeof(m->dropped));
	memset(m->dropped_example, 0, sizeof(m->dropped_example));
	m->family_table = NULL;
	m->labels_table = NULL;
	m->marks = NULL;
	m->reduced = NULL;
	m->n_reduced = 0;
	m->seen = NULL;
	m->source = m->offenders = NULL;
	m->over = 0;
	if (m->places) {
		places_begin(m->places);
		m->places_all = places_find(m->places, SCOPE_ALL, STR(""));
	}
	if (family_slots)
		m->family_table = arena_zalloc(&m->arena, family_slots, sizeof(*m->family_table));
	if (labels_slots)
		m->labels_table = arena_zalloc(&m->arena, labels_slots, sizeof(*m->labels_table));
	if (seen_slots)
		m->seen = arena_zalloc(&m->arena, seen_slots, sizeof(*m->seen));
}

void metrics_release(struct metrics *m)
{
	arena_release(&m->arena);
	*m = (struct metrics){ 0 };
}

/* What one source does not want stands beside what others may have under the same name. */
static uint32_t family_slot(const struct metrics *m, struct str name,
			    const struct metrics_source *barred)
{
	uint32_t at = (uint32_t)str_hash(name) & (m->family_slots - 1);

	while (m->family_table[at] &&
	       (!str_eq(m->family_table[at]->name, name) || m->family_table[at]->barred != barred))
		at = (at + 1) & (m->family_slots - 1);
	return at;
}

struct family *metrics_find(const struct metrics *m, struct str name)
{
	return m->family_slots ? m->family_table[family_slot(m, name, NULL)] : NULL;
}

static void grow_family_table(struct metrics *m)
{
	struct family **old = m->family_table;
	uint32_t old_slots = old ? m->family_slots : 0;

	m->family_slots = m->family_slots ? m->family_slots * 2 : 256;
	m->family_table = arena_zalloc(&m->arena, m->family_slots, sizeof(*m->family_table));
	for (uint32_t i = 0; i < old_slots; i++)
		if (old[i])
			m->family_table[family_slot(m, old[i]->name, old[i]->barred)] = old[i];
}

static const struct str derived_suffixes[] = { { "_sum", 4 }, { "_count", 6 }, { "_bucket", 7 } };

/* How many of the suffixes a family of this type has for itself. */
static size_t parts_of(enum metric_type type)
{
	return type == METRIC_HISTOGRAM ? 3 : type == METRIC_SUMMARY ? 2 : 0;
}

/* A histogram x owns x_sum, x_count and x_bucket; the gateway refuses families of that name. */
static bool clashes_with_parts(struct metrics *m, struct str name, enum metric_type type)
{
	for (size_t i = 0; i < 3; i++) {
		struct str suffix = derived_suffixes[i];

		if (i < parts_of(type)) {
			char *part = arena_alloc(&m->arena, name.n + suffix.n);
			const struct family *f;

			memcpy(part, name.p, name.n);
			memcpy(part + name.n, suffix.p, suffix.n);
			f = metrics_find(m, (struct str){ part, name.n + suffix.n });
			if (f && f->refused < 0)
				return true;
		}
		if (name.n > suffix.n && str_ends(name, suffix)) {
			const struct family *whole =
				metrics_find(m, (struct str){ name.p, name.n - suffix.n });

			if (whole && i < parts_of(whole->type) && whole->refused < 0)
				return true;
		}
	}
	return false;
}

static int refusal(struct metrics *m, struct str name, enum metric_type type)
{
	if (!metric_name_valid(name))
		return DROP_NAME;
	if (metric_name_reserved(name) && !metric_name_shared(name, type))
		return DROP_RESERVED;
	return clashes_with_parts(m, name, type) ? DROP_TYPE : -1;
}

static struct family *new_family(struct metrics *m, struct str name, struct str help,
				 enum metric_type type, int refused)
{
	struct family *f = arena_zalloc(&m->arena, 1, sizeof(*f));

	f->owner = m;
	f->name = name;
	f->help = help;
	f->type = type;
	f->id = m->families;
	f->refused = refused;
	f->places = places_find(m->places, SCOPE_FAMILY, name);
	return f;
}

/* NULL when the source wants it. The filter is asked once for each name. */
static struct family *barred_family(struct metrics *m, struct str name, enum metric_type type)
{
	uint32_t at = family_slot(m, name, m->source);
	struct family *f = m->family_table[at];

	if (f || source_wants(m->source, name))
		return f;
	f = new_family(m, arena_str(&m->arena, name), STR(""), type, FAMILY_UNWANTED);
	f->barred = m->source;
	m->families++;
	m->family_table[at] = f;
	return f;
}

static void list_family(struct metrics *m, struct family *f)
{
	if (m->last)
		m->last->next = f;
	else
		m->first = f;
	m->last = f;
	f->listed = true;
}

static struct family *get_family(struct metrics *m, struct str name, struct str help,
				 enum metric_type type, bool copy)
{
	if (m->family_slots < 2 * (m->families + 1) || !m->family_table)
		grow_family_table(m);

	uint32_t at = family_slot(m, name, NULL);
	struct family *f = m->family_table[at];

	if (f && f->type == type && f->source == m->source)
		return f;
	if (m->source && m->source->filters) {
		struct family *barred = barred_family(m, name, type);

		if (barred)
			return barred;
	}
	if (f && f->type == type) {
		source_note_part(m, f);
		return f;
	}
	if (copy) {
		name = arena_str(&m->arena, name);
		help = arena_str(&m->arena, help);
	}
	/* Not entered anywhere: what is added to it is counted as dropped and forgotten. */
	if (f)
		return new_family(m, name, help, type, DROP_TYPE);
	f = new_family(m, name, help, type, refusal(m, name, type));
	m->families++;
	m->family_table[at] = f;
	list_family(m, f);
	source_note_part(m, f);
	return f;
}

struct family *metrics_family(struct metrics *m, const struct metric_desc *desc)
{
	return get_family(m, str_of(desc->name), str_of(desc->help), desc->type, false);
}

void metrics_claim(struct metrics *m, const struct metric_desc *desc)
{
	struct str name = str_of(desc->name);

	if (m->family_slots < 2 * (m->families + 1) || !m->family_table)
		grow_family_table(m);

	struct family **slot = &m->family_table[family_slot(m, name, NULL)];

	if (*slot)
		return;
	*slot = new_family(m, name, str_of(desc->help), desc->type, -1);
	m->families++;
}

struct family *metrics_family_named(struct metrics *m, struct str name, struct str help,
				    enum metric_type type)
{
	return get_family(m, name, help, type, true);
}

static void grow_seen(struct metrics *m)
{
	uint32_t old_slots = m->seen_slots, slots = old_slots ? old_slots * 2 : 4096;
	uint64_t *old = m->seen;

	m->seen = arena_zalloc(&m->arena, slots, sizeof(*m->seen));
	m->seen_slots = slots;
	for (uint32_t i = 0; old && i < old_slots; i++) {
		if (!old[i])
			continue;
		uint64_t at = old[i] * 0x9e3779b97f4a7c15u >> 32;

		while (m->seen[at & (slots - 1)])
			at++;
		m->seen[at & (slots - 1)] = old[i];
	}
}

/*
 * Enters the pair; false when it is there already. A set is given to neighbours mostly: their bits
 * lie together, where each place in the table would be another line of the cache.
 */
static bool first_seen(struct metrics *m, const struct family *f, const struct labels *labels)
{
	enum { BEFORE = 32, BITS = 64 };
	struct family_marks *marks = &m->marks[labels->id];
	uint32_t bit;

	if (marks->first == UINT32_MAX)
		marks->first = f->id > BEFORE ? f->id - BEFORE : 0;
	bit = f->id - marks->first;
	if (bit < BITS * (sizeof(marks->bits) / sizeof(marks->bits[0]))) {
		uint64_t *word = &marks->bits[bit / BITS], mask = UINT64_C(1) << bit % BITS;
		bool first = !(*word & mask);

		*word |= mask;
		return first;
	}
	/* Not m->series: a rejected family's pairs stay in. */
	if (m->seen_slots < 2 * (m->n_seen + 1) || !m->seen)
		grow_seen(m);

	/* 0 marks an empty slot, so ids count from 1 here. */
	uint64_t key = (uint64_t)(f->id + 1) << 32 | (labels->id + 1);
	uint64_t at = key * 0x9e3779b97f4a7c15u >> 32, mask = m->seen_slots - 1;

	for (; m->seen[at & mask]; at++)
		if (m->seen[at & mask] == key)
			return false;
	m->seen[at & mask] = key;
	m->n_seen++;
	return true;
}

static void count_dropped(struct metrics *m, enum drop_reason reason, uint64_t n)
{
	m->dropped[reason] += n;
	for (struct metrics_source *s = m->source; s; s = s->parent)
		s->dropped[reason] += n;
}

static void drop(struct family *f, const struct labels *labels, enum drop_reason reason)
{
	struct metrics *m = f->owner;
	bool first = !m->dropped[reason] || (m->source && !m->source->dropped[reason]);

	count_dropped(m, reason, 1);
	if (!first)
		return;

	struct str example = arena_printf(&m->arena, "%.*s{%.*s}", STR_ARG(f->name),
					  STR_ARG(labels ? labels->text : STR("?")));

	if (!m->dropped_example[reason].n)
		m->dropped_example[reason] = example;
	for (struct metrics_source *s = m->source; s && !s->example[reason].n; s = s->parent)
		s->example[reason] = example;
}

void metrics_dropped(struct metrics *m, enum drop_reason reason, uint64_t n, struct str example)
{
	count_dropped(m, reason, n);
	if (!m->dropped_example[reason].n)
		m->dropped_example[reason] = arena_str(&m->arena, example);
	for (struct metrics_source *s = m->source; s && !s->example[reason].n; s = s->parent)
		s->example[reason] = arena_str(&m->arena, example);
}

bool metrics_is_full(struct metrics *m)
{
	uint32_t *over = NULL;

	if (m->over && m->limits.series && m->series >= m->limits.series)
		over = &m->over;
	for (struct metrics_source *s = m->source; s && s->bounded; s = s->parent)
		if (s->over && m->series - s->before >= s->filter->series)
			over = &s->over;
	if (!over)
		return false;
	(*over)++;
	count_dropped(m, DROP_LIMIT, 1);
	return true;
}

/* While there is room for all, none of this asks who has a place. */

static bool over_limit(struct metrics *m, struct family *f, const struct labels *labels)
{
	if (m->source && m->source->bounded && !source_has_room(m, f, labels))
		return true;
	if (m->limits.series_per_family &&
	    (f->places || f->series >= m->limits.series_per_family) &&
	    !places_admit(f->places, f->series, m->limits.series_per_family, f, labels)) {
		f->over++;
		return true;
	}
	if (m->limits.series && (m->places_all || m->series >= m->limits.series) &&
	    !places_admit(m->places_all, m->series, m->limits.series, f, labels)) {
		m->over++;
		return true;
	}
	return false;
}

static struct sample *append(struct family *f)
{
	struct metrics *m = f->owner;

	if (!f->last || f->last->n == f->last_cap) {
		uint32_t cap = f->last ? f->last_cap * 4 : BLOCK_FIRST;

		if (cap > BLOCK_LAST)
			cap = BLOCK_LAST;

		struct block *b = arena_alloc(&m->arena, sizeof(*b) + cap * sizeof(struct sample));

		b->next = NULL;
		b->n = 0;
		if (f->last)
			f->last->next = b;
		else
			f->first = b;
		f->last = b;
		f->last_cap = cap;
	}
	if (!f->listed)
		list_family(m, f);
	f->series++;
	m->series++;
	return &f->last->samples[f->last->n++];
}

/* A histogram's own le would stand next to that of its buckets, and a summary's quantile. */
static bool has_own(const struct labels *labels, enum metric_type type)
{
	struct str name = type == METRIC_HISTOGRAM ? STR("le")
			  : type == METRIC_SUMMARY ? STR("quantile")
						   : STR("");

	for (uint32_t i = 0; name.n && i < labels->n; i++)
		if (str_eq(labels->v[i].name, name))
			return true;
	return false;
}

enum shape { SHAPE_VALUE, SHAPE_HISTOGRAM, SHAPE_SUMMARY };

static enum shape shape_of(enum metric_type type)
{
	return type == METRIC_HISTOGRAM ? SHAPE_HISTOGRAM
	       : type == METRIC_SUMMARY ? SHAPE_SUMMARY
					: SHAPE_VALUE;
}

static bool is_own(const struct metrics *m)
{
	return m->own || (m->source && m->source->free);
}

static struct sample *find_sample(struct family *f, const struct labels *labels)
{
	for (struct block *b = f->first; b; b = b->next)
		for (uint32_t i = 0; i < b->n; i++)
			if (b->samples[i].labels == labels)
				return &b->samples[i];
	return NULL;
}

/* The gate: a place for one more sample, or NULL with the drop counted. */
static struct sample *admit(struct family *f, const struct labels *given, enum shape shape)
{
	const struct metrics_source *source = f->owner->source;
	bool reduces = source && source->looks && given;
	const struct labels *labels = reduces ? source_labels(f->owner, given) : given;
	int reason = f->refused;

	if (reason == FAMILY_UNWANTED || (reduces && !labels))
		return NULL;
	reduces = reduces && source->drops;
	if (reason < 0 && shape_of(f->type) != shape)
		reason = DROP_TYPE;
	if (reason < 0 && labels && has_own(labels, f->type))
		reason = DROP_NAME;
	if (reason < 0 && !labels)
		reason = DROP_NAME;
	/* First, lest what is the same in the end counts as many. */
	if (reason < 0 && reduces && !first_seen(f->owner, f, labels))
		reason = DROP_EQUAL;
	if (reason < 0 && over_limit(f->owner, f, labels))
		reason = DROP_LIMIT;
	if (reason < 0 && !reduces && !first_seen(f->owner, f, labels))
		reason = DROP_DUPLICATE;
	if (reason >= 0) {
		drop(f, given, (enum drop_reason)reason);
		return reason == DROP_DUPLICATE && is_own(f->owner) ? find_sample(f, labels) : NULL;
	}

	struct sample *s = append(f);

	s->labels = labels;
	return s;
}

void family_add(struct family *f, const struct labels *labels, double value)
{
	struct sample *s = admit(f, labels, SHAPE_VALUE);

	if (s)
		s->value = value;
}

void family_add_histogram(struct family *f, const struct labels *labels,
			  const struct histogram *histogram)
{
	struct sample *s = admit(f, labels, SHAPE_HISTOGRAM);

	if (s)
		s->histogram = histogram;
}

void family_add_summary(struct family *f, const struct labels *labels,
			const struct summary *summary)
{
	struct sample *s = admit(f, labels, SHAPE_SUMMARY);

	if (s)
		s->summary = summary;
}

void metrics_reject(struct metrics *m, struct family *f)
{
	if (!f->series)
		return;
	drop(f, f->first->samples[0].labels, DROP_REJECTED);
	m->dropped[DROP_REJECTED] += f->series - 1;
	m->series -= f->series;
	f->series = 0;
	f->first = f->last = NULL;
	f->refused = DROP_REJECTED;
}

void metrics_add(struct metrics *m, const struct metric_desc *desc, double value)
{
	family_add(metrics_family(m, desc), metrics_no_labels(m), value);
}
