/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two passes: types and help texts first, because they may stand behind their samples; then the
 * samples. Parts of histograms and summaries are gathered and added at the end.
 */
#include "metric/feed.h"

#include "metric/feed_internal.h"
#include "metric/source.h"

enum { SLOTS_MIN = 64, SLOTS_MAX = 1 << 20, BYTES_PER_SLOT = 64 };

static void say(struct feed *f, uint32_t line, struct str name, const char *why)
{
	struct feed_report *report = f->report;

	if (report->n < FEED_MESSAGES_MAX)
		report->messages[report->n++] = arena_printf(
			f->arena, "%.*s:%u: %.*s%s%s", STR_ARG(f->file), line,
			(int)(name.n > 120 ? 120 : name.n), name.p, name.n ? ": " : "", why);
}

void feed_keep_out(struct feed *f, uint32_t line, struct str name, const char *why)
{
	f->report->dropped++;
	say(f, line, name, why);
}

struct entry *feed_find(const struct feed *f, struct str name)
{
	struct entry *e = f->entries[str_hash(name) & (f->slots - 1)];

	while (e && !str_eq(e->name, name))
		e = e->next;
	return e;
}

struct entry *feed_get(struct feed *f, struct str name)
{
	struct entry *e = feed_find(f, name), **slot;

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
	struct entry *e = feed_get(f, item->name);

	if (item->kind == SCAN_HELP) {
		if (!e->help.n)
			/* The same in text as in protobuf, or the gateway has two. */
			e->help = arena_utf8(f->arena, item->help);
	} else if (e->typed && e->type != item->type) {
		say(f, item->line, item->name, "has another TYPE further up, which counts");
	} else {
		e->type = item->type;
		e->typed = true;
	}
}

/* The typed family that `name` without `suffix` is, or NULL. */
struct entry *feed_whole_of(const struct feed *f, struct str name, struct str suffix)
{
	struct entry *e;

	if (name.n <= suffix.n || !str_ends(name, suffix))
		return NULL;
	e = feed_find(f, (struct str){ name.p, name.n - suffix.n });
	return e && e->typed ? e : NULL;
}

enum drop_reason feed_new_drop(const struct metrics *m, const uint64_t *before)
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
		[DROP_NAME] = "an illegal metric or label name, or a label twice",
		[DROP_RESERVED] = "a name that the Pushgateway keeps for itself",
		[DROP_LIMIT] = "more series than the limits allow",
		[DROP_REJECTED] = "the gateway refused this family before",
	};

	return words[reason];
}

void feed_keep_out_for(struct feed *f, uint32_t line, struct str name, enum drop_reason reason)
{
	if (reason == DROP_EQUAL)
		return;
	if (reason == DROP_LIMIT && f->flooded)
		f->report->dropped++;
	else
		feed_keep_out(f, line, name, explain(reason));
	f->flooded |= reason == DROP_LIMIT;
}

struct family *feed_family(struct feed *f, struct entry *e)
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
		const struct entry *whole = feed_whole_of(f, e->name, rows[i].suffix);

		if (!whole || !(rows[i].of & 1U << whole->type))
			continue;
		e->type = rows[i].type;
		e->help = e->help.n ? e->help : whole->help;
	}
}

bool feed_no_room(struct feed *f, const struct entry *e)
{
	struct metrics *m = f->out;

	return !(e && e->family) && !(m->source && m->source->filters) && metrics_is_full(m);
}

static bool is_lenient(const struct feed *f)
{
	return f->hook && f->hook->lenient && f->out->source;
}

static void set_aside(struct feed *f, struct str name, uint32_t lines)
{
	f->report->left_out += lines;
	f->report->reserved += source_wants(f->out->source, name) ? lines : 0;
}

bool feed_not_theirs(struct feed *f, uint32_t line, struct str name, uint32_t lines)
{
	struct metrics *m = f->out;

	if (!m->source || !metric_name_own(name))
		return false;
	if (is_lenient(f)) {
		set_aside(f, name, lines);
	} else if (source_wants(m->source, name)) {
		metrics_dropped(m, DROP_RESERVED, 1, name);
		feed_keep_out(f, line, name, "names that begin so are peekpush's own");
	}
	return true;
}

bool feed_gateways(struct feed *f, const struct entry *e, uint32_t lines)
{
	if (!is_lenient(f) || !metric_name_reserved(e->name) ||
	    metric_name_shared(e->name, e->type))
		return false;
	set_aside(f, e->name, lines);
	return true;
}

