/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control groups of the host as one array of plain structs, whether the kernel keeps them in
 * one tree (v2), in one for each controller (v1), or in both (hybrid): groups of the same path
 * are one. Read once in a cycle, for all who want it.
 */
#pragma once

#include "base/arena.h"
#include "host/host.h"

enum cgroup_tree {
	CGROUP_V2, /* sys/fs/cgroup, or sys/fs/cgroup/unified of a hybrid host */
	CGROUP_CPU,
	CGROUP_CPUACCT,
	CGROUP_CPUSET,
	CGROUP_MEMORY,
	CGROUP_BLKIO,
	CGROUP_PIDS,
	CGROUP_HUGETLB,
	CGROUP_SYSTEMD, /* name=systemd: no controller, but on v1 only it knows every unit */
	CGROUP_TREES,
};

struct cgroup {
	struct str path; /* "/", "/system.slice/ssh.service": as /proc/PID/cgroup. NUL-ended */
	uint32_t parent; /* index in the table; the root's is its own */
	uint32_t trees;  /* 1 << enum cgroup_tree */
	/*
	 * What v2 has files of here: 1 << CGROUP_CPU, _CPUSET, _MEMORY, _BLKIO ("io"), _PIDS,
	 * _HUGETLB; all of them where that is not known.
	 */
	uint32_t controllers;
	uint64_t id;        /* inode of its directory: v2's (what BPF calls the id), else v1's */
	int64_t created_ns; /* Unix time; 0: not known */
	bool has_cpu;       /* the times are known. They are those of all below, the dead, too */
	uint64_t usage_ns, user_ns, system_ns;
	const uint64_t *percpu_ns; /* usage by CPU (v1's cpuacct.usage_percpu), or NULL */
};

struct cgroup_id {
	uint64_t id;
	uint32_t index;
};

struct cgroup_table {
	size_t n, cpus;   /* cpus: length of percpu_ns */
	uint32_t trees;   /* those that are mounted */
	struct cgroup *v; /* parents before children, siblings by name; the root is first */
	size_t left_out;  /* groups beyond the limit */
	size_t n_ids;
	struct cgroup_id *ids; /* sorted, for cgroup_by_id() */
};

/*
 * The table of this cycle. -ENOENT: there are no control groups below --sysfs; or -errno. Groups
 * that vanish while they are read are left out.
 */
int cgroups_of_cycle(struct host *host, const struct cgroup_table **ret);

/*
 * The group's directory in one of its trees: an fd (O_PATH), -ENOENT when it is not in it, or
 * -errno. Of a group of this cycle only.
 */
int cgroup_open(struct host *host, const struct cgroup *cgroup, enum cgroup_tree tree);

/* The group of that path, or NULL. */
const struct cgroup *cgroup_find(const struct cgroup_table *table, struct str path);
/* The group with that id, or NULL. */
const struct cgroup *cgroup_by_id(const struct cgroup_table *table, uint64_t id);

/*
 * A file of a group in one read: the kernel makes each of them at once, and asking for the end
 * would be a call for nothing. What fills `size` is -EFBIG, -errno else.
 */
int cgroup_read_file(int dir, const char *name, char *buffer, size_t size, struct str *ret);
