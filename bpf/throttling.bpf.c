/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long cgroups stood still that had used up their CPU quota, CPU by CPU; the sum is that of
 * throttled_usec in cpu.stat. The name is that of ebpf_exporter's cfs-throttling.
 */
#include "kernel.h"

#include <linux/ptrace.h>

enum { SLOTS = 21, CGROUPS = 4096 };

struct throttled {
	u64 cgroup PP_LABEL("|cgroup");
};

struct slots PP_SLOTS(SLOTS);

struct cgroup_subsys_state {
	struct cgroup *cgroup;
} RELOCATED;

struct task_group {
	struct cgroup_subsys_state css;
} RELOCATED;

struct rq {
	u64 clock;
} RELOCATED;

struct cfs_rq {
	struct rq *rq;
	struct task_group *tg;
	u64 throttled_clock;
} RELOCATED;

PP_MAP_FLAGS(cfs_throttling_seconds, PERCPU_HASH, CGROUPS, struct throttled, struct slots,
	     BPF_F_NO_PREALLOC)
	PP_HISTOGRAM("Time that a cgroup was kept from a CPU because its quota was used up.",
	     "exp2 0..20 * 1e-6")
	PP_SCALE("1e-9");

/* The run queue is locked, and its clock at most a tick old. */
static __always_inline int observe(struct cfs_rq *queue)
{
	static const struct slots zero;
	u64 since = BPF_CORE_READ(queue, throttled_clock), now = BPF_CORE_READ(queue, rq, clock);
	struct throttled key = { BPF_CORE_READ(queue, tg, css.cgroup, kn, id) };
	struct slots *h;

	if (!since || now <= since)
		return 0;
	h = entry_of(&cfs_throttling_seconds, &key, &zero);
	if (!h)
		return 0;
	__sync_fetch_and_add(&h->bucket[log2_slot_us(now - since, SLOTS)], 1);
	__sync_fetch_and_add(&h->sum, now - since);
	return 0;
}

SEC("fentry/unthrottle_cfs_rq")
int BPF_PROG(unthrottle, struct cfs_rq *queue)
{
	return observe(queue);
}

SEC("kprobe/unthrottle_cfs_rq")
PP_TAG("fallback:unthrottle") int unthrottle_probe(struct pt_regs *regs)
{
	return observe((struct cfs_rq *)PT_REGS_PARM1(regs));
}

char LICENSE[] SEC("license") = "GPL";
