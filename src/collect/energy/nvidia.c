/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVIDIA's GPUs, under the names and in the units of NVIDIA's own exporter (dcgm-exporter), which
 * their dashboards and rules know. What a GPU does not tell is absent. Source: host/nvml.h.
 */
#include "collect/energy/nvidia.h"

#include <errno.h>

static const struct opt nvidia_opts[] = {
	{ OPT_ROW("processes", OPT_INT, struct nvidia_conf, processes, "20", "N",
		  "processes that are told of, those that use GPUs most"),
	  .max = NVML_PROCESSES_MAX },
	{ OPT_ROW("pcie_throughput", OPT_BOOL, struct nvidia_conf, pcie_throughput, "false", NULL,
		  "also measures traffic on PCIe, 40 ms for each GPU") },
	{ 0 },
};

static const struct opt_section section_collector_nvidia = {
	.path = "collectors.nvidia",
	.help = "NVIDIA's GPUs",
	.opts = nvidia_opts,
	.size = sizeof(struct nvidia_conf),
};

struct row {
	enum nvml_figure figure;
	double scale;
	struct metric_desc desc;
};

#define MIB (1.0 / (1 << 20))
#define ROW(figure, name, type, scale, help)                     \
	{                                                        \
		NVML_##figure, scale,                            \
		{                                                \
			"DCGM_FI_DEV_" name, help, METRIC_##type \
		}                                                \
	}

