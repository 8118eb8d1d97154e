/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who uses a GPU. Lists of processes say what they have opened it for and how much memory they
 * hold; samples say what they did, for GPUs that are not divided.
 */
#include <string.h>

#include "base/clock.h"
#include "host/nvml_child.h"

enum { UNTOUCHED = 0xa5, FIRST_LOOK_BACK_US = 60000000 };

static struct nvml_process *process_of(struct nvml_snapshot *out, uint32_t first, uint32_t gpu,
				       uint32_t pid, uint32_t instance)
{
	for (uint32_t i = first; i < out->n_processes; i++)
		if (out->processes[i].pid == pid &&
		    (out->processes[i].gpu_instance == instance || instance == UINT32_MAX))
			return &out->processes[i];
	if (out->n_processes == NVML_PROCESSES_MAX) {
		out->more_processes++;
		return NULL;
	}

	struct nvml_process *new = &out->processes[out->n_processes++];

	*new = (struct nvml_process){ .gpu = gpu, .pid = pid, .gpu_instance = instance };
	return new;
}

/*
 * Where the next entry begins. Some drivers append a member to each entry of _v3 and thus write
 * beyond those of the documented size, which nothing else tells.
 */
static size_t stride_of(const unsigned char *room, size_t n)
{
	for (size_t i = n * sizeof(struct nvml_process_info); i < n * NVML_STRIDE_MAX; i++)
		if (room[i] != UNTOUCHED)
			return NVML_STRIDE_MAX;
	return sizeof(struct nvml_process_info);
}

static void take_entry(const unsigned char *entry, bool v1, struct nvml_process_info *ret)
{
	struct nvml_process_info_v1 old;

	if (!v1) {
		memcpy(ret, entry, sizeof(*ret));
		return;
	}
	memcpy(&old, entry, sizeof(old));
	*ret = (struct nvml_process_info){ old.pid, old.used_memory, UINT32_MAX, UINT32_MAX };
}

static void add_list(struct nvml_probe *p, const nvml_get_processes calls[3], bool graphics,
		     uint32_t index, uint32_t first, struct nvml_snapshot *out)
{
	bool v1 = !calls[0] && !calls[1];
	nvml_get_processes call = calls[0] ? calls[0] : calls[1] ? calls[1] : calls[2];
	unsigned char *room = p->child->room;
	unsigned int n = NVML_ROOM;

	if (!call)
		return;
	memset(room, UNTOUCHED, sizeof(p->child->room));

	int answer = call(p->device, &n, room);

	/* Then it says how many there are and tells none. */
	if (answer == NVML_ERROR_INSUFFICIENT_SIZE)
		out->more_processes += n;
	if (!nvml_ok(p, answer))
		return;
	if (n > NVML_ROOM) {
		out->more_processes += n - NVML_ROOM;
		n = NVML_ROOM;
	}

	size_t stride = v1 ? sizeof(struct nvml_process_info_v1) : stride_of(room, n);

	for (size_t i = 0; i < n; i++) {
		struct nvml_process_info info;

		take_entry(room + i * stride, v1, &info);

		struct nvml_process *process =
			info.pid ? process_of(out, first, index, info.pid, info.gpu_instance)
				 : NULL;

		if (!process)
			continue;
		process->graphics |= graphics;
		process->compute |= !graphics;
		/* One that is in both lists has the same memory in both. */
		if (info.used_memory != UINT64_MAX && !process->has_memory) {
			process->has_memory = true;
			process->memory_bytes = info.used_memory;
		}
	}
}

static bool percent(unsigned int value)
{
	return value <= 100;
}

static void add_sample(struct nvml_sum *sums, uint32_t *n, uint32_t process,
		       const struct nvml_process_sample *s)
{
	uint32_t i = 0;

	while (i < *n && sums[i].process != process)
		i++;
	if (i == *n)
		sums[(*n)++] = (struct nvml_sum){ .process = process };
	sums[i].n++;
	sums[i].sm += s->sm;
	sums[i].memory += percent(s->memory) ? s->memory : 0;
	sums[i].encoder += percent(s->encoder) ? s->encoder : 0;
	sums[i].decoder += percent(s->decoder) ? s->decoder : 0;
}

static void take_samples(struct nvml_probe *p, unsigned int n, uint32_t index, uint32_t first,
			 struct nvml_snapshot *out)
{
	struct nvml_sum *sums = p->child->sums;
	unsigned long long since = p->child->gpus[index].since_us;
	uint32_t n_sums = 0;

	for (unsigned int i = 0; i < n && i < NVML_ROOM; i++) {
		struct nvml_process_sample s;

		memcpy(&s, p->child->room + i * sizeof(s), sizeof(s));
		/* Some drivers fill up with entries that are old or nonsense. */
		if (!s.pid || s.at_us <= since || !percent(s.sm))
			continue;
		if (s.at_us > p->child->gpus[index].since_us)
			p->child->gpus[index].since_us = s.at_us;

		struct nvml_process *process = process_of(out, first, index, s.pid, UINT32_MAX);

		if (process)
			add_sample(sums, &n_sums, (uint32_t)(process - out->processes), &s);
	}
	for (uint32_t i = 0; i < n_sums; i++) {
		struct nvml_process *process = &out->processes[sums[i].process];

		process->has_util = true;
		process->sm_percent = sums[i].sm / sums[i].n;
		process->memory_percent = sums[i].memory / sums[i].n;
		process->enc_percent = sums[i].encoder / sums[i].n;
		process->dec_percent = sums[i].decoder / sums[i].n;
	}
}

static void add_samples(struct nvml_probe *p, uint32_t index, uint32_t first,
			struct nvml_snapshot *out)
{
	unsigned long long *since = &p->child->gpus[index].since_us;
	unsigned int n = NVML_ROOM;

	if (!p->calls->process_samples || p->gpu->error)
		return;
	if (!*since)
		*since = (unsigned long long)(clock_ns(CLOCK_REALTIME) / 1000) - FIRST_LOOK_BACK_US;
	memset(p->child->room, 0, sizeof(p->child->room));

	int answer = p->calls->process_samples(
		p->device, (struct nvml_process_sample *)(void *)p->child->room, &n, *since);

	/* Not found: there is no sample since, because nobody did anything. */
	p->gpu->has_process_util = answer == NVML_SUCCESS || answer == NVML_ERROR_NOT_FOUND;
	if (nvml_ok(p, answer))
		take_samples(p, n, index, first, out);
}

void nvml_add_processes(struct nvml_probe *p, uint32_t index, struct nvml_snapshot *out)
{
	const struct nvml_calls *c = p->calls;
	const nvml_get_processes compute[] = { c->compute_v3, c->compute_v2, c->compute_v1 };
	const nvml_get_processes graphics[] = { c->graphics_v3, c->graphics_v2, c->graphics_v1 };
	uint32_t first = out->n_processes;

	add_list(p, compute, false, index, first, out);
	add_list(p, graphics, true, index, first, out);
	add_samples(p, index, first, out);
}
