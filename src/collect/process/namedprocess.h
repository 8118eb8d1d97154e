/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the collector namedprocess share. */
#pragma once

#include "collect/collector.h"
#include "collect/process/ledger.h"
#include "collect/process/rules.h"

struct named_conf {
	struct opt_map groups;
	bool children, other, kernel_threads, recheck, threads, shares;
	int64_t group_limit, keep_ns;
};

extern const struct opt_section section_namedprocess;

enum named_state {
	NAMED_RUNNING,
	NAMED_SLEEPING,
	NAMED_WAITING,
	NAMED_ZOMBIE,
	NAMED_OTHER,
	NAMED_STATES,
};

/* What the processes of a group are now. */
struct named_group {
	uint64_t processes, threads, fds;
	uint64_t resident, virtual, swapped, shared_resident, shared_swapped;
	uint64_t states[NAMED_STATES];
	uint64_t oldest_ns; /* start since boot */
	double worst_fd_ratio;
	uint32_t has; /* enum process_has: of at least one of them */
	bool has_shares;
};

/* One cycle. */
struct named {
	struct collect *c;
	const struct named_conf *conf;
	const struct rules *rules;
	const struct process_table *table;
	bool by_kernel; /* the table came from the iterator */
	struct ledger ledger;
	uint32_t *group;            /* of each process of the table, or LEDGER_NONE */
	uint32_t *flags;            /* enum ledger_flags */
	uint64_t crowded;           /* processes without a group of their own for lack of room */
	uint64_t partly_read;       /* processes of which not all could be read */
	struct named_group *groups; /* as many as the ledger has */
};

/* assign.c: fills group, flags and crowded. */
void named_assign(struct named *named);
/* The group of one that has ended unseen, by what is known of it; LEDGER_NONE: in none. */
uint32_t named_group_of_dead(struct named *named, const struct process *process,
			     uint64_t parent_start_ns);

/* dead.c: adds what those used that ended since the last cycle. */
void named_add_dead(struct named *named, const struct process_totals *totals);

/* families.c: tells of all groups. */
void named_add_families(const struct named *named, double boot);

/* threads.c: the families of threads. */
void named_add_threads(struct named *named, uint64_t boot, uint64_t now);
enum named_state named_state_of(char state);

/* The tick of a process's start: what both readers of the table agree on. */
static inline uint64_t named_start(uint64_t start_ns)
{
	return start_ns / 10000000;
}
