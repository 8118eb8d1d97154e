/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two passes: types and help texts first, because they may stand behind their samples; then the
 * samples. Parts of histograms and summaries are gathered and added at the end.
 */
#include "metric/feed.h"

#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "metric/scan.h"

/* A name that the text gives a type or a help, or that has samples. */
struct entry {
	struct str name, help;
	enum metric_type type;
	bool typed, clash;
	struct family *family;
	struct entry *next; /* in its slot */
};

/* A histogram or summary of one label set, as far as it has come. */
struct gathered {
	const struct entry *entry;
	const struct labels *labels;
	uint32_t line; /* of its first part */
	bool has_sum, has_count;
	double sum, count;
	size_t n;
	struct point {
		double at, value;
	} * points; /* le or quantile, and what stands there */
	struct gathered *next, *next_in_slot;
};

enum { SLOTS_MIN = 64, SLOTS_MAX = 1 << 20, BYTES_PER_SLOT = 64 };

struct feed {
	struct metrics *out;
	struct arena *arena;
	struct str file;
	struct feed_report *report;
	size_t slots; /* of both tables, a power of two */
	struct entry **entries;
	struct gathered **parts, *first_part, **last_part;
	struct label *labels; /* SCAN_LABELS_MAX, reused */
};

static void say(struct feed *f, uint32_t line, struct str name, const char *why)
{
	struct feed_report *report = f->report;

	if (report->n < FEED_MESSAGES_MAX)
		report->messages[report->n++] = arena_printf(
			f->arena, "%.*s:%u: %.*s%s%s", STR_ARG(f->file), line,
			(int)(name.n > 120 ? 120 : name.n), name.p, name.n ? ": " : "", why);
}

static void keep_out(struct feed *f, uint32_t line, struct str name, const char *why)
{
	f->report->dropped++;
	say(f, line, name, why);
}

static struct entry *find(const struct feed *f, struct str name)
{
	struct entry *e = f->entries[str_hash(name) & (f->slots - 1)];

	while (e && !str_eq(e->name, name))
		e = e->next;
	return e;
}

static struct entry *get(struct feed *f, struct str name)
{
	struct entry *e = find(f, name), **slot;

	if (e)
		return e;
	slot = &f->entries[str_hash(name) & (f->slots - 1)];
	e = arena_zalloc(f->arena, 1, sizeof(*e));
	e->name = name;
	e->type = METRIC_UNTYPED;
	e->next = *slot;
	*slot = e;
	return e;
}

static void read_header(struct feed *f, const struct scan_item *item)
{
	struct entry *e = get(f, item->name);

	if (item->kind == SCAN_HELP) {
		if (!e->help.n)
			e->help = item->help;
	} else if (e->typed && e->type != item->type) {
		say(f, item->line, item->name, "has another TYPE further up, which counts");
	} else {
		e->type = item->type;
		e->typed = true;
	}
}

/* The typed family that `name` without `suffix` is, or NULL. */
static struct entry *whole_of(const struct feed *f, struct str name, struct str suffix)
{
	struct entry *e;

	if (name.n <= suffix.n || !str_ends(name, suffix))
		return NULL;
	e = find(f, (struct str){ name.p, name.n - suffix.n });
	return e && e->typed ? e : NULL;
}

static enum drop_reason new_drop(const struct metrics *m, const uint64_t *before)
{
	for (int i = 0; i < DROP_REASONS; i++)
		if (m->dropped[i] != before[i])
			return (enum drop_reason)i;
	return DROP_REASONS;
}

static const char *explain(enum drop_reason reason)
{
	static const char *const words[] = {
		[DROP_DUPLICATE] = "the same series a second time",
		[DROP_TYPE] = "it, or its _sum, _count or _bucket, has another type already",
		[DROP_NAME] = "an illegal metric or label name",
		[DROP_RESERVED] = "a name that the Pushgateway keeps for itself",
		[DROP_LIMIT] = "more series than the limits allow",
		[DROP_REJECTED] = "the gateway refused this family before",
	};

	return words[reason];
}

