/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References to the last level cache and its misses, as the processor counts them; the names of
 * ebpf_exporter's llcstat example. Nothing runs when they happen: the events only count, and the
 * iterator writes down how far they came, on the CPU that it runs on.
 */
#include "kernel.h"
#include "counted.h"

COUNTED_EVENT(llc_references, "hardware:cache-references");
COUNTED_EVENT(llc_misses, "hardware:cache-misses");

PP_MAP_FLAGS(llc_references_total, HASH, COUNTED_CPUS, struct counted_cpu, u64, BPF_F_NO_PREALLOC)
	PP_COUNTER("References to the last level cache.");
PP_MAP_FLAGS(llc_misses_total, HASH, COUNTED_CPUS, struct counted_cpu, u64, BPF_F_NO_PREALLOC)
	PP_COUNTER("References that the last level cache could not serve.");

SEC("iter/bpf_map")
int refresh_each_cpu(struct bpf_iter__bpf_map *ctx)
{
	if (!counted_last(ctx))
		return 0;
	counted_update(&llc_references, &llc_references_total, 0);
	counted_update(&llc_misses, &llc_misses_total, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
