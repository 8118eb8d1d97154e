/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nvml_child.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { EVENTS_MAX = 64 };

bool nvml_ok(struct nvml_probe *p, int answer)
{
	if (answer == NVML_ERROR_GPU_IS_LOST || answer == NVML_ERROR_RESET_REQUIRED ||
	    answer == NVML_ERROR_UNINITIALIZED || answer == NVML_ERROR_DRIVER_NOT_LOADED)
		p->gpu->error = answer;
	if (answer == NVML_ERROR_UNKNOWN)
		p->failed = true;
	return answer == NVML_SUCCESS;
}

/* Notes a figure that can be one: the library says "not known" by the greatest number, too. */
static void put(struct nvml_probe *p, enum nvml_figure figure, uint64_t value)
{
	if (value == UINT32_MAX || value == UINT64_MAX)
		return;
	p->gpu->known |= UINT64_C(1) << figure;
	p->gpu->value[figure] = value;
}

static void put_percent(struct nvml_probe *p, enum nvml_figure figure, uint64_t value)
{
	if (value <= 100)
		put(p, figure, value);
}

static void get(struct nvml_probe *p, enum nvml_figure figure, nvml_get_u32 call)
{
	unsigned int value = 0;

	if (call && !p->gpu->error && nvml_ok(p, call(p->device, &value)))
		put(p, figure, value);
}

static void get_of(struct nvml_probe *p, enum nvml_figure figure, nvml_get_u32_of call, int of)
{
	unsigned int value = 0;

	if (call && !p->gpu->error && nvml_ok(p, call(p->device, of, &value)))
		put(p, figure, value);
}

static void get_u64(struct nvml_probe *p, enum nvml_figure figure, nvml_get_u64 call)
{
	unsigned long long value = 0;

	if (call && !p->gpu->error && nvml_ok(p, call(p->device, &value)))
		put(p, figure, value);
}

static void get_energy(struct nvml_probe *p, bool both)
{
	int64_t before = clock_ns(CLOCK_MONOTONIC);

	get_u64(p, NVML_TOTAL_ENERGY, p->calls->total_energy);
	p->gpu->energy_at_ns = before + (clock_ns(CLOCK_MONOTONIC) - before) / 2;
	if (both || !(p->gpu->known & UINT64_C(1) << NVML_TOTAL_ENERGY)) {
		before = clock_ns(CLOCK_MONOTONIC);
		get(p, NVML_POWER_USAGE, p->calls->power_usage);
	}
	if (!(p->gpu->known & UINT64_C(1) << NVML_TOTAL_ENERGY))
		p->gpu->energy_at_ns = before + (clock_ns(CLOCK_MONOTONIC) - before) / 2;
	get(p, NVML_POWER_LIMIT, p->calls->power_limit);
}

static void get_utilization(struct nvml_probe *p)
{
	struct nvml_utilization rates = { 0 };

	if (!p->calls->utilization || p->gpu->error ||
	    !nvml_ok(p, p->calls->utilization(p->device, &rates)))
		return;
	put_percent(p, NVML_GPU_UTIL, rates.gpu);
	put_percent(p, NVML_MEM_UTIL, rates.memory);
}

/* Version 2 keeps apart what the driver has for itself. */
static void get_memory(struct nvml_probe *p)
{
	struct nvml_memory_v2 v2 = { .version = NVML_MEMORY_V2 };
	struct nvml_memory v1 = { 0 };

	if (p->gpu->error)
		return;
	if (p->calls->memory_v2 && nvml_ok(p, p->calls->memory_v2(p->device, &v2))) {
		put(p, NVML_FB_TOTAL, v2.total);
		put(p, NVML_FB_FREE, v2.free);
		put(p, NVML_FB_USED, v2.used);
		put(p, NVML_FB_RESERVED, v2.reserved);
	} else if (p->calls->memory && nvml_ok(p, p->calls->memory(p->device, &v1))) {
		put(p, NVML_FB_TOTAL, v1.total);
		put(p, NVML_FB_FREE, v1.free);
		put(p, NVML_FB_USED, v1.used);
	}
}