static const struct row rows[] = {
	ROW(SM_CLOCK, "SM_CLOCK", GAUGE, 1, "Clock of the multiprocessors, in MHz."),
	ROW(MEM_CLOCK, "MEM_CLOCK", GAUGE, 1, "Clock of the memory, in MHz."),
	ROW(VIDEO_CLOCK, "VIDEO_CLOCK", GAUGE, 1, "Clock of encoder and decoder, in MHz."),
	ROW(MEMORY_TEMP, "MEMORY_TEMP", GAUGE, 1, "Temperature of the memory, in degrees Celsius."),
	ROW(GPU_TEMP, "GPU_TEMP", GAUGE, 1, "Temperature of the GPU, in degrees Celsius."),
	ROW(SLOWDOWN_TEMP, "SLOWDOWN_TEMP", GAUGE, 1,
	    "Temperature at which the GPU slows itself down, in degrees Celsius."),
	ROW(SHUTDOWN_TEMP, "SHUTDOWN_TEMP", GAUGE, 1,
	    "Temperature at which the GPU shuts itself down, in degrees Celsius."),
	ROW(POWER_USAGE, "POWER_USAGE", GAUGE, 1e-3, "What the board draws, in watts."),
	ROW(POWER_LIMIT, "ENFORCED_POWER_LIMIT", GAUGE, 1e-3, "What the board may draw, in watts."),
	ROW(TOTAL_ENERGY, "TOTAL_ENERGY_CONSUMPTION", COUNTER, 1,
	    "Energy that the board consumed since its driver was loaded, in millijoules."),
	ROW(GPU_UTIL, "GPU_UTIL", GAUGE, 1, "Time in which the GPU computed anything, in percent."),
	ROW(MEM_UTIL, "MEM_COPY_UTIL", GAUGE, 1,
	    "Time in which the memory was read or written, in percent."),
	ROW(ENC_UTIL, "ENC_UTIL", GAUGE, 1, "Time in which the encoder worked, in percent."),
	ROW(DEC_UTIL, "DEC_UTIL", GAUGE, 1, "Time in which the decoder worked, in percent."),
	ROW(FAN_SPEED, "FAN_SPEED", GAUGE, 1, "Intended speed of the fan, in percent."),
	ROW(PCIE_REPLAYS, "PCIE_REPLAY_COUNTER", COUNTER, 1, "Retries on PCIe."),
	ROW(PCIE_TX, "PCIE_TX_THROUGHPUT", GAUGE, 1,
	    "Sent by the GPU on PCIe within the last 20 ms, in KB per second."),
	ROW(PCIE_RX, "PCIE_RX_THROUGHPUT", GAUGE, 1,
	    "Received by the GPU on PCIe within the last 20 ms, in KB per second."),
	ROW(PCIE_GENERATION, "PCIE_LINK_GEN", GAUGE, 1,
	    "Generation of PCIe that the link runs at."),
	ROW(PCIE_WIDTH, "PCIE_LINK_WIDTH", GAUGE, 1, "Lanes of PCIe that the link uses."),
	ROW(PSTATE, "PSTATE", GAUGE, 1, "Performance state, from 0, the fastest, to 15."),
	ROW(THROTTLE_REASONS, "CLOCK_THROTTLE_REASONS", GAUGE, 1,
	    "Why the clocks are not faster, as a sum of NVML's bits."),
	ROW(VIOLATION_POWER, "POWER_VIOLATION", COUNTER, 1,
	    "Time that the limit of power held the clocks down, in nanoseconds."),
	ROW(VIOLATION_THERMAL, "THERMAL_VIOLATION", COUNTER, 1,
	    "Time that temperature held the clocks down, in nanoseconds."),
	ROW(VIOLATION_SYNC_BOOST, "SYNC_BOOST_VIOLATION", COUNTER, 1,
	    "Time that another GPU that clocks are shared with held the clocks down, in "
	    "nanoseconds."),
	ROW(VIOLATION_BOARD_LIMIT, "BOARD_LIMIT_VIOLATION", COUNTER, 1,
	    "Time that a limit of the board held the clocks down, in nanoseconds."),
	ROW(VIOLATION_LOW_UTILIZATION, "LOW_UTIL_VIOLATION", COUNTER, 1,
	    "Time that little use held the clocks down, in nanoseconds."),
	ROW(VIOLATION_RELIABILITY, "RELIABILITY_VIOLATION", COUNTER, 1,
	    "Time that reliability of its voltage held the clocks down, in nanoseconds."),
	ROW(XID, "XID_ERRORS", GAUGE, 1,
	    "Number of the last error (XID) since the agent was started; 0: there was none."),
	ROW(BAR1_TOTAL, "BAR1_TOTAL", GAUGE, MIB,
	    "Window through which the CPU reaches the memory, in MiB."),
	ROW(BAR1_FREE, "BAR1_FREE", GAUGE, MIB, "Free part of BAR1, in MiB."),
	ROW(BAR1_USED, "BAR1_USED", GAUGE, MIB, "Used part of BAR1, in MiB."),
	ROW(ECC_SBE_VOLATILE, "ECC_SBE_VOL_TOTAL", COUNTER, 1,
	    "Corrected memory errors since the driver was loaded."),
	ROW(ECC_DBE_VOLATILE, "ECC_DBE_VOL_TOTAL", COUNTER, 1,
	    "Memory errors that could not be corrected since the driver was loaded."),
	ROW(ECC_SBE_AGGREGATE, "ECC_SBE_AGG_TOTAL", COUNTER, 1,
	    "Corrected memory errors in the life of the GPU."),
	ROW(ECC_DBE_AGGREGATE, "ECC_DBE_AGG_TOTAL", COUNTER, 1,
	    "Memory errors that could not be corrected in the life of the GPU."),
	ROW(ROWS_CORRECTABLE, "CORRECTABLE_REMAPPED_ROWS", COUNTER, 1,
	    "Rows of memory replaced because of errors that could be corrected."),
	ROW(ROWS_UNCORRECTABLE, "UNCORRECTABLE_REMAPPED_ROWS", COUNTER, 1,
	    "Rows of memory replaced because of errors that could not be corrected."),
	ROW(ROWS_PENDING, "ROW_REMAP_PENDING", GAUGE, 1,
	    "1 when rows of memory will be replaced at the next reset."),
	ROW(ROWS_FAILURE, "ROW_REMAP_FAILURE", GAUGE, 1,
	    "1 when a row of memory could not be replaced."),
	ROW(RETIRED_SBE, "RETIRED_SBE", COUNTER, 1,
	    "Pages of memory given up because of several corrected errors."),
	ROW(RETIRED_DBE, "RETIRED_DBE", COUNTER, 1,
	    "Pages of memory given up because of an error that could not be corrected."),
	ROW(RETIRED_PENDING, "RETIRED_PENDING", GAUGE, 1,
	    "1 when pages of memory will be given up at the next reset."),
	ROW(MIG_MODE, "MIG_MODE", GAUGE, 1, "1 when the GPU is divided into instances (MIG)."),
	ROW(PERSISTENCE, "PERSISTENCE_MODE", GAUGE, 1,
	    "1 when the driver keeps the GPU initialised without users."),
};

