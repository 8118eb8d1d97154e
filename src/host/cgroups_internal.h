/* SPDX-License-Identifier: Apache-2.0 */
/* What the walk over the control groups and the reading of their CPU times share. */
#pragma once

#include "host/cgroups.h"

struct cgroup_walk {
	struct arena *arena;
	char *buffer;     /* made by the first walk */
	uint32_t trees;   /* what is walked now */
	struct cgroup *v; /* with those that went meanwhile: they are in no tree */
	size_t n, cpus;
	uint32_t *slots; /* index + 1, by parent and name */
	size_t n_slots;
	size_t left_out; /* of this tree */
};

/* Adds the groups below `root`, or what they have in this tree, too. */
void cgroups_walk(struct cgroup_walk *walk, int root);
/* The groups that were found, in order. */
void cgroups_table(const struct cgroup_walk *walk, struct cgroup_table *table);
/* As if '/' came before every other byte: parents before children, siblings by name. */
int cgroup_compare_paths(struct str a, struct str b);

enum { CGROUP_ALL_CONTROLLERS = (1u << CGROUP_TREES) - 1 };

/* What v2's cgroup.subtree_control of a group says of those in it. */
uint32_t cgroup_parse_controllers(struct str text);
/* v2's cpu.stat. False when one of the three is missing or no number. */
bool cgroup_parse_cpu_stat(struct str text, struct cgroup *cgroup);
/* v1's cpuacct.stat: user and system in ticks of a hundredth of a second. */
bool cgroup_parse_cpuacct_stat(struct str text, struct cgroup *cgroup);
/* v1's cpuacct.usage_percpu: at most `max` numbers. How many; 0 when there is anything else. */
size_t cgroup_parse_percpu(struct str text, uint64_t *to, size_t max);

/*
 * The times of the group in `dir`. `cpus` is how many CPUs others told, 0 before the first; one
 * that tells another number has none by CPU. -ENODEV: the group is gone.
 */
int cgroup_read_cpu_v2(int dir, char *buffer, size_t size, struct cgroup *cgroup);
int cgroup_read_cpuacct(int dir, char *buffer, size_t size, struct arena *arena, size_t *cpus,
			struct cgroup *cgroup);