static void get_bar1(struct nvml_probe *p)
{
	struct nvml_memory bar1 = { 0 };
	/* Total, free, used: the same order as that of the memory. */
	if (!p->calls->bar1_memory || p->gpu->error ||
	    !nvml_ok(p, p->calls->bar1_memory(p->device, &bar1)))
		return;
	put(p, NVML_BAR1_TOTAL, bar1.total);
	put(p, NVML_BAR1_FREE, bar1.free);
	put(p, NVML_BAR1_USED, bar1.used);
}

static void get_codecs(struct nvml_probe *p)
{
	unsigned int value = 0, period;

	if (p->calls->encoder && !p->gpu->error &&
	    nvml_ok(p, p->calls->encoder(p->device, &value, &period)))
		put_percent(p, NVML_ENC_UTIL, value);
	value = 0;
	if (p->calls->decoder && !p->gpu->error &&
	    nvml_ok(p, p->calls->decoder(p->device, &value, &period)))
		put_percent(p, NVML_DEC_UTIL, value);
}

static void get_ecc(struct nvml_probe *p)
{
	static const struct {
		enum nvml_figure figure;
		int type, counter;
	} rows[] = {
		{ NVML_ECC_SBE_VOLATILE, NVML_MEMORY_ERROR_CORRECTED, NVML_VOLATILE_ECC },
		{ NVML_ECC_DBE_VOLATILE, NVML_MEMORY_ERROR_UNCORRECTED, NVML_VOLATILE_ECC },
		{ NVML_ECC_SBE_AGGREGATE, NVML_MEMORY_ERROR_CORRECTED, NVML_AGGREGATE_ECC },
		{ NVML_ECC_DBE_AGGREGATE, NVML_MEMORY_ERROR_UNCORRECTED, NVML_AGGREGATE_ECC },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned long long value = 0;

		if (p->calls->ecc_errors && !p->gpu->error &&
		    nvml_ok(p,
			    p->calls->ecc_errors(p->device, rows[i].type, rows[i].counter, &value)))
			put(p, rows[i].figure, value);
	}
}

static void get_rows_and_pages(struct nvml_probe *p)
{
	unsigned int corrected = 0, uncorrected = 0, pending = 0, failure = 0;

	if (p->calls->remapped_rows && !p->gpu->error &&
	    nvml_ok(p, p->calls->remapped_rows(p->device, &corrected, &uncorrected, &pending,
					       &failure))) {
		put(p, NVML_ROWS_CORRECTABLE, corrected);
		put(p, NVML_ROWS_UNCORRECTABLE, uncorrected);
		put(p, NVML_ROWS_PENDING, pending);
		put(p, NVML_ROWS_FAILURE, failure);
	}
	/* Without room for addresses it tells how many there are. */
	for (int cause = NVML_PAGE_RETIREMENT_SBE; cause <= NVML_PAGE_RETIREMENT_DBE; cause++) {
		unsigned int n = 0;

		if (!p->calls->retired_pages || p->gpu->error)
			break;

		int answer = p->calls->retired_pages(p->device, cause, &n, NULL);

		if (nvml_ok(p, answer) || answer == NVML_ERROR_INSUFFICIENT_SIZE)
			put(p,
			    cause == NVML_PAGE_RETIREMENT_SBE ? NVML_RETIRED_SBE : NVML_RETIRED_DBE,
			    n);
	}
	get(p, NVML_RETIRED_PENDING, p->calls->retired_pending);
}

