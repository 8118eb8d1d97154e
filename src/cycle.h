/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one cycle: sample, encode, deliver. `collect`, `push`, `agent`, `check`, `list` and the
 * heartbeats of `run` are callers of these functions and know no other way.
 */
#pragma once

#include "app.h"
#include "collect/run.h"

struct cycle {
	struct app *app;
	struct arena arena;   /* lives as long as the cycle's owner */
	struct arena scratch; /* one cycle */
	struct host host;
	struct metrics metrics;
	struct collectors collectors;
	struct state state;
	int state_dir;
};

/*
 * Opens what sampling needs: the host's trees and the collectors. `resident` keeps files open
 * between cycles. Returns 0 or an exit status, having said why.
 */
int cycle_open(struct cycle *cycle, struct app *app, bool resident);

void cycle_close(struct cycle *cycle);

/* Empties the metrics and runs the collectors. */
void cycle_sample(struct cycle *cycle);
