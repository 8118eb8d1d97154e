/* SPDX-License-Identifier: Apache-2.0 */
/* process-exporter's families of groups. What nobody may read of any process is not told as 0. */
#include "collect/process/namedprocess.h"

#define PREFIX "namedprocess_namegroup_"

enum family_name {
	NUM_PROCS,
	NUM_THREADS,
	CPU,
	READ_BYTES,
	WRITE_BYTES,
	MAJOR_FAULTS,
	MINOR_FAULTS,
	SWITCHES,
	MEMORY,
	OPEN_FDS,
	FD_RATIO,
	OLDEST,
	STATES,
	FAMILIES,
};

static const struct metric_desc descs[FAMILIES] = {
	[NUM_PROCS] = { PREFIX "num_procs", "Processes of the group.", METRIC_GAUGE },
	[NUM_THREADS] = { PREFIX "num_threads", "Threads of the group's processes.", METRIC_GAUGE },
	[CPU] = { PREFIX "cpu_seconds_total", "CPU time that the group's processes used.",
		  METRIC_COUNTER },
	[READ_BYTES] = { PREFIX "read_bytes_total",
			 "Bytes that the group's processes had read from storage.",
			 METRIC_COUNTER },
	[WRITE_BYTES] = { PREFIX "write_bytes_total",
			  "Bytes that the group's processes had written to storage.",
			  METRIC_COUNTER },
	[MAJOR_FAULTS] = { PREFIX "major_page_faults_total",
			   "Page faults of the group's processes that waited for storage.",
			   METRIC_COUNTER },
	[MINOR_FAULTS] = { PREFIX "minor_page_faults_total",
			   "Page faults of the group's processes that needed no storage.",
			   METRIC_COUNTER },
	[SWITCHES] = { PREFIX "context_switches_total",
		       "How often threads of the group left their CPU.", METRIC_COUNTER },
	[MEMORY] = { PREFIX "memory_bytes", "Memory of the group's processes.", METRIC_GAUGE },
	[OPEN_FDS] = { PREFIX "open_filedesc", "Open files of the group's processes.",
		       METRIC_GAUGE },
	[FD_RATIO] = { PREFIX "worst_fd_ratio",
		       "Open files as a part of their limit, of the process nearest to it.",
		       METRIC_GAUGE },
	[OLDEST] = { PREFIX "oldest_start_time_seconds",
		     "When the group's oldest process was started, in Unix time.", METRIC_GAUGE },
	[STATES] = { PREFIX "states", "Processes of the group by what they do.", METRIC_GAUGE },
};

static const char *const state_names[NAMED_STATES] = {
	[NAMED_RUNNING] = "Running", [NAMED_SLEEPING] = "Sleeping", [NAMED_WAITING] = "Waiting",
	[NAMED_ZOMBIE] = "Zombie",   [NAMED_OTHER] = "Other",
};

struct told {
	struct metrics *out;
	struct family *families[FAMILIES];
	struct str name;
};

static void add(const struct told *t, enum family_name family, double value)
{
	family_add(t->families[family], METRIC_LABELS(t->out, { STR("groupname"), t->name }),
		   value);
}

static void add_kind(const struct told *t, enum family_name family, struct str label,
		     const char *kind, double value)
{
	family_add(t->families[family],
		   METRIC_LABELS(t->out, { STR("groupname"), t->name }, { label, str_of(kind) }),
		   value);
}

static void add_counters(const struct told *t, const struct named_group *g,
			 const struct process_used *sums)
{
	bool io = !g->processes || g->has & PROCESS_IO || sums->read_bytes || sums->write_bytes;

	add_kind(t, CPU, STR("mode"), "user", (double)sums->user_ns / 1e9);
	add_kind(t, CPU, STR("mode"), "system", (double)sums->system_ns / 1e9);
	if (io) {
		add(t, READ_BYTES, (double)sums->read_bytes);
		add(t, WRITE_BYTES, (double)sums->write_bytes);
	}
	add(t, MAJOR_FAULTS, (double)sums->major_faults);
	add(t, MINOR_FAULTS, (double)sums->minor_faults);
	add_kind(t, SWITCHES, STR("ctxswitchtype"), "voluntary", (double)sums->voluntary_switches);
	add_kind(t, SWITCHES, STR("ctxswitchtype"), "nonvoluntary",
		 (double)sums->involuntary_switches);
}

static void add_memory(const struct told *t, const struct named_group *g)
{
	static const struct str label = { "memtype", 7 };

	add_kind(t, MEMORY, label, "resident", (double)g->resident);
	add_kind(t, MEMORY, label, "virtual", (double)g->virtual);
	add_kind(t, MEMORY, label, "swapped", (double)g->swapped);
	if (!g->has_shares)
		return;
	add_kind(t, MEMORY, label, "proportionalResident", (double)g->shared_resident);
	add_kind(t, MEMORY, label, "proportionalSwapped", (double)g->shared_swapped);
}

static void add_group(const struct told *t, const struct named_group *g,
		      const struct process_used *sums, double boot)
{
	add(t, NUM_PROCS, (double)g->processes);
	add(t, NUM_THREADS, (double)g->threads);
	add_counters(t, g, sums);
	add_memory(t, g);
	if (!g->processes || g->has & PROCESS_FDS)
		add(t, OPEN_FDS, (double)g->fds);
	if (!g->processes || g->has & PROCESS_FD_LIMIT)
		add(t, FD_RATIO, g->worst_fd_ratio);
	if (g->processes && boot > 0)
		add(t, OLDEST, boot + (double)(g->oldest_ns / 10000000) / 100);
	for (int i = 0; i < NAMED_STATES; i++)
		add_kind(t, STATES, STR("state"), state_names[i], (double)g->states[i]);
}

void named_add_families(const struct named *named, double boot)
{
	struct told told = { .out = named->c->out };

	for (int i = 0; i < FAMILIES; i++)
		told.families[i] = metrics_family(told.out, &descs[i]);
	for (size_t i = 0; i < named->ledger.n_groups; i++) {
		told.name = named->ledger.groups[i].name;
		add_group(&told, &named->groups[i], &named->ledger.groups[i].sums, boot);
	}
}
