/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text is read into families of lines, which know no more than their name, labels and value;
 * a histogram's lines are found by these when one is observed.
 */
#include "metric/amend.h"

#include <errno.h>
#include <math.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "metric/scan.h"

struct line {
	struct line *next;
	struct str name;
	size_t n;
	struct label *labels; /* sorted by name */
	double value;
};

struct group {
	struct group *next;
	struct str name, help;
	bool typed;
	enum metric_type type;
	struct line *first, *last;
};

struct doc {
	struct arena *arena;
	struct group *first, *last;
	struct str why;
};

static const struct str suffixes[] = { { "_bucket", 7 }, { "_sum", 4 }, { "_count", 6 } };

/* --- reading ------------------------------------------------------------------------------ */

static struct group *find_group(const struct doc *doc, struct str name)
{
	for (struct group *g = doc->first; g; g = g->next)
		if (str_eq(g->name, name))
			return g;
	return NULL;
}

static struct group *need_group(struct doc *doc, struct str name)
{
	struct group *g = find_group(doc, name);

	if (g)
		return g;
	g = arena_zalloc(doc->arena, 1, sizeof(*g));
	g->name = name;
	g->type = METRIC_UNTYPED;
	if (doc->last)
		doc->last->next = g;
	else
		doc->first = g;
	doc->last = g;
	return g;
}

static bool has_parts(enum metric_type type)
{
	return type == METRIC_HISTOGRAM || type == METRIC_SUMMARY;
}

/* The first lines of what would be a part of `name`, were that a histogram. */
static const struct group *part_of(const struct doc *doc, struct str name)
{
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		const struct group *part =
			find_group(doc, ARENA_CONCAT(doc->arena, name, suffixes[i]));

		if (part && part->first)
			return part;
	}
	return NULL;
}

/* x_sum belongs to x where x is a histogram or a summary. */
static struct group *whole_of(const struct doc *doc, struct str part)
{
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		struct group *g;

		if (!str_ends(part, suffixes[i]))
			continue;
		g = find_group(doc, (struct str){ part.p, part.n - suffixes[i].n });
		if (g && has_parts(g->type))
			return g;
	}
	return NULL;
}

/* A copy without empty values, sorted. */
static struct label *sorted(struct arena *arena, size_t n, const struct label *labels,
			    size_t *ret_n)
{
	struct label *v = arena_zalloc(arena, n + 1, sizeof(*v));
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		size_t at = used;

		if (!labels[i].value.n)
			continue;
		for (; at > 0 && str_cmp(labels[i].name, v[at - 1].name) < 0; at--)
			v[at] = v[at - 1];
		v[at] = labels[i];
		used++;
	}
	*ret_n = used;
	return v;
}

static struct line *add_line(struct doc *doc, struct group *g, struct str name, size_t n,
			     const struct label *labels, double value)
{
	struct line *line = arena_zalloc(doc->arena, 1, sizeof(*line));

	line->name = name;
	line->labels = sorted(doc->arena, n, labels, &line->n);
	line->value = value;
	if (g->last)
		g->last->next = line;
	else
		g->first = line;
	g->last = line;
	return line;
}

static void lose(struct doc *doc, struct amend_report *report, unsigned line, const char *why)
{
	if (!report->lost++)
		report->lost_text = arena_printf(doc->arena, "%u: %s", line, why);
}

/*
 * The first type holds, and only before its lines: those that were read as parts by then would be
 * none under another, and those that were not would be when the text is read again.
 */
static const char *wrong_type(const struct doc *doc, const struct group *g, enum metric_type type)
{
	if (g->typed)
		return g->type == type ? NULL : "the metric has another type already";
	return g->first || (has_parts(type) && part_of(doc, g->name)) ? "the type comes too late"
								      : NULL;
}

