/* SPDX-License-Identifier: Apache-2.0 */
/* NVIDIA's GPUs as energy sources; host/nvml.h reads them, all at once. */
#include "host/energy_internal.h"

#include <errno.h>

#include "host/nvml.h"

uint64_t energy_ask_gpus(struct energy_readers *readers, struct host *host)
{
	/* What was read in this cycle already is not new to a timer. */
	bool fresh = readers->found && readers->cycle == host->cycle;
	uint64_t hash = 0;

	readers->cycle = host->cycle;
	if (nvml_energy(host, fresh, &readers->gpus, &readers->n_gpus) < 0)
		readers->n_gpus = 0;
	for (size_t i = 0; i < readers->n_gpus; i++)
		hash = hash * 31 + str_hash(str_of(readers->gpus[i].uuid)) + 1;
	return hash;
}

static int read_gpu(struct energy_readers *all, struct energy_reader *reader,
		    struct energy_source *source)
{
	if (reader->index >= all->n_gpus)
		return -ENODEV;

	const struct nvml_energy *gpu = &all->gpus[reader->index];

	source->reason = gpu->error ? gpu->reason : NULL;
	if (gpu->error)
		return gpu->error;
	if (gpu->power && gpu->value > ENERGY_POWER_MOST_UW)
		return -ERANGE;
	source->value = gpu->value;
	source->at_ns = gpu->at_ns;
	return 0;
}

void energy_find_gpus(struct energy_scan *scan)
{
	for (size_t i = 0; i < scan->readers->n_gpus; i++) {
		const struct nvml_energy *gpu = &scan->readers->gpus[i];

		energy_add(scan,
			   &(struct energy_source){
				   .kind = ENERGY_GPU,
				   .domain = DOMAIN_GPU,
				   .id = ARENA_CONCAT(scan->arena, STR("gpu:"), str_of(gpu->uuid)),
				   .zone = arena_printf(scan->arena, "gpu%u", gpu->gpu),
				   .package = (int)gpu->gpu,
				   .power = gpu->power,
				   .max_uw = gpu->max_uw,
			   },
			   &(struct energy_reader){
				   .read = read_gpu,
				   .file = { .fd = -1 },
				   .index = i,
			   });
	}
}
