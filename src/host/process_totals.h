/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel knows of processes that are gone, as the exit hook of the object "processes"
 * leaves it in two maps. Each dead process is in exactly one of them:
 *
 * - one that a reader may have seen alive, because it started before the iterator's last visit
 *   (boottime >= its start), is a record of its own in the array `dead`, a ring: whoever knew it
 *   adds what it used since, and no more. There are never many: at most those that were alive.
 * - every other one nobody can have seen: it is only added to the row of its kind in the hash
 *   `totals`. A hundred thousand of them are a few rows. The rows are cumulative and never reset
 *   while they exist. When all are taken, those that have not grown for an hour make room; a row
 *   made anew has another born_ns. Whoever finds no room is in the row whose kind is all zeros.
 *
 * The kernel tells of an end when it gives the memory back, which is some milliseconds after the
 * process has left the table, or seconds on a busy host: who has vanished from the table and is in
 * neither map must be remembered for some cycles. A record of somebody who was never seen counts
 * as a whole. Threads of the kernel have number 2, kthreadd, as their parent.
 *
 * Several readers, none of them writing: each keeps what it had read (process_seen) in its state.
 * Who reads the table from /proc must not use this: its visits are unknown to the hook.
 */
#pragma once

#include "host/processes.h"

/* In the order of the eight counters of struct process; all only grow. */
struct process_used {
	uint64_t user_ns, system_ns;
	uint64_t minor_faults, major_faults;
	uint64_t read_bytes, write_bytes;
	uint64_t voluntary_switches, involuntary_switches;
};

/* Key of the map "totals", and what is known of who is in the row. No padding. */
struct process_kind {
	uint64_t cgroup; /* when it ended */
	/* The nearest ancestor that may have been seen alive; both 0 when there is none known. */
	uint64_t parent_start_ns;
	uint32_t parent, uid;
	char comm[PROCESS_COMM]; /* its last one; zeros behind the first NUL */
};

/* Value of the map "totals". */
struct process_sum {
	uint64_t born_ns; /* boottime when the row was made */
	uint64_t count;   /* processes that ended */
	struct process_used used;
};

struct process_total {
	struct process_kind kind;
	struct process_sum sum;
};

/* Value of the map "dead": record number i (from 0) lies at index i % max_entries. */
struct process_dead {
	uint64_t number; /* i + 1, written last: a record with another one is not this record */
	uint64_t start_ns, cgroup;
	uint32_t pid, ppid, uid, pad;
	char comm[PROCESS_COMM];
	struct process_used used; /* of its whole life, all threads */
};

/* Where a reader stands; all 0: it has read nothing yet. */
struct process_seen {
	uint64_t load; /* which maps these were: of others the numbers mean nothing */
	uint64_t next; /* number of the first record not read */
};

struct process_totals {
	struct process_seen seen; /* to be kept, and given next time */
	bool known;               /* the caller's `seen` was of these maps: */
	size_t n_dead;            /* ... these are all who died since */
	struct process_dead *dead;
	uint64_t lost;   /* records since that were overwritten before they were read */
	uint64_t missed; /* deaths since the load for which there was no room in any map */
	size_t n;
	struct process_total *v; /* all rows there are */
};

/*
 * The table of `iter` (an fd as processes_iter() takes it) is to be read first, then this, in
 * the same cycle: who dies between is in both, and the record tells more.
 *
 *	int process_totals_read(const struct loaded_object *object, struct process_seen seen,
 *				struct arena *arena, struct process_totals *ret);
 *
 * is in bpf/processes.h, as it needs the loaded object.
 */
