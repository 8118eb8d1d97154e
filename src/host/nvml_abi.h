/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is used of libnvidia-ml.so.1, declared anew: functions take a handle and pointers to what
 * they fill in. The names and numbers are the library's. Its versioned functions (_v2, _v3) keep
 * their layout for ever; those without a version here have had one layout only.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct nvml_device; /* opaque */
struct nvml_event_set;

enum nvml_return {
	NVML_SUCCESS = 0,
	NVML_ERROR_UNINITIALIZED = 1,
	NVML_ERROR_INVALID_ARGUMENT = 2,
	NVML_ERROR_NOT_SUPPORTED = 3,
	NVML_ERROR_NO_PERMISSION = 4,
	NVML_ERROR_NOT_FOUND = 6,
	NVML_ERROR_INSUFFICIENT_SIZE = 7,
	NVML_ERROR_DRIVER_NOT_LOADED = 9,
	NVML_ERROR_TIMEOUT = 10,
	NVML_ERROR_FUNCTION_NOT_FOUND = 13,
	NVML_ERROR_GPU_IS_LOST = 15,
	NVML_ERROR_RESET_REQUIRED = 16,
	NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18,
	NVML_ERROR_UNKNOWN = 999,
};

enum { NVML_DEVICE_NAME_SIZE = 96, NVML_VERSION_SIZE = 80, NVML_ERROR_TYPES = 2 };
enum { NVML_CLOCK_SM = 1, NVML_CLOCK_MEM = 2, NVML_CLOCK_VIDEO = 3 };
enum { NVML_TEMPERATURE_GPU = 0 };
enum { NVML_TEMPERATURE_THRESHOLD_SHUTDOWN = 0, NVML_TEMPERATURE_THRESHOLD_SLOWDOWN = 1 };
enum { NVML_MEMORY_ERROR_CORRECTED = 0, NVML_MEMORY_ERROR_UNCORRECTED = 1 };
enum { NVML_VOLATILE_ECC = 0, NVML_AGGREGATE_ECC = 1 };
enum { NVML_PCIE_UTIL_TX_BYTES = 0, NVML_PCIE_UTIL_RX_BYTES = 1 };
enum { NVML_PAGE_RETIREMENT_SBE = 0, NVML_PAGE_RETIREMENT_DBE = 1 };
enum { NVML_PERF_POLICY_POWER = 0, NVML_PERF_POLICY_RELIABILITY = 5 };
enum { NVML_FI_DEV_MEMORY_TEMP = 82 };
enum { NVML_EVENT_XID_CRITICAL_ERROR = 8 };
enum { NVML_PSTATE_UNKNOWN = 32 };

struct nvml_utilization {
	unsigned int gpu, memory; /* percent */
};

struct nvml_memory {
	unsigned long long total, free, used;
};

struct nvml_memory_v2 {
	unsigned int version; /* NVML_MEMORY_V2 */
	unsigned long long total, reserved, free, used;
};

#define NVML_MEMORY_V2 ((unsigned int)sizeof(struct nvml_memory_v2) | 2U << 24)

struct nvml_pci_info {
	char bus_id_legacy[16];
	unsigned int domain, bus, device, device_id, subsystem_id;
	char bus_id[32]; /* "00000000:3B:00.0" */
};

struct nvml_process_info_v1 {
	unsigned int pid;
	unsigned long long used_memory; /* ULLONG_MAX: not known */
};

/* Of _v2 and _v3; some drivers of the R530 series append 8 bytes to those of _v3. */
struct nvml_process_info {
	unsigned int pid;
	unsigned long long used_memory;
	unsigned int gpu_instance, compute_instance; /* UINT_MAX: the GPU is not divided */
};

struct nvml_process_sample {
	unsigned int pid;
	unsigned long long at_us; /* Unix time */
	unsigned int sm, memory, encoder, decoder;
};

struct nvml_field_value {
	unsigned int field, scope;
	long long at_us, latency_us;
	int type, error;
	union {
		double f64;
		unsigned int u32;
		unsigned long long u64;
	} value;
};

struct nvml_violation {
	unsigned long long at_us, ns;
};

struct nvml_event {
	struct nvml_device *device;
	unsigned long long type, data;
	unsigned int gpu_instance, compute_instance;
};

