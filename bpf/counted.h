/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Perf events that only count, read by an iterator on the CPU that it runs on. Where there are
 * more events than the processor has counters, each counts for a part of the time, and what was
 * missed is estimated, interval by interval, so that a total never falls.
 */
#pragma once

#include "kernel.h"

enum { COUNTED_CPUS = 4096, COUNTED_EVENTS = 4 };

/* The kernel keeps the events although the process that opened them ends. */
#define COUNTED_EVENT(name, event)                            \
	struct {                                              \
		int(*type)[BPF_MAP_TYPE_PERF_EVENT_ARRAY];    \
		int(*map_flags)[BPF_F_PRESERVE_ELEMS];        \
		u32 *key;                                     \
		u32 *value;                                   \
	} name SEC(".maps") PP_PERF(event)

struct counted_cpu {
	u32 cpu;
};

/* How far an event had come when it was last read. */
struct counted_state {
	u64 busy;
	u64 counter, enabled, running;
};

struct counted_states {
	struct counted_state event[COUNTED_EVENTS];
};

PP_MAP(counted_before, PERCPU_ARRAY, 1, u32, struct counted_states);

struct bpf_map;

struct bpf_iter__bpf_map {
	struct bpf_map *map;
} RELOCATED;

/* An iterator over maps is called once more, without one, when there are no more. */
static __always_inline bool counted_last(struct bpf_iter__bpf_map *ctx)
{
	return !ctx->map;
}

static __always_inline u64 counted_since(const struct counted_state *before,
					 const struct bpf_perf_event_value *now)
{
	u64 counter = now->counter - before->counter;
	u64 enabled = now->enabled - before->enabled, running = now->running - before->running;

	/* In units of a millisecond or so, lest the product overflow. */
	if (running < enabled && running >> 20)
		return counter * (enabled >> 20) / (running >> 20);
	return counter;
}

/* Adds what `event` counted on this CPU since it was last read; nothing where it is not open. */
static __always_inline void counted_update(void *event, void *total, u32 index)
{
	static const u64 zero;
	struct counted_cpu key = { bpf_get_smp_processor_id() };
	struct bpf_perf_event_value now;
	struct counted_states *states;
	struct counted_state *before;
	u32 first = 0;
	u64 *sum;

	states = bpf_map_lookup_elem(&counted_before, &first);
	if (!states)
		return;
	before = &states->event[index];
	/* Another reader that was preempted here is about to write what this one would. */
	if (!__sync_bool_compare_and_swap(&before->busy, 0, 1))
		return;
	if (bpf_perf_event_read_value(event, BPF_F_CURRENT_CPU, &now, sizeof(now)) == 0) {
		/* Opened anew: it began with 0. */
		if (now.enabled < before->enabled || now.counter < before->counter)
			before->counter = before->enabled = before->running = 0;
		sum = entry_of(total, &key, &zero);
		if (sum) {
			*sum += counted_since(before, &now);
			before->counter = now.counter;
			before->enabled = now.enabled;
			before->running = now.running;
		}
	}
	__sync_lock_test_and_set(&before->busy, 0);
}
