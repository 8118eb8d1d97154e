/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that had to make free memory themselves before they got any (direct reclaim, reclaim
 * of a memory cgroup) or to move pages for a large one (compaction), and how long that held them
 * up. All of it happens in the task that waits, never in an interrupt. A direct reclaim is an
 * allocstall of /proc/vmstat; a compact_stall may compact several zones, each counted here.
 */
#include "kernel.h"

enum { SLOTS = 27, COMM_MAX = 256 };
enum { DIRECT, MEMCG, SOFT_LIMIT, NODE, RECLAIMS };
enum { COMPACT_DIRECT, COMPACT_KCOMPACTD, COMPACT_PROACTIVE, COMPACT_MANUAL, COMPACTIONS };

#define BY_RECLAIM PP_LABEL("kind|map:0=direct,1=memcg,2=memcg_softlimit,3=node")
#define BY_COMPACTION PP_LABEL("kind|map:0=direct,1=kcompactd,2=proactive,3=manual")

struct compact_control {
	bool direct_compaction, proactive_compaction, whole_zone;
} RELOCATED;

struct shrinker_user {
	char comm[TASK_COMM_LEN];
};

struct since {
	u64 reclaim, compaction;
};

struct slots PP_SLOTS(SLOTS);

PP_MAP(reclaim_latency_seconds, PERCPU_ARRAY, RECLAIMS, u32, struct slots)
	PP_HISTOGRAM("Time that a task was held up by reclaiming memory itself.",
		     "exp2 0..26 * 1e-6")
	PP_SCALE("1e-9") BY_RECLAIM PP_SKIP_ZERO;
PP_MAP(reclaimed_pages_total, PERCPU_ARRAY, RECLAIMS, u32, u64)
	PP_COUNTER("Pages that tasks reclaimed themselves.") BY_RECLAIM PP_SKIP_ZERO;
PP_MAP(compaction_latency_seconds, PERCPU_ARRAY, COMPACTIONS, u32, struct slots)
	PP_HISTOGRAM("Time of compacting a zone of memory; kind direct: a task waited for it.",
		     "exp2 0..26 * 1e-6")
	PP_SCALE("1e-9") BY_COMPACTION PP_SKIP_ZERO;
PP_MAP(mm_shrink_slab_events_total, PERCPU_HASH, COMM_MAX, struct shrinker_user, u64)
	PP_COUNTER("Calls of shrinkers of kernel caches, by the command that needed memory.");

struct {
	int(*type)[BPF_MAP_TYPE_TASK_STORAGE];
	int(*map_flags)[BPF_F_NO_PREALLOC];
	int *key;
	struct since *value;
} begun SEC(".maps");

static __always_inline struct since *since(u64 flags)
{
	struct since *s = bpf_task_storage_get(&begun, bpf_get_current_task_btf(), NULL, flags);

	if (!s && flags)
		lost();
	return s;
}

/* A task may sleep between, and its CPU run another that is held up as well. */
static __always_inline void observe(void *map, u32 kind, u64 since)
{
	struct slots *h = bpf_map_lookup_elem(map, &kind);
	u64 ns = bpf_ktime_get_ns() - since;

	if (!h || !since)
		return;
	__sync_fetch_and_add(&h->bucket[log2_slot_us(ns, SLOTS)], 1);
	__sync_fetch_and_add(&h->sum, ns);
}

static __always_inline int begin_reclaim(void)
{
	struct since *s = since(BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (s)
		s->reclaim = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int end_reclaim(u32 kind, u64 pages)
{
	struct since *s = since(0);
	u64 *n = bpf_map_lookup_elem(&reclaimed_pages_total, &kind);

	if (n)
		__sync_fetch_and_add(n, pages);
	if (s) {
		observe(&reclaim_latency_seconds, kind, s->reclaim);
		s->reclaim = 0;
	}
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int BPF_PROG(direct_begin)
{
	return begin_reclaim();
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int BPF_PROG(direct_end, unsigned long pages)
{
	return end_reclaim(DIRECT, pages);
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(memcg_begin)
{
	return begin_reclaim();
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int BPF_PROG(memcg_end, unsigned long pages)
{
	return end_reclaim(MEMCG, pages);
}

SEC("tp_btf/mm_vmscan_memcg_softlimit_reclaim_begin")
int BPF_PROG(softlimit_begin)
{
	return begin_reclaim();
}

SEC("tp_btf/mm_vmscan_memcg_softlimit_reclaim_end")
int BPF_PROG(softlimit_end, unsigned long pages)
{
	return end_reclaim(SOFT_LIMIT, pages);
}

SEC("tp_btf/mm_vmscan_node_reclaim_begin")
int BPF_PROG(node_begin)
{
	return begin_reclaim();
}

SEC("tp_btf/mm_vmscan_node_reclaim_end")
int BPF_PROG(node_end, unsigned long pages)
{
	return end_reclaim(NODE, pages);
}

SEC("tp_btf/mm_compaction_begin")
int BPF_PROG(compaction_begin)
{
	struct since *s = since(BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (s)
		s->compaction = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/mm_compaction_end")
int BPF_PROG(compaction_end, struct compact_control *cc)
{
	struct since *s = since(0);

	if (!s)
		return 0;
	observe(&compaction_latency_seconds,
		cc->direct_compaction      ? COMPACT_DIRECT
		: cc->proactive_compaction ? COMPACT_PROACTIVE
		: cc->whole_zone           ? COMPACT_MANUAL
					   : COMPACT_KCOMPACTD,
		s->compaction);
	s->compaction = 0;
	return 0;
}

SEC("tp_btf/mm_shrink_slab_end")
int BPF_PROG(shrink_slab_end)
{
	static const u64 zero;
	struct shrinker_user key = {};
	u64 *n;

	bpf_get_current_comm(key.comm, sizeof(key.comm));
	n = entry_of(&mm_shrink_slab_events_total, &key, &zero);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
