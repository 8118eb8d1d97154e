/* SPDX-License-Identifier: Apache-2.0 */
/* The parent's side of the child that has the driver's library. */
#pragma once

#include "host/nvml_child.h"
#include "host/worker.h"

struct nvml_block {
	struct worker worker;
	struct nvml_child *child;
	struct nvml_snapshot snapshot;
	uint64_t cycle; /* that of the snapshot; 0: none */
	uint32_t has;   /* what the snapshot is complete in */
	int result;
	char why[NVML_WHY_MAX];
	int dev;    /* of the child's life: the lock on it tells others that it hangs */
	bool stuck; /* one that was killed cannot end */
	bool late;  /* it was asked and has not answered */
	int64_t asked_ns, started_ns, again_ns;
	int again_result; /* until again_ns; `why` is the reason */
	struct nvml_patience patience;
	bool may_sleep; /* the kernel suspends GPUs that nobody has open */
	struct nvml_energy energies[NVML_GPUS_MAX];
	struct nvml_use uses[NVML_PROCESSES_MAX];
};

struct nvml_block *nvml_block_of(struct host *host);
/* Energy and power as they are now, into the snapshot. */
int nvml_refresh(struct host *host, struct nvml_block *block);
