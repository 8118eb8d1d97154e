/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book of a job's group: its history over all runs, and the runs that are not in it yet.
 * Every push of a group is composed from its open book, and the book is locked meanwhile: so
 * there is one newest truth for each group, whoever delivers it, and no older one can follow.
 *
 * The history keeps, beside the facts of the newest finished run under "last.":
 *	runs.RESULT le.NANOSECONDS sum		counters of runs, and of durations by bucket
 *	retries
 *	energy.*				job/energy_facts.h
 *	success.end success.duration failure.end failure.duration
 *	first.start
 *	recent.*			job/typical.h
 *	settled.RECORD				taken in, but its file may still be there
 *	target.*				what delivering remembers
 */
#pragma once

#include <sys/types.h>

#include "base/opt.h"
#include "job/record.h"

struct job_conf;

enum { BOOK_NAME_SIZE = 40 };

struct book {
	int dir, lock;
	char prefix[24];
	char name[BOOK_NAME_SIZE]; /* of the history's files */
	struct state history;
	struct state newest; /* facts of the newest run that lives, without the caller's own */
	unsigned live;       /* how many live, without the caller's own */
	bool pending;        /* there is a result that nobody has delivered */
	bool damaged;        /* the history could not be read and begins anew */
	struct arena arena;
	struct opt_list done; /* names of the records that have been taken in */
	const struct job_conf *conf;
};

/*
 * Locks the group, waiting up to `wait_ns`, reads its history, and takes in every run that has
 * ended, those without a result as lost; `own`, which may be NULL, is left to its owner. A negative
 * `dir` gives an empty book without a lock. 0, -EWOULDBLOCK, or -errno; close it in any case.
 */
int book_open(struct book *book, int dir, uint64_t group, const struct record *own,
	      const struct job_conf *conf, int64_t wait_ns);

/* Takes the caller's own run in, which has a result. */
void book_settle(struct book *book, const struct record *record);

/*
 * Writes what has changed; then removes the records that are in it now. While `pending` it
 * says so by a file beside it, that flushing can find. 0 or -errno; nothing is removed then.
 */
int book_save(struct book *book);

/* The result has been delivered, or never can be. */
void book_delivered(struct book *book);
void book_close(struct book *book);

/* Which of two runs began later; on another boot the boot clock says nothing. */
bool book_newer(const struct state *facts, struct str prefix, const struct state *other,
		struct str other_prefix);

/* The facts of a run under a prefix: "" in a record, "last." in a history. */
struct str fact(const struct state *state, struct str prefix, const char *key);
uint64_t fact_u64(const struct state *state, struct str prefix, const char *key, uint64_t fallback);

/* When a process started, in ticks since the boot; 0 when it has ended. Source: /proc/PID/stat. */
uint64_t book_process_start(pid_t pid);

/* This boot's id. */
struct str book_boot_id(struct arena *arena);
