/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's functions by name. nvmlShutdown() is not among them: the process that loads the
 * library ends instead.
 */
#include "base/lib.h"
#include "host/nvml_abi.h"

#define CALL(member, name)                                        \
	{                                                         \
		"nvml" #name, offsetof(struct nvml_calls, member) \
	}
#define DEVICE(member, name) CALL(member, DeviceGet##name)

int nvml_load(struct nvml_calls *ret, const char **ret_why)
{
	/* Those of 2012; without them it is some other library. */
	static const struct lib_symbol symbols[] = {
		CALL(init, Init_v2),
		CALL(error_string, ErrorString),
		CALL(driver_version, SystemGetDriverVersion),
		CALL(nvml_version, SystemGetNVMLVersion),
		DEVICE(get_count, Count_v2),
		DEVICE(get_handle, HandleByIndex_v2),
		DEVICE(name, Name),
		DEVICE(uuid, UUID),
		{ 0 },
	};
	static const struct lib_symbol optional[] = {
		CALL(cuda_version, SystemGetCudaDriverVersion),
		DEVICE(pci_info, PciInfo_v3),
		DEVICE(total_energy, TotalEnergyConsumption),
		DEVICE(throttle_reasons, CurrentClocksThrottleReasons),
		DEVICE(event_reasons, CurrentClocksEventReasons),
		DEVICE(power_usage, PowerUsage),
		DEVICE(power_limit, EnforcedPowerLimit),
		DEVICE(fan_speed, FanSpeed),
		DEVICE(performance_state, PerformanceState),
		DEVICE(persistence_mode, PersistenceMode),
		DEVICE(pcie_replays, PcieReplayCounter),
		DEVICE(pcie_generation, CurrPcieLinkGeneration),
		DEVICE(pcie_width, CurrPcieLinkWidth),
		DEVICE(retired_pending, RetiredPagesPendingStatus),
		DEVICE(temperature, Temperature),
		DEVICE(temperature_threshold, TemperatureThreshold),
		DEVICE(clock, ClockInfo),
		DEVICE(pcie_throughput, PcieThroughput),
		DEVICE(utilization, UtilizationRates),
		DEVICE(memory, MemoryInfo),
		DEVICE(memory_v2, MemoryInfo_v2),
		DEVICE(bar1_memory, BAR1MemoryInfo),
		DEVICE(encoder, EncoderUtilization),
		DEVICE(decoder, DecoderUtilization),
		DEVICE(ecc_errors, TotalEccErrors),
		DEVICE(remapped_rows, RemappedRows),
		DEVICE(retired_pages, RetiredPages),
		DEVICE(violation, ViolationStatus),
		DEVICE(field_values, FieldValues),
		DEVICE(mig_mode, MigMode),
		DEVICE(mig_max, MaxMigDeviceCount),
		DEVICE(mig_handle, MigDeviceHandleByIndex),
		DEVICE(gpu_instance, GpuInstanceId),
		DEVICE(compute_instance, ComputeInstanceId),
		DEVICE(compute_v3, ComputeRunningProcesses_v3),
		DEVICE(compute_v2, ComputeRunningProcesses_v2),
		DEVICE(compute_v1, ComputeRunningProcesses),
		DEVICE(graphics_v3, GraphicsRunningProcesses_v3),
		DEVICE(graphics_v2, GraphicsRunningProcesses_v2),
		DEVICE(graphics_v1, GraphicsRunningProcesses),
		DEVICE(process_samples, ProcessUtilization),
		DEVICE(event_types, SupportedEventTypes),
		CALL(event_set, EventSetCreate),
		CALL(event_register, DeviceRegisterEvents),
		CALL(event_wait, EventSetWait_v2),
		{ 0 },
	};

	return lib_open_some("libnvidia-ml.so.1", symbols, optional, ret, ret_why);
}
