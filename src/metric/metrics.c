/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families and samples. Samples are chained in blocks per family, so the output is contiguous
 * by family without sorting, and a bit, or (family id, labels id) in one word, is all that the
 * check for duplicates has to remember.
 */
#include "metric/metrics.h"

#include <stddef.h>

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
	m->seen = NULL;
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

void metrics_set_grouping(struct metrics *m, size_t n, struct str *names)
{
	m->n_grouping = n;
	m->grouping = names;
}

bool metric_name_valid(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c != '_' && c != ':' &&
		    !(i > 0 && c >= '0' && c <= '9'))
			return false;
	}
	return name.n > 0;
}

const char *metric_type_name(enum metric_type type)
{
	static const char *const names[] = { "counter", "gauge", "untyped", "histogram",
					     "summary" };

	return names[type];
}

const char *drop_reason_name(enum drop_reason reason)
{
	static const char *const names[] = {
		[DROP_DUPLICATE] = "duplicate", [DROP_TYPE] = "type_conflict",
		[DROP_NAME] = "invalid_name",   [DROP_RESERVED] = "reserved_name",
		[DROP_LIMIT] = "limit",         [DROP_REJECTED] = "rejected",
	};

	return names[reason];
}

static uint32_t family_slot(const struct metrics *m, struct str name)
{
	uint32_t at = (uint32_t)str_hash(name) & (m->family_slots - 1);

	while (m->family_table[at] && !str_eq(m->family_table[at]->name, name))
		at = (at + 1) & (m->family_slots - 1);
	return at;
}

struct family *metrics_find(const struct metrics *m, struct str name)
{
	return m->family_slots ? m->family_table[family_slot(m, name)] : NULL;
}

static void grow_family_table(struct metrics *m)
{
	m->family_slots = m->family_slots ? m->family_slots * 2 : 256;
	m->family_table = arena_zalloc(&m->arena, m->family_slots, sizeof(*m->family_table));
	for (struct family *f = m->first; f; f = f->next)
		m->family_table[family_slot(m, f->name)] = f;
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

/* What the gateway itself serves under these names would meet ours (facts of 1.5 and later). */
bool metric_name_reserved(struct str name)
{
	return str_eq(name, STR("push_time_seconds")) ||
	       str_eq(name, STR("push_failure_time_seconds")) ||
	       str_starts(name, STR("pushgateway_")) || str_starts(name, STR("promhttp_"));
}

static int refusal(struct metrics *m, struct str name, enum metric_type type)
{
	if (!metric_name_valid(name))
		return DROP_NAME;
	if (metric_name_reserved(name))
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
	return f;
}

static struct family *get_family(struct metrics *m, struct str name, struct str help,
				 enum metric_type type, bool copy)
{
	if (m->family_slots < 2 * (m->families + 1) || !m->family_table)
		grow_family_table(m);

	uint32_t at = family_slot(m, name);
	struct family *f = m->family_table[at];

	if (f && f->type == type)
		return f;
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
	if (m->last)
		m->last->next = f;
	else
		m->first = f;
	m->last = f;
	return f;
}

struct family *metrics_family(struct metrics *m, const struct metric_desc *desc)
{
	return get_family(m, str_of(desc->name), str_of(desc->help), desc->type, false);
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

static void drop(struct family *f, const struct labels *labels, enum drop_reason reason)
{
	struct metrics *m = f->owner;

	if (!m->dropped[reason]++)
		m->dropped_example[reason] =
			arena_printf(&m->arena, "%.*s{%.*s}", STR_ARG(f->name),
				     STR_ARG(labels ? labels->text : STR("?")));
}

static bool over_limit(const struct metrics *m, const struct family *f)
{
	return (m->limits.series && m->series >= m->limits.series) ||
	       (m->limits.series_per_family && f->series >= m->limits.series_per_family);
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

/* The gate: a place for one more sample, or NULL with the drop counted. */
static struct sample *admit(struct family *f, const struct labels *labels, enum shape shape)
{
	int reason = f->refused;

	if (reason < 0 && shape_of(f->type) != shape)
		reason = DROP_TYPE;
	if (reason < 0 && labels && has_own(labels, f->type))
		reason = DROP_NAME;
	if (reason < 0 && !labels)
		reason = DROP_NAME;
	if (reason < 0 && over_limit(f->owner, f))
		reason = DROP_LIMIT;
	if (reason < 0 && !first_seen(f->owner, f, labels))
		reason = DROP_DUPLICATE;
	if (reason >= 0) {
		drop(f, labels, (enum drop_reason)reason);
		return NULL;
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