/* The figures stand in the order of the policies. */
static void get_violations(struct nvml_probe *p)
{
	for (int i = NVML_PERF_POLICY_POWER; i <= NVML_PERF_POLICY_RELIABILITY; i++) {
		struct nvml_violation violation = { 0 };

		if (p->calls->violation && !p->gpu->error &&
		    nvml_ok(p, p->calls->violation(p->device, i, &violation)))
			put(p, NVML_VIOLATION_POWER + (enum nvml_figure)i, violation.ns);
	}
}

static void get_rest(struct nvml_probe *p)
{
	const struct nvml_calls *c = p->calls;
	struct nvml_field_value memory_temp = { .field = NVML_FI_DEV_MEMORY_TEMP };

	get_of(p, NVML_SM_CLOCK, c->clock, NVML_CLOCK_SM);
	get_of(p, NVML_MEM_CLOCK, c->clock, NVML_CLOCK_MEM);
	get_of(p, NVML_VIDEO_CLOCK, c->clock, NVML_CLOCK_VIDEO);
	get_of(p, NVML_GPU_TEMP, c->temperature, NVML_TEMPERATURE_GPU);
	get_of(p, NVML_SLOWDOWN_TEMP, c->temperature_threshold,
	       NVML_TEMPERATURE_THRESHOLD_SLOWDOWN);
	get_of(p, NVML_SHUTDOWN_TEMP, c->temperature_threshold,
	       NVML_TEMPERATURE_THRESHOLD_SHUTDOWN);
	/* 0 where the memory has no sensor, which no memory in use is that cold to be. */
	if (c->field_values && !p->gpu->error &&
	    nvml_ok(p, c->field_values(p->device, 1, &memory_temp)) &&
	    nvml_ok(p, memory_temp.error) && memory_temp.value.u32)
		put(p, NVML_MEMORY_TEMP, memory_temp.value.u32);
	get(p, NVML_FAN_SPEED, c->fan_speed);
	get_codecs(p);
	get_memory(p);
	get_bar1(p);
	get(p, NVML_PCIE_REPLAYS, c->pcie_replays);
	get(p, NVML_PCIE_GENERATION, c->pcie_generation);
	get(p, NVML_PCIE_WIDTH, c->pcie_width);
	get(p, NVML_PSTATE, c->performance_state);
	if (p->gpu->value[NVML_PSTATE] == NVML_PSTATE_UNKNOWN)
		p->gpu->known &= ~(UINT64_C(1) << NVML_PSTATE);
	get_u64(p, NVML_THROTTLE_REASONS,
		c->event_reasons ? c->event_reasons : c->throttle_reasons);
	get_violations(p);
	get_ecc(p);
	get_rows_and_pages(p);
	get(p, NVML_PERSISTENCE, c->persistence_mode);
}

/* "NVIDIA A100-SXM4-40GB MIG 1g.5gb": the profile is what follows "MIG ". */
static void get_profile(struct nvml_probe *p, nvml_device device, struct nvml_mig *mig)
{
	char name[NVML_DEVICE_NAME_SIZE + 1] = "";

	if (!nvml_ok(p, p->calls->name(device, name, NVML_DEVICE_NAME_SIZE)))
		return;

	const char *at = strstr(name, "MIG ");

	(void)memccpy(mig->name, at ? at + 4 : name, 0, sizeof(mig->name) - 1);
}

static void get_part(struct nvml_probe *p, nvml_device device, struct nvml_mig *mig)
{
	struct nvml_gpu whole = { 0 };
	struct nvml_probe part = { p->child, p->calls, device, &whole, false };

	mig->gpu_instance = mig->compute_instance = UINT32_MAX;
	if (p->calls->gpu_instance)
		(void)nvml_ok(&part, p->calls->gpu_instance(device, &mig->gpu_instance));
	if (p->calls->compute_instance)
		(void)nvml_ok(&part, p->calls->compute_instance(device, &mig->compute_instance));
	(void)nvml_ok(&part, p->calls->uuid(device, mig->uuid, sizeof(mig->uuid) - 1));
	get_profile(&part, device, mig);
	get_memory(&part);
	mig->known = (uint32_t)(whole.known >> NVML_FB_TOTAL) & 0xf;
	memcpy(mig->value, &whole.value[NVML_FB_TOTAL], sizeof(mig->value));
}

