/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of one run, in STATE/jobs from before CMD starts until its group's history has
 * taken it in. The files are filled up to a fixed size at once, so that a result fits in when
 * the disk has become full meanwhile. Who watches the run holds the record's lock: a record
 * without a result that nobody holds belongs to a run that was lost.
 *
 * Facts are text under these keys; times are nanoseconds:
 *	group.job group.instance group.label.NAME	where its metrics go
 *	boot order start	boot id, CLOCK_BOOTTIME and wall clock of its start
 *	pid pid_start		of CMD; its start as /proc/PID/stat has it
 *	command uid parent accounting every max_duration interval	from its options
 *	sampled cpu_user cpu_system memory memory_peak ...	usage, see job/metrics.c
 *	energy.*		job/energy_facts.h
 *	inside_dir		where its metrics from inside are written
 *	inside			exposition text of the metrics from inside
 *	result exit_code signal duration end attempts	once it has ended
 */
#pragma once

#include "metric/state.h"

enum { RECORD_NAME_SIZE = 80, RECORD_ROOM = 8192 };

struct record {
	int dir;  /* STATE/jobs, borrowed; negative: the facts live in memory only */
	int lock; /* fd, or -1 */
	char name[RECORD_NAME_SIZE];
	struct state facts;
};

/* Opens STATE/jobs, making it when it is missing. An fd or -errno. */
int record_open_dir(int state_dir);

/* The beginning of the names of all files of a group, whose path has this hash. */
void record_prefix(uint64_t group, char ret[24]);

/*
 * Makes the record of a run that is about to start and takes its lock. 0 or -errno: then it
 * can be used all the same, but is in memory only.
 */
int record_create(struct record *record, int dir, uint64_t group);

/*
 * Writes the facts; with `sync` they survive a power cut. When the disk has no room for all of
 * them, the metrics from inside are left out. 0 or -errno.
 */
int record_save(struct record *record, bool sync);

/* Gives the lock back and forgets the facts; the files stay. */
void record_close(struct record *record);

/*
 * Takes the lock of another run's record and reads it. 0: nobody watches it, close the record
 * when done; -EWOULDBLOCK: somebody does, the facts are read all the same; or -errno.
 */
int record_take(struct record *record, int dir, const char *name);

void record_remove(int dir, const char *name);

/*
 * Removes what cannot be read: a watcher was killed while it made it, before CMD. While it is
 * young, somebody may still be making it.
 */
void record_sweep(int dir, const char *name);
