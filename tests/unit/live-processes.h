/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object "processes" in the kernel that runs this, with a file system of its own for the pins,
 * for tests that hold what it tells to other sources.
 */
#pragma once

#include <sys/types.h>

#include "bpf/load.h"
#include "bpf/processes.h"

struct live {
	struct arena arena;
	struct ebpf_conf conf;
	struct str words[2];
	char pins[64];
	struct loaded loaded;
	const struct loaded_object *object;
	bool shielded; /* the sandbox hides its first process from BPF, and what is done on its time
			*/
};

/* False, with a line of TAP that skips the whole test, where BPF cannot be loaded. */
bool live_begin(struct live *live);
void live_end(struct live *live);
/* One pass. 0 or -errno. */
int live_table(const struct live *live, struct arena *arena, struct process_table *ret);
/* The process of this number, or NULL. */
const struct process *live_find(const struct process_table *table, pid_t pid);
