/* SPDX-License-Identifier: Apache-2.0 */
#include "job/energy_users.h"

#include <fcntl.h>

#include "base/file.h"
#include "host/nvml.h"
#include "host/process_parse.h"
#include "host/processes.h"

/* Deeper is nobody; and a chain that is read while processes end could be a ring. */
enum { GENERATIONS_MAX = 64 };

static uint32_t parent_of(uint32_t pid, struct arena *scratch)
{
	struct str name = arena_printf(scratch, "/proc/%u/stat", pid), text;
	struct process process;

	if (file_read(AT_FDCWD, name.p, 65536, scratch, &text) < 0 ||
	    !process_parse_stat(text, 1, &process))
		return 0;
	return process.ppid;
}

/* Orphans come to the watcher, so nobody of the job is anywhere else. We are, but use no GPU. */
static bool is_of_job(const struct energy_users *users, uint32_t pid, struct arena *scratch)
{
	for (int i = 0; pid > 1 && i < GENERATIONS_MAX; i++) {
		pid = parent_of(pid, scratch);
		if (pid == (uint32_t)users->watcher)
			return true;
	}
	return false;
}

void energy_users_add(struct energy_users *users, struct host *host, size_t gpu, int64_t ns,
		      struct arena *scratch)
{
	struct energy_work *work = &users->gpus[gpu];
	int32_t busy = nvml_busy_ppm(host, (uint32_t)gpu);
	uint64_t own = 0, all = 0, us = (uint64_t)ns / 1000;
	const struct nvml_use *uses;
	size_t n;

	if (nvml_uses(host, &uses, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		if (uses[i].gpu != gpu)
			continue;
		all += uses[i].busy_ppm;
		if (is_of_job(users, uses[i].pid, scratch))
			own += uses[i].busy_ppm;
	}
	if (busy > 0 && (uint64_t)busy > all)
		all = (uint64_t)busy;
	work->own += own * us;
	work->all += all * us;
}
