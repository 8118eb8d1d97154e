/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that a test lives through: energy zones of two packages, CPUs, control groups of either
 * version and processes, as files, with what is true of them beside. The collector `energy` runs
 * on it cycle by cycle.
 */
#pragma once

#include "unit.h"

#include "collect/energy/account.h"
#include "collect/energy/ledger.h"
#include "one-collector.h"

enum { WORLD_CPUS = 4, WORLD_GROUPS = 12, WORLD_PROCESSES = 16, WORLD_ZONES = 4 };

struct world_group {
	bool alive;
	int parent; /* index; 0 is the root */
	char path[128];
	uint64_t own_ns[WORLD_CPUS];  /* of its own processes, alive and dead */
	uint64_t gone_ns[WORLD_CPUS]; /* of groups below that are gone */
};

struct world_process {
	bool alive;
	int group;
	unsigned pid;
	uint64_t start, ticks;
};

struct world {
	struct one one;
	struct conf *conf;
	bool v1;
	uint64_t seed;
	int state_dir;
	struct world_group groups[WORLD_GROUPS];
	struct world_process processes[WORLD_PROCESSES];
	unsigned next_pid;
	uint64_t busy_ns[WORLD_CPUS], irq_ns[WORLD_CPUS], ticks;
	uint64_t raw_uj[WORLD_ZONES];
	bool broken[WORLD_ZONES], no_zones;
	uint64_t counted_uj; /* by all zones */
	unsigned wraps;
	const struct energy_account *account; /* of the last cycle */
};

/* Range of each zone: wraps often, and not within seconds at what a processor may consume. */
#define WORLD_RANGE_UJ UINT64_C(8000000000)

void world_start(struct world *w, bool v1, const char *settings);
void world_stop(struct world *w);
/* What a new agent has: the state, as it was written to disk. */
void world_restart(struct world *w);

uint64_t world_random(struct world *w);
/* 0 to n - 1. */
unsigned world_some(struct world *w, unsigned n);

int world_group_start(struct world *w, int parent, const char *name);
void world_group_end(struct world *w, int group);
void world_process_start(struct world *w, int group);
void world_process_end(struct world *w, int process);
/* CPU time in a group: of a process that stays, or of one that nobody sees (-1). */
void world_work(struct world *w, int group, int cpu, uint64_t ns, int process);
void world_consume(struct world *w, int zone, uint64_t uj);
/* Writes what has changed and runs the collector; account is set when there is one. */
int world_cycle(struct world *w);
/* The row of a group. */
const struct energy_row *world_row(const struct world *w, const char *path);
