/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms and summaries, put together of their lines, and checked. */
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "metric/feed_internal.h"

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

/* Which part of which histogram or summary a name is. */
enum part feed_part_of(struct feed *f, struct str name, struct entry **ret)
{
	static const struct str sum = { "_sum", 4 }, count = { "_count", 6 },
				bucket = { "_bucket", 7 };
	struct entry *e, *exact = feed_find(f, name);

	/* A type of its own beats what its suffix may mean. */
	if (exact && exact->typed) {
		*ret = exact;
		return exact->type == METRIC_SUMMARY     ? PART_POINT
		       : exact->type == METRIC_HISTOGRAM ? PART_POINT
							 : PART_NONE;
	}
	if ((e = feed_whole_of(f, name, bucket)) && e->type == METRIC_HISTOGRAM) {
		*ret = e;
		return PART_POINT;
	}
	if ((e = feed_whole_of(f, name, sum)) || (e = feed_whole_of(f, name, count))) {
		*ret = e;
		if (e->type == METRIC_HISTOGRAM || e->type == METRIC_SUMMARY)
			return str_ends(name, sum) ? PART_SUM : PART_COUNT;
	}
	return PART_NONE;
}

struct str feed_suffix(const struct entry *e, enum part part)
{
	switch (part) {
	case PART_POINT:
		return e->type == METRIC_HISTOGRAM ? STR("_bucket") : STR("");
	case PART_SUM:
		return STR("_sum");
	case PART_COUNT:
		return STR("_count");
	case PART_NONE:
		break;
	}
	return STR("");
}

void feed_add_part(struct feed *f, const struct scan_item *item, const struct entry *e,
		   enum part part)
{
	bool histogram = e->type == METRIC_HISTOGRAM;
	struct str special = part != PART_POINT ? STR("") : histogram ? STR("le") : STR("quantile");
	const struct labels *labels;
	struct gathered *g;
	double at = 0;

	if (part == PART_POINT && histogram && str_eq(e->name, item->name)) {
		feed_keep_out(f, item->line, item->name,
			      "a histogram has no sample of its bare name");
		return;
	}
	labels = split_labels(f, item, special, &at);
	if (!labels) {
		feed_keep_out(f, item->line, item->name,
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
		feed_keep_out_for(f, item->line, item->name, DROP_DUPLICATE);
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

void feed_add_gathered(struct feed *f, struct gathered *g)
{
	struct entry *e = feed_get(f, g->entry->name);
	bool histogram = e->type == METRIC_HISTOGRAM;
	uint32_t lines;
	uint64_t before[DROP_REASONS];
	enum drop_reason reason;
	const char *why;

	if (g->n)
		qsort(g->points, g->n, sizeof(*g->points), by_place);
	lines = (uint32_t)g->n + g->has_sum + g->has_count;
	if (histogram && g->has_count && !(g->n && g->points[g->n - 1].at >= (double)INFINITY))
		add_point(f, g, (double)INFINITY, g->count);
	if (feed_not_theirs(f, g->line, e->name, lines) || feed_gateways(f, e, lines))
		return;
	why = histogram ? check_histogram(g) : check_summary(g);
	if (why) {
		feed_keep_out(f, g->line, e->name, why);
		return;
	}
	if (feed_no_room(f, e)) {
		feed_keep_out_for(f, g->line, e->name, DROP_LIMIT);
		return;
	}
	memcpy(before, f->out->dropped, sizeof(before));
	if (histogram)
		add_histogram(f, feed_family(f, e), g);
	else
		add_summary(f, feed_family(f, e), g);
	reason = feed_new_drop(f->out, before);
	if (reason != DROP_REASONS)
		feed_keep_out_for(f, g->line, e->name, reason);
}
