/* SPDX-License-Identifier: Apache-2.0 */
/* container_network_*: what went through the network namespace of each container. */
#pragma once

#include "collect/container/who.h"

struct cgroup_conf;

/*
 * Adds the traffic of the host to the root's series and that of each other namespace to those of
 * the pod's sandbox, or of the container that is in it for longest: once, whoever shares it. What
 * is in the host's own namespace gets none. What cannot be read is noted.
 */
void container_network(struct collect *c, const struct container_table *table,
		       const struct cgroup_conf *conf);

/*
 * What conf->network_details asks for, of the namespace of the process whose directory that is:
 * "net" below it is read.
 */
void container_network_details(struct collect *c, const struct container *container, int process,
			       const struct cgroup_conf *conf);
