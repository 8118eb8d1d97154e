/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes on GPUs. The driver tells numbers of processes as its caller's PID namespace has them,
 * which is why names are looked up in /proc.
 */
#include <fcntl.h>

#include "collect/energy/nvidia.h"

static const struct metric_desc memory_desc = {
	"peekpush_gpu_process_memory_bytes",
	"Memory of the GPU that a process holds.",
	METRIC_GAUGE,
}, util_desc = {
	"peekpush_gpu_process_utilization_ratio",
	"Part of the time that a process kept the engine of the GPU busy, lately.",
	METRIC_GAUGE,
}, count_desc = {
	"peekpush_gpu_processes",
	"Processes that have the GPU open, by what they do with it.",
	METRIC_GAUGE,
};

/* Those that do most come first, then those that hold most. */
static int compare(const void *a, const void *b)
{
	const struct nvml_process *x = *(const struct nvml_process *const *)a;
	const struct nvml_process *y = *(const struct nvml_process *const *)b;

	if (x->sm_percent != y->sm_percent)
		return x->sm_percent > y->sm_percent ? -1 : 1;
	if (x->memory_bytes != y->memory_bytes)
		return x->memory_bytes > y->memory_bytes ? -1 : 1;
	if (x->gpu != y->gpu)
		return x->gpu < y->gpu ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct str comm_of(struct collect *c, struct str pid)
{
	struct str comm = { 0 };

	if (c->host->dir[HOST_PROC] < 0)
		return comm;

	_cleanup_fd_ int dir =
		openat(c->host->dir[HOST_PROC], pid.p, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		(void)host_attr(dir, "comm", c->scratch, &comm);
	return comm;
}

/* As nvidia-smi has it. */
static struct str type_of(const struct nvml_process *p)
{
	return p->compute && p->graphics ? STR("C+G")
	       : p->compute              ? STR("C")
	       : p->graphics             ? STR("G")
					 : STR("");
}

static void add_engine(struct collect *c, struct label *labels, size_t n, struct str engine,
		       uint32_t percent)
{
	labels[n] = (struct label){ STR("engine"), engine };
	family_add(metrics_family(c->out, &util_desc), metrics_labels(c->out, n + 1, labels),
		   percent / 100.0);
}

static void add_process(struct collect *c, const struct nvml_process *p,
			const struct nvidia_gpu *gpu)
{
	struct label labels[NVIDIA_LABELS_MAX];
	struct str pid = arena_printf(c->scratch, "%u", p->pid);
	size_t n = 0;

	labels[n++] = gpu->labels[0];
	labels[n++] = gpu->labels[1];
	labels[n++] = (struct label){ STR("pid"), pid };
	labels[n++] = (struct label){ STR("comm"), comm_of(c, pid) };
	labels[n++] = (struct label){ STR("type"), type_of(p) };
	if (p->gpu_instance != UINT32_MAX)
		labels[n++] = (struct label){ STR("GPU_I_ID"),
					      arena_printf(c->scratch, "%u", p->gpu_instance) };
	if (p->has_memory)
		family_add(metrics_family(c->out, &memory_desc), metrics_labels(c->out, n, labels),
			   (double)p->memory_bytes);
	/* Where the GPU tells what its processes do, one that it does not name did nothing. */
	if (!p->has_util && !gpu->gpu->has_process_util)
		return;
	add_engine(c, labels, n, STR("sm"), p->sm_percent);
	add_engine(c, labels, n, STR("memory"), p->memory_percent);
	add_engine(c, labels, n, STR("encoder"), p->enc_percent);
	add_engine(c, labels, n, STR("decoder"), p->dec_percent);
}

static void add_counts(struct collect *c, const struct nvml_snapshot *snapshot,
		       const struct nvidia_gpu *gpus)
{
	struct family *f = metrics_family(c->out, &count_desc);

	for (uint32_t i = 0; i < snapshot->n_gpus; i++) {
		size_t compute = 0, graphics = 0;

		if (snapshot->gpus[i].error)
			continue;
		for (uint32_t j = 0; j < snapshot->n_processes; j++) {
			const struct nvml_process *p = &snapshot->processes[j];

			compute += p->gpu == i && p->compute;
			graphics += p->gpu == i && p->graphics;
		}
		family_add(f,
			   METRIC_LABELS(c->out, gpus[i].labels[0], gpus[i].labels[1],
					 { STR("type"), STR("compute") }),
			   (double)compute);
		family_add(f,
			   METRIC_LABELS(c->out, gpus[i].labels[0], gpus[i].labels[1],
					 { STR("type"), STR("graphics") }),
			   (double)graphics);
	}
}

void nvidia_add_processes(struct collect *c, const struct nvml_snapshot *snapshot,
			  const struct nvidia_gpu *gpus)
{
	const struct nvidia_conf *conf = c->conf;
	uint32_t n = snapshot->n_processes;
	const struct nvml_process **order = arena_zalloc(c->scratch, n + 1, sizeof(*order));

	add_counts(c, snapshot, gpus);
	for (uint32_t i = 0; i < n; i++)
		order[i] = &snapshot->processes[i];
	if (n)
		qsort(order, n, sizeof(*order), compare);
	for (uint32_t i = 0; i < n && i < conf->processes; i++)
		add_process(c, order[i], &gpus[order[i]->gpu]);
	if (snapshot->more_processes)
		collect_note(c, STR("processes"), "%u processes on GPUs are beyond the limit",
			     snapshot->more_processes);
}
