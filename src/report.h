/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the gateway of a job: its group's book is opened, what is in it composed and
 * delivered. The pushes of `run` and the flushing of `push`, `agent` and `flush` are callers of
 * this and know no other way.
 */
#pragma once

#include "app.h"
#include "job/job.h"
#include "push/deliver.h"

enum report_result {
	REPORT_DELIVERED,
	REPORT_KEPT,    /* not delivered; a later flush will */
	REPORT_REFUSED, /* kept likewise; what waits behind it may fare better */
	REPORT_BROKEN,  /* kept, but the configuration must be mended first */
	REPORT_LOST,    /* not delivered, and there is no place to keep it */
	REPORT_BUSY,    /* somebody else tells of this group now */
};

struct report {
	const struct app *app;
	int dir;                   /* STATE/jobs, or negative: nothing is remembered */
	struct target_conf target; /* all but the group */
	const struct sink_waiter *waiter;
	struct record *own; /* the caller's run, or NULL */
	bool insist;        /* try now what was refused a short while ago */
	uint64_t said;      /* hash of the failure that was last told */
};

/* Puts the group of a run into its facts. */
void report_set_group(struct state *facts, const struct group *group, struct arena *arena);

/*
 * One group within the target's timeout, of which up to `wait_ns` is spent on waiting for the
 * group. Failures are logged, but not the same one again.
 */
enum report_result report_group(struct report *report, uint64_t group, int64_t wait_ns);

struct report_counts {
	unsigned delivered, left;
};

/* How many groups wait, by their files alone; cheap enough for each cycle. */
unsigned report_pending(int dir);

/* Every group that waits, for at most `timeout_ns`; stops when the gateway takes nothing. */
void report_flush(struct report *report, int64_t timeout_ns, struct report_counts *ret);
