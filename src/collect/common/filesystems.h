/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounted file systems and their figures: those of process 1, not those that a service's
 * sandbox shows to us. Asked once in a cycle, for all who tell of them.
 */
#pragma once

#include "collect/collector.h"
#include "host/mounts.h"
#include "host/statfs.h"

struct filesystems {
	size_t n;
	const struct mount *mounts; /* that collectors.filesystem wants, by mount point */
	const struct statfs_figures *figures;
	size_t bad_line; /* of the mount table, from 1; 0: none */
	int no_child;    /* -errno when nobody could be asked */
};

extern const struct opt_section section_collector_filesystem;

/* Those of this cycle; or -errno, with the words for it. */
int filesystems_of_cycle(struct collect *c, const struct filesystems **ret);

/*
 * Process 1's root where we may look through it: in a sandboxed service or a container that
 * shares the process ids, the same path of our own tree may be something else. An fd or -errno.
 */
int filesystems_open_root(const struct host *host);
