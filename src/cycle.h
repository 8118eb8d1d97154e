/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one cycle: sample, encode, deliver. `collect`, `push`, `agent`, `check`, `list` and the
 * heartbeats of `run` are callers of these functions and know no other way.
 */
#pragma once

#include "app.h"
#include "collect/run.h"
#include "push/deliver.h"
#include "report.h"

struct cycle {
	struct app *app;
	struct arena arena;   /* lives as long as the cycle's owner */
	struct arena scratch; /* one cycle */
	struct host host;
	struct metrics metrics;
	struct collectors collectors;
	struct state state;
	int state_dir; /* fd, or -errno: then nothing survives */
	struct target target;
	bool has_target;
	int jobs_dir;        /* fd of STATE/jobs, or -1 */
	unsigned waiting;    /* groups of jobs with an undelivered result, when last counted */
	unsigned dropped;    /* files in the drop-box, likewise */
	int lock;            /* fd of the held lock, or -1 */
	bool preview;        /* of a push: nothing is counted, sent or kept */
	struct str instance; /* as pushed */
	int64_t begin_ns;    /* of the sampling */
};

/*
 * Opens what sampling needs: the host's trees and the collectors. `resident` keeps files open
 * between cycles. Returns 0 or an exit status, having said why.
 */
int cycle_open(struct cycle *cycle, struct app *app, bool resident);

/* Opens group and sink; sends nothing. 0 or an exit status, having said why. */
int cycle_open_target(struct cycle *cycle);

/*
 * Takes the host's lock, for which it waits up to `wait_ns`, and loads the state. 0 or an exit
 * status. Without a usable state directory it says so and goes on without memory.
 */
int cycle_open_state(struct cycle *cycle, int64_t wait_ns);

/*
 * Delivers the results of jobs that wait and what is in the drop-box, as far as the time reaches,
 * and logs what could not be; what was refused a short while ago only with `insist`. Opens the
 * state directory where that has not been done; 0 or -errno, having said why.
 */
int cycle_flush(struct cycle *cycle, int64_t timeout_ns, bool insist,
		const struct sink_waiter *waiter, struct report_counts *ret);

/* Hands lock and state of one cycle to another, which has none yet. */
void cycle_move_state(struct cycle *from, struct cycle *to);
void cycle_close(struct cycle *cycle);

/* Empties the metrics and runs the collectors. */
void cycle_sample(struct cycle *cycle);
/*
 * Samples as the next push of this host would, what only a delivery adds included, with what the
 * state tells of those before; touches nothing of it. Needs an open target.
 */
void cycle_preview(struct cycle *cycle);
/*
 * What the gate dropped is counted over time and said once for each reason and series. A
 * delivery does it; who delivers nothing does it after the sample.
 */
void cycle_account_drops(struct cycle *cycle);

/*
 * Delivers what was sampled together with peekpush_running and peekpush_interval_seconds, and
 * keeps the state. `waiter` may end it early. Everything is logged here, a lasting failure
 * once.
 */
enum sink_result cycle_deliver(struct cycle *cycle, bool running, const struct sink_waiter *waiter);

/*
 * The last word of an orderly stop, so that alerts can tell it from a crash: one more cycle that
 * says peekpush_running 0, or the group is deleted where push.delete_on_stop says so. Said once:
 * nothing is sent when the gateway heard it already and nothing since.
 */
enum sink_result cycle_stop(struct cycle *cycle, const struct sink_waiter *waiter);

/*
 * The group and target that the configuration describes; slices live in the arena or conf. Where
 * the host has no name and none is given, the instance is empty.
 */
void cycle_target_conf(const struct app *app, struct arena *arena, struct target_conf *ret);
/* Whether this host has ever delivered to the target, or tried to, as far as its state knows. */
bool cycle_has_pushed(const struct app *app, const struct target *target);
/* Whether it has an instance; says what to do where it has none. */
bool cycle_has_instance(const struct app *app, const struct target_conf *conf);
