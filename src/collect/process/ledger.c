/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/process/ledger.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/varint.h"

enum { FORMAT = 1, COUNTERS = sizeof(struct process_used) / sizeof(uint64_t) };

/* Bounds what a damaged state can make us allocate. */
enum { ENTRIES_MAX = 4 << 20, GROUPS_MAX = 100000 };

enum { CYCLES_KEPT = 3 };

_Static_assert(COUNTERS == 8, "the state has eight counters of each");

static void put_used(struct buf *out, const struct process_used *used)
{
	const uint64_t *v = (const uint64_t *)used;

	for (size_t i = 0; i < COUNTERS; i++)
		varint_put(out, v[i]);
}

static bool take_used(struct str *rest, struct process_used *ret)
{
	uint64_t *v = (uint64_t *)ret;

	for (size_t i = 0; i < COUNTERS; i++)
		if (!varint_take(rest, &v[i]))
			return false;
	return true;
}

static bool take_group(struct str *rest, struct arena *arena, struct ledger_group *ret)
{
	struct str name;

	if (!varint_take_text(rest, &name))
		return false;
	ret->name = arena_str(arena, name);
	return varint_take(rest, &ret->active) && take_used(rest, &ret->sums);
}

static int compare(uint64_t id, uint64_t start, const struct ledger_entry *e)
{
	if (id != e->id)
		return id < e->id ? -1 : 1;
	return (start > e->start) - (start < e->start);
}

static bool take_entries(struct ledger *ledger, struct str *rest, bool same_rules)
{
	uint64_t n, step, group, tag, flags;

	if (!varint_take(rest, &n) || n > ENTRIES_MAX || n > rest->n)
		return false;
	ledger->before = arena_alloc(ledger->arena, (n ? n : 1) * sizeof(*ledger->before));
	for (uint64_t i = 0, id = 0; i < n; i++) {
		struct ledger_entry *e = &ledger->before[i];

		if (!varint_take(rest, &step) || !varint_take(rest, &e->start) ||
		    !varint_take(rest, &group) || !varint_take(rest, &tag) ||
		    !varint_take(rest, &flags) || !take_used(rest, &e->used))
			return false;
		id += step;
		e->id = id;
		if (i && compare(e->id, e->start, e - 1) <= 0)
			return false;
		e->group = group && group <= ledger->n_groups ? (uint32_t)(group - 1) : LEDGER_NONE;
		e->tag = same_rules ? (uint32_t)tag : (uint32_t)~tag;
		e->flags = (uint32_t)flags;
		e->dead = false;
		ledger->n_before++;
	}
	return rest->n == 0;
}

static bool parse(struct ledger *ledger, struct str rest, uint64_t boot, uint64_t rules)
{
	uint64_t format, was_boot, was_rules, n;

	if (!varint_take(&rest, &format) || format != FORMAT || !varint_take(&rest, &was_boot) ||
	    !varint_take(&rest, &was_rules) || !varint_take(&rest, &ledger->seen.load) ||
	    !varint_take(&rest, &ledger->seen.next) || !varint_take(&rest, &n) || n > GROUPS_MAX)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		ledger->groups = arena_grow(ledger->arena, ledger->groups, ledger->n_groups,
					    sizeof(*ledger->groups));
		if (!take_group(&rest, ledger->arena, &ledger->groups[ledger->n_groups]))
			return false;
		ledger->n_groups++;
	}
	if (!take_entries(ledger, &rest, was_rules == rules))
		return false;
	if (was_boot != boot) {
		ledger->n_before = 0;
		ledger->seen = (struct process_seen){ 0 };
	}
	return true;
}

void ledger_load(struct ledger *ledger, struct str text, uint64_t boot, uint64_t rules,
		 size_t limit, struct arena *arena)
{
	const struct ledger fresh = { .arena = arena, .limit = limit, .fresh = true };

	*ledger = fresh;
	if (parse(ledger, text, boot, rules))
		ledger->fresh = false;
	else
		*ledger = fresh;
}

