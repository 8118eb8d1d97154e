/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the collector of NVIDIA's GPUs. */
#pragma once

#include "collect/collector.h"
#include "host/nvml.h"

struct nvidia_conf {
	int64_t processes;
	bool pcie_throughput;
};

/* The labels that tell which GPU it is, for all that is told of it. */
enum { NVIDIA_LABELS = 6, NVIDIA_LABELS_MAX = 12 };

struct nvidia_gpu {
	const struct nvml_gpu *gpu;
	struct label labels[NVIDIA_LABELS];
	const struct labels *set;
};

/* The processes that use them most, and how many there are. */
void nvidia_add_processes(struct collect *c, const struct nvml_snapshot *snapshot,
			  const struct nvidia_gpu *gpus);
