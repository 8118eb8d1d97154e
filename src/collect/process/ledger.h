/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who used what, summed by group over cycles. A group's sums are those of what its processes used
 * while they were in it: each pays the difference to what it had used when it was met last, so a
 * sum never falls, no process is counted twice, and one that moves takes nothing along.
 *
 * All of it lives between two cycles as one value of the state: a oneshot goes on where another
 * one stopped, and so does an agent after kill -9.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "host/process_totals.h"

enum { LEDGER_NONE = UINT32_MAX };

enum ledger_flags {
	LEDGER_INHERITED = 1, /* the group is its parent's */
	LEDGER_CROWDED = 2,   /* it is among the others because there was no room for its group */
	LEDGER_ROW = 4,       /* no process, but a row of those that nobody saw alive */
	LEDGER_OTHER = 8,     /* no rule wants it: it is among the others */
	LEDGER_KERNEL = 16,   /* read by the iterator, which knows more of ended threads */
	LEDGER_AGE = 256,     /* cycles since it vanished, counted from here up */
};

/* A process, by its number and start in clock ticks: both readers of the table know these. */
struct ledger_entry {
	uint64_t id, start;
	uint32_t group; /* index, or LEDGER_NONE: in no group */
	uint32_t tag;   /* of what the group was chosen by; another one: it is to be chosen anew */
	uint32_t flags;
	bool dead; /* not to be kept */
	struct process_used used;
};

struct ledger_group {
	struct str name;
	uint64_t active; /* Unix time when it last had a process */
	struct process_used sums;
};

struct ledger {
	struct arena *arena;
	bool fresh;               /* nothing is known of the past */
	struct process_seen seen; /* for process_totals_read() */
	size_t limit;             /* of groups */
	uint64_t idle;            /* a group last active before this makes room for a new one */
	size_t n_groups;
	struct ledger_group *groups;
	size_t n_before, n_now;
	struct ledger_entry *before; /* of the last cycle; rising by id and start */
	struct ledger_entry *now;    /* of this one, in the order of ledger_charge() */
};

/*
 * Reads what ledger_save() wrote; anything else makes it fresh. Entries of another boot are
 * forgotten, the sums go on; under other `rules` every tag is as if it had changed.
 */
void ledger_load(struct ledger *ledger, struct str text, uint64_t boot, uint64_t rules,
		 size_t limit, struct arena *arena);
/*
 * Who has vanished is kept for some cycles: the kernel tells how it ended a moment later.
 */
void ledger_save(struct ledger *ledger, uint64_t boot, uint64_t rules, struct buf *out);

/*
 * Drops groups that were idle since before `oldest`, so before entries are charged. Those of
 * processes that were met in the last cycle stay, however long ago that was.
 */
void ledger_forget(struct ledger *ledger, uint64_t oldest);

/*
 * The group's index. A new one is made; in the place of the one that was idle longest when there
 * are too many. LEDGER_NONE when there is no such, unless `always`.
 */
uint32_t ledger_group(struct ledger *ledger, struct str name, bool always);

/* As it was met in the last cycle, or a few cycles ago when it has vanished since; or NULL. */
const struct ledger_entry *ledger_before(const struct ledger *ledger, uint64_t id, uint64_t start);

/*
 * Adds to the entry's group what it used since it was met last: all of it when it is new, and of a
 * figure that the two readers of the table tell differently nothing when the reader has changed.
 * Entries must come with rising ids. LEDGER_NONE pays nothing, but is remembered.
 */
void ledger_charge(struct ledger *ledger, struct ledger_entry entry);
/* Remembers an entry without adding anything: what it used so far is nobody's. */
void ledger_note(struct ledger *ledger, struct ledger_entry entry);

/*
 * What it used until it died, to the group where it was met, in this cycle or the last. False when
 * it never was: then nothing is added.
 */
bool ledger_end(struct ledger *ledger, uint64_t id, uint64_t start,
		const struct process_used *used);

void process_used_add(struct process_used *to, const struct process_used *more);
void process_used_of(const struct process *process, struct process_used *ret);
