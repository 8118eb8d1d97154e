/* SPDX-License-Identifier: Apache-2.0 */
/* As objects made for ebpf_exporter are: nothing is tagged. For test-describe. */
#include "kernel.h"

struct disk_latency_key_t {
	u32 dev;
	u8 op;
	u64 slot;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct disk_latency_key_t);
	__type(value, u64);
} bio_latency_seconds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, u64);
} timer_starts_total SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} ticks_total SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__uint(key_size, 160);
	__uint(value_size, 8);
} stacks_total SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("raw_tp/sys_enter")
int first(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
