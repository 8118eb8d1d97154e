/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures of many file systems, with a deadline. statfs(2) on a dead network mount hangs,
 * often where no signal reaches it, so a small child makes the calls and the parent waits no
 * longer than it wants to. The child lives on between batches: the good case costs one wake-up
 * each way. Figures come back through shared memory, so what was answered before one mount
 * hung is not lost, and it is known which one it was.
 */
#pragma once

#include "host/worker.h"

struct statfs_figures {
	/* 0, the call's -errno, -ETIMEDOUT when it hung, -ECANCELED when no time was left. */
	int error;
	pid_t stuck; /* with -ETIMEDOUT: the process that hangs on it, and when it was started */
	uint64_t stuck_since;
	bool read_only; /* the mount or the file system below it, whatever the mount table says */
	uint64_t block_size, blocks, blocks_free, blocks_available, files, files_free;
};

/* Asks for one path, relative to the working directory. Returns 0 or -errno. */
typedef int (*statfs_call)(const char *path, struct statfs_figures *ret);

struct statfs_worker {
	statfs_call call;
	struct worker worker;
};

/* Starts nothing yet. `call` is NULL for statfs(2); tests give another. */
void statfs_init(struct statfs_worker *worker, statfs_call call);
/* Ends the child. Waits no longer than a moment for one that hangs. */
void statfs_release(struct statfs_worker *worker);

/*
 * Fills ret[i] for each path, which is relative to `dir` (that of the first batch: the child
 * keeps it). Takes little longer than `timeout_ns`, whatever hangs: a child that is late is
 * killed and left to end when it can, and another one does the rest. Returns 0, or -errno when
 * no child can be started; ret is filled then too.
 */
int statfs_batch(struct statfs_worker *worker, int dir, size_t n, const char *const paths[],
		 int64_t timeout_ns, struct statfs_figures *ret);

/* True while the process that statfs_figures named as stuck is still there. */
bool statfs_still_stuck(pid_t pid, uint64_t since);
