/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payloads that must not be lost: results of jobs that could not be delivered. One file per
 * group, newest wins, written durably. Whoever sends or replaces a group's payload holds the
 * group's lock, so that an older result never overwrites a newer one.
 */
#pragma once

#include "push/sink.h"

struct spool_limits {
	uint64_t bytes;
	uint64_t entries;
};

struct spool {
	int dir; /* fd of STATE/spool */
	struct spool_limits limits;
};

struct spool_report {
	unsigned delivered, refused, left; /* entries */
	enum sink_result last;             /* of the last attempt, SINK_OK when there was none */
	struct str message;                /* of the last failure */
};

/* Opens (and makes) the spool below the state directory. 0 or -errno. */
int spool_open(struct spool *spool, int state_dir, struct spool_limits limits);
void spool_close(struct spool *spool);

/* The lock of a group; waits up to `wait_ns`. An fd to close, or -EWOULDBLOCK, or -errno. */
int spool_lock(const struct spool *spool, struct str path, int64_t wait_ns);

/*
 * Keeps a request under its path, in place of an older one. The caller holds the lock. 0,
 * -EDQUOT over the limits, or -errno; then the older entry, if any, is still there.
 */
int spool_put(const struct spool *spool, const struct sink_request *request);

/* Forgets a group's entry, because something newer was delivered. The caller holds the lock. */
void spool_drop(const struct spool *spool, struct str path);

/* How much waits. */
void spool_count(const struct spool *spool, uint64_t *ret_entries, uint64_t *ret_bytes);

/*
 * Sends what waits, oldest first, for at most `timeout_ns`; stops at the first entry that the
 * target cannot take now. What the gateway refuses for good is renamed to NAME.refused.
 */
void spool_flush(const struct spool *spool, struct sink *sink, int64_t timeout_ns,
		 const struct sink_waiter *waiter, struct arena *scratch, struct spool_report *ret);
