/* SPDX-License-Identifier: Apache-2.0 */
#include "job/typical.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "job/energy_facts.h"

enum {
	KEY_SIZE = 128,
	/* One more than are told of: the one that is compared with the others has its own. */
	SLOTS = TYPICAL_MAX + 1,
	/* What each run has at most: its duration, and energy by domain. A host whose sensors come
	   and go has more over the runs. */
	NAMES_MAX = 32,
};

static const struct str recent = { "recent.", 7 };

struct forgetting {
	struct str keys[NAMES_MAX];
	size_t n;
	struct arena *arena;
};

static void gather_key(void *arg, struct str key, struct str value)
{
	struct forgetting *f = arg;

	(void)value;
	if (f->n < NAMES_MAX)
		f->keys[f->n++] = arena_str(f->arena, key);
}

static void forget(struct state *history, struct str prefix, struct arena *arena)
{
	struct forgetting f = { .arena = arena };

	state_each(history, prefix, gather_key, &f);
	for (size_t i = 0; i < f.n; i++)
		state_unset(history, f.keys[i]);
}

struct keeping {
	struct state *history;
	struct str prefix;
};

static void keep_energy(void *arg, struct str source, struct str domain, uint64_t uj)
{
	const struct keeping *k = arg;
	char key[KEY_SIZE];
	int n = snprintf(key, sizeof(key), "%.*senergy.%.*s.%.*s", STR_ARG(k->prefix),
			 STR_ARG(source), STR_ARG(domain));

	if (n < (int)sizeof(key))
		state_set_u64(k->history, (struct str){ key, (size_t)n }, uj);
}

void typical_settle(struct state *history, const struct state *facts, uint64_t *ret_slot)
{
	_cleanup_arena_ struct arena arena = { 0 };
	uint64_t slot = state_u64(history, STR("runs.success"), 0) % SLOTS;
	struct str prefix = arena_printf(&arena, "%.*s%u.", STR_ARG(recent), (unsigned)slot);
	struct keeping keeping = { history, prefix };

	forget(history, prefix, &arena);
	state_set_u64(history, ARENA_CONCAT(&arena, prefix, STR("duration")),
		      state_u64(facts, STR("duration"), 0));
	job_energy_each(facts, keep_energy, &keeping);
	*ret_slot = slot;
}

/* What the runs have in common: "duration", "energy.rapl.cpu", ... */
struct values {
	struct str name;
	uint64_t v[TYPICAL_MAX];
	size_t n;
};

struct gathering {
	struct str skip; /* the slot that is left out */
	struct values names[NAMES_MAX];
	size_t n;
};

static void gather_value(void *arg, struct str key, struct str value)
{
	struct gathering *g = arg;
	struct values *to = g->names, *end = g->names + g->n;
	struct str slot, name = str_skip(key, recent.n);
	uint64_t number;

	if (!str_cut(&name, '.', &slot) || str_eq(slot, g->skip) || num_u64(value, &number) < 0)
		return;
	while (to < end && !str_eq(to->name, name))
		to++;
	if (to == end) {
		if (g->n == NAMES_MAX)
			return;
		g->n++;
		*to = (struct values){ .name = name };
	}
	/* More than there are slots: somebody else wrote that. */
	if (to->n < TYPICAL_MAX)
		to->v[to->n++] = number;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t median(struct values *of)
{
	uint64_t low, high;

	qsort(of->v, of->n, sizeof(*of->v), by_size);
	low = of->v[(of->n - 1) / 2];
	high = of->v[of->n / 2];
	return low + (high - low) / 2;
}

static void add(struct values *of, struct metrics *out)
{
	static const struct metric_desc duration = {
		"peekpush_job_typical_duration_seconds",
		"Median of how long earlier successful runs took, up to 16 of them.",
		METRIC_GAUGE,
	};
	static const struct metric_desc energy = {
		"peekpush_job_typical_energy_joules",
		"Median of the energy that earlier successful runs have caused, up to 16 of them.",
		METRIC_GAUGE,
	};
	struct str name = of->name, part;

	if (str_eq(name, STR("duration"))) {
		metrics_add(out, &duration, (double)median(of) / 1e9);
		return;
	}
	if (!str_cut(&name, '.', &part) || !str_eq(part, STR("energy")) ||
	    !str_cut(&name, '.', &part))
		return;
	family_add(metrics_family(out, &energy),
		   METRIC_LABELS(out, { STR("domain"), name }, { STR("source"), part }),
		   (double)median(of) / 1e6);
}

void typical_metrics(const struct state *history, struct metrics *out)
{
	struct gathering g = { .skip = state_get(history, STR("last.recent")) };
	uint64_t successes = state_u64(history, STR("runs.success"), 0);
	char oldest[NUM_TEXT_MAX];

	if (!g.skip.n)
		g.skip = (struct str){ oldest, num_print_u64(oldest, (successes + 1) % SLOTS) };
	state_each(history, recent, gather_value, &g);
	for (size_t i = 0; i < g.n; i++)
		if (g.names[i].n >= TYPICAL_MIN)
			add(&g.names[i], out);
}