/* Of instances, too. */
static const struct row memory_rows[] = {
	ROW(FB_TOTAL, "FB_TOTAL", GAUGE, MIB, "Memory of the GPU, in MiB."),
	ROW(FB_FREE, "FB_FREE", GAUGE, MIB, "Free memory of the GPU, in MiB."),
	ROW(FB_USED, "FB_USED", GAUGE, MIB, "Used memory of the GPU, in MiB."),
	ROW(FB_RESERVED, "FB_RESERVED", GAUGE, MIB,
	    "Memory of the GPU that the driver keeps for itself, in MiB."),
};

static void add_rows(struct collect *c, const struct row *row, size_t n, enum nvml_figure first,
		     uint64_t known, const uint64_t *values, const struct labels *labels)
{
	for (; n; n--, row++) {
		unsigned int i = row->figure - first;

		if (known & UINT64_C(1) << i)
			family_add(metrics_family(c->out, &row->desc), labels,
				   (double)values[i] * row->scale);
	}
}

static bool is_told(const struct nvml_gpu *gpu, uint32_t part)
{
	for (uint32_t i = 0; i < part; i++)
		if (gpu->mig[i].gpu_instance == gpu->mig[part].gpu_instance)
			return true;
	return false;
}

static void add_parts(struct collect *c, const struct nvidia_gpu *gpu)
{
	struct label labels[NVIDIA_LABELS + 2];

	memcpy(labels, gpu->labels, sizeof(gpu->labels));
	for (uint32_t i = 0; i < gpu->gpu->n_mig; i++) {
		const struct nvml_mig *mig = &gpu->gpu->mig[i];

		/* Compute instances of one GPU instance have its memory in common. */
		if (is_told(gpu->gpu, i))
			continue;
		labels[NVIDIA_LABELS] = (struct label){ STR("GPU_I_PROFILE"), str_of(mig->name) };
		labels[NVIDIA_LABELS + 1] =
			(struct label){ STR("GPU_I_ID"),
					arena_printf(c->scratch, "%u", mig->gpu_instance) };
		add_rows(c, memory_rows, ARRAY_SIZE(memory_rows), NVML_FB_TOTAL, mig->known,
			 mig->value, metrics_labels(c->out, ARRAY_SIZE(labels), labels));
	}
}

static void add_gpu(struct collect *c, const struct nvidia_gpu *gpu)
{
	static const struct metric_desc up = {
		"peekpush_gpu_up",
		"1 while the GPU answers; 0 when it is lost to its driver.",
		METRIC_GAUGE,
	};
	const struct nvml_gpu *g = gpu->gpu;

	family_add(metrics_family(c->out, &up),
		   METRIC_LABELS(c->out, gpu->labels[0], gpu->labels[1]), g->error ? 0 : 1);
	if (g->error)
		collect_note(c, gpu->labels[0].value, "GPU %u does not answer: %s", g->index,
			     g->error == NVML_LOST          ? "it is lost"
			     : g->error == NVML_NEEDS_RESET ? "it needs a reset"
							    : "its driver fails");
	add_rows(c, rows, ARRAY_SIZE(rows), 0, g->known, g->value, gpu->set);
	add_rows(c, memory_rows, ARRAY_SIZE(memory_rows), 0, g->known, g->value, gpu->set);
	add_parts(c, gpu);
}

