/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long it takes to make room in a memory node, for kswapd and for who has to do it himself;
 * as ebpf_exporter's shrinklat. Its buckets end where reclaim's do.
 */
#define CALLS_SLOTS 27
#include "calls.h"

PP_MAP(shrink_node_latency_seconds, PERCPU_ARRAY, 1, u32, struct calls_slots)
	PP_HISTOGRAM("Time of calls of shrink_node.", "exp2 0..26 * 1e-6") PP_SCALE("1e-9");

CALLS(shrink, shrink_node, shrink_node_latency_seconds, 0)

char LICENSE[] SEC("license") = "GPL";