static void read_text(struct doc *doc, struct str text, struct amend_report *report)
{
	struct scan scan;
	struct scan_item item;
	const char *wrong;
	struct group *g;

	scan_begin(&scan, text, doc->arena);
	while (scan_next(&scan, &item))
		switch (item.kind) {
		case SCAN_TYPE:
			g = need_group(doc, item.name);
			wrong = wrong_type(doc, g, item.type);
			if (wrong) {
				lose(doc, report, item.line, wrong);
				break;
			}
			g->type = item.type;
			g->typed = true;
			break;
		case SCAN_HELP:
			need_group(doc, item.name)->help = item.help;
			break;
		case SCAN_SAMPLE:
			g = whole_of(doc, item.name);
			(void)add_line(doc, g ? g : need_group(doc, item.name), item.name, item.n,
				       item.labels, item.value);
			break;
		case SCAN_BAD:
			lose(doc, report, item.line, item.why);
			break;
		}
}

/* --- writing ------------------------------------------------------------------------------ */

static void put_escaped(struct buf *to, struct str s, bool quotes)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\n')
			buf_cstr(to, "\\n");
		else if (s.p[i] == '\\' || (quotes && s.p[i] == '"')) {
			buf_char(to, '\\');
			buf_char(to, s.p[i]);
		} else
			buf_char(to, s.p[i]);
}

static void put_line(struct buf *to, const struct line *line)
{
	buf_str(to, line->name);
	for (size_t i = 0; i < line->n; i++) {
		buf_char(to, i ? ',' : '{');
		buf_str(to, line->labels[i].name);
		buf_cstr(to, "=\"");
		put_escaped(to, line->labels[i].value, true);
		buf_char(to, '"');
	}
	if (line->n)
		buf_char(to, '}');
	buf_char(to, ' ');
	buf_f64(to, line->value);
	buf_char(to, '\n');
}

static void put_group(struct buf *to, const struct group *g)
{
	if (g->help.n) {
		buf_cstr(to, "# HELP ");
		buf_str(to, g->name);
		buf_char(to, ' ');
		put_escaped(to, g->help, false);
		buf_char(to, '\n');
	}
	if (g->typed) {
		buf_cstr(to, "# TYPE ");
		buf_str(to, g->name);
		buf_char(to, ' ');
		buf_cstr(to, metric_type_name(g->type));
		buf_char(to, '\n');
	}
	for (const struct line *line = g->first; line; line = line->next)
		put_line(to, line);
}

/* --- changing ----------------------------------------------------------------------------- */

static bool same_labels(size_t n, const struct label *a, const struct line *line)
{
	if (line->n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!str_eq(a[i].name, line->labels[i].name) ||
		    !str_eq(a[i].value, line->labels[i].value))
			return false;
	return true;
}

static struct line *find_line(const struct group *g, struct str name, size_t n,
			      const struct label *labels)
{
	for (struct line *line = g->first; line; line = line->next)
		if (str_eq(line->name, name) && same_labels(n, labels, line))
			return line;
	return NULL;
}

static const char *type_words(const struct group *g)
{
	return g->typed ? metric_type_name(g->type) : "metric without a type";
}

/* The group of that name and type; what has the name already must be of the same type. */
static struct group *claim(struct doc *doc, const struct amend *a)
{
	const char *type = metric_type_name(a->type);
	struct group *g = find_group(doc, a->name);
	const struct group *whole = whole_of(doc, a->name);
	const struct group *taken = a->type == METRIC_HISTOGRAM ? part_of(doc, a->name) : NULL;

	if (g && g->first && (!g->typed || g->type != a->type))
		doc->why = arena_printf(doc->arena, "%.*s is a %s there, and cannot become a %s",
					STR_ARG(a->name), type_words(g), type);
	else if (whole)
		doc->why = arena_printf(
			doc->arena, "%.*s is a part of the %s %.*s there, and cannot become a %s",
			STR_ARG(a->name), type_words(whole), STR_ARG(whole->name), type);
	else if (taken)
		doc->why = arena_printf(
			doc->arena,
			"%.*s is a %s there, which a histogram %.*s would need for itself",
			STR_ARG(taken->name), type_words(taken), STR_ARG(a->name));
	if (doc->why.n)
		return NULL;
	g = need_group(doc, a->name);
	g->type = a->type;
	g->typed = true;
	if (a->help.p)
		g->help = a->help;
	return g;
}

