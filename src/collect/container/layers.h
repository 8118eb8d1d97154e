/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much containers have written. Counting files may take minutes, so a child does it, with the
 * lowest priority, while cycles go on: one child at most, whoever started it, which a lock in the
 * state's directory sees to. What it finds goes into a file there and is told from then on. The
 * child of an agent ends with it; that of a oneshot outlives it, for there is no other time.
 */
#pragma once

#include "collect/container/who.h"

enum { LAYER_ID_MAX = 128 };

/* What is known of a container's layer. */
struct layer {
	struct str id; /* the container's */
	uint64_t bytes, inodes;
	int error;       /* 0, or -errno of the last try */
	uint64_t second; /* Unix time of it */
};

/* A container whose layer is to be measured. */
struct layer_job {
	struct str id;
	const char *path; /* below the root */
};

/*
 * Measures what is due, beside the cycles, and finds what is known of each container: ret[i] or
 * NULL. -EOPNOTSUPP where nothing can be kept, or -errno.
 */
int layers_of_cycle(struct collect *c, const struct container_table *table, int64_t interval_ns,
		    const struct layer **ret);

/* layers_walk.c */

enum { LAYER_SECONDS_MAX = 600, LAYER_LINKS_MAX = 1 << 22, LAYER_NAMES_MAX = 64 << 20 };

/*
 * Space and inodes of the tree at `path` below `root`, hard links once, without what is mounted
 * in it: from the project's quota where the tree has one of its own, else by looking at each file.
 * -ETIME after `seconds`; -E2BIG when it is too large to be remembered; -ESTALE when it changed
 * under the eyes; or -errno.
 */
int layer_measure(int root, const char *path, int64_t seconds, uint64_t *ret_bytes,
		  uint64_t *ret_inodes);
