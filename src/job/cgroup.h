/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup v2 of the job's own. Its cpu.stat is there on every kernel since 4.15, whatever
 * controllers are bound elsewhere, and counts those too whom nobody waits for. v1 is left alone.
 */
#pragma once

#include "job/pids.h"
#include "job/usage.h"

struct cgroup {
	int parent, dir; /* directories, -1 when there is none */
	char name[32];
};

/*
 * Opens the directory of the process's cgroup: below the unified mount, or the hybrid one's
 * /sys/fs/cgroup/unified. The fd, or -errno; ret_path may be NULL.
 */
int cgroup_of(pid_t pid, struct arena *arena, struct str *ret_path);

/* Makes peekpush-job-PID below our own cgroup. 0 or -errno; then both fds are -1. */
int cgroup_make(struct cgroup *cgroup, struct arena *arena);
/*
 * Removes it and the empty ones that killed watchers left beside it. Who still lives in it moves
 * to our own cgroup; a cgroup that somebody made below and lives in is none of ours: it stays.
 */
void cgroup_remove(struct cgroup *cgroup, struct arena *arena);

/* Whether the path leads into a unit of systemd that is a service. */
bool cgroup_in_service(struct str path);

/* Adds what the cgroup counts; a peak only rises. What its controllers do not tell stays. */
void cgroup_usage(int dir, struct arena *arena, struct usage *usage);

/* Adds the processes of the cgroup, with `below` those of all below it as well. */
void cgroup_pids(int dir, bool below, struct arena *arena, struct pids *pids);

/* Kills all in it and below, at once; -errno before Linux 5.14. */
int cgroup_kill(int dir);
