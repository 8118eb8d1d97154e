/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each control group did by itself. Its CPU time has in it that of all groups below, those
 * that are gone, too: so what nobody below did is its own, and of a group that came and went
 * between two cycles the group above it has the share.
 */
#include <errno.h>

#include "collect/energy/account_internal.h"

/* A group was made this long before it was first met, and is no older. */
#define NEW_NS (INT64_C(2) * 1000000000)

static const struct str root_path = { "/", 1 };

/* The nearest group at or above the path that there is. */
size_t energy_group_at(const struct attribution *a, struct str path)
{
	while (a->groups && path.n > 1) {
		const struct cgroup *found = cgroup_find(a->groups, path);

		if (found)
			return (size_t)(found - a->groups->v);
		while (path.n && path.p[path.n - 1] != '/')
			path.n--;
		path.n -= path.n > 1;
	}
	return 0;
}

/* From where the ledger counted: of the same group, and not of one that took its path. */
static const struct ledger_row *
row_before(const struct attribution *a, const struct ledger_row *before, const struct cgroup *group)
{
	return a->follows && before && before->has_usage && before->id == group->id ? before : NULL;
}

/* Whether all its time is of this interval, though nothing is known of it. */
static bool is_new(const struct attribution *a, const struct cgroup *group)
{
	return a->follows &&
	       (!group->created_ns || group->created_ns >= a->ledger.wall_ns - NEW_NS);
}

/* By package, where it is known by CPU; else all together. */
static void usage_of(const struct attribution *a, const struct cgroup *group, uint64_t *ret)
{
	const struct energy_cpus *cpus = &a->cpus;

	if (a->n_usage == 1)
		ret[0] = group->usage_ns;
	for (size_t i = 0; a->n_usage > 1 && i < a->groups->cpus; i++)
		ret[i < cpus->n_index ? cpus->index[i] : 0] += group->percpu_ns[i];
}

/* Rows of groups that are gone leave what they had to the nearest above. */
static void take_over(struct attribution *a, const struct ledger_row **ret_before)
{
	const struct energy_ledger *l = &a->ledger;

	for (size_t i = 0; i < l->n_rows; i++) {
		const struct ledger_row *row = &l->rows[i];
		size_t at = energy_group_at(a, row->path);

		for (int part = 0; part < OWNED_PARTS; part++)
			a->rows[at].own_uj[part] += row->own_uj[part];
		if (str_eq(a->rows[at].path, row->path))
			ret_before[at] = row;
	}
}

/* How many numbers a group's usage is: of each package only where all tell them. */
static size_t usage_numbers(const struct attribution *a)
{
	if (a->cpus.n < 2 || !a->groups || !a->groups->cpus)
		return 1;
	for (size_t i = 0; i < a->groups->n; i++)
		if (a->groups->v[i].has_cpu && !a->groups->v[i].percpu_ns)
			return 1;
	return a->cpus.n;
}

/*
 * Where only the sum is known, it is divided as BPF programs saw it (`times`, or NULL), else as the
 * packages were busy.
 */
static void spread(const struct attribution *a, const uint64_t *times, uint64_t *own)
{
	const struct energy_cpus *cpus = &a->cpus;
	uint64_t unused;

	for (size_t k = 0; times && k < cpus->n; k++) {
		if (times[k]) {
			split_whole(own[cpus->n], cpus->n, times, 0, own, &unused);
			return;
		}
	}

	/* Nobody has counted a tick yet. */
	if (!cpus->all_ns[cpus->n]) {
		own[0] = own[cpus->n];
		return;
	}
	split_whole(own[cpus->n], cpus->n, cpus->busy_ns[cpus->n] ? cpus->busy_ns : cpus->all_ns, 0,
		    own, &unused);
}

