/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel timers by the function they are to call; ebpf_exporter's timers. A timer is started under
 * the lock of its base with interrupts off, so nothing can come between on the same CPU.
 */
#include "kernel.h"

struct timer_list {
	void (*function)(struct timer_list *);
} RELOCATED;

struct starter {
	u64 function PP_LABEL("function|ksym");
};

PP_MAP_FLAGS(timer_starts_total, PERCPU_HASH, 1024, struct starter, u64, BPF_F_NO_PREALLOC)
	PP_COUNTER("Kernel timers started, by the function to call.");

SEC("tp_btf/timer_start")
int BPF_PROG(start, struct timer_list *timer)
{
	static const u64 zero;
	struct starter key = { .function = (u64)timer->function };
	u64 *n = entry_of(&timer_starts_total, &key, &zero);

	if (n)
		(*n)++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
