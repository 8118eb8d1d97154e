/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is usual for a job: medians over its last successful runs. The run that the gauges tell of
 * is not among these, so that it can be compared with them: a job of few runs would else make any
 * of them look usual. A history keeps under SLOT, which the number of successes chooses in turn:
 *	recent.SLOT.duration			nanoseconds
 *	recent.SLOT.energy.SOURCE.DOMAIN	microjoules
 * and under "last.recent" the slot of the run that the gauges tell of, when it is in one.
 */
#pragma once

#include "metric/metrics.h"
#include "metric/state.h"

/* How many runs count, and how few are too few to call anything usual. */
enum { TYPICAL_MAX = 16, TYPICAL_MIN = 3 };

/* Remembers the run with these facts, the newest of all that are counted in runs.success. */
void typical_settle(struct state *history, const struct state *facts, uint64_t *ret_slot);

/* The families; none while there is too little to go by. */
void typical_metrics(const struct state *history, struct metrics *out);
