/* SPDX-License-Identifier: Apache-2.0 */
/* What is configured of BPF programs: for who loads them and who reads them. */
#pragma once

#include "base/opt.h"

struct ebpf_conf {
	struct opt_list programs; /* names, "default", "all"; "-NAME" takes one out */
	struct str objects;       /* of the user's own; to be asked of ebpf_objects() */
	struct str pins;          /* directory of the pins, on a BPF file system */
	bool load;                /* the agent loads what is not pinned, where it may */
	int64_t max_series;       /* of one metric */
	int64_t measure_ns;       /* how long `bpf list` measures */
};

extern const struct opt_section section_ebpf;

/* How the file of an object is called: "NAME.bpf.o". */
#define EBPF_OBJECT_SUFFIX ".bpf.o"

/* The directory of the user's own objects, NUL-ended. */
struct str ebpf_objects(const struct ebpf_conf *conf);

/*
 * Whether the object of this name is to be loaded; `on`: it is part of "default", as those of the
 * user are. Of words that contradict each other the last one counts.
 */
bool ebpf_wants(const struct ebpf_conf *conf, struct str name, bool on);

/*
 * Whether every name in `programs` is that of a program that comes with peekpush or that lies in
 * `objects`. 0, or -EINVAL with ret_why, which begins with the key and names the nearest.
 */
int ebpf_check(const struct ebpf_conf *conf, struct arena *arena, struct str *ret_why);
