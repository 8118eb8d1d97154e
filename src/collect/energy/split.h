/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who had which part of the energy of one interval, in whole microjoules: idle, known owners, and
 * nobody, and these three are always the sum. Knows neither files nor metrics, and no time but
 * that of the interval.
 */
#pragma once

#include "base/arena.h"

/* One consumer whose energy is divided: a package with its part of DRAM, or a GPU. */
struct split_domain {
	uint64_t energy_uj;
	int64_t elapsed_ns;
	uint64_t busy;     /* weight of all that was done, whoever did it: CPU ns over its CPUs */
	uint64_t capacity; /* weight that could have been done: CPUs * elapsed_ns */
	uint64_t idle_uw;  /* what it consumes doing nothing */
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
 * energy_uj, exactly; owners whose weights exceed `busy` are scaled, none gets more than its part.
 */
void split_energy(struct split *split, struct arena *arena);

/* Divides `whole` by weights, without a rest; the remainder goes to the largest. */
void split_whole(uint64_t whole, size_t n, const uint64_t *weights, uint64_t total_weight,
		 uint64_t *ret_parts, uint64_t *ret_rest);

/*
 * What a domain consumes when nothing runs, learnt from what it consumed: the lower envelope of
 * power less its busy part. Kept in the state, as text.
 */
struct baseline {
	uint64_t samples;
	double idle_uw, min_uw;                   /* idle never exceeds the least that was seen */
	double slope, mean_u, mean_p, var_u, cov; /* of power over utilisation, forgetting */
};

enum { BASELINE_LEARNING = 60 }; /* samples, before it is more than a guess */

/* Power in microwatts over an interval of `utilisation` 0 to 1. */
void baseline_learn(struct baseline *baseline, double power_uw, double utilisation);
uint64_t baseline_idle_uw(const struct baseline *baseline);
