/* SPDX-License-Identifier: Apache-2.0 */
/* Who uses the GPUs: a job's part of each is its processes' part of the time in which it worked. */
#pragma once

#include <sys/types.h>

#include "host/host.h"
#include "job/energy_share.h"

struct energy_users {
	pid_t watcher; /* the job is below it */
	struct energy_work gpus[ENERGY_SHARE_GPUS];
};

/* Adds what was done on a GPU since the host's cycle before. */
void energy_users_add(struct energy_users *users, struct host *host, size_t gpu, int64_t ns,
		      struct arena *scratch);
