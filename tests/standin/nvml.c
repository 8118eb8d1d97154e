/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for NVIDIA's libnvidia-ml.so.1, for tests only: the vendor's functions and layouts,
 * written from its documentation, without any GPU. What it answers stands in the text file that
 * NVML_STANDIN names, which is read anew for each call:
 *
 *	count 2				number of GPUs (the others: driver, nvml, cuda, stride)
 *	0 PowerUsage 71234		what GPU 0 answers to nvmlDeviceGetPowerUsage
 *	0 Temperature.0 41		... to a call with an argument
 *	1 FanSpeed error 3		an error; a line that is not there is error 3, not supported
 *	1 FanSpeed hang			never answers; "crash" ends the process, "wait PATH"
 *					makes that file and waits for a line "go 1"
 *	* Init error 9			a call that has no GPU; a GPU's line that begins with * is
 *all GPUs' 0 compute PID BYTES [GI CI]	a process; so with "graphics" 0 sample PID SM MEM ENC DEC
 *what one did, now 0 part GI CI UUID TOTAL FREE USED RESERVED NAME...
 *	0 xid 79			an event, told once
 *	random 7			nothing but nonsense, of that seed
 *
 * STANDIN_OLD leaves out what a driver of 2013 did not have.
 */
#include "answers.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static unsigned int events_told;

static int get_u32(const void *device, const char *what, unsigned int *ret)
{
	struct line line;
	int r = answer(number_of(device), what, &line);

	if (r == SUCCESS)
		*ret = (unsigned int)number(line.word[2]);
	return r;
}

static int get_u64(const void *device, const char *what, unsigned long long *ret)
{
	struct line line;
	int r = answer(number_of(device), what, &line);

	if (r == SUCCESS)
		*ret = number(line.word[2]);
	return r;
}

static int get_of(const void *device, const char *what, int of, unsigned int *ret)
{
	char with[64];

	(void)snprintf(with, sizeof(with), "%s.%d", what, of);
	return get_u32(device, with, ret);
}

static int get_text(const void *device, const char *what, char *ret, unsigned int size)
{
	struct line line;
	int r = answer(number_of(device), what, &line);

	return r == SUCCESS ? give(&line, 2, ret, size) : r;
}

static int get_version(const char *what, char *ret, unsigned int size)
{
	struct line line;

	return find(-1, what, 0, &line) ? give(&line, 1, ret, size) : NOT_SUPPORTED;
}

static int find_part(const void *device, struct line *ret)
{
	return find(number_of(device), "part", (unsigned int)part_of(device), ret) ? SUCCESS
										   : NOT_FOUND;
}

/* --- the vendor's names --- */

int nvmlInit_v2(void)
{
	struct line line;
	int r = answer(0, "Init", &line);

	return r == NOT_SUPPORTED ? SUCCESS : r;
}

const char *nvmlErrorString(int error)
{
	switch (error) {
	case 3:
		return "Not Supported";
	case 4:
		return "Insufficient Permissions";
	case 9:
		return "Driver Not Loaded";
	case 15:
		return "GPU is lost";
	case 18:
		return "Driver/library version mismatch";
	default:
		return "Unknown Error";
	}
}

int nvmlSystemGetDriverVersion(char *ret, unsigned int size)
{
	return get_version("driver", ret, size);
}

int nvmlSystemGetNVMLVersion(char *ret, unsigned int size)
{
	return get_version("nvml", ret, size);
}

int nvmlDeviceGetCount_v2(unsigned int *ret)
{
	struct line line;

	*ret = find(-1, "count", 0, &line) ? (unsigned int)number(line.word[1]) : 0;
	return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **ret)
{
	struct line line;
	int r = answer((int)index, "HandleByIndex", &line);

	if (index >= GPUS)
		return INVALID;
	*ret = &handles[index];
	return r == NOT_SUPPORTED ? SUCCESS : r;
}

int nvmlDeviceGetName(void *device, char *ret, unsigned int size)
{
	struct line line;

	if (part_of(device) < 0)
		return get_text(device, "Name", ret, size);

	int r = find_part(device, &line);

	return r == SUCCESS ? give(&line, 9, ret, size) : r;
}

