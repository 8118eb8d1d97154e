/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a loaded BPF object offers, in words that a reader without any capability can have: its
 * programs, its maps, and which of the maps are metrics, with labels, decoders and buckets. The
 * loader makes it from the object's BTF (describe.h) and leaves it as text in the pinned map
 * "meta"; every reader parses that text.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum decoder_kind {
	DECODE_UINT, /* 1, 2, 4 or 8 bytes, the host's order */
	DECODE_INT,
	DECODE_BE, /* unsigned, the network's order: ports */
	DECODE_HEX,
	DECODE_STRING, /* up to the first NUL */
	DECODE_MAP,    /* args: pairs K, V; of a number, or of the text so far */
	DECODE_REGEXP, /* args: expressions; the first that matches gives its group 1, or all */
	DECODE_CGROUP, /* u64 id: its path below the hierarchy */
	DECODE_DNAME,  /* DNS wire format */
	DECODE_ERRNO,  /* "ENOENT" */
	DECODE_IFNAME, /* u32 index */
	DECODE_INET_IP,
	DECODE_KSTACK,     /* u64[]: symbols, newest first, by newline */
	DECODE_KSYM,       /* u64 address */
	DECODE_MAJORMINOR, /* u32 dev_t of the kernel's: "vda" */
	DECODE_PCI_VENDOR,
	DECODE_PCI_DEVICE,
	DECODE_PCI_CLASS,
	DECODE_PCI_SUBCLASS,
	DECODE_SYSCALL,
	DECODE_USER, /* u32 uid: its name */
	DECODERS,
};

struct spec_decoder {
	enum decoder_kind kind;
	bool keep_unknown; /* DECODE_MAP: what is not in it stays as it is */
	size_t n;
	struct str *args;
};

struct spec_label {
	struct str name;
	uint32_t offset, size; /* in the key */
	size_t n;
	struct spec_decoder *decoders; /* at least one, applied in turn */
};

enum spec_type { SPEC_COUNTER, SPEC_GAUGE, SPEC_HISTOGRAM };
enum spec_buckets { BUCKETS_EXP2, BUCKETS_EXP2ZERO, BUCKETS_LINEAR, BUCKETS_FIXED };

struct spec_histogram {
	enum spec_buckets buckets;
	bool in_key;           /* the bucket is a member of the key, and the value one u64 */
	uint32_t offset, size; /* of that member in the key, or of the array in the value */
	uint32_t sum_offset;   /* in the value, when not in_key */
	uint32_t min, max;     /* slots; of "fixed": 0 and n_keys - 1 */
	double factor;         /* a slot's upper bound times this is `le` */
	size_t n_keys;         /* fixed */
	uint64_t *keys;
};

struct spec_metric {
	struct str name, help; /* name as it is pushed, with its prefix */
	enum spec_type type;
	uint32_t map;   /* index into the object's maps */
	bool is_signed; /* the value; 1, 2, 4 or 8 bytes of value_size */
	bool skip_zero; /* rows that are 0 are no series: slots of an array that nobody used */
	double scale;   /* of counter and gauge; and of a histogram's sum: its factor */
	size_t n_labels;
	struct spec_label *labels;
	struct spec_histogram histogram;
};

struct spec_map {
	struct str name; /* in full; also the name of its pin, which the kernel cuts nowhere */
	uint32_t type;   /* enum bpf_map_type */
	uint32_t key_size, value_size, max_entries;
	uint32_t n_cpus; /* values in one entry: set by loaded_open(), not part of the text */
};

enum spec_refresh { REFRESH_NONE, REFRESH_ONCE, REFRESH_EACH_CPU };

struct spec_program {
	struct str name, hook;     /* "sys_enter", "tp_btf/sys_enter" */
	uint32_t id;               /* the kernel's; 0: not loaded */
	char tag[17];              /* the kernel's hash of its code, hex */
	enum spec_refresh refresh; /* of an iterator that updates maps before they are read */
	struct str why;            /* why it is not there; empty when it is */
};

struct spec {
	struct str object; /* "biolatency" */
	struct str file;   /* where it was loaded from */
	struct str hash;   /* of the object, what is configured for it, and the layout: 16 hex */
	struct str kernel; /* release it was loaded on */
	int64_t loaded_ns; /* CLOCK_REALTIME */
	size_t n_programs, n_maps, n_metrics;
	struct spec_program *programs;
	struct spec_map *maps;
	struct spec_metric *metrics;
};

/* The text form. Everything in `spec` is printed. */
void spec_print(const struct spec *spec, struct buf *out);

/*
 * Reads it back; slices point into `text` or into the arena, arrays live in the arena. NULs may
 * follow the text, as the value of a map has a size of its own. Nothing in it is trusted: what is
 * read has passed spec_check(). 0, or -EBADMSG with ret_why naming the line.
 */
int spec_parse(struct str text, struct arena *arena, struct spec *ret, struct str *ret_why);

/*
 * The checks of spec_parse() on what somebody else put together: that names are names, that labels
 * and buckets lie inside their keys and values, that decoders can read bytes of that size, that no
 * name is given to two different metrics. 0, or -EINVAL with ret_why.
 */
int spec_check(const struct spec *spec, struct arena *arena, struct str *ret_why);

/*
 * "exp2 0..27 * 1e-6" and its like; sets buckets, min, max, factor, keys. "NAME|decoder:args|..."
 * sets name (where there is one) and decoders. 0, or -EINVAL with ret_why.
 */
int spec_parse_buckets(struct str text, struct arena *arena, struct spec_histogram *ret,
		       struct str *ret_why);
int spec_parse_label(struct str text, struct arena *arena, struct spec_label *ret,
		     struct str *ret_why);

/* Whether two metrics of one name say the same: type, labels' names, buckets. */
bool spec_same_metric(const struct spec_metric *a, const struct spec_metric *b);
