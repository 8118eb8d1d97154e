/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps with an entry for each cgroup: those of cgroups that were removed are removed, too, so that
 * they do not fill them.
 */
#pragma once

#include "kernel.h"

enum { CGROUPS = 16384 };

struct by_cgroup {
	u64 cgroup PP_LABEL("|cgroup");
};

#define PP_CGROUP_MAP(name) \
	PP_MAP_FLAGS(name, PERCPU_HASH, CGROUPS, struct by_cgroup, u64, BPF_F_NO_PREALLOC)

struct cgroup_subsys_state {
	unsigned int flags;
} RELOCATED;

struct cgroup___state {
	struct cgroup_subsys_state self;
} RELOCATED;

/* The entry of a task's cgroup. None is made for a removed one, of which the last tasks go. */
static __always_inline u64 *cgroup_entry(void *map, struct task_struct *task)
{
	enum { CSS_ONLINE = 2 };
	static const u64 zero;
	struct cgroup *cgroup = task->cgroups->dfl_cgrp;
	struct by_cgroup key = { cgroup->kn->id };
	u64 *value = bpf_map_lookup_elem(map, &key);

	if (value || !(((struct cgroup___state *)cgroup)->self.flags & CSS_ONLINE))
		return value;
	return entry_of(map, &key, &zero);
}

static __always_inline void cgroup_forget(void *map, struct cgroup *cgroup)
{
	struct by_cgroup key = { cgroup->kn->id };

	bpf_map_delete_elem(map, &key);
}