static void add_info(struct collect *c, const struct nvml_snapshot *snapshot,
		     const struct nvidia_gpu *gpu)
{
	static const struct metric_desc desc = {
		"peekpush_gpu_info",
		"Versions of what drives the GPU; always 1.",
		METRIC_GAUGE,
	};
	uint32_t cuda = snapshot->cuda;
	struct str cuda_version =
		cuda ? arena_printf(c->scratch, "%u.%u", cuda / 1000, cuda % 1000 / 10) : STR("");

	family_add(metrics_family(c->out, &desc),
		   METRIC_LABELS(c->out, gpu->labels[0], gpu->labels[1], gpu->labels[2],
				 { STR("model"), str_of(gpu->gpu->name) },
				 { STR("driver_version"), str_of(snapshot->driver) },
				 { STR("nvml_version"), str_of(snapshot->nvml) },
				 { STR("cuda_version"), cuda_version }),
		   1);
}

/* The label "device" is the index again, because that is what dcgm-exporter makes of it. */
static void name_gpu(struct collect *c, const struct nvml_gpu *gpu, struct str hostname,
		     struct nvidia_gpu *ret)
{
	struct str index = arena_printf(c->scratch, "%u", gpu->index);

	*ret = (struct nvidia_gpu){
		.gpu = gpu,
		.labels = {
			{ STR("gpu"), index },
			{ STR("UUID"), str_of(gpu->uuid) },
			{ STR("pci_bus_id"), str_of(gpu->bus) },
			{ STR("device"), ARENA_CONCAT(c->scratch, STR("nvidia"), index) },
			{ STR("modelName"), str_of(gpu->name) },
			{ STR("Hostname"), hostname },
		},
	};
	ret->set = metrics_labels(c->out, NVIDIA_LABELS, ret->labels);
}

static int run(struct collect *c)
{
	const struct nvidia_conf *conf = c->conf;
	const struct nvml_snapshot *snapshot;
	uint32_t want = NVML_WANT_ALL | NVML_WANT_USE;
	struct str hostname = { 0 };
	int r = nvml_of_cycle(c->host, want | (conf->pcie_throughput ? NVML_WANT_PCIE : 0),
			      &snapshot);

	if (r < 0)
		return collect_fail(c, r, "%s", nvml_why(c->host));
	if (host_read_once(c->host, HOST_PROC, "sys/kernel/hostname", &hostname) == 0)
		hostname = str_trim(hostname);

	struct nvidia_gpu *gpus = arena_zalloc(c->scratch, snapshot->n_gpus + 1, sizeof(*gpus));

	for (uint32_t i = 0; i < snapshot->n_gpus; i++) {
		name_gpu(c, &snapshot->gpus[i], hostname, &gpus[i]);
		add_info(c, snapshot, &gpus[i]);
		add_gpu(c, &gpus[i]);
	}
	nvidia_add_processes(c, snapshot, gpus);
	if (snapshot->incomplete)
		return collect_fail(c, -ETIMEDOUT, "%s", nvml_why(c->host));
	return snapshot->n_gpus ? 0 : collect_fail(c, -ENODATA, "the driver has no GPU");
}

const struct collector collector_nvidia = {
	.name = "nvidia",
	.help = "NVIDIA's GPUs: use, memory, temperature, power, errors, processes",
	.reads = "libnvidia-ml.so.1, /proc/PID/comm",
	.live_only = "libnvidia-ml.so.1",
	.on = true,
	.ours = true,
	.section = &section_collector_nvidia,
	.run = run,
};
