/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVIDIA's GPUs, as the driver's library (libnvidia-ml.so.1, "NVML") tells of them. It is loaded
 * by a child process and nowhere else: its calls can hang where no signal reaches them when a GPU
 * dies, it must be the one that belongs to the loaded driver, and it maps what a small agent never
 * would. Where no device node of the driver is below --rootfs nothing is loaded or started.
 */
#pragma once

#include "host/host.h"

enum { NVML_GPUS_MAX = 64, NVML_PROCESSES_MAX = 1024, NVML_MIG_MAX = 8, NVML_NAME_MAX = 96 };

/* Numbers of one GPU, in the unit that the library has. */
enum nvml_figure {
	NVML_SM_CLOCK, /* MHz */
	NVML_MEM_CLOCK,
	NVML_VIDEO_CLOCK,
	NVML_MEMORY_TEMP, /* Celsius */
	NVML_GPU_TEMP,
	NVML_SLOWDOWN_TEMP,
	NVML_SHUTDOWN_TEMP,
	NVML_POWER_USAGE, /* mW */
	NVML_POWER_LIMIT,
	NVML_TOTAL_ENERGY, /* mJ, since the driver took the GPU */
	NVML_GPU_UTIL,     /* percent */
	NVML_MEM_UTIL,
	NVML_ENC_UTIL,
	NVML_DEC_UTIL,
	NVML_FAN_SPEED,
	NVML_FB_TOTAL, /* bytes */
	NVML_FB_FREE,
	NVML_FB_USED,
	NVML_FB_RESERVED,
	NVML_BAR1_TOTAL,
	NVML_BAR1_FREE,
	NVML_BAR1_USED,
	NVML_PCIE_REPLAYS,
	NVML_PCIE_TX, /* KB/s, over the last 20 ms: asking takes as long */
	NVML_PCIE_RX,
	NVML_PCIE_GENERATION,
	NVML_PCIE_WIDTH,
	NVML_PSTATE,
	NVML_THROTTLE_REASONS,
	NVML_ECC_SBE_VOLATILE,
	NVML_ECC_DBE_VOLATILE,
	NVML_ECC_SBE_AGGREGATE,
	NVML_ECC_DBE_AGGREGATE,
	NVML_ROWS_CORRECTABLE,
	NVML_ROWS_UNCORRECTABLE,
	NVML_ROWS_PENDING,
	NVML_ROWS_FAILURE,
	NVML_RETIRED_SBE,
	NVML_RETIRED_DBE,
	NVML_RETIRED_PENDING,
	NVML_VIOLATION_POWER, /* ns that it held the clocks down, since the driver was loaded */
	NVML_VIOLATION_THERMAL,
	NVML_VIOLATION_SYNC_BOOST,
	NVML_VIOLATION_BOARD_LIMIT,
	NVML_VIOLATION_LOW_UTILIZATION,
	NVML_VIOLATION_RELIABILITY,
	NVML_XID,         /* of the last error, 0 before any; known to an agent only */
	NVML_MIG_MODE,    /* 1: it is divided */
	NVML_PERSISTENCE, /* 1: the driver keeps it awake */
	NVML_FIGURES,
};

/* What is asked for. Each costs calls into the driver. */
enum nvml_want {
	NVML_WANT_ENERGY = 1, /* NVML_TOTAL_ENERGY, or NVML_POWER_USAGE, and NVML_POWER_LIMIT */
	NVML_WANT_USE = 2,    /* processes, and NVML_GPU_UTIL */
	NVML_WANT_ALL = 4,    /* every figure but those of PCIe throughput */
	NVML_WANT_PCIE = 8,
};

enum { NVML_LOST = 15, NVML_NEEDS_RESET = 16 };

/* A part of a divided GPU. */
struct nvml_mig {
	uint32_t gpu_instance, compute_instance;
	char uuid[NVML_NAME_MAX], name[NVML_NAME_MAX];
	uint32_t known;    /* 1 << (figure - NVML_FB_TOTAL) */
	uint64_t value[4]; /* NVML_FB_TOTAL to NVML_FB_RESERVED */
};