static struct family *family_of(struct feed *f, struct entry *e)
{
	struct family *known;

	if (e->family)
		return e->family;
	known = metrics_find(f->out, e->name);
	/* Untyped says nothing: of two texts, the one that knows the type is right for both. */
	if (known && known->type <= METRIC_UNTYPED && e->type <= METRIC_UNTYPED) {
		if (known->type == METRIC_UNTYPED)
			known->type = e->type;
		else if (e->type == METRIC_UNTYPED)
			e->type = known->type;
	}
	e->family = metrics_family_named(f->out, e->name, e->help, e->type);
	return e->family;
}

/* OpenMetrics names the family without the sample's suffix. */
static void type_by_whole(const struct feed *f, struct entry *e)
{
	static const struct {
		struct str suffix;
		unsigned of; /* types, as bits */
		enum metric_type type;
	} rows[] = {
		{ { "_total", 6 }, 1 << METRIC_COUNTER, METRIC_COUNTER },
		{ { "_info", 5 }, 1 << METRIC_GAUGE, METRIC_GAUGE },
		{ { "_created", 8 },
		  1 << METRIC_COUNTER | 1 << METRIC_HISTOGRAM | 1 << METRIC_SUMMARY,
		  METRIC_GAUGE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct entry *whole = whole_of(f, e->name, rows[i].suffix);

		if (!whole || !(rows[i].of & 1U << whole->type))
			continue;
		e->type = rows[i].type;
		e->help = e->help.n ? e->help : whole->help;
	}
}

/*
 * No room for any series: a name not met yet would only cost memory. The gate itself has dropped
 * the first, so that there is an example.
 */
static bool no_room(struct feed *f, const struct entry *e)
{
	struct metrics *m = f->out;

	if ((e && e->family) || !m->dropped[DROP_LIMIT] || !m->limits.series ||
	    m->series < m->limits.series)
		return false;
	m->dropped[DROP_LIMIT]++;
	return true;
}

/* One that stands for itself: gauge, counter, untyped. */
static void add_plain(struct feed *f, const struct scan_item *item)
{
	struct entry *e = find(f, item->name);
	const struct labels *labels;
	uint64_t before[DROP_REASONS];
	enum drop_reason reason;

	if (no_room(f, e)) {
		keep_out(f, item->line, item->name, explain(DROP_LIMIT));
		return;
	}
	e = get(f, item->name);
	if (!e->typed && !e->family)
		type_by_whole(f, e);
	memcpy(before, f->out->dropped, sizeof(before));
	labels = metrics_labels(f->out, item->n, item->labels);
	family_add(family_of(f, e), labels, item->value);
	reason = new_drop(f->out, before);
	if (reason != DROP_REASONS)
		keep_out(f, item->line, item->name, explain(reason));
}

static struct gathered *gather(struct feed *f, const struct entry *e, const struct labels *labels,
			       uint32_t line)
{
	uint64_t hash = ((uintptr_t)e >> 4) * 31 + labels->id;
	struct gathered **slot = &f->parts[hash & (f->slots - 1)], *g = *slot;

	while (g && (g->entry != e || g->labels != labels))
		g = g->next_in_slot;
	if (g)
		return g;
	g = arena_zalloc(f->arena, 1, sizeof(*g));
	g->entry = e;
	g->labels = labels;
	g->line = line;
	g->next_in_slot = *slot;
	*slot = g;
	*f->last_part = g;
	f->last_part = &g->next;
	return g;
}

/* The labels without `special`, whose value goes to ret_at. NULL: illegal or no number. */
static const struct labels *split_labels(struct feed *f, const struct scan_item *item,
					 struct str special, double *ret_at)
{
	struct label *v = f->labels;
	bool found = !special.n;
	size_t n = 0;

	for (size_t i = 0; i < item->n; i++) {
		if (special.n && str_eq(item->labels[i].name, special)) {
			if (found || num_f64(item->labels[i].value, ret_at) < 0 || isnan(*ret_at))
				return NULL;
			found = true;
			continue;
		}
		v[n++] = item->labels[i];
	}
	return found ? metrics_labels(f->out, n, v) : NULL;
}

static void add_point(struct feed *f, struct gathered *g, double at, double value)
{
	g->points = arena_grow(f->arena, g->points, g->n, sizeof(*g->points));
	g->points[g->n++] = (struct point){ at, value };
}

enum part { PART_NONE, PART_POINT, PART_SUM, PART_COUNT };

/* Which part of which histogram or summary a name is. */
static enum part part_of(struct feed *f, struct str name, struct entry **ret)
{
	static const struct str sum = { "_sum", 4 }, count = { "_count", 6 },
				bucket = { "_bucket", 7 };
	struct entry *e, *exact = find(f, name);

	/* A type of its own beats what its suffix may mean. */
	if (exact && exact->typed) {
		*ret = exact;
		return exact->type == METRIC_SUMMARY     ? PART_POINT
		       : exact->type == METRIC_HISTOGRAM ? PART_POINT
							 : PART_NONE;
	}
	if ((e = whole_of(f, name, bucket)) && e->type == METRIC_HISTOGRAM) {
		*ret = e;
		return PART_POINT;
	}
	if ((e = whole_of(f, name, sum)) || (e = whole_of(f, name, count))) {
		*ret = e;
		if (e->type == METRIC_HISTOGRAM || e->type == METRIC_SUMMARY)
			return str_ends(name, sum) ? PART_SUM : PART_COUNT;
	}
	return PART_NONE;
}

static void add_part(struct feed *f, const struct scan_item *item, const struct entry *e,
		     enum part part)
{
	bool histogram = e->type == METRIC_HISTOGRAM;
	struct str special = part != PART_POINT ? STR("") : histogram ? STR("le") : STR("quantile");
	const struct labels *labels;
	struct gathered *g;
	double at = 0;

	if (part == PART_POINT && histogram && str_eq(e->name, item->name)) {
		keep_out(f, item->line, item->name, "a histogram has no sample of its bare name");
		return;
	}
	labels = split_labels(f, item, special, &at);
	if (!labels) {
		keep_out(f, item->line, item->name,
			 part != PART_POINT ? "an illegal label name"
			 : histogram        ? "a bucket needs one le that is a number"
					    : "this sample of a summary needs one quantile that "
					      "is a number");
		return;
	}
	g = gather(f, e, labels, item->line);
	if (part == PART_POINT) {
		add_point(f, g, at, item->value);
	} else if (part == PART_SUM ? g->has_sum : g->has_count) {
		keep_out(f, item->line, item->name, explain(DROP_DUPLICATE));
	} else if (part == PART_SUM) {
		g->has_sum = true;
		g->sum = item->value;
	} else {
		g->has_count = true;
		g->count = item->value;
	}
}

static int by_place(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static bool whole_number(double value)
{
	return value >= 0 && value < 18446744073709551616.0 && value == floor(value);
}

/* NULL when it is a sound histogram, else what is wrong with it. */
static const char *check_histogram(const struct gathered *g)
{
	double before = 0;

	if (!g->n || g->points[g->n - 1].at < (double)INFINITY)
		return "this histogram has no +Inf bucket";
	for (size_t i = 0; i < g->n; i++) {
		if (i && g->points[i].at <= g->points[i - 1].at)
			return "this histogram has a bucket twice";
		if (!whole_number(g->points[i].value))
			return "this histogram has a bucket that is no count";
		if (g->points[i].value < before)
			return "this histogram is not cumulative";
		before = g->points[i].value;
	}
	if (g->has_count && !(g->count <= before && g->count >= before))
		return "this histogram's _count differs from its +Inf bucket";
	return NULL;
}

static const char *check_summary(const struct gathered *g)
{
	for (size_t i = 0; i < g->n; i++) {
		if (!(g->points[i].at >= 0 && g->points[i].at <= 1))
			return "this summary has a quantile outside of 0 to 1";
		if (i && g->points[i].at <= g->points[i - 1].at)
			return "this summary has a quantile twice";
	}
	if (!g->has_count)
		return "this summary has no _count";
	return whole_number(g->count) ? NULL : "this summary's _count is no count";
}

/* Some programs leave it out, as Python's client does below bounds that are negative. */
static double sum_of(const struct gathered *g)
{
	return g->has_sum ? g->sum : (double)NAN;
}

static void add_histogram(struct feed *f, struct family *family, const struct gathered *g)
{
	struct histogram_bucket *buckets = arena_zalloc(&f->out->arena, g->n, sizeof(*buckets));
	struct histogram *h = arena_zalloc(&f->out->arena, 1, sizeof(*h));

	for (size_t i = 0; i < g->n; i++)
		buckets[i] =
			(struct histogram_bucket){ g->points[i].at, (uint64_t)g->points[i].value };
	*h = (struct histogram){ sum_of(g), buckets[g->n - 1].count, g->n, buckets };
	family_add_histogram(family, g->labels, h);
}

static void add_summary(struct feed *f, struct family *family, const struct gathered *g)
{
	struct quantile *quantiles = arena_zalloc(&f->out->arena, g->n + 1, sizeof(*quantiles));
	struct summary *s = arena_zalloc(&f->out->arena, 1, sizeof(*s));

	for (size_t i = 0; i < g->n; i++)
		quantiles[i] = (struct quantile){ g->points[i].at, g->points[i].value };
	*s = (struct summary){ sum_of(g), (uint64_t)g->count, g->n, quantiles };
	family_add_summary(family, g->labels, s);
}

static void add_gathered(struct feed *f, struct gathered *g)
{
	struct entry *e = get(f, g->entry->name);
	bool histogram = e->type == METRIC_HISTOGRAM;
	uint64_t before[DROP_REASONS];
	enum drop_reason reason;
	const char *why;

	if (g->n)
		qsort(g->points, g->n, sizeof(*g->points), by_place);
	why = histogram ? check_histogram(g) : check_summary(g);
	if (!why && no_room(f, e))
		why = explain(DROP_LIMIT);
	if (why) {
		keep_out(f, g->line, e->name, why);
		return;
	}
	memcpy(before, f->out->dropped, sizeof(before));
	if (histogram)
		add_histogram(f, family_of(f, e), g);
	else
		add_summary(f, family_of(f, e), g);
	reason = new_drop(f->out, before);
	if (reason != DROP_REASONS)
		keep_out(f, g->line, e->name, explain(reason));
}

static void read_samples(struct feed *f, struct str text)
{
	struct scan_item item;
	struct scan scan;

	scan_begin(&scan, text, f->arena);
	while (scan_next(&scan, &item)) {
		struct entry *e = NULL;
		enum part part;

		if (item.kind == SCAN_BAD) {
			f->report->bad++;
			say(f, item.line, STR(""), item.why);
		}
		if (item.kind != SCAN_SAMPLE)
			continue;
		f->report->samples++;
		f->report->timestamps += item.timestamp;
		f->report->exemplars += item.exemplar;
		part = part_of(f, item.name, &e);
		if (part == PART_NONE)
			add_plain(f, &item);
		else
			add_part(f, &item, e, part);
	}
}

void feed_text(struct metrics *out, struct str text, struct str file, struct arena *arena,
	       struct feed_report *ret)
{
	struct feed f = {
		.out = out,
		.arena = arena,
		.file = file,
		.report = ret,
		.slots = SLOTS_MIN,
	};
	struct scan_item item;
	struct scan scan;

	*ret = (struct feed_report){ 0 };
	while (f.slots < SLOTS_MAX && f.slots < text.n / BYTES_PER_SLOT)
		f.slots *= 2;
	f.entries = arena_zalloc(arena, f.slots, sizeof(*f.entries));
	f.parts = arena_zalloc(arena, f.slots, sizeof(*f.parts));
	f.last_part = &f.first_part;
	f.labels = arena_alloc(arena, SCAN_LABELS_MAX * sizeof(*f.labels));
	scan_begin(&scan, text, arena);
	while (scan_next_header(&scan, &item))
		read_header(&f, &item);
	read_samples(&f, text);
	for (struct gathered *g = f.first_part; g; g = g->next)
		add_gathered(&f, g);
}
