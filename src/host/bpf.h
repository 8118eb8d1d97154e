/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this kernel and this process can do with BPF. Features are tried, never guessed from
 * a version.
 */
#pragma once

#include "base/arena.h"

enum bpf_answer { BPF_YES, BPF_NO, BPF_UNKNOWN };

struct bpf_feature {
	const char *name; /* "tracepoint programs" */
	enum bpf_answer answer;
	struct str why; /* why not */
};

/*
 * Tries every feature; the array lives in the arena. 0, or -ENOSYS with ret_why when peekpush
 * was built without BPF or libbpf is not installed.
 */
int bpf_probe(struct arena *arena, struct bpf_feature **ret, size_t *ret_n, const char **ret_why);
