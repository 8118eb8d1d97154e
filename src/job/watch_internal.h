/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of job/watch.h share with each other and with nobody else. */
#pragma once

#include "job/watch.h"

/* A page that children of this run write to: what they learnt outlives them. */
struct shared {
	uint64_t said; /* hash of the failure that was last told */
};

/* "success", "failure" or "timeout". */
const char *watch_result(const struct watch *watch);

/* --- facts.c: what the record holds */

/* Opens the state. Says at once when there is none. */
void facts_open(struct watch *watch);
/* Writes the start record. Says at once what cannot be kept. */
void facts_begin(struct watch *watch);
/* Once CMD is executing. */
void facts_started(struct watch *watch);
/* Takes a sample of what the run has used, and reads its own metrics. */
void facts_sample(struct watch *watch, bool final);
/* energy_facts.c: what has come of the sample, as far as it is there by now. */
void facts_energy(struct watch *watch, bool final);
/* Writes the result ("success", "lost", ...) in the room that was kept for it. */
void facts_end(struct watch *watch, const char *result);

/*
 * --lock: 0 when this run may start, -EWOULDBLOCK when another one keeps it from it, or
 * -ECANCELED when a signal ended the waiting; it is in watch->signal then.
 */
int facts_lock(struct watch *watch);

/* --- farewell.c: what is said at the end, apart from what is pushed */

/* Once CMD has ended: --tail. */
void farewell_tail(struct watch *watch);
/* Once the last push is over: --summary. */
void farewell_summary(struct watch *watch);

/* --- pusher.c: a child that tells the gateway */

/* Samples and starts a push, unless one is under way. */
void pusher_start(struct watch *watch);
/* The child has ended with this wait status. */
void pusher_ended(struct watch *watch, int status);
/* The last word. Returns when it is delivered, kept, or given up for a signal. */
enum report_result pusher_finish(struct watch *watch);