_Static_assert(sizeof(struct nvml_memory_v2) == 40 && sizeof(struct nvml_pci_info) == 68 &&
		       sizeof(struct nvml_process_info_v1) == 16 &&
		       sizeof(struct nvml_process_info) == 24 &&
		       sizeof(struct nvml_process_sample) == 32 &&
		       sizeof(struct nvml_field_value) == 40 && sizeof(struct nvml_event) == 32,
	       "these are the library's");
_Static_assert(offsetof(struct nvml_pci_info, bus_id) == 36 &&
		       offsetof(struct nvml_field_value, error) == 28 &&
		       offsetof(struct nvml_process_sample, sm) == 16,
	       "these are the library's");

typedef struct nvml_device *nvml_device;
typedef int (*nvml_get_u32)(nvml_device device, unsigned int *ret);
typedef int (*nvml_get_u32_of)(nvml_device device, int of, unsigned int *ret);
typedef int (*nvml_get_u64)(nvml_device device, unsigned long long *ret);
typedef int (*nvml_get_text)(nvml_device device, char *ret, unsigned int size);
typedef int (*nvml_get_version)(char *ret, unsigned int size);
/* The entries are structs of one of the layouts above. */
typedef int (*nvml_get_processes)(nvml_device device, unsigned int *n, void *ret);

/* Functions that old drivers lack are NULL. */
struct nvml_calls {
	int (*init)(void);
	int (*get_count)(unsigned int *ret);
	int (*get_handle)(unsigned int index, nvml_device *ret);
	const char *(*error_string)(int error);
	nvml_get_version driver_version, nvml_version;
	int (*cuda_version)(int *ret);
	nvml_get_text name, uuid;
	int (*pci_info)(nvml_device device, struct nvml_pci_info *ret);
	nvml_get_u64 total_energy, throttle_reasons, event_reasons;
	nvml_get_u32 power_usage, power_limit, fan_speed, performance_state, persistence_mode,
		pcie_replays, pcie_generation, pcie_width, retired_pending;
	nvml_get_u32_of temperature, temperature_threshold, clock, pcie_throughput;
	int (*utilization)(nvml_device device, struct nvml_utilization *ret);
	int (*memory)(nvml_device device, struct nvml_memory *ret);
	int (*memory_v2)(nvml_device device, struct nvml_memory_v2 *ret);
	int (*bar1_memory)(nvml_device device, struct nvml_memory *ret);
	int (*encoder)(nvml_device device, unsigned int *ret, unsigned int *ret_period_us);
	int (*decoder)(nvml_device device, unsigned int *ret, unsigned int *ret_period_us);
	int (*ecc_errors)(nvml_device device, int type, int counter, unsigned long long *ret);
	int (*remapped_rows)(nvml_device device, unsigned int *ret_corrected,
			     unsigned int *ret_uncorrected, unsigned int *ret_pending,
			     unsigned int *ret_failure);
	int (*retired_pages)(nvml_device device, int cause, unsigned int *n,
			     unsigned long long *ret_addresses);
	int (*violation)(nvml_device device, int policy, struct nvml_violation *ret);
	int (*field_values)(nvml_device device, int n, struct nvml_field_value *values);
	int (*mig_mode)(nvml_device device, unsigned int *ret, unsigned int *ret_pending);
	nvml_get_u32 mig_max, gpu_instance, compute_instance;
	int (*mig_handle)(nvml_device device, unsigned int index, nvml_device *ret);
	nvml_get_processes compute_v3, compute_v2, compute_v1;
	nvml_get_processes graphics_v3, graphics_v2, graphics_v1;
	int (*process_samples)(nvml_device device, struct nvml_process_sample *ret, unsigned int *n,
			       unsigned long long since_us);
	int (*event_set)(struct nvml_event_set **ret);
	int (*event_types)(nvml_device device, unsigned long long *ret);
	int (*event_register)(nvml_device device, unsigned long long types,
			      struct nvml_event_set *set);
	int (*event_wait)(struct nvml_event_set *set, struct nvml_event *ret,
			  unsigned int timeout_ms);
};

/* Loads the library, for the life of the process. 0 or -ENOENT; ret_why is static. */
int nvml_load(struct nvml_calls *ret, const char **ret_why);
