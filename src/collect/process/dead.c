/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that ended between two cycles. Of one that was met before, only what it used since then
 * is new; where it was, it pays. Nobody knows the command line of one that was never met: rules
 * that ask for it pass it by, and its parent's group takes it.
 */
#include "collect/process/namedprocess.h"

enum { KTHREADD = 2 };

static void pay(struct named *named, uint32_t group, const struct process_used *used)
{
	if (group == LEDGER_NONE)
		return;
	process_used_add(&named->ledger.groups[group].sums, used);
	named->ledger.groups[group].active = UINT64_MAX;
}

static void add_one(struct named *named, const struct process_dead *dead)
{
	struct process process = {
		.pid = dead->pid,
		.ppid = dead->ppid,
		.uid = dead->uid,
		.start_ns = dead->start_ns,
		.cgroup = dead->cgroup,
	};

	if (ledger_end(&named->ledger, dead->pid, named_start(dead->start_ns), &dead->used))
		return;
	if ((dead->ppid == KTHREADD || dead->pid == KTHREADD) && !named->conf->kernel_threads)
		return;
	memcpy(process.comm, dead->comm, sizeof(process.comm));
	pay(named, named_group_of_dead(named, &process, 0), &dead->used);
}

/* Above all process numbers, so that rows come after them. */
static uint64_t id_of(const struct process_kind *kind)
{
	return str_hash((struct str){ (const char *)kind, sizeof(*kind) }) | UINT64_C(1) << 63;
}

/* The row of all kinds for which there was no row: nothing is known of who is in it. */
static bool is_rest(const struct process_kind *kind)
{
	static const struct process_kind rest;

	return memcmp(kind, &rest, sizeof(rest)) == 0;
}

static void add_row(struct named *named, const struct process_total *total, bool known)
{
	const struct process_kind *kind = &total->kind;
	struct process process = {
		.ppid = kind->parent,
		.uid = kind->uid,
		.cgroup = kind->cgroup,
	};
	struct ledger_entry entry = {
		.id = id_of(kind),
		.start = total->sum.born_ns,
		.flags = LEDGER_ROW,
		.used = total->sum.used,
	};
	const struct ledger_entry *before = ledger_before(&named->ledger, entry.id, entry.start);

	entry.group = LEDGER_NONE;
	memcpy(process.comm, kind->comm, sizeof(process.comm));
	/* Nothing that ended before we first looked is ours. */
	if (!known || (before && memcmp(&before->used, &entry.used, sizeof(entry.used)) == 0)) {
		ledger_note(&named->ledger, entry);
		return;
	}
	if (is_rest(kind))
		entry.group = ledger_group(&named->ledger, STR("other"), true);
	else if (kind->parent != KTHREADD || named->conf->kernel_threads)
		entry.group = named_group_of_dead(named, &process, kind->parent_start_ns);
	ledger_charge(&named->ledger, entry);
	if (entry.group != LEDGER_NONE)
		named->ledger.groups[entry.group].active = UINT64_MAX;
}

void named_add_dead(struct named *named, const struct process_totals *totals)
{
	for (size_t i = 0; totals->known && i < totals->n_dead; i++)
		add_one(named, &totals->dead[i]);
	for (size_t i = 0; i < totals->n; i++)
		add_row(named, &totals->v[i], totals->known);
	named->ledger.seen = totals->seen;
}
