/* SPDX-License-Identifier: Apache-2.0 */
/* Moves of tasks from one CPU to another, by cgroup; the name of ebpf_exporter's cgroup example. */
#include "cgroups.h"

PP_CGROUP_MAP(cgroup_sched_migrations_total)
	PP_COUNTER("Times that the scheduler moved a task of a cgroup to another CPU.");

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(migrate, struct task_struct *task)
{
	u64 *n = cgroup_entry(&cgroup_sched_migrations_total, task);

	if (n)
		(*n)++;
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(forget, struct cgroup *cgroup)
{
	cgroup_forget(&cgroup_sched_migrations_total, cgroup);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
