/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU time between two switches, as the scheduler itself accounts it, so that no clock is read.
 * A task that nothing interrupts is not switched: an iterator that the reader runs on each CPU
 * makes it so.
 */
#pragma once

#include "kernel.h"

struct on_cpu {
	u64 runtime; /* what the task had had when it came */
	u32 pid;
};

PP_MAP(running, PERCPU_ARRAY, 1, u32, struct on_cpu);

/* Nanoseconds that `prev` ran until now; 0 for the idle task and for what was not seen to come. */
static __always_inline u64 cputime_since(struct task_struct *prev, struct task_struct *next)
{
	u32 first = 0, pid = prev->pid;
	struct on_cpu *on = bpf_map_lookup_elem(&running, &first);
	u64 ns = 0;

	if (!on)
		return 0;
	if (pid && on->pid == pid)
		ns = prev->se.sum_exec_runtime - on->runtime;
	on->pid = next->pid;
	on->runtime = next->se.sum_exec_runtime;
	return ns;
}

/* Only that the reader runs here: whoever did before has been switched, and accounted. */
SEC("iter/bpf_map")
int refresh_each_cpu(void *ctx)
{
	return 0;
}
