/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts on which statfs(2) hung, kept in the state. Each cycle may be another process (a
 * oneshot on a timer), and each that tries a dead mount may leave a process behind that no
 * signal ends. So a mount is left alone while such a process is there, and for a while after.
 */
#pragma once

#include "collect/collector.h"
#include "host/mounts.h"
#include "host/statfs.h"

struct stuck_mounts {
	bool counted;
	size_t n; /* in the state; 0 is the usual case and costs nothing */
};

/* Counts them once, and forgets those that are not among `mounts` any more. */
void stuck_mounts_review(struct stuck_mounts *stuck, struct collect *c, const struct mount *mounts,
			 size_t n);

/* True when the mount is not worth a try yet. Forgets it when it is again. */
bool stuck_mounts_skip(struct stuck_mounts *stuck, struct collect *c, struct str point,
		       int64_t retry_ns);

void stuck_mounts_add(struct stuck_mounts *stuck, struct collect *c, struct str point,
		      const struct statfs_figures *figures);
