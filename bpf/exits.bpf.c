/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How processes come and go. The kernel tells of each thread that ends; the last one of a process
 * is meant. Two that end at the same moment may both look like the last, so that a process of
 * several threads leaves a mark when it is counted.
 */
#include "kernel.h"

enum {
	SLOTS = 31,
	SIGNAL = 0x7f, /* of an exit code */
	DUMPED = 0x80,
};

typedef struct {
	int counter;
} atomic_t;

enum { SIGNAL_GROUP_EXIT = 4 };

struct signal_struct {
	atomic_t live;
	int nr_threads, group_exit_code;
	unsigned int flags;
} RELOCATED;

struct task_struct___exits {
	int exit_code;
} RELOCATED;

struct ending {
	u32 how PP_LABEL("how|map:0=exited,1=killed,2=dumped");
	u32 code;
};

struct lifetime PP_SLOTS(SLOTS);

PP_MAP(process_starts_total, PERCPU_ARRAY, 1, u32, u64)
	PP_COUNTER("Processes that were started.");
PP_MAP(thread_starts_total, PERCPU_ARRAY, 1, u32, u64)
	PP_COUNTER("Threads that were started beside a process's first.");
PP_MAP(process_execs_total, PERCPU_ARRAY, 1, u32, u64)
	PP_COUNTER("Programs that were executed.");
PP_MAP_FLAGS(process_exits_total, PERCPU_HASH, 1024, struct ending, u64, BPF_F_NO_PREALLOC)
	PP_COUNTER("Processes that ended, by how: with a code, or by a signal.");
PP_MAP(process_lifetime_seconds, PERCPU_ARRAY, 1, u32, struct lifetime)
	PP_HISTOGRAM("How long processes lived that ended.", "exp2 0..30 * 1e-3");

struct {
	int(*type)[BPF_MAP_TYPE_TASK_STORAGE];
	int(*map_flags)[BPF_F_NO_PREALLOC];
	int *key;
	u64 *value;
} counted SEC(".maps");

static __always_inline void add_one(void *map)
{
	u32 first = 0;
	u64 *n = bpf_map_lookup_elem(map, &first);

	if (n)
		(*n)++;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(start, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid == child->tgid)
		add_one(&process_starts_total);
	else
		add_one(&thread_starts_total);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(execute)
{
	add_one(&process_execs_total);
	return 0;
}

/* Whether the task is the last of its process, and no other was taken for it. */
static __always_inline bool is_last(struct task_struct *task, struct signal_struct *signal)
{
	u64 *mark;

	if (signal->live.counter)
		return false;
	if (signal->nr_threads < 2)
		return true;
	mark = bpf_task_storage_get(&counted, task->group_leader, NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	return !mark || __sync_lock_test_and_set(mark, 1) == 0;
}

static __always_inline void count_end(u32 code)
{
	static const u64 zero;
	struct ending key = { .code = code >> 8 & 0xff };
	u64 *n;

	if (code & SIGNAL) {
		key.how = code & DUMPED ? 2 : 1;
		key.code = code & SIGNAL;
	}
	n = entry_of(&process_exits_total, &key, &zero);
	if (n)
		(*n)++;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(end, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct lifetime *lifetime;
	u32 first = 0;
	u64 ms;

	if (!is_last(task, signal))
		return 0;
	count_end(signal->flags & SIGNAL_GROUP_EXIT
			  ? signal->group_exit_code
			  : ((struct task_struct___exits *)task)->exit_code);
	lifetime = bpf_map_lookup_elem(&process_lifetime_seconds, &first);
	if (lifetime) {
		ms = (bpf_ktime_get_ns() - task->group_leader->start_time) / 1000000;
		lifetime->bucket[log2_slot(ms, SLOTS)]++;
		lifetime->sum += ms;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
