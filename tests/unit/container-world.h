/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers in trees that a test writes: groups, processes, and whose network is whose. The file
 * that a link leads to stands for a namespace that is shared.
 */
#pragma once

#include "unit.h"

#include "collect/container/settings.h"
#include "collect/container/who.h"

enum { WORLD_GROUPS_MAX = 16 };

#define WORLD_NET_HEADINGS                                                              \
	"Inter-|   Receive                            |  Transmit\n"                    \
	" face |bytes packets errs drop fifo frame compressed multicast|bytes packets " \
	"errs drop fifo colls carrier compressed\n"

struct world {
	char path[64];
	int dir, proc, groups_dir;
	struct host host;
	struct metrics metrics;
	struct arena arena, scratch, why;
	struct collect c;
	struct container v[WORLD_GROUPS_MAX];
	struct container_table table;
	struct cgroup_conf conf;
};

/* An empty host with a tree of groups (v2), whose root has no process. */
void world_start(struct world *w);
void world_stop(struct world *w);

/* A group, with what its cgroup.procs says. */
void world_group(struct world *w, const char *path, const char *procs);
/* A process of that group whose interface has received so many bytes, and sent ten times that. */
void world_process(struct world *w, const char *pid, const char *group, int bytes);
/* One that lives in the namespace of another. */
void world_sharing(struct world *w, const char *pid, const char *group, const char *other);

/* Reads the groups; none of them is a container. */
void world_read(struct world *w);
/* Makes a container of the group. */
struct container *world_container(struct world *w, const char *path, uint32_t pid, int64_t age);

/* Before another collection: samples and notes of the last one are gone. */
void world_forget(struct world *w);
/* Series of the family. */
size_t world_count(struct world *w, const char *family);
/* `label`: the text of what comes behind the id. NAN when there is no such sample. */
double world_value(struct world *w, const char *family, const char *id, const char *label);
