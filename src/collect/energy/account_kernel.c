/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What groups did in each package, where the BPF object "cgroupcpu" counts it by CPU: v2 itself
 * tells one number for all CPUs. Only how a group's time divides is taken from here, so that it
 * does not matter when the object was loaded. What was counted last is kept in memory: a oneshot
 * knows nothing of it.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "bpf/loaded.h"
#include "collect/energy/account_internal.h"

struct kernel_row {
	uint64_t group;
	uint64_t *ns; /* by package */
};

struct kernel_rows {
	struct arena arena;
	size_t n;
	struct kernel_row *v; /* rising by group */
};

struct kernel_times {
	struct kernel_rows rows[2]; /* of this cycle and of the one before, in turn */
	unsigned turn;
	size_t packages;
	bool known; /* there are rows of the cycle before */
};

struct filling {
	const struct energy_cpus *cpus;
	struct kernel_rows *rows;
};

static int fill_row(void *arg, const void *key, const void *value, size_t n_cpus)
{
	const struct filling *filling = arg;
	const struct energy_cpus *cpus = filling->cpus;
	struct kernel_rows *rows = filling->rows;
	struct kernel_row row = { .ns = arena_zalloc(&rows->arena, cpus->n, sizeof(*row.ns)) };

	memcpy(&row.group, key, sizeof(row.group));
	for (size_t i = 0; i < n_cpus; i++) {
		uint64_t ns;

		memcpy(&ns, (const char *)value + i * sizeof(ns), sizeof(ns));
		row.ns[i < cpus->n_index ? cpus->index[i] : 0] += ns;
	}
	rows->v = arena_grow(&rows->arena, rows->v, rows->n, sizeof(*rows->v));
	rows->v[rows->n++] = row;
	return 0;
}

static int by_group(const void *a, const void *b)
{
	const struct kernel_row *x = a, *y = b;

	return (x->group > y->group) - (x->group < y->group);
}

static int read_map(const struct loaded_object *object, struct filling *filling)
{
	static const struct str name = STR("cgroup_cpu_seconds_total");
	_cleanup_buf_ struct buf scratch = { 0 };

	for (size_t i = 0; i < object->spec.n_maps; i++) {
		const struct spec_map *map = &object->spec.maps[i];

		if (str_eq(map->name, name) && map->key_size == sizeof(uint64_t) &&
		    map->value_size == sizeof(uint64_t) && object->maps[i] >= 0)
			return loaded_each(object->maps[i], map, &scratch, fill_row, filling);
	}
	return -ENOENT;
}

static int read_rows(const struct attribution *a, struct kernel_rows *rows)
{
	struct filling filling = { .cpus = &a->cpus, .rows = rows };
	const struct loaded_object *object;
	struct loaded set;
	int r = -ENOENT;

	arena_reset(&rows->arena);
	rows->v = NULL;
	rows->n = 0;
	if (loaded_open(a->c->host->pins, STR("cgroupcpu"), &set) == 0 &&
	    (object = loaded_find(&set, STR("cgroupcpu"))))
		r = read_map(object, &filling);
	loaded_close(&set);
	if (r == 0 && rows->n)
		qsort(rows->v, rows->n, sizeof(*rows->v), by_group);
	return r;
}

static const uint64_t *times_of(const struct kernel_rows *rows, uint64_t group)
{
	const struct kernel_row key = { .group = group };
	const struct kernel_row *found =
		rows->n ? bsearch(&key, rows->v, rows->n, sizeof(*rows->v), by_group) : NULL;

	return found ? found->ns : NULL;
}

static void release(void *block)
{
	struct kernel_times *times = block;

	arena_release(&times->rows[0].arena);
	arena_release(&times->rows[1].arena);
}

const uint64_t *energy_kernel_times(const struct attribution *a)
{
	static const char key;
	struct kernel_times *times;
	struct kernel_rows *now, *before;
	size_t n = a->cpus.n;
	uint64_t *ret;
	bool known;

	if (n < 2 || !a->groups || !a->c->host->pins || !host_is_live(a->c->host, HOST_PROC))
		return NULL;
	times = host_shared(a->c->host, &key, sizeof(*times), release);
	before = &times->rows[times->turn];
	now = &times->rows[times->turn ^= 1];
	known = times->known && times->packages == n;
	times->known = read_rows(a, now) == 0;
	times->packages = n;
	if (!known || !times->known)
		return NULL;
	ret = arena_zalloc(a->arena, a->n_groups * n, sizeof(*ret));
	for (size_t i = 0; i < a->n_groups; i++) {
		const uint64_t *is = times_of(now, a->groups->v[i].id);
		const uint64_t *was = times_of(before, a->groups->v[i].id);

		/* Less than before: it was loaded anew meanwhile. */
		for (size_t k = 0; is && k < n; k++)
			ret[i * n + k] = was && was[k] <= is[k] ? is[k] - was[k] : is[k];
	}
	return ret;
}