/* The entry of a sorted array, or NULL. */
static struct ledger_entry *find(struct ledger_entry *v, size_t n, uint64_t id, uint64_t start)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int r = compare(id, start, &v[middle]);

		if (r == 0)
			return &v[middle];
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static int by_id(const void *a, const void *b)
{
	const struct ledger_entry *x = a;

	return compare(x->id, x->start, b);
}

static void sort_now(struct ledger *ledger)
{
	if (ledger->n_now)
		qsort(ledger->now, ledger->n_now, sizeof(*ledger->now), by_id);
}

/* Takes over who has vanished and of whom nobody has told yet how it ended. */
static void keep_vanished(struct ledger *ledger)
{
	size_t met = ledger->n_now;

	for (size_t i = 0; i < ledger->n_before; i++) {
		struct ledger_entry e = ledger->before[i];

		if (e.dead || e.flags & LEDGER_ROW || e.flags / LEDGER_AGE >= CYCLES_KEPT ||
		    find(ledger->now, met, e.id, e.start))
			continue;
		e.flags += LEDGER_AGE;
		ledger_note(ledger, e);
	}
	if (ledger->n_now > met)
		sort_now(ledger);
}

void ledger_save(struct ledger *ledger, uint64_t boot, uint64_t rules, struct buf *out)
{
	uint64_t n = 0, id = 0;

	sort_now(ledger);
	keep_vanished(ledger);

	varint_put(out, FORMAT);
	varint_put(out, boot);
	varint_put(out, rules);
	varint_put(out, ledger->seen.load);
	varint_put(out, ledger->seen.next);
	varint_put(out, ledger->n_groups);
	for (size_t i = 0; i < ledger->n_groups; i++) {
		const struct ledger_group *g = &ledger->groups[i];

		varint_put_text(out, g->name);
		varint_put(out, g->active);
		put_used(out, &g->sums);
	}
	for (size_t i = 0; i < ledger->n_now; i++)
		n += !ledger->now[i].dead;
	varint_put(out, n);
	for (size_t i = 0; i < ledger->n_now; i++) {
		const struct ledger_entry *e = &ledger->now[i];

		if (e->dead)
			continue;
		varint_put(out, e->id - id);
		varint_put(out, e->start);
		varint_put(out, e->group == LEDGER_NONE ? 0 : e->group + 1);
		varint_put(out, e->tag);
		varint_put(out, e->flags);
		put_used(out, &e->used);
		id = e->id;
	}
}

void ledger_forget(struct ledger *ledger, uint64_t oldest)
{
	_cleanup_arena_ struct arena scratch = { 0 };
	uint32_t *moved = arena_alloc(&scratch, (ledger->n_groups + 1) * sizeof(*moved));
	uint32_t kept = 0;

	for (size_t i = 0; i < ledger->n_before; i++) {
		const struct ledger_entry *e = &ledger->before[i];

		if (e->group != LEDGER_NONE && !(e->flags & LEDGER_ROW))
			ledger->groups[e->group].active = UINT64_MAX;
	}
	for (size_t i = 0; i < ledger->n_groups; i++) {
		moved[i] = ledger->groups[i].active >= oldest ? kept : LEDGER_NONE;
		if (moved[i] != LEDGER_NONE)
			ledger->groups[kept++] = ledger->groups[i];
	}
	for (size_t i = 0; kept < ledger->n_groups && i < ledger->n_before; i++) {
		struct ledger_entry *e = &ledger->before[i];

		if (e->group == LEDGER_NONE)
			continue;
		e->group = moved[e->group];
		if (e->group == LEDGER_NONE)
			e->tag = ~e->tag;
	}
	ledger->n_groups = kept;
}

/* No entry is of such a group: who is in one makes it active. */
static struct ledger_group *idle_group(const struct ledger *ledger)
{
	struct ledger_group *oldest = NULL;

	for (size_t i = 0; i < ledger->n_groups; i++)
		if (ledger->groups[i].active < ledger->idle &&
		    (!oldest || ledger->groups[i].active < oldest->active))
			oldest = &ledger->groups[i];
	return oldest;
}