/* The parts of a GPU that is divided. */
static void add_parts(struct nvml_probe *p)
{
	unsigned int mode = 0, pending = 0, n = 0;

	if (!p->calls->mig_mode || p->gpu->error ||
	    !nvml_ok(p, p->calls->mig_mode(p->device, &mode, &pending)))
		return;
	put(p, NVML_MIG_MODE, mode);
	if (!mode || !p->calls->mig_max || !p->calls->mig_handle ||
	    !nvml_ok(p, p->calls->mig_max(p->device, &n)))
		return;
	/* Numbers may be missing in between. */
	for (unsigned int i = 0; i < n && p->gpu->n_mig < NVML_MIG_MAX; i++) {
		nvml_device device = NULL;

		if (nvml_ok(p, p->calls->mig_handle(p->device, i, &device)))
			get_part(p, device, &p->gpu->mig[p->gpu->n_mig++]);
	}
}

static void sample(struct nvml_child *child, uint32_t i, struct nvml_shared *shared)
{
	struct nvml_snapshot *out = &shared->snapshot;
	struct nvml_gpu *gpu = &out->gpus[i];
	struct nvml_probe p = { child, &child->calls, child->gpus[i].device, gpu, false };
	uint32_t want = shared->want;

	*gpu = (struct nvml_gpu){ .index = i };
	memcpy(gpu->uuid, child->gpus[i].uuid, sizeof(gpu->uuid));
	memcpy(gpu->name, child->gpus[i].name, sizeof(gpu->name));
	memcpy(gpu->bus, child->gpus[i].bus, sizeof(gpu->bus));
	if (!p.device) {
		gpu->error = NVML_ERROR_GPU_IS_LOST;
		return;
	}
	if (want & (NVML_WANT_ENERGY | NVML_WANT_ALL))
		get_energy(&p, want & NVML_WANT_ALL);
	if (want & (NVML_WANT_USE | NVML_WANT_ALL))
		get_utilization(&p);
	if (want & NVML_WANT_ALL) {
		get_rest(&p);
		add_parts(&p);
	}
	if (want & NVML_WANT_PCIE) {
		get_of(&p, NVML_PCIE_TX, p.calls->pcie_throughput, NVML_PCIE_UTIL_TX_BYTES);
		get_of(&p, NVML_PCIE_RX, p.calls->pcie_throughput, NVML_PCIE_UTIL_RX_BYTES);
	}
	if (want & NVML_WANT_USE && !gpu->error)
		nvml_add_processes(&p, i, out);
	/* One that answers nothing at all is as good as lost, whatever it calls its error. */
	if (p.failed && !gpu->known)
		gpu->error = NVML_ERROR_UNKNOWN;
	if (child->gpus[i].watched)
		put(&p, NVML_XID, child->gpus[i].xid);
}

static void fail(struct nvml_child *child, struct nvml_shared *shared, int answer, const char *what)
{
	shared->error = answer == NVML_ERROR_DRIVER_NOT_LOADED ? -ENODATA
			: answer == NVML_ERROR_NO_PERMISSION   ? -EACCES
							       : -EIO;
	shared->stale = true;
	(void)snprintf(shared->why, sizeof(shared->why), "%s: %s", what,
		       child->calls.error_string(answer));
}

/* What an error was between two cycles is told by events only. */
static void watch(struct nvml_child *child, uint32_t i)
{
	const struct nvml_calls *c = &child->calls;
	unsigned long long types = 0;

	if (!child->events || c->event_types(child->gpus[i].device, &types) != NVML_SUCCESS ||
	    !(types & NVML_EVENT_XID_CRITICAL_ERROR))
		return;
	child->gpus[i].watched =
		c->event_register(child->gpus[i].device, NVML_EVENT_XID_CRITICAL_ERROR,
				  child->events) == NVML_SUCCESS;
}

