/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The energy of this cycle and of all before: the host's, its domains', and whose it was, by
 * control group and by process. One ledger, in the state; what is gone leaves what it had to its
 * parent group's row, so sums never fall.
 */
#pragma once

#include "collect/container/who.h"
#include "collect/energy/meter.h"

struct energy_ledger;

struct energy_row {
	uint32_t group;      /* index in the cgroup table */
	uint64_t cpu_uj[2];  /* total and of this cycle: packages and DRAM, with all groups below */
	uint64_t dram_uj[2]; /* that part of it */
	uint64_t gpu_uj[2];
};

struct energy_process {
	uint32_t pid;
	uint64_t start_ns;
	uint64_t delta_uj; /* of this cycle, all domains */
	uint64_t cpu_ns;   /* of this cycle */
};

/* What one package, its DRAM or a GPU consumes doing nothing. */
struct energy_idle {
	int part;    /* enum energy_part */
	int package; /* physical package, number of the GPU, or -1 */
	uint64_t idle_uw;
	bool learning; /* it is a guess yet */
};

struct energy_account {
	const char *source; /* what the host's energy is measured by: "psys", "rapl", "acpi",
			       "battery", "hwmon", "model"; NULL: not at all */
	bool known;         /* this cycle's difference is known */
	int64_t elapsed_ns;
	uint64_t host_uj[2];                                       /* total, and of this cycle */
	uint64_t idle_uj[2], attributed_uj[2], unattributed_uj[2]; /* sum up to the host's */
	uint64_t other_uj[2]; /* part of unattributed: the machine's beyond packages, DRAM, GPUs */
	int64_t balance_error_uj; /* of all levels; 0 */
	int64_t waiting_ns;       /* not known, but what was counted so far waits for the rest */
	bool unreadable;          /* one of the host's sources, not only for a while */
	bool learning;            /* some idle power is a guess yet */
	unsigned parts;           /* that are measured: 1 << enum energy_part */
	size_t n_idle;
	const struct energy_idle *idle;
	size_t n_rows;
	const struct energy_row *rows; /* groups that are alive, in the order of the table */
	size_t n_processes;
	const struct energy_process *processes; /* alive, falling by delta_uj */
	const struct container_table *containers;
	const struct meter *meter;
	const struct energy_ledger *ledger; /* collect/energy/ledger.h */
};

/* The account of this cycle, for all who want it; c->settings has the section of the collector. */
int energy_of_cycle(struct collect *c, const struct energy_account **ret);