uint32_t ledger_group(struct ledger *ledger, struct str name, bool always)
{
	struct ledger_group *place;

	for (size_t i = 0; i < ledger->n_groups; i++)
		if (str_eq(ledger->groups[i].name, name))
			return (uint32_t)i;
	place = ledger->n_groups >= ledger->limit && !always ? idle_group(ledger) : NULL;
	if (ledger->n_groups >= ledger->limit && !always && !place)
		return LEDGER_NONE;
	if (!place) {
		ledger->groups = arena_grow(ledger->arena, ledger->groups, ledger->n_groups,
					    sizeof(*ledger->groups));
		place = &ledger->groups[ledger->n_groups++];
	}
	*place = (struct ledger_group){
		.name = arena_str(ledger->arena, name),
		.active = UINT64_MAX,
	};
	return (uint32_t)(place - ledger->groups);
}

const struct ledger_entry *ledger_before(const struct ledger *ledger, uint64_t id, uint64_t start)
{
	return find(ledger->before, ledger->n_before, id, start);
}

void process_used_add(struct process_used *to, const struct process_used *more)
{
	uint64_t *a = (uint64_t *)to;
	const uint64_t *b = (const uint64_t *)more;

	for (size_t i = 0; i < COUNTERS; i++)
		a[i] += b[i];
}

/*
 * What grew. What fell (the context switches of threads that ended are gone from /proc, and so is
 * I/O that may not be read any more) adds nothing, and what follows counts from there.
 */
static void add_difference(struct process_used *to, const struct process_used *was,
			   const struct process_used *is)
{
	uint64_t *a = (uint64_t *)to;
	const uint64_t *b = (const uint64_t *)was, *c = (const uint64_t *)is;

	for (size_t i = 0; i < COUNTERS; i++)
		a[i] += c[i] > b[i] ? c[i] - b[i] : 0;
}

void ledger_note(struct ledger *ledger, struct ledger_entry entry)
{
	ledger->now = arena_grow(ledger->arena, ledger->now, ledger->n_now, sizeof(*ledger->now));
	ledger->now[ledger->n_now++] = entry;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * Between /proc and the iterator: only one of them has the switches of ended threads, and they
 * round times differently.
 */
static void change_reader(struct process_used *was, struct process_used *is)
{
	was->voluntary_switches = is->voluntary_switches;
	was->involuntary_switches = is->involuntary_switches;
	is->user_ns = most(was->user_ns, is->user_ns);
	is->system_ns = most(was->system_ns, is->system_ns);
}

void ledger_charge(struct ledger *ledger, struct ledger_entry entry)
{
	const struct ledger_entry *before = ledger_before(ledger, entry.id, entry.start);
	struct process_used was = { 0 };

	if (before) {
		was = before->used;
		if ((before->flags ^ entry.flags) & LEDGER_KERNEL)
			change_reader(&was, &entry.used);
	}
	if (entry.group != LEDGER_NONE)
		add_difference(&ledger->groups[entry.group].sums, &was, &entry.used);
	ledger_note(ledger, entry);
}

bool ledger_end(struct ledger *ledger, uint64_t id, uint64_t start, const struct process_used *used)
{
	/* The processes of this cycle were charged in the order of their numbers, before all rows.
	 */
	struct ledger_entry *entry = find(ledger->now, ledger->n_now, id, start);

	if (!entry)
		entry = find(ledger->before, ledger->n_before, id, start);
	if (!entry)
		return false;
	if (!entry->dead && entry->group != LEDGER_NONE)
		add_difference(&ledger->groups[entry->group].sums, &entry->used, used);
	entry->dead = true;
	return true;
}

void process_used_of(const struct process *process, struct process_used *ret)
{
	*ret = (struct process_used){
		.user_ns = process->user_ns,
		.system_ns = process->system_ns,
		.minor_faults = process->minor_faults,
		.major_faults = process->major_faults,
		.read_bytes = process->read_bytes,
		.write_bytes = process->write_bytes,
		.voluntary_switches = process->voluntary_switches,
		.involuntary_switches = process->involuntary_switches,
	};
}
