/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small child process for calls that may hang where no signal reaches them. Parent and child
 * see one block of memory; the parent asks by a token on a socket and waits no longer than it
 * wants to. One that hangs is killed and left to end when it can.
 */
#pragma once

#include <sys/types.h>

#include "base/str.h"

enum { WORKER_LOST_MAX = 32 };

/* What the child does for each token. */
typedef void (*worker_task)(void *shared, void *arg);

struct worker {
	const char *name; /* of the process */
	worker_task task;
	pid_t pid; /* 0: there is none */
	int fd;
	void *shared;
	size_t shared_size;
	pid_t lost[WORKER_LOST_MAX]; /* killed, and not seen to end yet */
	size_t n_lost;
};

/* Starts nothing yet. */
void worker_init(struct worker *worker, const char *name, worker_task task);

/*
 * Starts the child, with `size` zeroed bytes shared and `arg` as it is now. It keeps `dir` as its
 * working directory unless that is negative, and of all other files only `keep` unless that is.
 * 0, -EBUSY when too many are lost, or -errno.
 */
int worker_start(struct worker *worker, size_t size, int dir, int keep, void *arg);

/* Asks. One that has died meanwhile is found out by the wait that follows. */
void worker_ask(struct worker *worker);

/* 0: it has answered; -EPIPE: it has died; -EAGAIN: neither, in a moment or by the deadline. */
int worker_look(struct worker *worker);
int worker_wait(struct worker *worker, int64_t deadline_ns);

/* Kills the child, if there is one, and forgets it; the shared memory is gone. */
void worker_abandon(struct worker *worker);
/* Takes note of children that were killed and have ended. */
void worker_reap(struct worker *worker);
/*
 * Ends the child. `wait`: one that waits for work is seen to end, because it holds nothing that
 * could make its end hang. Else, and for one that hangs, it takes no longer than a moment.
 */
void worker_release(struct worker *worker, bool wait);

/* When a process was started, as the kernel counts it; 0 when it is not there. */
uint64_t worker_started(pid_t pid);
