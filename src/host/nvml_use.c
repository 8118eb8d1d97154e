/* SPDX-License-Identifier: Apache-2.0 */
/* GPUs as consumers of energy, and whose work they do. */
#include <errno.h>

#include "host/nvml_block.h"

static void put_energy(struct nvml_energy *e, const struct nvml_gpu *gpu)
{
	bool counts = gpu->known & UINT64_C(1) << NVML_TOTAL_ENERGY;

	*e = (struct nvml_energy){
		.gpu = gpu->index,
		.uuid = gpu->uuid,
		.name = gpu->name,
		.power = !counts,
		.value = 1000 * gpu->value[counts ? NVML_TOTAL_ENERGY : NVML_POWER_USAGE],
		.max_uw = 1000 * gpu->value[NVML_POWER_LIMIT],
		.at_ns = gpu->energy_at_ns,
	};
	if (gpu->error) {
		e->error = -ENODEV;
		e->reason = "the GPU is lost";
	} else if (!counts && !(gpu->known & UINT64_C(1) << NVML_POWER_USAGE)) {
		e->error = -EOPNOTSUPP;
		e->reason = "the GPU tells neither energy nor power";
	}
}

int nvml_energy(struct host *host, bool fresh, const struct nvml_energy **ret, size_t *ret_n)
{
	struct nvml_block *b = nvml_block_of(host);
	const struct nvml_snapshot *snapshot;
	int r = nvml_of_cycle(host, NVML_WANT_ENERGY | NVML_WANT_USE, &snapshot);

	if (r == 0 && fresh)
		r = nvml_refresh(host, b);
	if (r < 0 && r != -ENODATA)
		return r;

	size_t n = 0;

	/* One that was lost from the start has nothing to be known by again. */
	for (uint32_t i = 0; r == 0 && i < b->snapshot.n_gpus; i++)
		if (b->snapshot.gpus[i].uuid[0])
			put_energy(&b->energies[n++], &b->snapshot.gpus[i]);
	*ret = b->energies;
	*ret_n = n;
	return 0;
}

/* The whole GPU's time is that of the only one that has it open. */
static uint32_t alone_ppm(const struct nvml_snapshot *s, const struct nvml_process *p)
{
	const struct nvml_gpu *gpu = &s->gpus[p->gpu];
	size_t n = 0;

	for (uint32_t i = 0; i < s->n_processes; i++)
		n += s->processes[i].gpu == p->gpu;
	if (n != 1 || !(gpu->known & UINT64_C(1) << NVML_GPU_UTIL))
		return 0;
	return (uint32_t)gpu->value[NVML_GPU_UTIL] * 10000;
}

int nvml_uses(struct host *host, const struct nvml_use **ret, size_t *ret_n)
{
	struct nvml_block *b = nvml_block_of(host);
	const struct nvml_snapshot *s;
	int r = nvml_of_cycle(host, NVML_WANT_ENERGY | NVML_WANT_USE, &s);
	size_t n = 0;

	if (r < 0 && r != -ENODATA)
		return r;
	for (uint32_t i = 0; r == 0 && i < s->n_processes; i++) {
		const struct nvml_process *p = &s->processes[i];
		uint32_t ppm =
			s->gpus[p->gpu].has_process_util ? p->sm_percent * 10000 : alone_ppm(s, p);
		struct nvml_use *last = n ? &b->uses[n - 1] : NULL;

		if (last && last->gpu == s->gpus[p->gpu].index && last->pid == p->pid)
			last->busy_ppm += ppm;
		else
			b->uses[n++] = (struct nvml_use){ s->gpus[p->gpu].index, p->pid, ppm };
	}
	*ret = b->uses;
	*ret_n = n;
	return 0;
}

int32_t nvml_busy_ppm(struct host *host, uint32_t gpu)
{
	const struct nvml_snapshot *s;

	if (nvml_of_cycle(host, NVML_WANT_ENERGY | NVML_WANT_USE, &s) < 0 || gpu >= s->n_gpus ||
	    !(s->gpus[gpu].known & UINT64_C(1) << NVML_GPU_UTIL))
		return -1;
	return (int32_t)s->gpus[gpu].value[NVML_GPU_UTIL] * 10000;
}
