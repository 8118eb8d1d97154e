/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software interrupts: how often, how long from raise to entry, how long from entry to exit; the
 * names of ebpf_exporter's softirq-latency and percpu-softirq. A CPU runs one at a time, and they
 * are raised with its interrupts off, so counters of a CPU need no atomic additions; but an
 * interrupt may raise a vector while its entry is being accounted, hence the exchange.
 */
#include "kernel.h"

enum { VECTORS = 10, SLOTS = 22 };

#define VECTOR                                                                  \
	"map:0=HI_SOFTIRQ,1=TIMER_SOFTIRQ,2=NET_TX_SOFTIRQ,3=NET_RX_SOFTIRQ,"   \
	"4=BLOCK_SOFTIRQ,5=IRQ_POLL_SOFTIRQ,6=TASKLET_SOFTIRQ,7=SCHED_SOFTIRQ," \
	"8=HRTIMER_SOFTIRQ,9=RCU_SOFTIRQ"

#define BY_KIND PP_LABEL("kind|" VECTOR)

struct vec {
	u32 vec PP_LABEL("vec|" VECTOR);
	u32 cpu;
};

struct slots PP_SLOTS(SLOTS);

PP_MAP(softirq_raised_total, PERCPU_ARRAY, VECTORS, u32, u64)
	PP_COUNTER("Software interrupts raised.") BY_KIND;
PP_MAP(softirq_serviced_total, PERCPU_ARRAY, VECTORS, u32, u64)
	PP_COUNTER("Software interrupts serviced.") BY_KIND;
/* Each entry belongs to one CPU, so it is no per-CPU map. */
PP_MAP_FLAGS(softirqs_total, HASH, 10240, struct vec, u64, BPF_F_NO_PREALLOC)
	PP_COUNTER("Software interrupts serviced, by CPU.");
PP_MAP(softirq_entry_latency_seconds, PERCPU_ARRAY, VECTORS, u32, struct slots)
	PP_HISTOGRAM("Time from the raise of a software interrupt to its service.",
		     "exp2 0..21 * 1e-6")
	PP_SCALE("1e-9") BY_KIND PP_SKIP_ZERO;
PP_MAP(softirq_service_latency_seconds, PERCPU_ARRAY, VECTORS, u32, struct slots)
	PP_HISTOGRAM("Time a CPU was busy with a software interrupt.", "exp2 0..21 * 1e-6")
	PP_SCALE("1e-9") BY_KIND PP_SKIP_ZERO;
PP_MAP(raised_at, PERCPU_ARRAY, VECTORS, u32, u64);
PP_MAP(entered_at, PERCPU_ARRAY, 1, u32, u64);

static __always_inline void add(void *map, u32 vec)
{
	u64 *n = bpf_map_lookup_elem(map, &vec);

	if (n)
		(*n)++;
}

static __always_inline void observe(void *map, u32 vec, u64 ns)
{
	struct slots *h = bpf_map_lookup_elem(map, &vec);

	if (!h)
		return;
	h->bucket[log2_slot_us(ns, SLOTS)]++;
	h->sum += ns;
}

SEC("tp_btf/softirq_raise")
int BPF_PROG(raise, unsigned int vec)
{
	u64 *at = bpf_map_lookup_elem(&raised_at, &vec);

	add(&softirq_raised_total, vec);
	/* Raised anew while pending: it has waited since the first time. */
	if (at && !*at)
		*at = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(entry, unsigned int vec)
{
	static const u64 zero;
	struct vec key = { .vec = vec, .cpu = bpf_get_smp_processor_id() };
	u64 now = bpf_ktime_get_ns(), raised = 0, *at = bpf_map_lookup_elem(&raised_at, &vec), *n;
	u32 first = 0;

	add(&softirq_serviced_total, vec);
	n = entry_of(&softirqs_total, &key, &zero);
	if (n)
		(*n)++;
	if (at)
		raised = __sync_lock_test_and_set(at, 0);
	if (raised && raised <= now)
		observe(&softirq_entry_latency_seconds, vec, now - raised);
	at = bpf_map_lookup_elem(&entered_at, &first);
	if (at)
		*at = now;
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(leave, unsigned int vec)
{
	u32 first = 0;
	u64 *at = bpf_map_lookup_elem(&entered_at, &first);

	/* None when it began before the program was there. */
	if (!at || !*at)
		return 0;
	observe(&softirq_service_latency_seconds, vec, bpf_ktime_get_ns() - *at);
	*at = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
