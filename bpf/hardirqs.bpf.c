/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the handlers of hardware interrupts run, by the name that their driver gave them (as in
 * /proc/interrupts) without the number of the queue: a disk or network card has one for each CPU.
 * Handlers of one name may run on several CPUs, and a map for each CPU would be large.
 */
#include "kernel.h"

enum { SLOTS = 21, NAME_SIZE = 32 };

struct irqaction {
	const char *name;
} RELOCATED;

struct handler {
	char name[NAME_SIZE] PP_LABEL("name|string|regexp:^(.*[^-.:_])[-.:_]+[0-9]+$ "
				      "^(.*nvme[0-9]+)q[0-9]+$ ^(.*)$");
};

struct slots PP_SLOTS(SLOTS);

PP_MAP_FLAGS(hardirq_service_latency_seconds, HASH, 1024, struct handler, struct slots,
	     BPF_F_NO_PREALLOC)
	PP_HISTOGRAM("Time a CPU was busy with a handler of a hardware interrupt.",
		     "exp2 0..20 * 1e-6")
	PP_SCALE("1e-9");
PP_MAP(entered_at, PERCPU_ARRAY, 1, u32, u64);

SEC("tp_btf/irq_handler_entry")
int BPF_PROG(entry, int irq, struct irqaction *action)
{
	u32 first = 0;
	u64 *at = bpf_map_lookup_elem(&entered_at, &first);

	if (at)
		*at = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(leave, int irq, struct irqaction *action, int result)
{
	static const struct slots zero;
	struct handler key = {};
	u32 first = 0;
	u64 *at = bpf_map_lookup_elem(&entered_at, &first), ns;
	struct slots *h;

	if (!at || !*at)
		return 0;
	ns = bpf_ktime_get_ns() - *at;
	*at = 0;
	bpf_probe_read_kernel_str(key.name, sizeof(key.name), action->name);
	h = entry_of(&hardirq_service_latency_seconds, &key, &zero);
	if (!h)
		return 0;
	__sync_fetch_and_add(&h->bucket[log2_slot_us(ns, SLOTS)], 1);
	__sync_fetch_and_add(&h->sum, ns);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
