/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same work in the way of ebpf_exporter's examples and bcc: a hash map for each metric with the
 * bucket in the key, atomic additions, and start times in a hash map of their own.
 */
#include "kernel.h"

#define HASH(name, entries, key, value) PP_MAP(name, HASH, entries, key, value)

static __always_inline void add(void *map, const void *key, u64 by)
{
	u64 zero = 0, *n = bpf_map_lookup_elem(map, key);

	if (!n) {
		bpf_map_update_elem(map, key, &zero, BPF_NOEXIST);
		n = bpf_map_lookup_elem(map, key);
	}
	if (n)
		__sync_fetch_and_add(n, by);
}

HASH(pair_calls, 1024, u64, u64);
HASH(pair_errors, 1024, u64, u64);

SEC("tp_btf/sys_enter")
int BPF_PROG(pair_enter, struct pt_regs *regs, long number)
{
	u64 key = number;

	add(&pair_calls, &key, 1);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(pair_leave, struct pt_regs *regs, long result)
{
	u64 key = -result;

	if (result < 0)
		add(&pair_errors, &key, 1);
	return 0;
}

struct bucket {
	u32 device, operation;
	u64 bucket;
};

HASH(pair_started, 10240, u64, u64);
HASH(pair_latency, 4096, struct bucket, u64);

struct gendisk {
	int major, first_minor;
} RELOCATED;

struct request_queue {
	struct gendisk *disk;
} RELOCATED;

struct request {
	struct request_queue *q;
	u32 cmd_flags;
	unsigned int __data_len;
} RELOCATED;

static __always_inline void started(struct request *rq)
{
	u64 key = (u64)rq, now = bpf_ktime_get_ns();

	bpf_map_update_elem(&pair_started, &key, &now, 0);
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(pair_insert, struct request *rq)
{
	started(rq);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(pair_issue, struct request *rq)
{
	started(rq);
	return 0;
}

static __always_inline void observe(void *map, struct bucket *key, u64 us, u32 slots)
{
	key->bucket = log2_slot(us, slots);
	add(map, key, 1);
	key->bucket = slots;
	add(map, key, us);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(pair_complete, struct request *rq, int error, unsigned int bytes)
{
	u64 start = (u64)rq, *stamp = bpf_map_lookup_elem(&pair_started, &start);
	struct bucket key = { 0 };
	struct gendisk *disk;

	if (!stamp || bytes < rq->__data_len)
		return 0;
	disk = rq->q->disk;
	key.device = disk ? (u32)disk->major << 20 | disk->first_minor : 0;
	key.operation = rq->cmd_flags & 0xff;
	observe(&pair_latency, &key, (bpf_ktime_get_ns() - *stamp) / 1000, 28);
	bpf_map_delete_elem(&pair_started, &start);
	return 0;
}

HASH(pair_woken, 10240, u32, u64);
HASH(pair_queue, 64, struct bucket, u64);

static __always_inline void woken(u32 pid)
{
	u64 now = bpf_ktime_get_ns();

	if (pid)
		bpf_map_update_elem(&pair_woken, &pid, &now, 0);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(pair_wakeup, struct task_struct *task)
{
	woken(task->pid);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(pair_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u32 pid = next->pid;
	struct bucket key = { 0 };
	u64 *stamp;

	if (preempt)
		woken(prev->pid);
	stamp = bpf_map_lookup_elem(&pair_woken, &pid);
	if (!stamp)
		return 0;
	observe(&pair_queue, &key, (bpf_ktime_get_ns() - *stamp) / 1000, 27);
	bpf_map_delete_elem(&pair_woken, &pid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
