/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process belongs to which group. Rules are asked once for each process, and again when it
 * has another name or user: an exec() moves it. Children that no rule wants follow their parents.
 */
#include "collect/process/namedprocess.h"

enum { ANCESTORS_MAX = 64 };

static const struct str others = { "other", 5 };

static uint32_t tag_of(const struct process *process)
{
	return (uint32_t)(str_hash(identity_comm(process)) ^ process->uid * UINT32_C(2654435761));
}

/* What is not told apart any more for lack of room is among the others. */
static uint32_t group_named(struct named *named, struct str name, uint32_t *flags)
{
	/* Names that are the same label are the same group. */
	uint32_t group = ledger_group(&named->ledger, arena_utf8(named->c->scratch, name), false);

	if (group != LEDGER_NONE)
		return group;
	*flags |= LEDGER_CROWDED;
	return ledger_group(&named->ledger, others, true);
}

static const struct ledger_entry *known(const struct named *named, const struct process *process)
{
	const struct ledger_entry *e =
		ledger_before(&named->ledger, process->pid, named_start(process->start_ns));
	bool room = named->ledger.n_groups < named->ledger.limit;

	if (!e || named->conf->recheck || e->tag != tag_of(process) ||
	    (e->flags & LEDGER_CROWDED && room))
		return NULL;
	return e;
}

/* By the rules alone. */
static uint32_t direct_group(struct named *named, const struct process *process, uint32_t *flags)
{
	const struct ledger_entry *e = known(named, process);
	struct identity who = {
		.host = named->c->host,
		.arena = named->c->scratch,
		.process = process,
	};
	struct str name;

	*flags = 0;
	if (process->kernel && !named->conf->kernel_threads)
		return LEDGER_NONE;
	if (e && e->flags & (LEDGER_INHERITED | LEDGER_OTHER))
		return LEDGER_NONE;
	if (e) {
		*flags = e->flags & LEDGER_CROWDED;
		return e->group;
	}
	return rules_match(named->rules, &who, &name) ? group_named(named, name, flags)
						      : LEDGER_NONE;
}

static const struct process *find(const struct process_table *table, uint32_t pid)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table->v[middle].pid == pid)
			return &table->v[middle];
		if (table->v[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static uint32_t group_of_ancestor(const struct named *named, uint32_t parent,
				  const uint32_t *direct)
{
	for (int i = 0; parent && i < ANCESTORS_MAX; i++) {
		const struct process *p = find(named->table, parent);

		if (!p)
			break;
		if (direct[p - named->table->v] != LEDGER_NONE)
			return direct[p - named->table->v];
		parent = p->ppid;
	}
	return LEDGER_NONE;
}

/* Of one that no rule wants. */
static uint32_t indirect_group(struct named *named, const struct process *process,
			       const uint32_t *direct, uint32_t *flags)
{
	const struct ledger_entry *e;
	uint32_t group = LEDGER_NONE;

	if (process->kernel && !named->conf->kernel_threads)
		return LEDGER_NONE;
	if (named->conf->children) {
		group = group_of_ancestor(named, process->ppid, direct);
		/* Its parent may be gone: it stays where it was. */
		e = ledger_before(&named->ledger, process->pid, named_start(process->start_ns));
		if (group == LEDGER_NONE && e && e->flags & LEDGER_INHERITED)
			group = e->group;
		if (group != LEDGER_NONE) {
			*flags = LEDGER_INHERITED;
			return group;
		}
	}
	if (!named->conf->other)
		return LEDGER_NONE;
	*flags = LEDGER_OTHER;
	return ledger_group(&named->ledger, others, true);
}

/* What may not be read of it now is as it was. */
static void fill_in(const struct named *named, const struct process *process,
		    struct ledger_entry *entry)
{
	const struct ledger_entry *before = ledger_before(&named->ledger, entry->id, entry->start);

	if (!before || process->has & PROCESS_IO)
		return;
	entry->used.read_bytes = before->used.read_bytes;
	entry->used.write_bytes = before->used.write_bytes;
}

void named_assign(struct named *named)
{
	const struct process_table *table = named->table;
	uint32_t *direct = arena_alloc(named->c->scratch, table->n * sizeof(*direct));

	named->group = arena_alloc(named->c->scratch, table->n * sizeof(*named->group));
	named->flags = arena_zalloc(named->c->scratch, table->n, sizeof(*named->flags));
	for (size_t i = 0; i < table->n; i++)
		direct[i] = direct_group(named, &table->v[i], &named->flags[i]);
	for (size_t i = 0; i < table->n; i++) {
		const struct process *p = &table->v[i];
		struct ledger_entry entry = {
			.id = p->pid,
			.start = named_start(p->start_ns),
			.tag = tag_of(p),
		};

		named->group[i] = direct[i] != LEDGER_NONE
					  ? direct[i]
					  : indirect_group(named, p, direct, &named->flags[i]);
		entry.group = named->group[i];
		entry.flags = named->flags[i] | (named->by_kernel ? LEDGER_KERNEL : 0);
		named->crowded += named->flags[i] & LEDGER_CROWDED ? 1 : 0;
		process_used_of(p, &entry.used);
		fill_in(named, p, &entry);
		ledger_charge(&named->ledger, entry);
	}
}

/* The parent may have ended, too: then it is where it was met last. */
static uint32_t group_of_parent(const struct named *named, uint32_t parent, uint64_t start_ns)
{
	const struct ledger_entry *e = ledger_before(&named->ledger, parent, named_start(start_ns));

	if (e && e->group != LEDGER_NONE)
		return e->group;
	return group_of_ancestor(named, parent, named->group);
}

uint32_t named_group_of_dead(struct named *named, const struct process *process,
			     uint64_t parent_start_ns)
{
	struct identity who = {
		.host = named->c->host,
		.arena = named->c->scratch,
		.process = process,
		.dead = true,
	};
	uint32_t group = LEDGER_NONE, flags = 0;
	struct str name;

	if (rules_match(named->rules, &who, &name))
		return group_named(named, name, &flags);
	if (named->conf->children && process->ppid)
		group = group_of_parent(named, process->ppid, parent_start_ns);
	if (group != LEDGER_NONE || !named->conf->other)
		return group;
	return ledger_group(&named->ledger, others, true);
}
