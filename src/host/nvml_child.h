/* SPDX-License-Identifier: Apache-2.0 */
/* What the child that has the library loaded does, and what it shares with its parent. */
#pragma once

#include <stdatomic.h>

#include "host/nvml.h"
#include "host/nvml_abi.h"

enum { NVML_WHY_MAX = 256, NVML_ROOM = NVML_PROCESSES_MAX, NVML_STRIDE_MAX = 32 };

/* Where the child is, for the words when it hangs. */
enum nvml_place { NVML_AT_REST, NVML_AT_START, NVML_AT_GPU /* and more: GPU 1, 2, ... */ };

struct nvml_shared {
	_Atomic uint32_t at;
	_Atomic uint32_t gpus_done; /* what may be read while the child is still busy */
	_Atomic uint32_t processes_done;
	uint32_t want;
	int error;  /* 0 or -errno, then `why` has the words */
	bool stale; /* there is no driver, or another one: a new child must load the library */
	bool lost;  /* a GPU; one that comes back is seen by a new child only */
	char why[NVML_WHY_MAX];
	struct nvml_snapshot snapshot;
};

/* Several samples of one process are of equal spans: their mean is what counts. */
struct nvml_sum {
	uint32_t process, n, sm, memory, encoder, decoder;
};

/* The child's own, zeroed before it is started. */
struct nvml_child {
	bool watch; /* it lives on, so that errors between two cycles are heard of */
	bool started;
	struct nvml_calls calls;
	uint32_t n_gpus;
	struct nvml_event_set *events;
	struct {
		nvml_device device;
		char uuid[NVML_NAME_MAX], name[NVML_NAME_MAX], bus[32];
		bool watched;
		uint64_t xid;
		unsigned long long since_us; /* of the newest sample of its processes */
	} gpus[NVML_GPUS_MAX];
	struct nvml_sum sums[NVML_PROCESSES_MAX];
	/* Twice what is asked for: drivers were seen to write more than they were told to. */
	_Alignas(16) unsigned char room[2 * NVML_ROOM * NVML_STRIDE_MAX];
};

/* A worker_task: fills the snapshot with what is wanted. `arg` is the struct nvml_child. */
void nvml_child_task(void *shared, void *arg);

/* One GPU that is asked, and what becomes of it. */
struct nvml_probe {
	struct nvml_child *child;
	const struct nvml_calls *calls;
	nvml_device device;
	struct nvml_gpu *gpu;
	bool failed; /* a call did, for a reason that the driver does not know */
};

/* True when a call succeeded; notes when the GPU or the driver is gone. */
bool nvml_ok(struct nvml_probe *probe, int answer);

/* The processes of one GPU, added to the snapshot's. `index` is that in gpus[]. */
void nvml_add_processes(struct nvml_probe *probe, uint32_t index, struct nvml_snapshot *out);