/* Takes le out of a bucket's labels. False when it has none that is a number. */
static bool split_le(struct arena *arena, const struct line *line, double *ret_le, size_t *ret_n,
		     struct label **ret_labels)
{
	struct label *v = arena_zalloc(arena, line->n + 1, sizeof(*v));
	bool found = false;
	size_t n = 0;

	for (size_t i = 0; i < line->n; i++)
		if (str_eq(line->labels[i].name, STR("le")))
			found = num_f64(line->labels[i].value, ret_le) == 0;
		else
			v[n++] = line->labels[i];
	*ret_n = n;
	*ret_labels = v;
	return found;
}

/* The lines of one histogram, which may not be there at all (n 0). */
struct parts {
	size_t n;
	double *le;
	struct line **buckets, *sum, *count;
};

/* Those with these labels; with labels NULL those of the first one in the group. */
static void find_parts(struct doc *doc, const struct group *g, size_t n, const struct label *labels,
		       struct parts *ret)
{
	struct str name = ARENA_CONCAT(doc->arena, g->name, suffixes[0]);
	size_t all = 0, seen_n;
	struct label *seen;

	for (const struct line *line = g->first; line; line = line->next)
		all++;
	*ret = (struct parts){
		.le = arena_zalloc(doc->arena, all, sizeof(*ret->le)),
		.buckets = arena_zalloc(doc->arena, all, sizeof(struct line *)),
	};
	for (struct line *line = g->first; line; line = line->next) {
		double le;

		if (!str_eq(line->name, name) || !split_le(doc->arena, line, &le, &seen_n, &seen))
			continue;
		if (!labels) {
			labels = seen;
			n = seen_n;
		}

		const struct line bare = { .n = seen_n, .labels = seen };

		if (!same_labels(n, labels, &bare))
			continue;
		ret->le[ret->n] = le;
		ret->buckets[ret->n++] = line;
	}
	if (!labels)
		return;
	ret->sum = find_line(g, ARENA_CONCAT(doc->arena, g->name, suffixes[1]), n, labels);
	ret->count = find_line(g, ARENA_CONCAT(doc->arena, g->name, suffixes[2]), n, labels);
}

static struct str bounds_text(struct arena *arena, size_t n, const double *bounds)
{
	_cleanup_buf_ struct buf text = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_char(&text, ',');
		buf_f64(&text, bounds[i]);
	}
	return arena_str(arena, buf_view(&text));
}

static bool same_bounds(const struct parts *parts, const struct amend *a)
{
	if (parts->n != a->n_bounds + 1)
		return false;
	for (size_t i = 0; i < a->n_bounds; i++)
		if (parts->le[i] < a->bounds[i] || parts->le[i] > a->bounds[i])
			return false;
	return true;
}

static bool whole(const struct parts *parts)
{
	return parts->n && parts->sum && parts->count && isinf(parts->le[parts->n - 1]) &&
	       parts->le[parts->n - 1] > 0;
}

