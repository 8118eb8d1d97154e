/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A limit that is met is told once, with who met it, and again only after it was not met for an
 * hour: what goes up and down around a limit is no news.
 */
#include "collect/limits.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

static const char places_name[] = "places";

enum { QUIET_SECONDS = 3600, PLACES_FILE_MAX = 256 << 20 };

void limits_begin(struct collectors *all)
{
	struct metrics *out = all->slots[0].c.out;
	const struct state *state = all->slots[0].c.state;
	struct str bytes;

	if (!all->has_places && state->dir > 0 &&
	    file_read(state->dir, places_name, PLACES_FILE_MAX, &all->scratch, &bytes) == 0)
		places_load(&all->places, bytes);
	all->has_places = true;
	out->places = &all->places;
	places_begin(&all->places);
	out->places_all = places_find(&all->places, SCOPE_ALL, STR(""));
}

void limits_count(struct collector_slot *slot, struct arena *scratch)
{
	for (int i = 0; i < DROP_REASONS; i++)
		if (slot->source.dropped[i])
			(void)state_add(slot->c.state,
					arena_printf(scratch, LIMITS_KEY "%s.%s", slot->type->name,
						     drop_reason_name((enum drop_reason)i)),
					slot->source.dropped[i]);
}

struct telling {
	struct state *state;
	const struct log *log;
	struct arena *scratch;
	uint64_t now;
};

/* `scope` is what stays the same as long as it is the same trouble. */
static bool is_news(const struct telling *t, const char *kind, struct str scope)
{
	struct str key = arena_printf(t->scratch, "limit_said.%s.%.*s", kind, STR_ARG(scope));
	uint64_t said = state_u64(t->state, key, 0);

	state_set_u64(t->state, key, t->now);
	return said > t->now || t->now - said >= QUIET_SECONDS;
}

static void tell_source(const struct telling *t, const struct metrics_source *source)
{
	struct str root = metrics_source_root(source)->name;
	struct str within = source->parent ? source->name : STR("");
	const char *blank = within.n ? " " : "";

	if (source->over && is_news(t, "source", source->name))
		log_warning(
			t->log,
			"collector %.*s:%s%.*s more series than its limit (%lld) allows: %u are "
			"left out, the first is %.*s",
			STR_ARG(root), blank, STR_ARG(within), (long long)source->filter->series,
			source->over, STR_ARG(source->example[DROP_LIMIT]));
	if (source->dropped[DROP_EQUAL] && !source->parent && is_news(t, "equal", source->name))
		log_warning(t->log,
			    "collector %.*s: without the labels of labels_drop %llu series are "
			    "equal to others and left out, the first is %.*s",
			    STR_ARG(root), (unsigned long long)source->dropped[DROP_EQUAL],
			    STR_ARG(source->example[DROP_EQUAL]));
}

static struct str source_of(const struct family *f)
{
	return f->parts ? metrics_source_root(f->parts->source)->name : STR("?");
}

static void tell_families(const struct telling *t, const struct metrics *out)
{
	const struct family *largest = NULL;

	for (const struct family *f = out->first; f; f = f->next) {
		if (f->parts && !f->parts->source->free &&
		    (!largest || f->series > largest->series))
			largest = f;
		if (f->over && is_news(t, "family", f->name))
			log_warning(t->log,
				    "collector %.*s: %.*s has more series than "
				    "limits.series_per_family (%u) allows: %u are left out",
				    STR_ARG(source_of(f)), STR_ARG(f->name),
				    out->limits.series_per_family, f->over);
	}
	if (out->over && largest && is_news(t, "all", STR("series")))
		log_warning(
			t->log,
			"more series than limits.series (%u) allows: %u are left out, the first "
			"is %.*s; most, %u, are of %.*s (collector %.*s)",
			out->limits.series, out->over, STR_ARG(out->dropped_example[DROP_LIMIT]),
			largest->series, STR_ARG(largest->name), STR_ARG(source_of(largest)));
}

static void keep_places(struct collectors *all, const struct log *log)
{
	const struct state *state = all->slots[0].c.state;
	int r = 0;

	if (!places_settle(&all->places, all->slots[0].c.out) || state->dir <= 0 || state->lent)
		return;
	if (all->places.n)
		r = file_replace(state->dir, places_name, places_save(&all->places, &all->scratch),
				 0600, false);
	else if (unlinkat(state->dir, places_name, 0) < 0 && errno != ENOENT)
		r = -errno;
	if (r < 0)
		log_debug(log, "which series have a place is not kept: %s", strerror(-r));
}

void limits_end(struct collectors *all, const struct log *log)
{
	const struct metrics *out = all->slots[0].c.out;
	struct telling t = {
		.state = all->slots[0].c.state,
		.log = log,
		.scratch = &all->scratch,
		.now = (uint64_t)(clock_ns(CLOCK_REALTIME) / 1000000000),
	};

	for (const struct metrics_source *s = out->offenders; s; s = s->next)
		tell_source(&t, s);
	if (out->dropped[DROP_LIMIT])
		tell_families(&t, out);
	keep_places(all, log);
}
