/* SPDX-License-Identifier: Apache-2.0 */
/* A wrapped command: starting it, following it, and what there is to say of it. */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "base/conf.h"
#include "metric/metrics.h"
#include "metric/state.h"

struct job_conf {
	struct str name; /* "" means the base name of CMD */
	int64_t heartbeat_ns;
};

extern const struct opt_section section_job;

struct job {
	struct str name, command, user; /* command: the base name only; arguments may be secret */
	pid_t pid;
	int pidfd; /* -1 where the kernel gives none (before 5.3, some seccomp filters) */
	double start_wall;        /* seconds since 1970; durations never come from it */
	int64_t start_ns, end_ns; /* CLOCK_BOOTTIME */
	double end_wall;
	bool ended;
	int exit_code; /* 128 + signal for a signal death, as a shell has it */
	int signal;    /* 0, or what ended it */
	double user_seconds, system_seconds;
	uint64_t peak_bytes, minor_faults, major_faults, voluntary, involuntary;
};

/*
 * Runs argv[0] with `mask` as its signal mask. Returns 0 once it is executing; -errno of the
 * exec (or of the fork, then *ret_forked is false).
 */
int job_start(struct job *job, char *argv[], const sigset_t *mask, bool *ret_forked);

/* Reads what the running command has used so far. Source: /proc/PID/{stat,status}. */
void job_sample(struct job *job);

/* Takes the ended command's status and usage. Source: wait4(2). */
void job_reap(struct job *job);

/* Adds the peekpush_job_* families; the state holds how the last finished run went. */
void job_metrics(const struct job *job, struct metrics *out, struct state *state);