/* One that stands for itself: gauge, counter, untyped. */
static void add_plain(struct feed *f, const struct scan_item *item)
{
	struct entry *e = feed_find(f, item->name);
	const struct labels *labels;
	uint64_t before[DROP_REASONS];
	enum drop_reason reason;

	if (feed_not_theirs(f, item->line, item->name, 1))
		return;
	if (feed_no_room(f, e)) {
		feed_keep_out_for(f, item->line, item->name, DROP_LIMIT);
		return;
	}
	e = feed_get(f, item->name);
	if (!e->typed && !e->family)
		type_by_whole(f, e);
	if (feed_gateways(f, e, 1))
		return;
	memcpy(before, f->out->dropped, sizeof(before));
	labels = metrics_labels(f->out, item->n, item->labels);
	family_add(feed_family(f, e), labels, item->value);
	reason = feed_new_drop(f->out, before);
	if (reason != DROP_REASONS)
		feed_keep_out_for(f, item->line, item->name, reason);
}

/* The entry of a new name has the type and the help of the old one, unless it has its own. */
static struct entry *rename_entry(struct feed *f, struct entry *from, struct str name)
{
	struct entry *to = feed_get(f, name);

	if (to->typed || to->family)
		return to;
	to->type = from->type;
	to->typed = from->typed;
	to->help = to->help.n ? to->help : from->help;
	return to;
}

static void rename_sample(struct feed *f, struct str old, struct str name, struct entry **e,
			  enum part *part)
{
	struct str suffix = feed_suffix(*e, *part);
	struct entry *from = *e;

	if (*part != PART_NONE && (name.n <= suffix.n || !str_ends(name, suffix))) {
		*part = PART_NONE;
		return;
	}
	if (*part == PART_NONE) {
		from = feed_get(f, old);
		if (!from->typed && !from->family)
			type_by_whole(f, from);
	}
	*e = rename_entry(f, from, (struct str){ name.p, name.n - suffix.n });
	if (*part != PART_NONE && (*e)->type != from->type)
		*part = PART_NONE;
}

/* What the hook makes of an item. False: nothing. */
static bool hook_item(struct feed *f, struct scan_item *item, struct entry **e, enum part *part)
{
	struct str suffix = feed_suffix(*e, *part);
	struct feed_sample sample = {
		.name = item->name,
		.suffix = str_ends(item->name, suffix) ? suffix.n : 0,
		.n = item->n,
		.labels = f->hooked,
		.arena = f->arena,
	};

	if (item->n)
		memcpy(sample.labels, item->labels, item->n * sizeof(*item->labels));
	if (!f->hook->sample(f->hook->arg, &sample)) {
		f->report->left_out++;
		return false;
	}
	if (!str_eq(sample.name, item->name))
		rename_sample(f, item->name, sample.name, e, part);
	item->name = sample.name;
	item->labels = sample.labels;
	item->n = sample.n;
	return true;
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
		/* A Pushgateway that is read again gives back what was pushed, each time more. */
		if (f->out->source && metrics_is_group(f->out, item.n, item.labels)) {
			f->report->left_out++;
			f->report->echoes++;
			continue;
		}
		part = feed_part_of(f, item.name, &e);
		if (f->hook && !hook_item(f, &item, &e, &part))
			continue;
		if (part == PART_NONE)
			add_plain(f, &item);
		else
			feed_add_part(f, &item, e, part);
	}
}

void feed_text(struct metrics *out, struct str text, struct str file, struct arena *arena,
	       struct feed_report *ret)
{
	feed_text_through(out, text, file, NULL, arena, ret);
}

void feed_text_through(struct metrics *out, struct str text, struct str file,
		       const struct feed_hook *hook, struct arena *arena, struct feed_report *ret)
{
	struct feed f = {
		.hook = hook,
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
	f.labels = arena_alloc(arena, FEED_LABELS_MAX * sizeof(*f.labels));
	f.hooked = hook ? arena_alloc(arena, FEED_LABELS_MAX * sizeof(*f.hooked)) : NULL;
	scan_begin(&scan, text, arena);
	while (scan_next_header(&scan, &item))
		read_header(&f, &item);
	read_samples(&f, text);
	for (struct gathered *g = f.first_part; g; g = g->next)
		feed_add_gathered(&f, g);
}
