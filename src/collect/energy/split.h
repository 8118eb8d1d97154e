/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who had which part of the energy of one interval, in whole microjoules: idle, known owners, and
 * nobody, and these three are always the sum. Knows neither files nor metrics, and no time but
 * that of the interval.
 */
#pragma once

#include "base/arena.h"

/* One consumer whose energy is divided: a package, its DRAM, or a GPU. */
struct split_domain {
	uint64_t energy_uj;
	int64_t elapsed_ns;
	uint64_t busy;    /* weight of all that was done, whoever did it: CPU ns over its CPUs */
	uint64_t idle_uw; /* what it consumes doing nothing */
};

/* weights[d * n + i] is what owner i did in domain d. */
struct split {
	size_t n_domains, n;
	const struct split_domain *domains;
	const uint64_t *weights;
	/* Results: rows of n_domains (idle, nobody), n_domains * n (owned). */
	uint64_t *idle_uj, *nobody_uj, *owned_uj;
};

/*
 * Fills the results, which live in the arena. For each domain: idle + nobody + sum of owned is
 * energy_uj, exactly; when the weights exceed `busy`, their sum is what is divided by.
 */
void split_energy(struct split *split, struct arena *arena);

/*
 * Divides `whole` by weights, without a rest: ret_rest is the part of what `total_weight` has over
 * the sum of the weights, and all of it when there are none. What is lost by rounding goes to the
 * largest, the rest being one of them.
 */
void split_whole(uint64_t whole, size_t n, const uint64_t *weights, uint64_t total_weight,
		 uint64_t *ret_parts, uint64_t *ret_rest);

/* a * b / c, rounded down; c must not be 0. What does not fit is the most there is. */
uint64_t split_scale(uint64_t a, uint64_t b, uint64_t c);

/* What consumes so many microwatts in that time; nothing in a negative one. */
uint64_t split_uj(uint64_t uw, int64_t ns);

struct baseline_point {
	double power_uw, utilisation;
	bool known;
};

/*
 * What a domain consumes when nothing runs, learnt from what it consumed: the lower envelope of
 * power less its busy part, over an hour or two, so that neither one wrong reading nor a busy day
 * stays forever. Kept in the state.
 */
struct baseline {
	uint64_t samples;
	bool fits;                          /* the slope is known */
	double slope_uw;                    /* what full utilisation adds */
	double mean_u, mean_p, var_u, cov;  /* of both, forgetting */
	int64_t window_ns;                  /* how long the newer window lasts already */
	double least_uw[2];                 /* power, in the newer window and the one before */
	struct baseline_point lowest[2];    /* power less its busy part */
	uint64_t energy_uj, busy, capacity; /* of intervals too short to learn from, */
	int64_t elapsed_ns;                 /* ... until they are a second together */
};

enum { BASELINE_LEARNING = 60 }; /* samples, before it is more than a guess */

/*
 * What was consumed in a time in which `busy` of `capacity` was done (CPU ns, say), just after it
 * was: for idle power, first learn, then split.
 */
void baseline_learn(struct baseline *baseline, uint64_t energy_uj, int64_t elapsed_ns,
		    uint64_t busy, uint64_t capacity);
uint64_t baseline_idle_uw(const struct baseline *baseline);
bool baseline_is_learning(const struct baseline *baseline);