static void hear(struct nvml_child *child)
{
	struct nvml_event event = { 0 };

	for (int n = 0; child->events && n < EVENTS_MAX; n++) {
		if (child->calls.event_wait(child->events, &event, 0) != NVML_SUCCESS)
			break;
		for (uint32_t i = 0; i < child->n_gpus; i++)
			if (child->gpus[i].device == event.device &&
			    event.type == NVML_EVENT_XID_CRITICAL_ERROR)
				child->gpus[i].xid = event.data;
	}
}

static void find(struct nvml_child *child, uint32_t i)
{
	const struct nvml_calls *c = &child->calls;
	struct nvml_pci_info pci = { 0 };
	nvml_device device = NULL;

	if (c->get_handle(i, &device) != NVML_SUCCESS || !device)
		return;
	child->gpus[i].device = device;
	(void)c->uuid(device, child->gpus[i].uuid, NVML_NAME_MAX - 1);
	(void)c->name(device, child->gpus[i].name, NVML_NAME_MAX - 1);
	if (c->pci_info && c->pci_info(device, &pci) == NVML_SUCCESS)
		memcpy(child->gpus[i].bus, pci.bus_id, sizeof(pci.bus_id) - 1);
	watch(child, i);
}

static bool start(struct nvml_child *child, struct nvml_shared *shared)
{
	struct nvml_calls *c = &child->calls;
	struct nvml_snapshot *out = &shared->snapshot;
	unsigned int n = 0;
	const char *why;
	int answer;

	if (nvml_load(c, &why) < 0) {
		shared->error = -ENODATA;
		shared->stale = true;
		(void)snprintf(shared->why, sizeof(shared->why), "%s", why);
		return false;
	}
	answer = c->init();
	if (answer == NVML_SUCCESS)
		answer = c->get_count(&n);
	if (answer != NVML_SUCCESS) {
		fail(child, shared, answer, "NVML");
		return false;
	}
	(void)c->driver_version(out->driver, NVML_VERSION_SIZE);
	(void)c->nvml_version(out->nvml, NVML_VERSION_SIZE);

	int cuda = 0;

	if (c->cuda_version && c->cuda_version(&cuda) == NVML_SUCCESS && cuda > 0)
		out->cuda = (uint32_t)cuda;
	child->n_gpus = n < NVML_GPUS_MAX ? n : NVML_GPUS_MAX;
	out->more_gpus = n - child->n_gpus;
	if (child->watch && c->event_set && c->event_types && c->event_register && c->event_wait &&
	    c->event_set(&child->events) != NVML_SUCCESS)
		child->events = NULL;
	for (uint32_t i = 0; i < child->n_gpus; i++)
		find(child, i);
	child->started = true;
	return true;
}

void nvml_child_task(void *memory, void *arg)
{
	struct nvml_shared *shared = memory;
	struct nvml_child *child = arg;
	struct nvml_snapshot *out = &shared->snapshot;

	shared->error = 0;
	shared->lost = false;
	out->n_processes = out->more_processes = 0;
	atomic_store(&shared->gpus_done, 0);
	atomic_store(&shared->processes_done, 0);
	atomic_store(&shared->at, NVML_AT_START);
	if (!child->started && !start(child, shared))
		return;
	hear(child);
	for (uint32_t i = 0; i < child->n_gpus; i++) {
		atomic_store(&shared->at, NVML_AT_GPU + i);
		sample(child, i, shared);
		shared->lost |= out->gpus[i].error != 0;
		atomic_store(&shared->processes_done, out->n_processes);
		atomic_store(&shared->gpus_done, i + 1);
	}
	atomic_store(&shared->at, NVML_AT_REST);
}
