/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept and told of the energy of runs. In a record, and in a history under "last.":
 *	energy.source			"rapl", "model", ...; without it nothing is known
 *	energy.baseline			"learnt", "guess" or "configured": the host's idle power
 *	energy.elapsed energy.gaps	nanoseconds measured; readings that told nothing
 *	energy.DOMAIN.dynamic .idle	microjoules
 *	energy.carbon.dynamic .idle	nanograms, where they are configured
 *	energy.cost.dynamic .idle	billionths of whatever money is
 * A history sums up, over all runs: energy.all.SOURCE.DOMAIN.dynamic .idle, with "carbon" and
 * "cost" as domains.
 */
#pragma once

#include "metric/metrics.h"
#include "metric/state.h"

/* Adds the energy of a run that has ended to the sums of its group. */
void job_energy_settle(struct state *history, const struct state *facts);

/* The families, of the run whose facts have this prefix, and of all of the history. */
void job_energy_metrics(struct metrics *out, const struct state *facts, struct str prefix,
			const struct state *history);

/* What is known of a run that has ended, by domain, without what the host consumes idle. */
void job_energy_each(const struct state *facts,
		     void (*each)(void *arg, struct str source, struct str domain, uint64_t uj),
		     void *arg);

/* Of all domains; false when nothing is known. */
bool job_energy_sums(const struct state *facts, struct str prefix, double *ret_joules,
		     double *ret_idle_joules, double *ret_mean_watts);
