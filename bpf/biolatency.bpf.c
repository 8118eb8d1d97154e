/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long block devices take, and how long requests wait before; bio_latency_seconds is
 * ebpf_exporter's. The kernel itself notes when a request was made and, for most devices, when it
 * was given to the driver: then one hook at its end is enough. Only once a queue is seen that does
 * not note the latter (write-back throttling off), requests are stamped here.
 */
#include "kernel.h"

enum {
	SLOTS = 28,
	QUEUES = 256, /* a power of 2 */
	REQUESTS = 16384,
	OPERATION = 0xff, /* of cmd_flags */
};

/* For kernels whose enum has another name; the running one's is taken where it is there. */
enum req_op {
	REQ_OP_READ = 0,
	REQ_OP_WRITE = 1,
	REQ_OP_FLUSH = 2,
	REQ_OP_DISCARD = 3,
	REQ_OP_SECURE_ERASE = 5,
	REQ_OP_WRITE_ZEROES = 9,
	REQ_OP_DRV_IN = 34,
	REQ_OP_DRV_OUT = 35,
};

struct gendisk {
	int major, first_minor;
} RELOCATED;

struct request_queue {
	struct gendisk *disk;
	int id;
} RELOCATED;

struct request {
	struct request_queue *q;
	u32 cmd_flags;
	unsigned int __data_len;
	u64 start_time_ns, io_start_time_ns;
} RELOCATED;

struct request_key {
	u32 device PP_LABEL("device|majorminor");
	enum req_op operation;
};

struct slots PP_SLOTS(SLOTS);

/* Both in one entry, which is to be found only once. */
struct times {
	struct slots device PP_NAME("bio_latency_seconds")
		PP_HISTOGRAM("Time a block device took for a request since its driver got it.",
			     "exp2 0..27 * 1e-6")
		PP_SCALE("1e-9");
	struct slots queue PP_NAME("bio_queue_seconds")
		PP_HISTOGRAM("Time a request to a block device waited before its driver got it.",
			     "exp2 0..27 * 1e-6")
		PP_SCALE("1e-9");
};

PP_MAP_FLAGS(requests, PERCPU_HASH, 1024, struct request_key, struct times, BPF_F_NO_PREALLOC);

/* When requests were given to the driver, of queues that do not note it. */
PP_MAP_FLAGS(issued, HASH, REQUESTS, u64, u64, BPF_F_NO_PREALLOC);

static bool unstamped[QUEUES]; /* by the queue's id */
static bool any_unstamped;

static __always_inline bool is_unstamped(struct request *rq)
{
	return any_unstamped && unstamped[rq->q->id & (QUEUES - 1)];
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(issue, struct request *rq)
{
	u64 key = (u64)rq, now;

	if (!is_unstamped(rq))
		return 0;
	now = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&issued, &key, &now, BPF_ANY))
		lost();
	return 0;
}

/* When the driver got the request, 0 when that is not known. */
static __always_inline u64 issued_at(struct request *rq, enum req_op op)
{
	u64 key = (u64)rq, at = rq->io_start_time_ns;
	u64 *stamp;

	if (at)
		return at;
	if (!is_unstamped(rq)) {
		/* The kernel notes it for no queue when it is a command that passes through. */
		if (op < REQ_OP_DRV_IN)
			any_unstamped = unstamped[rq->q->id & (QUEUES - 1)] = true;
		return 0;
	}
	stamp = bpf_map_lookup_elem(&issued, &key);
	if (stamp) {
		at = *stamp;
		bpf_map_delete_elem(&issued, &key);
	}
	return at;
}

static __always_inline void observe(struct slots *slots, s64 ns)
{
	ns = ns > 0 ? ns : 0;
	slots->bucket[log2_slot_us(ns, SLOTS)]++;
	slots->sum += ns;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(complete, struct request *rq, int error, unsigned int bytes)
{
	static const struct times zero;
	enum req_op op = rq->cmd_flags & OPERATION;
	struct gendisk *disk = rq->q->disk;
	struct request_key key = { .operation = op };
	u64 made = rq->start_time_ns, begin;
	struct times *times;

	/*
	 * A write of nothing only asks for a flush, which is a request of its own, or is the end of
	 * one whose data was told of before.
	 */
	if (bytes < rq->__data_len || (op == REQ_OP_WRITE && !bytes))
		return 0;
	if (disk)
		key.device = (u32)disk->major << 20 | disk->first_minor;
	begin = issued_at(rq, op);
	if (!begin && !made)
		return 0;
	times = entry_of(&requests, &key, &zero);
	if (!times)
		return 0;
	observe(&times->device, bpf_ktime_get_ns() - (begin ? begin : made));
	if (begin && made)
		observe(&times->queue, begin - made);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
