/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time by name of the process and its user. */
#include "cputime.h"

enum { PROCESSES = 8192 };

typedef struct {
	u32 val;
} kuid_t;

struct cred {
	kuid_t uid;
} RELOCATED;

struct task_struct___cred {
	struct cred *cred;
} RELOCATED;

struct process {
	char comm[TASK_COMM_LEN];
	u32 user PP_LABEL("|user");
};

PP_MAP_FLAGS(process_cpu_seconds_total, PERCPU_HASH, PROCESSES, struct process, u64,
	     BPF_F_NO_PREALLOC)
	PP_COUNTER("CPU time of all processes of a name and a user, also those that have ended.")
	PP_SCALE("1e-9");

SEC("tp_btf/sched_switch")
int BPF_PROG(leave, bool preempted, struct task_struct *prev, struct task_struct *next)
{
	static const u64 zero;
	u64 ns = cputime_since(prev, next), *sum;
	struct process key = { .user = ((struct task_struct___cred *)prev)->cred->uid.val };

	if (!ns)
		return 0;
	BPF_CORE_READ_INTO(&key.comm, prev, group_leader, comm);
	sum = entry_of(&process_cpu_seconds_total, &key, &zero);
	if (sum)
		*sum += ns;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
