/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom the kernel has killed for lack of memory. It counts them by cgroup, and tells nobody whose
 * they were: so only a cgroup that has none but the run's own processes can be asked. That is one
 * made for the run, or ours, when nobody else was in it before CMD started: a container, a unit.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"

struct oom {
	int dir; /* -1: there is none of our own */
	const char *file;
	uint64_t before; /* what it had counted when it was opened */
};

/* v2's memory.events, or v1's memory.oom_control; false when it is not there. */
bool oom_read(int dir, const char *file, struct arena *arena, uint64_t *ret);

/* Whether `self` is alone in the cgroup, and in all below it. */
bool oom_alone(int dir, pid_t self, struct arena *arena);

/* Finds ours, before CMD starts. `own` is the directory of our cgroup v2, or -1: look for it. */
void oom_open(struct oom *oom, pid_t self, int own, struct arena *arena);

/* How many since then; false when that is not known. */
bool oom_count(const struct oom *oom, struct arena *arena, uint64_t *ret);
void oom_close(struct oom *oom);