/* A histogram of nothing yet, with the bounds (+Inf is put behind them). */
static void make_parts(struct doc *doc, struct group *g, const struct amend *a, size_t n_bounds,
		       const double *bounds, struct parts *ret)
{
	struct label *labels = arena_zalloc(doc->arena, a->n + 1, sizeof(*labels));
	struct str name = ARENA_CONCAT(doc->arena, g->name, suffixes[0]);

	*ret = (struct parts){
		.n = n_bounds + 1,
		.le = arena_zalloc(doc->arena, n_bounds + 1, sizeof(*ret->le)),
		.buckets = arena_zalloc(doc->arena, n_bounds + 1, sizeof(struct line *)),
	};
	if (a->n)
		memcpy(labels, a->labels, a->n * sizeof(*labels));
	for (size_t i = 0; i <= n_bounds; i++) {
		ret->le[i] = i < n_bounds ? bounds[i] : (double)INFINITY;
		labels[a->n] = (struct label){ STR("le"), bounds_text(doc->arena, 1, &ret->le[i]) };
		ret->buckets[i] = add_line(doc, g, name, a->n + 1, labels, 0);
	}
	ret->sum = add_line(doc, g, ARENA_CONCAT(doc->arena, g->name, suffixes[1]), a->n, a->labels,
			    0);
	ret->count = add_line(doc, g, ARENA_CONCAT(doc->arena, g->name, suffixes[2]), a->n,
			      a->labels, 0);
}

static int observe(struct doc *doc, struct group *g, const struct amend *a, size_t n,
		   const struct label *labels)
{
	struct parts mine, any;

	find_parts(doc, g, 0, NULL, &any);
	find_parts(doc, g, n, labels, &mine);
	if (mine.n || mine.sum || mine.count) {
		if (!whole(&mine)) {
			doc->why = arena_printf(doc->arena, "the histogram %.*s is damaged there",
						STR_ARG(a->name));
			return -EINVAL;
		}
		any = mine;
	} else if (!whole(&any)) {
		any.n = 0;
	}
	if (any.n && a->insist && !same_bounds(&any, a)) {
		struct str have = bounds_text(doc->arena, any.n - 1, any.le);
		struct str want = bounds_text(doc->arena, a->n_bounds, a->bounds);

		doc->why = arena_printf(doc->arena,
					"the histogram %.*s has the buckets %.*s there, not %.*s",
					STR_ARG(a->name), STR_ARG(have), STR_ARG(want));
		return -EINVAL;
	}
	if (!mine.n)
		make_parts(doc, g, a, any.n ? any.n - 1 : a->n_bounds, any.n ? any.le : a->bounds,
			   &mine);
	for (size_t i = 0; i < mine.n; i++)
		if (a->value <= mine.le[i])
			mine.buckets[i]->value++;
	mine.sum->value += a->value;
	mine.count->value++;
	return 0;
}

static int change(struct doc *doc, const struct amend *a)
{
	struct group *g = claim(doc, a);
	size_t n;
	struct label *labels = sorted(doc->arena, a->n, a->labels, &n);
	struct line *line;

	if (!g)
		return -EINVAL;
	if (a->type == METRIC_HISTOGRAM)
		return observe(doc, g, a, n, labels);
	line = find_line(g, a->name, n, labels);
	if (!line)
		line = add_line(doc, g, a->name, n, labels, 0);
	line->value = a->type == METRIC_COUNTER ? line->value + a->value : a->value;
	return 0;
}

int amend_text(struct str text, const struct amend *amend, struct arena *arena, struct buf *to,
	       struct amend_report *ret)
{
	struct doc doc = { .arena = arena };

	*ret = (struct amend_report){ 0 };
	read_text(&doc, text, ret);

	int r = change(&doc, amend);

	if (r < 0) {
		ret->why = doc.why;
		return r;
	}
	for (const struct group *g = doc.first; g; g = g->next)
		put_group(to, g);
	return 0;
}

bool amend_bounds_valid(size_t n, const double *bounds, const char **ret_why)
{
	for (size_t i = 0; i < n; i++) {
		if (isnan(bounds[i]) || isinf(bounds[i]))
			*ret_why = "a bound must be a finite number; +Inf is always there";
		else if (i && bounds[i] <= bounds[i - 1])
			*ret_why = "bounds must rise";
		else
			continue;
		return false;
	}
	*ret_why = n > AMEND_BUCKETS_MAX ? "too many bounds" : "no bound is given";
	return n > 0 && n <= AMEND_BUCKETS_MAX;
}
