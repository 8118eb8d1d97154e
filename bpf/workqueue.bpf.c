/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long work waits in the kernel's queues until a worker takes it, and how long it runs then,
 * by queue. A delayed work waits from the moment its timer has queued it.
 */
#include "kernel.h"

enum { SLOTS = 27, NAME_SIZE = 32 };

struct work_struct;

struct workqueue_struct {
	char name[NAME_SIZE];
} RELOCATED;

struct pool_workqueue {
	struct workqueue_struct *wq;
} RELOCATED;

struct queue {
	char workqueue[NAME_SIZE];
};

struct slots PP_SLOTS(SLOTS);

PP_MAP_FLAGS(workqueue_queue_latency_seconds, HASH, 512, struct queue, struct slots,
	     BPF_F_NO_PREALLOC)
	PP_HISTOGRAM("Time that work waited in a kernel work queue.", "exp2 0..26 * 1e-6")
	PP_SCALE("1e-9");
PP_MAP_FLAGS(workqueue_service_latency_seconds, HASH, 512, struct queue, struct slots,
	     BPF_F_NO_PREALLOC)
	PP_HISTOGRAM("Time that work of a kernel work queue ran.", "exp2 0..26 * 1e-6")
	PP_SCALE("1e-9");

struct work {
	u64 at;
	struct queue queue;
};

/* Work that is cancelled never starts, and is pushed out by newer. */
PP_MAP(queued, LRU_HASH, 4096, u64, struct work);

/* What a worker has in hand. */
struct {
	int(*type)[BPF_MAP_TYPE_TASK_STORAGE];
	int(*map_flags)[BPF_F_NO_PREALLOC];
	int *key;
	struct work *value;
} running SEC(".maps");

/* A queue's work runs on all CPUs; a map for each of them would be large. */
static __always_inline void observe(void *map, const struct work *work, u64 now)
{
	static const struct slots zero;
	struct slots *h = entry_of(map, &work->queue, &zero);
	u64 ns = now - work->at;

	if (!h)
		return;
	__sync_fetch_and_add(&h->bucket[log2_slot_us(ns, SLOTS)], 1);
	__sync_fetch_and_add(&h->sum, ns);
}

SEC("tp_btf/workqueue_queue_work")
int BPF_PROG(queue_work, int cpu, struct pool_workqueue *pwq, struct work_struct *work)
{
	struct work w = { .at = bpf_ktime_get_ns() };
	u64 key = (u64)work;
	u32 size = bpf_core_field_size(pwq->wq->name);

	if (size > NAME_SIZE)
		size = NAME_SIZE;
	bpf_probe_read_kernel_str(w.queue.workqueue, size, pwq->wq->name);
	if (bpf_map_update_elem(&queued, &key, &w, BPF_ANY))
		lost();
	return 0;
}

SEC("tp_btf/workqueue_execute_start")
int BPF_PROG(execute_start, struct work_struct *work)
{
	u64 key = (u64)work, now = bpf_ktime_get_ns();
	struct work *w = bpf_map_lookup_elem(&queued, &key), *mine;

	/* Queued before the program was there, or a barrier, which passes no queue. */
	if (!w)
		return 0;
	observe(&workqueue_queue_latency_seconds, w, now);
	mine = bpf_task_storage_get(&running, bpf_get_current_task_btf(), NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (mine) {
		*mine = *w;
		mine->at = now;
	} else {
		lost();
	}
	bpf_map_delete_elem(&queued, &key);
	return 0;
}

SEC("tp_btf/workqueue_execute_end")
int BPF_PROG(execute_end, struct work_struct *work)
{
	struct work *mine = bpf_task_storage_get(&running, bpf_get_current_task_btf(), NULL, 0);

	if (!mine || !mine->at)
		return 0;
	observe(&workqueue_service_latency_seconds, mine, bpf_ktime_get_ns());
	mine->at = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