struct nvml_gpu {
	uint32_t index;
	int error;      /* 0, or NVML's reason why it does not answer */
	uint64_t known; /* 1 << figure */
	uint64_t value[NVML_FIGURES];
	int64_t energy_at_ns;  /* CLOCK_MONOTONIC, when energy or power was read */
	bool has_process_util; /* sm_percent of its processes is known */
	char uuid[NVML_NAME_MAX], name[NVML_NAME_MAX], bus[32];
	uint32_t n_mig;
	struct nvml_mig mig[NVML_MIG_MAX];
};

struct nvml_process {
	uint32_t gpu; /* index in gpus[] */
	uint32_t pid;
	bool compute, graphics; /* what it has opened the GPU for */
	bool has_memory, has_util;
	uint64_t memory_bytes;
	uint32_t gpu_instance; /* UINT32_MAX: the GPU is not divided */
	uint32_t sm_percent, memory_percent, enc_percent, dec_percent;
};

struct nvml_snapshot {
	bool incomplete; /* the driver hangs: these are the GPUs that answered before */
	uint32_t n_gpus, n_processes;
	uint32_t more_gpus, more_processes; /* those for which there was no room */
	char driver[NVML_NAME_MAX], nvml[NVML_NAME_MAX];
	uint32_t cuda; /* 12020: 12.2; 0: not known */
	struct nvml_gpu gpus[NVML_GPUS_MAX];
	struct nvml_process processes[NVML_PROCESSES_MAX]; /* by gpu, then by pid */
};

/*
 * The GPUs of this cycle, for all who want them; the child is asked again when a later one wants
 * more. -ENODATA: there is no such driver here, or its GPUs are asleep; -ETIMEDOUT: it hangs; or
 * another -errno. The words for it, and for what is incomplete, are nvml_why()'s.
 */
int nvml_of_cycle(struct host *host, uint32_t want, const struct nvml_snapshot **ret);
const char *nvml_why(struct host *host);

/* How long the driver is waited for, and when one that hangs or failed is given up or tried anew.
 */
struct nvml_patience {
	int64_t cycle_ns, oneshot_ns, timer_ns, late_ns, give_up_ns, retry_ns;
};

/* Other times than the usual ones, for tests. */
void nvml_be_patient(struct host *host, const struct nvml_patience *patience);

/* One GPU as a source of energy. */
struct nvml_energy {
	uint32_t gpu; /* its number */
	const char *uuid, *name;
	bool power; /* an old one that counts no energy: `value` is microwatts, else microjoules */
	uint64_t value;  /* counts from 0 again when the driver is loaded or the GPU is let go */
	uint64_t max_uw; /* the limit that is in force, or 0 */
	int64_t at_ns;   /* CLOCK_MONOTONIC */
	int error;       /* 0, or -errno: there is no value now */
	const char *reason;
};

/*
 * All GPUs, rising by number. `fresh`: not as they were in this cycle but now, for timers. 0 and
 * n == 0 where there are none; or -errno, see nvml_why(). Lives until the next call.
 */
int nvml_energy(struct host *host, bool fresh, const struct nvml_energy **ret, size_t *ret_n);

/* What a process did on a GPU since the last cycle, in millionths of that GPU's time. */
struct nvml_use {
	uint32_t gpu; /* its number */
	uint32_t pid;
	uint32_t busy_ppm;
};

/*
 * Who used the GPUs, by gpu, then by pid, each once. A GPU that does not tell its processes apart
 * has one only when a single process has it open. The whole GPU: nvml_busy_ppm(), -1: not known.
 */
int nvml_uses(struct host *host, const struct nvml_use **ret, size_t *ret_n);
int32_t nvml_busy_ppm(struct host *host, uint32_t gpu);