/* What the group did since, in numbers[]; has_usage, and usage, tell from where next time. */
static void since_before(struct attribution *a, size_t i, const struct ledger_row *before,
			 uint64_t *numbers)
{
	const struct cgroup *group = &a->groups->v[i];
	struct ledger_row *row = &a->rows[i];
	bool new = is_new(a, group);

	row->usage = arena_zalloc(a->arena, a->n_usage, sizeof(*row->usage));
	usage_of(a, group, row->usage);
	row->has_usage = true;
	before = row_before(a, before, group);
	for (size_t k = 0; k < a->n_usage; k++) {
		uint64_t is = row->usage[k], was = before ? before->usage[k] : new ? 0 : is;

		/* It can be set to 0 by who may write to it (v1); of one CPU alone it is not. */
		numbers[k] = is >= was ? is - was : a->n_usage > 1 ? 0 : is;
	}
}

static void weigh(struct attribution *a, const struct ledger_row *const *before)
{
	size_t n = a->n_usage, stride = a->cpus.n + 1;
	uint64_t *all = arena_zalloc(a->arena, a->n_groups * n, sizeof(*all));
	uint64_t *below = arena_zalloc(a->arena, a->n_groups * n, sizeof(*below));

	for (size_t i = a->n_groups; i-- > 0;) {
		const struct cgroup *group = &a->groups->v[i];
		uint64_t *own = &a->own_ns[i * stride];

		if (group->has_cpu)
			since_before(a, i, before[i], &all[i * n]);
		for (size_t k = 0; k < n; k++) {
			uint64_t *sum = &all[i * n + k], *under = &below[i * n + k];

			if (!group->has_cpu || *sum < *under)
				*sum = *under;
			if (n > 1)
				own[k] = *sum - *under;
			own[a->cpus.n] += *sum - *under;
			if (i)
				below[group->parent * n + k] += *sum;
		}
	}
}

int energy_read_groups(struct attribution *a)
{
	const struct container_table *containers = NULL;
	int r = containers_of_cycle(a->c, &containers);

	if (r < 0 && r != -ENODATA && r != -ENOENT)
		return r;
	if (r == 0 && containers->cgroups->n) {
		a->groups = containers->cgroups;
		a->account->containers = containers;
	}
	a->n_groups = a->groups ? a->groups->n : 1;
	a->n_usage = usage_numbers(a);
	a->follows = !a->ledger.fresh && a->ledger.boot == process_boot(a->c) &&
		     a->n_usage == a->ledger.n_usage;
	a->rows = arena_zalloc(a->arena, a->n_groups, sizeof(*a->rows));
	for (size_t i = 0; i < a->n_groups; i++) {
		a->rows[i].path = a->groups ? a->groups->v[i].path : root_path;
		a->rows[i].id = a->groups ? a->groups->v[i].id : 0;
	}
	a->own_ns = arena_zalloc(a->arena, a->n_groups * (a->cpus.n + 1), sizeof(*a->own_ns));
	a->own_uj = arena_zalloc(a->arena, a->n_groups, sizeof(*a->own_uj));
	return 0;
}

void energy_weigh_groups(struct attribution *a)
{
	const struct ledger_row **before =
		arena_zalloc(a->arena, a->n_groups, sizeof(struct ledger_row *));
	const uint64_t *times = a->n_usage == 1 ? energy_kernel_times(a) : NULL;
	size_t stride = a->cpus.n + 1, n = a->n_usage;
	uint64_t *root = a->own_ns;
	bool exact = a->groups && a->groups->trees & 1u << CGROUP_CPUACCT;

	take_over(a, before);
	if (a->groups)
		weigh(a, before);
	/*
	 * v2 knows nothing of what is in no group but the root, and calls stolen time its usage:
	 * of that, what single processes are known to have done is taken.
	 */
	if (!exact) {
		memset(root, 0, stride * sizeof(*root));
		for (size_t i = 0; i < a->n_users; i++)
			if (a->users[i].group == 0)
				root[a->cpus.n] += a->users[i].cpu_ns;
	}
	for (size_t i = 0; i < a->n_groups; i++)
		if (n == 1 || (i == 0 && !exact))
			spread(a, times ? &times[i * a->cpus.n] : NULL, &a->own_ns[i * stride]);
}
