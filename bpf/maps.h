/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a BPF object tells what its maps mean. A map that carries PP_COUNTER, PP_GAUGE or
 * PP_HISTOGRAM is a metric: its name is the map's behind "ebpf_exporter_", its labels are the
 * members of its key in their order. Everything is a BTF declaration tag, so it survives
 * `llvm-strip -g` and needs no second file; peekpush-bpf(7) describes each.
 *
 *	struct key { u32 device PP_LABEL("device|majorminor"); };
 *	PP_MAP(disk_errors_total, PERCPU_HASH, 1024, struct key, u64)
 *		PP_COUNTER("Requests that a block device failed.");
 */
#pragma once

#define PP_TAG(text) __attribute__((btf_decl_tag(text)))

/* On a map. */
#define PP_COUNTER(help) PP_TAG("type:counter") PP_TAG("help:" help)
#define PP_GAUGE(help) PP_TAG("type:gauge") PP_TAG("help:" help)
/*
 * `buckets`: "exp2 MIN..MAX * FACTOR", "exp2zero ...", "linear ..." or "fixed K,K,K * FACTOR".
 * The value is a struct PP_SLOTS(MAX + 1), or a u64 with the bucket as the key's last member.
 * Several histograms with the same labels may be members of one value, each with its own tags.
 */
#define PP_HISTOGRAM(help, buckets) PP_TAG("type:histogram") PP_TAG("help:" help) \
	PP_TAG("buckets:" buckets)
/*
 * Another metric name than the map's or member's; another factor than 1 for a counter or gauge,
 * than that of the buckets for the sum of a histogram.
 */
#define PP_NAME(name) PP_TAG("name:" name)
#define PP_SCALE(factor) PP_TAG("scale:" factor)
/* Entries that are 0 are no series: for arrays that have a slot for whatever may come. */
#define PP_SKIP_ZERO PP_TAG("skip:zero")
/* A PERF_EVENT_ARRAY whose slots the loader fills with counting events: "hardware:cache-misses". */
#define PP_PERF(event) PP_TAG("perf:" event)

/*
 * On a member of a key: "NAME|decoder|decoder:argument". What is left out is inferred: the name
 * from the member's, the decoder from its type. Members called __pad* or unnamed are no labels.
 * Arrays have a number for a key and no member: then it stands on the map.
 */
#define PP_LABEL(text) PP_TAG("label:" text)

#define PP_MAP(name, kind, entries, key_type, value_type) \
	struct {                                          \
		int(*type)[BPF_MAP_TYPE_##kind];          \
		int(*max_entries)[entries];               \
		key_type *key;                            \
		value_type *value;                        \
	} name SEC(".maps")

/* The same with flags, BPF_F_NO_PREALLOC above all: room is taken when a key comes, not at once. */
#define PP_MAP_FLAGS(name, kind, entries, key_type, value_type, flags) \
	struct {                                                       \
		int(*type)[BPF_MAP_TYPE_##kind];                       \
		int(*max_entries)[entries];                            \
		int(*map_flags)[flags];                                \
		key_type *key;                                         \
		value_type *value;                                     \
	} name SEC(".maps")

/* The value of a histogram's map: one entry for each set of labels. */
#define PP_SLOTS(n)               \
	{                         \
		u64 bucket[n];    \
		u64 sum;          \
	}
