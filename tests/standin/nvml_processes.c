/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the stand-in for NVML that tells of processes: see nvml.c. */
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "answers.h"

/* Entries of 16 bytes (version 1), 24, or 32: those of some drivers in between. */
static int get_processes(void *device, const char *what, unsigned int *n, char *ret, size_t size)
{
	struct line line;
	unsigned int found = 0, room = *n;
	int r = answer(number_of(device), what, &line);

	if (r != SUCCESS && r != NOT_SUPPORTED)
		return r;
	while (find(number_of(device), what, found, &line)) {
		unsigned int pid = (unsigned int)number(line.word[2]);
		unsigned long long memory =
			line.n > 3 && line.word[3][0] != '-' ? number(line.word[3]) : UINT64_MAX;
		unsigned int ids[2] = { UINT32_MAX, UINT32_MAX };

		for (int i = 0; i < 2 && line.n > 4 + i; i++)
			ids[i] = (unsigned int)number(line.word[4 + i]);
		if (found < room) {
			char *to = ret + found * size;

			memset(to, 0, size);
			memcpy(to, &pid, sizeof(pid));
			memcpy(to + 8, &memory, sizeof(memory));
			if (size > 16)
				memcpy(to + 16, ids, sizeof(ids));
		}
		found++;
	}
	*n = found;
	return found > room ? TOO_SMALL : SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses(void *device, unsigned int *n, void *ret)
{
	return get_processes(device, "compute", n, ret, 16);
}

int nvmlDeviceGetGraphicsRunningProcesses(void *device, unsigned int *n, void *ret)
{
	return get_processes(device, "graphics", n, ret, 16);
}

#ifndef STANDIN_OLD
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *n, void *ret)
{
	struct line line;

	return get_processes(device, "compute", n, ret, find(-1, "stride", 0, &line) ? 32 : 24);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned int *n, void *ret)
{
	struct line line;

	return get_processes(device, "graphics", n, ret, find(-1, "stride", 0, &line) ? 32 : 24);
}

int nvmlDeviceGetProcessUtilization(void *device, char *ret, unsigned int *n,
				    unsigned long long since_us)
{
	struct line line;
	struct timespec t;
	unsigned int found = 0;
	int r = answer(number_of(device), "ProcessUtilization", &line);

	if (r != SUCCESS)
		return r;
	(void)clock_gettime(CLOCK_REALTIME, &t);

	unsigned long long now =
		(unsigned long long)t.tv_sec * 1000000 + (unsigned long long)t.tv_nsec / 1000;

	if (now <= since_us)
		return NOT_FOUND;
	for (; find(number_of(device), "sample", found, &line); found++) {
		unsigned int v[4] = { 0 }, pid = (unsigned int)number(line.word[2]);
		char *to = ret + (size_t)found * 32;

		if (found >= *n)
			continue;
		for (int i = 0; i < 4 && line.n > 3 + i; i++)
			v[i] = (unsigned int)number(line.word[3 + i]);
		memset(to, 0, 32);
		memcpy(to, &pid, sizeof(pid));
		memcpy(to + 8, &now, sizeof(now));
		memcpy(to + 16, v, sizeof(v));
	}
	*n = found;
	return found ? SUCCESS : NOT_FOUND;
}
#endif
