/* SPDX-License-Identifier: Apache-2.0 */
/* What a tree of processes has used. All but memory, processes and threads only ever grow. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct usage {
	uint64_t user_ns, system_ns;
	uint64_t memory_bytes, memory_peak_bytes;
	uint64_t read_bytes, written_bytes; /* of storage; what a cache served is not in it */
	uint64_t minor_faults, major_faults;
	uint64_t voluntary, involuntary; /* context switches */
	uint64_t processes, threads;     /* alive now */
	uint64_t oom_kills;              /* as far as it is known whose they were */
	bool oom_known;
};
