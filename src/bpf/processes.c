/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading takes nothing away, so that any number of readers get the same. The records of the dead
 * are read one by one, for there are few new ones at a time; a record that is being written now is
 * left for the next time, and those behind it.
 */
#include "bpf/processes.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "bpf/call.h"
#include "host/process_record.h"

struct rows {
	struct arena *arena;
	struct process_totals *totals;
	uint64_t tick_ns;
};

static int lookup(int fd, uint32_t index, void *ret)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)fd,
		.key = (uintptr_t)&index,
		.value = (uintptr_t)ret,
	};

	return bpf_call(BPF_MAP_LOOKUP_ELEM, &attr);
}

/* A map that has values of this size, or none of this version's. */
static int map_of(const struct loaded_object *object, struct str name, size_t key, size_t value,
		  const struct spec_map **ret)
{
	const struct spec *spec = &object->spec;

	for (size_t i = 0; i < spec->n_maps; i++)
		if (str_eq(spec->maps[i].name, name)) {
			if (spec->maps[i].key_size != key || spec->maps[i].value_size != value)
				return -EPROTONOSUPPORT;
			*ret = &spec->maps[i];
			return object->maps[i];
		}
	return -EPROTONOSUPPORT;
}

static uint64_t to_tick(const struct rows *rows, uint64_t ns)
{
	return ns - ns % rows->tick_ns;
}

static struct process_dead dead_of(const struct process_record_dead *d, const struct rows *rows)
{
	const struct process_record *r = &d->record;
	struct process_dead dead = {
		.number = d->number,
		.start_ns = to_tick(rows, r->start_ns),
		.cgroup = r->cgroup,
		.pid = r->pid,
		.ppid = r->ppid,
		.uid = r->uid,
		.used = {
			.minor_faults = r->minor_faults,
			.major_faults = r->major_faults,
			.read_bytes = r->read_bytes,
			.write_bytes = r->write_bytes,
			.voluntary_switches = r->voluntary_switches,
			.involuntary_switches = r->involuntary_switches,
		},
	};

	process_record_times(r, &dead.used.user_ns, &dead.used.system_ns);
	memcpy(dead.comm, r->comm, sizeof(dead.comm));
	return dead;
}

enum slot { SLOT_READ, SLOT_LOST, SLOT_BUSY };

static enum slot slot_of(const struct process_record_dead *d, uint64_t number)
{
	if (d->number > number)
		return SLOT_LOST;
	return d->number == number && d->check == process_record_check(d) ? SLOT_READ : SLOT_BUSY;
}

/* Records [totals->seen.next, end). */
static int read_dead(int fd, uint64_t end, const struct rows *rows, struct process_totals *totals)
{
	uint64_t *next = &totals->seen.next;

	if (end > PROCESS_RECORD_DEAD && *next < end - PROCESS_RECORD_DEAD) {
		totals->lost = end - PROCESS_RECORD_DEAD - *next;
		*next = end - PROCESS_RECORD_DEAD;
	}
	totals->dead = arena_zalloc(rows->arena, end - *next, sizeof(*totals->dead));
	for (; *next < end; ++*next) {
		struct process_record_dead d;
		int r = lookup(fd, (uint32_t)(*next % PROCESS_RECORD_DEAD), &d);
		enum slot slot;

		if (r < 0)
			return r;
		slot = slot_of(&d, *next + 1);
		/* One that two have written at a time stays broken: do not wait for it for ever. */
		if (slot == SLOT_BUSY && end - *next < PROCESS_RECORD_DEAD / 2)
			break;
		if (slot == SLOT_READ)
			totals->dead[totals->n_dead++] = dead_of(&d, rows);
		else
			totals->lost++;
	}
	return 0;
}

static int add_row(void *arg, const void *key, const void *value, size_t n_cpus)
{
	struct rows *rows = arg;
	struct process_totals *t = rows->totals;
	struct process_record_kind kind;
	struct process_record_sum sum;

	(void)n_cpus;
	memcpy(&kind, key, sizeof(kind));
	memcpy(&sum, value, sizeof(sum));
	if (!sum.count)
		return 0;
	t->v = arena_grow(rows->arena, t->v, t->n, sizeof(*t->v));

	struct process_total *row = &t->v[t->n++];

	*row = (struct process_total){
		.kind = {
			.cgroup = kind.cgroup,
			.parent_start_ns = to_tick(rows, kind.parent_start_ns),
			.parent = kind.parent,
			.uid = kind.uid,
		},
		.sum = {
			.born_ns = sum.born_ns,
			.count = sum.count,
			.used = {
				.user_ns = sum.user_ns,
				.system_ns = sum.system_ns,
				.minor_faults = sum.minor_faults,
				.major_faults = sum.major_faults,
				.read_bytes = sum.read_bytes,
				.write_bytes = sum.write_bytes,
				.voluntary_switches = sum.voluntary_switches,
				.involuntary_switches = sum.involuntary_switches,
			},
		},
	};
	memcpy(row->kind.comm, kind.comm, sizeof(row->kind.comm));
	return 0;
}

int process_totals_read(const struct loaded_object *object, struct process_seen seen,
			struct arena *arena, struct process_totals *ret)
{
	struct process_totals t = { 0 };
	struct rows rows = {
		.arena = arena,
		.totals = &t,
		.tick_ns = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK),
	};
	const struct spec_map *map;
	struct process_record_state state;
	_cleanup_buf_ struct buf scratch = { 0 };
	int state_fd = map_of(object, STR("state"), 4, sizeof(state), &map);
	int dead_fd = map_of(object, STR("dead"), 4, sizeof(struct process_record_dead), &map);
	int fd = map_of(object, STR("totals"), sizeof(struct process_record_kind),
			sizeof(struct process_record_sum), &map);
	int r;

	if (state_fd < 0 || dead_fd < 0 || fd < 0)
		return state_fd < 0 ? state_fd : dead_fd < 0 ? dead_fd : fd;
	r = lookup(state_fd, 0, &state);
	if (r < 0)
		return r;
	t.known = state.load && seen.load == state.load && seen.next <= state.next;
	t.seen = (struct process_seen){ state.load, t.known ? seen.next : 0 };
	t.missed = state.missed;
	r = read_dead(dead_fd, state.next, &rows, &t);
	if (r == 0)
		r = loaded_each(fd, map, &scratch, add_row, &rows);
	if (r == 0)
		*ret = t;
	return r;
}
