/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time by cgroup, also where its cpu controller is off. */
#include "cgroups.h"
#include "cputime.h"

PP_CGROUP_MAP(cgroup_cpu_seconds_total)
	PP_COUNTER("CPU time of the tasks that are in a cgroup, not those of its children.")
	PP_SCALE("1e-9");

SEC("tp_btf/sched_switch")
int BPF_PROG(leave, bool preempted, struct task_struct *prev, struct task_struct *next)
{
	u64 ns = cputime_since(prev, next);
	u64 *sum = ns ? cgroup_entry(&cgroup_cpu_seconds_total, prev) : NULL;

	if (sum)
		*sum += ns;
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(forget, struct cgroup *cgroup)
{
	cgroup_forget(&cgroup_cpu_seconds_total, cgroup);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
