/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs read of the kernel, and nothing more: each struct holds only the members that
 * are used, and libbpf moves the offsets to those of the running kernel (CO-RE). A member or type
 * that a kernel may lack is asked for with bpf_core_field_exists() and its like, never by version.
 * What several programs need stands here; what one needs stands in it.
 */
#pragma once

#include <linux/types.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "maps.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define RELOCATED __attribute__((preserve_access_index))

enum { TASK_COMM_LEN = 16 };

struct kernfs_node {
	u64 id;
} RELOCATED;

struct cgroup {
	struct kernfs_node *kn;
} RELOCATED;

struct css_set {
	struct cgroup *dfl_cgrp;
} RELOCATED;

struct mm_struct;
struct signal_struct;

struct sched_info {
	unsigned long pcount;
	unsigned long long run_delay;
} RELOCATED;

struct sched_entity {
	u64 sum_exec_runtime;
} RELOCATED;

struct task_struct {
	int pid, tgid;
	unsigned int flags;
	u64 start_time;
	struct css_set *cgroups;
	struct task_struct *group_leader, *real_parent;
	struct mm_struct *mm;
	struct signal_struct *signal;
	struct sched_info sched_info;
	struct sched_entity se;
	char comm[TASK_COMM_LEN];
} RELOCATED;

struct sock_common {
	u16 skc_num; /* local port */
	u16 skc_family;
	volatile unsigned char skc_state;
} RELOCATED;

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
	u8 sk_userlocks;
	int sk_err;
} RELOCATED;

/* The id of a task's cgroup (v2), which is the inode of its directory. */
static __always_inline u64 cgroup_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

/* floor(log2(v)); 0 for 0. */
static __always_inline u32 log2_floor(u64 v)
{
	u32 slot = 0;

	for (u32 step = 32; step; step >>= 1)
		if (v >> step) {
			slot += step;
			v >>= step;
		}
	return slot;
}

/* The slot of "exp2": the least i with v <= 2^i, so that `le` is inclusive; 0 and 1 go to 0. */
static __always_inline u32 log2_slot(u64 v, u32 slots)
{
	u32 slot = v < 2 ? 0 : log2_floor(v - 1) + 1;

	return slot < slots ? slot : slots - 1;
}

/*
 * The slot of "exp2 * 1e-6" for a time in nanoseconds. Without a division: 1000 * 2^i lies a little
 * below 2^(i + 10).
 */
static __always_inline u32 log2_slot_us(u64 ns, u32 slots)
{
	u32 slot = 0;

	if (ns > 1000) {
		slot = log2_floor(ns - 1) - 9;
		slot += ns > 1000ull << slot;
	}
	return slot < slots ? slot : slots - 1;
}

/* Counts an event that found no room in a map, for peekpush_bpf_lost_total. */
struct {
	int(*type)[BPF_MAP_TYPE_PERCPU_ARRAY];
	int(*max_entries)[1];
	u32 *key;
	u64 *value;
} pp_lost SEC(".maps");

static __always_inline void lost(void)
{
	u32 zero = 0;
	u64 *n = bpf_map_lookup_elem(&pp_lost, &zero);

	if (n)
		(*n)++;
}

/* The zeroed entry that a new key starts with; `zero` is a static const of the value's type. */
static __always_inline void *entry_of(void *map, const void *key, const void *zero)
{
	void *value = bpf_map_lookup_elem(map, key);

	if (value)
		return value;
	bpf_map_update_elem(map, key, zero, BPF_NOEXIST);
	value = bpf_map_lookup_elem(map, key);
	if (!value)
		lost();
	return value;
}
