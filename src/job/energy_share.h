/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which part of what the host consumed while a job ran is the job's. What each kind of consumer
 * used comes in steps; now and then they are settled: its idle part is nobody's, of the rest the
 * job has as much as it did of all that was done. No files, no clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum job_energy_domain {
	JOB_ENERGY_CPU,
	JOB_ENERGY_DRAM,
	JOB_ENERGY_GPU,
	JOB_ENERGY_MACHINE, /* where nothing but the whole machine is measured */
	JOB_ENERGY_DOMAINS,
};

/* Each GPU has users of its own. */
enum { ENERGY_SHARE_GPUS = 64, ENERGY_SHARE_UNITS = JOB_ENERGY_DOMAINS + ENERGY_SHARE_GPUS };

extern const char *const job_energy_domains[JOB_ENERGY_DOMAINS];

/* One consumer: the first of them are the domains, where that of the GPUs stays empty. */
static inline size_t energy_share_gpu(size_t gpu)
{
	return JOB_ENERGY_DOMAINS + gpu;
}

struct energy_share_unit {
	bool there;
	bool learnt;      /* idle_uw is known; else it is the least that was seen */
	uint64_t idle_uw; /* UINT64_MAX: nothing was seen yet */
	/* Since the last settlement. */
	uint64_t uj;
	int64_t ns;
	/* All that was settled. */
	uint64_t dynamic_uj, idle_uj;
	uint64_t all_uj;
	int64_t all_ns;
	/* What is the job's of energy and of time: a guess of idle_uw that falls counts for the
	   past, too. */
	double own_uj, own_ns;
};

struct energy_share {
	struct energy_share_unit v[ENERGY_SHARE_UNITS];
};

/* What was done between two settlements, by the job and by all. */
struct energy_work {
	uint64_t own, all;
};

/* Idle power that was learnt before. */
void energy_share_learnt(struct energy_share *share, size_t unit, uint64_t idle_uw);

/* It consumed so much in so long a time. */
void energy_share_add(struct energy_share *share, size_t unit, uint64_t uj, int64_t ns);

void energy_share_settle(struct energy_share *share,
			 const struct energy_work work[ENERGY_SHARE_UNITS]);
