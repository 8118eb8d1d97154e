/* SPDX-License-Identifier: Apache-2.0 */
/* One cycle of accounting, and the files it is made of. */
#pragma once

#include "collect/energy/account.h"
#include "collect/energy/ledger.h"
#include "collect/energy/settings.h"
#include "collect/process/table.h"

/* What the CPUs did since the last cycle, in ns of each package; at [n] of all together. */
struct energy_cpus {
	size_t n;          /* packages */
	int64_t *package;  /* their numbers, rising */
	uint64_t *busy_ns; /* user, nice, system, irq, softirq; not what was stolen */
	uint64_t *all_ns;  /* and idle */
	size_t n_index;    /* CPUs whose package is known, by number: */
	size_t *index;     /* ... which of these */
	size_t n_now;      /* what is counted from next time */
	struct ledger_cpu *now;
};

/* Which CPU is in which package; kept while the same CPUs are online. */
struct energy_topology {
	struct arena arena;
	struct str online;
	size_t n;
	int64_t *package; /* by CPU */
};

/* A consumer of which energy is known by itself, and what is accounted of it now. */
struct energy_consumer {
	enum energy_part part;
	size_t package;                      /* index in energy_cpus; its n: all of them */
	int gpu;                             /* number, or -1 */
	const struct meter_reading *reading; /* NULL: the model */
	struct ledger_source *ledger;
	uint64_t counted_uj; /* since it was accounted last */
	uint64_t energy_uj;  /* of that, what is accounted now */
	int64_t elapsed_ns;
};

/* A process, alive or dead, that did something: it has a part of what its group has. */
struct energy_user {
	uint32_t group;
	uint32_t process; /* index in the table, or UINT32_MAX: it is dead */
	struct str name;
	uint64_t cpu_ns, uj;
};

struct attribution {
	struct collect *c;
	struct arena *arena; /* lives until the next cycle */
	struct energy_topology *topology;
	struct energy_ledger ledger;
	struct energy_account *account;
	const struct meter *meter;
	enum energy_measure measure;
	int64_t at_ns, wall_ns;
	struct energy_cpus cpus;
	/* Groups: those of the table, or one root. */
	const struct cgroup_table *groups; /* NULL: there are none */
	size_t n_groups;
	size_t n_usage;          /* how many numbers the time of a group is */
	bool follows;            /* what their time was in the last cycle is known */
	struct ledger_row *rows; /* theirs: the ledger's of the next cycle */
	/* own_ns[group * (cpus.n + 1) + package]: what each did by itself, and all together. */
	uint64_t *own_ns;
	/* What each had by itself, by part. */
	uint64_t (*own_uj)[OWNED_PARTS];
	/* Processes. */
	const struct process_shared *table; /* NULL: not wanted, or not to be had */
	size_t n_now;                       /* the ledger's of the next cycle */
	struct ledger_process *now;
	struct process_seen seen;
	size_t n_users;
	struct energy_user *users;
	/* Consumers. */
	size_t n_consumers;
	struct energy_consumer *consumers;
	bool unreadable;            /* one of the host's, which was before */
	uint64_t host_uj, other_uj; /* of this cycle */
};

/* account_cpus.c */
int energy_read_cpus(struct attribution *a);

/* account_host.c: what measures the host, and what of it is accounted now. */
enum energy_measure energy_measured_by(const struct meter *meter);
/* False when the host's energy since the last cycle is not known. */
bool energy_count_host(struct attribution *a);
/* From where to count in the next cycle: after all was accounted, or given up. */
void energy_count_from_here(struct attribution *a, bool accounted);

/* account_groups.c */
int energy_read_groups(struct attribution *a);
void energy_weigh_groups(struct attribution *a);
/* The index of the nearest group at or above the path. */
size_t energy_group_at(const struct attribution *a, struct str path);

/*
 * account_kernel.c: what each group did by itself since the last cycle, at [group * cpus.n +
 * package], as BPF programs count it; or NULL. Of worth only as proportions.
 */
const uint64_t *energy_kernel_times(const struct attribution *a);

/* account_processes.c */
void energy_read_processes(struct attribution *a);
/*
 * Divides what the groups had of packages and DRAM among their processes. Returns what is of none
 * that is known.
 */
uint64_t energy_split_processes(struct attribution *a);

struct energy_divided {
	uint64_t idle_uj, nobody_uj;
};

/* What those had that used a GPU: into own_uj and the users; learns its idle power. */
void energy_split_gpu(struct attribution *a, const struct energy_consumer *gpu,
		      struct energy_divided *ret);

/* account_names.c: what the users had, and what nobody knows the name of. */
void energy_charge_names(struct attribution *a, uint64_t nameless_uj, int64_t elapsed_ns);
