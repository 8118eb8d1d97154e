/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching one run of a command: its record, its signals, its limits in time, and when the
 * gateway is told. Sources of what is told: job/tree.h and job/inside.h.
 */
#pragma once

#include "job/energy.h"
#include "job/inside.h"
#include "job/job.h"
#include "job/tail.h"
#include "job/tree.h"
#include "loop.h"
#include "report.h"

struct watch {
	struct app *app;
	const struct job_conf *conf;
	struct loop loop;
	struct arena arena, scratch;
	struct str name, command; /* the base name only; arguments may be secret */
	uint64_t group;
	struct report report;
	struct record record;
	struct tree tree;
	struct inside inside;
	struct tail tail;
	struct usage usage; /* as last sampled */
	struct job_energy energy;
	struct shared *shared;     /* with the children */
	int only;                  /* fd of --lock's lock, or -1 */
	pid_t pid;                 /* of CMD, 0 while it does not run */
	pid_t pusher;              /* 0: none */
	enum report_result result; /* of the last push */
	bool forked;               /* there was a process to execute CMD in */
	bool mute;                 /* pushing has no sense */
	bool flushed;              /* others' results have been looked after */
	bool timed_out, asked_to_end;
	int64_t start_ns, end_ns; /* CLOCK_BOOTTIME, of the run */
	int64_t timeout_at, kill_at;
	unsigned attempts;
	int exit_code; /* 128 + signal for a signal death, as a shell has it */
	int signal;    /* 0, or what ended it */
};

void watch_init(struct watch *watch, struct app *app);

/*
 * Runs argv until it ends, again where it is to be retried, and tells of it. 0 with exit_code
 * and signal, also when it could not be executed or --lock has kept it from running; -errno
 * when there was not even a process to execute it in.
 */
int watch_command(struct watch *watch, char *argv[]);
void watch_release(struct watch *watch);
