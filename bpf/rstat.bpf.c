/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock under which statistics of cgroups are gathered, which every reader of memory.stat
 * takes: how often, how long waited for, how long held; ebpf_exporter's cgroup-rstat-flushing. Its
 * tracepoints came with Linux 6.10.
 */
#include "kernel.h"

enum { SLOTS = 25, LEVEL_MAX = 5 };

struct cgroup___level {
	int level;
} RELOCATED;

struct lock {
	u8 contended;
	u8 yield;
	u16 level;
};

struct since {
	u64 wait, hold;
};

struct slots PP_SLOTS(SLOTS);

PP_MAP(cgroup_rstat_locked_total, PERCPU_HASH, 128, struct lock, u64)
	PP_COUNTER("Times the lock of cgroup statistics was taken, by whether it was held by "
		   "another, taken again on the way, and the cgroup's depth.");
PP_MAP(cgroup_rstat_lock_wait_seconds, PERCPU_ARRAY, 1, u32, struct slots)
	PP_HISTOGRAM("Time waited for the lock of cgroup statistics when another held it.",
		     "exp2 0..24 * 1e-7")
	PP_SCALE("1e-9");
PP_MAP(cgroup_rstat_lock_hold_seconds, PERCPU_ARRAY, 1, u32, struct slots)
	PP_HISTOGRAM("Time the lock of cgroup statistics was held.", "exp2 0..24 * 1e-7")
	PP_SCALE("1e-9");

/* A task that waits may be moved to another CPU. */
struct {
	int(*type)[BPF_MAP_TYPE_TASK_STORAGE];
	int(*map_flags)[BPF_F_NO_PREALLOC];
	int *key;
	struct since *value;
} begun SEC(".maps");

static __always_inline struct since *since(u64 flags)
{
	return bpf_task_storage_get(&begun, bpf_get_current_task_btf(), NULL, flags);
}

static __always_inline void observe(void *map, u64 since, u64 now)
{
	u32 first = 0;
	struct slots *h = bpf_map_lookup_elem(map, &first);

	if (!h || !since)
		return;
	h->bucket[log2_slot((now - since + 99) / 100, SLOTS)]++;
	h->sum += now - since;
}

SEC("tp_btf/cgroup_rstat_lock_contended")
int BPF_PROG(contended)
{
	struct since *s = since(BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (s)
		s->wait = bpf_ktime_get_ns();
	else
		lost();
	return 0;
}

SEC("tp_btf/cgroup_rstat_locked")
int BPF_PROG(locked, struct cgroup *cgroup, int cpu, bool contended)
{
	static const u64 zero;
	int level = BPF_CORE_READ((struct cgroup___level *)cgroup, level);
	struct lock key = {
		.contended = contended,
		/* -1 when it is taken for the first time, else the CPU it was let go at. */
		.yield = cpu != -1,
		.level = level < LEVEL_MAX ? level : LEVEL_MAX,
	};
	u64 *n = entry_of(&cgroup_rstat_locked_total, &key, &zero), now = bpf_ktime_get_ns();
	struct since *s = since(BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (n)
		(*n)++;
	if (!s) {
		lost();
		return 0;
	}
	observe(&cgroup_rstat_lock_wait_seconds, s->wait, now);
	s->wait = 0;
	s->hold = now;
	return 0;
}

SEC("tp_btf/cgroup_rstat_unlock")
int BPF_PROG(unlock)
{
	struct since *s = since(0);

	if (!s)
		return 0;
	observe(&cgroup_rstat_lock_hold_seconds, s->hold, bpf_ktime_get_ns());
	s->hold = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