int nvmlDeviceGetUUID(void *device, char *ret, unsigned int size)
{
	struct line line;

	if (part_of(device) < 0)
		return get_text(device, "UUID", ret, size);

	int r = find_part(device, &line);

	line.n = 5;
	return r == SUCCESS ? give(&line, 4, ret, size) : r;
}

#define U32(name)                                                 \
	int nvmlDeviceGet##name(void *device, unsigned int *ret); \
	int nvmlDeviceGet##name(void *device, unsigned int *ret)  \
	{                                                         \
		return get_u32(device, #name, ret);               \
	}
#define U64(name)                                                       \
	int nvmlDeviceGet##name(void *device, unsigned long long *ret); \
	int nvmlDeviceGet##name(void *device, unsigned long long *ret)  \
	{                                                               \
		return get_u64(device, #name, ret);                     \
	}
#define U32_OF(name)                                                      \
	int nvmlDeviceGet##name(void *device, int of, unsigned int *ret); \
	int nvmlDeviceGet##name(void *device, int of, unsigned int *ret)  \
	{                                                                 \
		return get_of(device, #name, of, ret);                    \
	}

U32(PowerUsage)
U32(FanSpeed)
U32(PerformanceState)
U32(PersistenceMode)
U32_OF(Temperature)
U32_OF(ClockInfo)

int nvmlDeviceGetUtilizationRates(void *device, unsigned int *ret)
{
	struct line line;
	int r = answer(number_of(device), "UtilizationRates", &line);

	if (r == SUCCESS) {
		ret[0] = (unsigned int)number(line.word[2]);
		ret[1] = line.n > 3 ? (unsigned int)number(line.word[3]) : 0;
	}
	return r;
}

/* Total, free, used: as both versions of 1 have it. */
static int get_memory(void *device, const char *what, unsigned long long *ret)
{
	struct line line;
	int r = answer(number_of(device), what, &line);

	for (int i = 0; r == SUCCESS && i < 3; i++)
		ret[i] = line.n > 2 + i ? number(line.word[2 + i]) : 0;
	return r;
}

int nvmlDeviceGetMemoryInfo(void *device, unsigned long long *ret)
{
	return get_memory(device, "MemoryInfo", ret);
}

int nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, unsigned long long *ret)
{
	char what[64];

	(void)snprintf(what, sizeof(what), "TotalEccErrors.%d.%d", type, counter);
	return get_u64(device, what, ret);
}

#ifndef STANDIN_OLD
U64(TotalEnergyConsumption)
U64(CurrentClocksThrottleReasons)
U32(EnforcedPowerLimit)
U32(PcieReplayCounter)
U32(CurrPcieLinkGeneration)
U32(CurrPcieLinkWidth)
U32(RetiredPagesPendingStatus)
U32_OF(TemperatureThreshold)
U32_OF(PcieThroughput)

int nvmlSystemGetCudaDriverVersion(int *ret)
{
	struct line line;

	*ret = find(-1, "cuda", 0, &line) ? (int)number(line.word[1]) : 0;
	return *ret ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetPciInfo_v3(void *device, char *ret)
{
	memset(ret, 0, 68);
	return get_text(device, "PciInfo", ret + 36, 32);
}

int nvmlDeviceGetMemoryInfo_v2(void *device, char *ret)
{
	struct line line;
	unsigned long long v[4];
	unsigned int version;
	int r, from = 2;

	memcpy(&version, ret, sizeof(version));
	if (version != 0x2000028)
		return 25;
	if (part_of(device) < 0) {
		r = answer(number_of(device), "MemoryInfo_v2", &line);
	} else {
		r = find_part(device, &line);
		from = 5;
	}
	if (r != SUCCESS)
		return r;
	/* In the file: total, free, used, reserved. */
	for (int i = 0; i < 4; i++)
		v[i] = line.n > from + i ? number(line.word[from + i]) : 0;
	memcpy(ret + 8, &v[0], 8);
	memcpy(ret + 16, &v[3], 8);
	memcpy(ret + 24, &v[1], 8);
	memcpy(ret + 32, &v[2], 8);
	return SUCCESS;
}

int nvmlDeviceGetBAR1MemoryInfo(void *device, unsigned long long *ret)
{
	return get_memory(device, "BAR1MemoryInfo", ret);
}

int nvmlDeviceGetEncoderUtilization(void *device, unsigned int *ret, unsigned int *ret_period)
{
	*ret_period = 167000;
	return get_u32(device, "EncoderUtilization", ret);
}

int nvmlDeviceGetDecoderUtilization(void *device, unsigned int *ret, unsigned int *ret_period)
{
	*ret_period = 167000;
	return get_u32(device, "DecoderUtilization", ret);
}

int nvmlDeviceGetRemappedRows(void *device, unsigned int *a, unsigned int *b, unsigned int *c,
			      unsigned int *d)
{
	struct line line;
	int r = answer(number_of(device), "RemappedRows", &line);

	if (r == SUCCESS && line.n == 6) {
		*a = (unsigned int)number(line.word[2]);
		*b = (unsigned int)number(line.word[3]);
		*c = (unsigned int)number(line.word[4]);
		*d = (unsigned int)number(line.word[5]);
	}
	return r;
}

int nvmlDeviceGetRetiredPages(void *device, int cause, unsigned int *n, unsigned long long *ret)
{
	unsigned int count = 0;
	int r = get_of(device, "RetiredPages", cause, &count);

	if (r != SUCCESS)
		return r;
	if (count > *n || (count && !ret)) {
		*n = count;
		return TOO_SMALL;
	}
	*n = count;
	return SUCCESS;
}

int nvmlDeviceGetViolationStatus(void *device, int policy, unsigned long long *ret)
{
	char what[64];

	(void)snprintf(what, sizeof(what), "ViolationStatus.%d", policy);
	ret[0] = 1;
	return get_u64(device, what, &ret[1]);
}

int nvmlDeviceGetFieldValues(void *device, int n, char *values)
{
	for (int i = 0; i < n; i++) {
		char *at = values + (size_t)i * 40;
		unsigned int field, value = 0, type = 1;

		memcpy(&field, at, sizeof(field));

		int r = get_of(device, "FieldValue", (int)field, &value);

		memcpy(at + 24, &type, sizeof(type));
		memcpy(at + 28, &r, sizeof(r));
		memcpy(at + 32, &value, sizeof(value));
	}
	return SUCCESS;
}

int nvmlDeviceGetMigMode(void *device, unsigned int *ret, unsigned int *ret_pending)
{
	int r = get_u32(device, "MigMode", ret);

	*ret_pending = r == SUCCESS ? *ret : 0;
	return r;
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned int *ret)
{
	(void)device;
	*ret = 7;
	return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned int index, void **ret)
{
	struct line line;

	*ret = &handles[GPUS + number_of(device) * PARTS + (int)index];
	return find_part(*ret, &line);
}

static int get_part_id(void *device, int word, unsigned int *ret)
{
	struct line line;
	int r = part_of(device) < 0 ? NOT_SUPPORTED : find_part(device, &line);

	if (r == SUCCESS)
		*ret = (unsigned int)number(line.word[word]);
	return r;
}

int nvmlDeviceGetGpuInstanceId(void *device, unsigned int *ret)
{
	return get_part_id(device, 2, ret);
}

int nvmlDeviceGetComputeInstanceId(void *device, unsigned int *ret)
{
	return get_part_id(device, 3, ret);
}

int nvmlEventSetCreate(void **ret)
{
	*ret = &events_told;
	return SUCCESS;
}

int nvmlDeviceGetSupportedEventTypes(void *device, unsigned long long *ret)
{
	struct line line;

	*ret = 0x1f;
	return answer(number_of(device), "SupportedEventTypes", &line);
}

int nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set)
{
	(void)device;
	return types == 8 && set == &events_told ? SUCCESS : INVALID;
}

int nvmlEventSetWait_v2(void *set, char *ret, unsigned int timeout_ms)
{
	unsigned long long type = 8, data;
	unsigned int seen = 0;
	struct line line;

	if (set != &events_told || timeout_ms)
		return INVALID;
	for (int gpu = 0; gpu < GPUS; gpu++)
		for (unsigned int i = 0; find(gpu, "xid", i, &line); i++) {
			char *device = &handles[gpu];

			if (seen++ < events_told)
				continue;
			events_told++;
			data = number(line.word[2]);
			memset(ret, 0xff, 32);
			memcpy(ret, &device, sizeof(device));
			memcpy(ret + 8, &type, sizeof(type));
			memcpy(ret + 16, &data, sizeof(data));
			return SUCCESS;
		}
	return TIMEOUT;
}
#endif
