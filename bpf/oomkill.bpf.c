/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that were killed for want of memory, by their cgroup; the name of ebpf_exporter's
 * oomkill example. The tracepoint tells of the task on newer kernels and on Debian's, of its
 * number only on others before 6.8, hence a raw one.
 */
#include "kernel.h"

struct victim {
	u64 cgroup_path PP_LABEL("|cgroup");
};

PP_MAP_FLAGS(oom_kills_total, HASH, 4096, struct victim, u64, BPF_F_NO_PREALLOC)
	PP_COUNTER("Processes killed for want of memory, of the host or of a cgroup.");

SEC("raw_tp/mark_victim")
int victim(struct bpf_raw_tracepoint_args *ctx)
{
	enum { MAX_PID = 1 << 22 };
	static const u64 zero;
	struct victim key = { 0 };
	u64 *n;

	if (ctx->args[0] > MAX_PID)
		key.cgroup_path = cgroup_of((struct task_struct *)ctx->args[0]);
	n = entry_of(&oom_kills_total, &key, &zero);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
