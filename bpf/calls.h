/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long calls of kernel functions take. Each is hooked by fentry and fexit, or by kprobe and
 * kretprobe where there is no fentry: functions of modules, kernels without trampolines. The time
 * of the entry is the task's, by operation: one may call another, but none itself.
 */
#pragma once

#include "kernel.h"

#include <linux/ptrace.h>

/* Of the histograms. */
#ifndef CALLS_SLOTS
#define CALLS_SLOTS 28
#endif

enum { CALLS_MAX = 8 };

struct calls_slots PP_SLOTS(CALLS_SLOTS);

struct calls_begun {
	u64 ns[CALLS_MAX];
};

struct {
	int (*type)[BPF_MAP_TYPE_TASK_STORAGE];
	int (*map_flags)[BPF_F_NO_PREALLOC];
	int *key;
	struct calls_begun *value;
} calls_begun SEC(".maps");

static __always_inline int calls_enter(u32 operation)
{
	struct calls_begun *b = bpf_task_storage_get(&calls_begun, bpf_get_current_task_btf(), NULL,
						     BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (b)
		b->ns[operation] = bpf_ktime_get_ns();
	else
		lost();
	return 0;
}

static __always_inline int calls_leave(void *map, u32 operation)
{
	struct calls_begun *b =
		bpf_task_storage_get(&calls_begun, bpf_get_current_task_btf(), NULL, 0);
	/* Not the address of `operation` itself, which would no longer be known to be in bounds. */
	u32 key = operation;
	struct calls_slots *h = bpf_map_lookup_elem(map, &key);
	u64 ns;

	/* Entered before the programs were there. */
	if (!b || !b->ns[operation] || !h)
		return 0;
	ns = bpf_ktime_get_ns() - b->ns[operation];
	b->ns[operation] = 0;
	__sync_fetch_and_add(&h->bucket[log2_slot_us(ns, CALLS_SLOTS)], 1);
	__sync_fetch_and_add(&h->sum, ns);
	return 0;
}

/* CALLS(NAME, FUNCTION, MAP, OPERATION): the programs of one function. */
#define CALLS(name, function, map, operation)                                           \
	SEC("fentry/" #function)                                                        \
	int name##_enter(void *ctx)                                                     \
	{                                                                               \
		return calls_enter(operation);                                          \
	}                                                                               \
	SEC("fexit/" #function)                                                         \
	int name##_leave(void *ctx)                                                     \
	{                                                                               \
		return calls_leave(&map, operation);                                    \
	}                                                                               \
	SEC("kprobe/" #function)                                                        \
	PP_TAG("fallback:" #name "_enter") int name##_enter_probe(struct pt_regs *regs) \
	{                                                                               \
		return calls_enter(operation);                                          \
	}                                                                               \
	SEC("kretprobe/" #function)                                                     \
	PP_TAG("fallback:" #name "_leave") int name##_leave_probe(struct pt_regs *regs) \
	{                                                                               \
		return calls_leave(&map, operation);                                    \
	}
