/* SPDX-License-Identifier: Apache-2.0 */
/* container_fs_*: the space on the host's devices, and what containers have written. */
#pragma once

#include "collect/container/who.h"

struct cgroup_conf;

/*
 * Adds space and inodes of the host's devices to the root's series, and to a container's what is
 * known of its writable layer; those are measured beside the cycles, if they are to be. What cannot
 * be read is noted.
 */
void container_disk(struct collect *c, const struct container_table *table,
		    const struct cgroup_conf *conf);
