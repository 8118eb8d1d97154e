/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose all energy was that was ever accounted, and from where the next cycle's is counted. Each
 * microjoule of the host is in exactly one of: idle, unattributed, the row of one control group;
 * and each of the groups' rows in exactly one of: a name of processes, the other names, those that
 * are told no more. What a group had that is gone is its nearest living ancestor's. One value of
 * the state, so that there is no cycle in which one half of it is old.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "collect/energy/split.h"
#include "host/process_totals.h"

/* What consumed it. Packages are told without their DRAM here. */
enum energy_part { PART_CPU, PART_DRAM, PART_GPU, PART_OTHER, ENERGY_PARTS };
enum { OWNED_PARTS = PART_OTHER }; /* nobody has a part of what is neither of the first three */

enum energy_state { ENERGY_IDLE, ENERGY_ATTRIBUTED, ENERGY_UNATTRIBUTED, ENERGY_STATES };

/* What measures the host. */
enum energy_measure {
	MEASURE_PSYS,
	MEASURE_RAPL,
	MEASURE_ACPI,
	MEASURE_BATTERY,
	MEASURE_HWMON,
	MEASURE_GPU,
	MEASURE_MODEL,
	ENERGY_MEASURES,
	MEASURE_NONE = ENERGY_MEASURES,
};

const char *energy_measure_name(enum energy_measure measure); /* "psys", ...: label source */

/* How far a source has been accounted. */
struct ledger_source {
	uint64_t id; /* hash */
	uint64_t total_uj;
	int64_t at_ns;
	bool met; /* in this cycle */
	struct baseline baseline;
};

struct ledger_cpu {
	uint32_t cpu;
	uint64_t busy, all; /* ticks */
};

struct ledger_row {
	struct str path;
	uint64_t id;                  /* of the group's directory */
	uint64_t own_uj[OWNED_PARTS]; /* without the groups below */
	bool has_usage;               /* it is known from where to count: */
	uint64_t *usage;              /* ns, n_usage of them: by package, or all together */
};

struct ledger_name {
	struct str name;
	uint64_t uj;   /* since it is shown */
	uint64_t heat; /* what it had lately */
	bool shown;
};

/* A process by its number and start in ticks; or a row of those that nobody saw alive. */
struct ledger_process {
	uint64_t id, start;
	uint64_t cpu_ns, uj;
};

struct energy_ledger {
	struct arena *arena;
	bool fresh; /* nothing is known of the past */
	uint64_t boot;
	int64_t at_ns;   /* CLOCK_MONOTONIC of what it was counted up to */
	int64_t wall_ns; /* the same by the clock on the wall */
	uint64_t host_uj[ENERGY_MEASURES];
	uint64_t state_uj[ENERGY_PARTS][ENERGY_STATES];
	double carbon_grams, cost;
	uint64_t other_uj, gone_uj;
	bool has_processes; /* from where to count processes is known */
	struct process_seen seen;
	size_t n_usage;
	size_t n_sources, n_cpus, n_rows, n_names, n_processes;
	struct ledger_source *sources;
	struct ledger_cpu *cpus; /* rising */
	struct ledger_row *rows; /* parents before children; the root is first */
	struct ledger_name *names;
	struct ledger_process *processes; /* rising by id and start */
};

/* Its key in the host's state. What was only guessed is never added to what was measured. */
struct str energy_ledger_key(bool model);

/* Reads what ledger_save() wrote; anything else makes it fresh. */
void energy_ledger_load(struct energy_ledger *ledger, struct str text, struct arena *arena);
void energy_ledger_save(struct energy_ledger *ledger, struct buf *out);

/* The source's entry; a new one is made, with at_ns 0. */
struct ledger_source *energy_ledger_source(struct energy_ledger *ledger, uint64_t id);
const struct ledger_cpu *energy_ledger_cpu(const struct energy_ledger *ledger, uint32_t cpu);
const struct ledger_process *energy_ledger_process(const struct energy_ledger *ledger, uint64_t id,
						   uint64_t start);
void energy_ledger_sort_processes(struct energy_ledger *ledger);

uint64_t energy_ledger_host(const struct energy_ledger *ledger);
uint64_t energy_ledger_state(const struct energy_ledger *ledger, enum energy_state state);
/* How many microjoules are missing or too many, over all levels: 0. */
uint64_t energy_ledger_error(const struct energy_ledger *ledger);
