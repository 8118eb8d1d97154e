/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long tasks that could run waited for a CPU, as bcc's runqlat shows it. The scheduler keeps
 * the sum for each task, whichever CPUs it waited for; what that has grown by when the task leaves
 * a CPU is one wait. So one hook does, and a wait is told when the time on the CPU that came of it
 * ends.
 */
#include "kernel.h"

enum { SLOTS = 27 };

struct waits PP_SLOTS(SLOTS);

PP_MAP(run_queue_latency_seconds, PERCPU_ARRAY, 1, u32, struct waits)
	PP_HISTOGRAM("Time that tasks ready to run waited for a CPU.", "exp2 0..26 * 1e-6")
	PP_SCALE("1e-9");

/* The task's sum when it last left a CPU, and 1, because 0 is what is new. */
struct {
	int(*type)[BPF_MAP_TYPE_TASK_STORAGE];
	int(*map_flags)[BPF_F_NO_PREALLOC];
	int *key;
	u64 *value;
} waited SEC(".maps");

SEC("tp_btf/sched_switch")
int BPF_PROG(leave, bool preempted, struct task_struct *task)
{
	u64 *last, before, now;
	struct waits *waits;
	u32 first = 0;

	if (!task->pid) /* idle */
		return 0;
	last = bpf_task_storage_get(&waited, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	waits = bpf_map_lookup_elem(&run_queue_latency_seconds, &first);
	if (!last || !waits) {
		lost();
		return 0;
	}
	now = task->sched_info.run_delay;
	before = *last;
	*last = now + 1;
	/* Never seen: unless it is new, its sum is of more waits than this one. */
	if (!before && task->sched_info.pcount > 1)
		return 0;
	now -= before ? before - 1 : 0;
	waits->bucket[log2_slot_us(now, SLOTS)]++;
	waits->sum += now;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
