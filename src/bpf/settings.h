/* SPDX-License-Identifier: Apache-2.0 */
/* What is configured of BPF programs: for who loads them and who reads them. */
#pragma once

#include "base/opt.h"

struct ebpf_conf {
	struct opt_list programs; /* names, "default", "all"; "-NAME" takes one out */
	struct str objects;       /* directory of the user's own objects */
	struct str pins;          /* directory of the pins, on a BPF file system */
	bool load;                /* the agent loads what is not pinned, where it may */
	int64_t max_series;       /* of one metric */
};

extern const struct opt_section section_ebpf;
