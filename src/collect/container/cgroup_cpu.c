/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time, its limits, pressure and tasks of a group. What cgroups_of_cycle() has read already
 * is not read again; the quota's counters are, but only of groups that have a quota.
 */
#include "collect/container/cgroup.h"

#include "base/file.h"

static const double us_per_second = 1e6, ns_per_second = 1e9;

static const struct cgroup_key quota_v2[] = {
	{ STR("nr_periods"), FAMILY_CFS_PERIODS, 0 },
	{ STR("nr_throttled"), FAMILY_CFS_THROTTLED, 0 },
	{ STR("throttled_usec"), FAMILY_CFS_THROTTLED_SECONDS, 1e6 },
	{ STR("nr_bursts"), FAMILY_CFS_BURSTS, 0 },
	{ STR("burst_usec"), FAMILY_CFS_BURST_SECONDS, 1e6 },
};

static const struct cgroup_key quota_v1[] = {
	{ STR("nr_periods"), FAMILY_CFS_PERIODS, 0 },
	{ STR("nr_throttled"), FAMILY_CFS_THROTTLED, 0 },
	{ STR("throttled_time"), FAMILY_CFS_THROTTLED_SECONDS, 1e9 },
	{ STR("nr_bursts"), FAMILY_CFS_BURSTS, 0 },
	{ STR("burst_time"), FAMILY_CFS_BURST_SECONDS, 1e9 },
};

static void add_usage(struct cgroup_reader *r, struct str cpu, uint64_t time_ns)
{
	const struct label label = { STR("cpu"), cpu };

	family_add(r->family[FAMILY_CPU_USAGE], container_labels(r->c, r->container, 1, &label),
		   (double)time_ns / ns_per_second);
}

static void add_times(struct cgroup_reader *r)
{
	const struct cgroup *group = r->group;

	if (!group->has_cpu)
		return;
	cgroup_add(r, FAMILY_CPU_USER, (double)group->user_ns / ns_per_second);
	cgroup_add(r, FAMILY_CPU_SYSTEM, (double)group->system_ns / ns_per_second);
	if (!group->percpu_ns || !r->conf->percpu) {
		add_usage(r, STR("total"), group->usage_ns);
		return;
	}
	for (size_t i = 0; i < r->table->cpus; i++) {
		char name[16] = "cpu0";
		size_t n = 3 + (i < 10);

		/* As cAdvisor: a CPU it never ran on has no series. */
		if (!group->percpu_ns[i])
			continue;
		n += num_print_u64(name + n, i);
		add_usage(r, (struct str){ name, n }, group->percpu_ns[i]);
	}
}

static void add_quota(struct cgroup_reader *r, int dir, const struct cgroup_key *keys, size_t n)
{
	uint64_t values[ARRAY_SIZE(quota_v2)];
	struct str text;

	if (cgroup_text(r, dir, "cpu.stat", &text) == 0)
		cgroup_add_keys(r, keys, n, cgroup_keys(text, keys, n, values), values);
}

/* The inverse of how runtimes make weights of 1 to 10000 from shares of 2 to 262144. */
static double shares_of_weight(uint64_t weight)
{
	/* 0 is what a group with cpu.idle reads as. */
	return weight < 1 ? 2 : (double)(2 + (weight - 1) * 262142 / 9999);
}

static void add_v2(struct cgroup_reader *r, int dir)
{
	const struct cgroup_limits *limits = &r->limits;

	if (!limits->has_cpu)
		return;
	cgroup_add(r, FAMILY_SPEC_CPU_PERIOD, (double)limits->period);
	if (limits->has_weight && limits->weight <= 10000)
		cgroup_add(r, FAMILY_SPEC_CPU_SHARES, shares_of_weight(limits->weight));
	if (limits->quota == CGROUP_UNLIMITED)
		return;
	cgroup_add(r, FAMILY_SPEC_CPU_QUOTA, (double)limits->quota);
	/* Of all counters these alone are not those of the groups below as well. */
	add_quota(r, r->quota_inside ? r->inner_v2 : dir, quota_v2, ARRAY_SIZE(quota_v2));
}

static void add_v1(struct cgroup_reader *r)
{
	_cleanup_fd_ int dir = cgroup_open(r->c->host, r->group, CGROUP_CPU);
	uint64_t quota;

	if (dir < 0)
		return;
	cgroup_add_number(r, dir, "cpu.shares", FAMILY_SPEC_CPU_SHARES);
	/* No file at the root of old kernels. */
	if (!cgroup_limit(dir, "cpu.cfs_quota_us", &quota))
		return;
	cgroup_add_number(r, dir, "cpu.cfs_period_us", FAMILY_SPEC_CPU_PERIOD);
	if (quota == CGROUP_UNLIMITED)
		return;
	cgroup_add(r, FAMILY_SPEC_CPU_QUOTA, (double)quota);
	add_quota(r, dir, quota_v1, ARRAY_SIZE(quota_v1));
}

void cgroup_add_cpu(struct cgroup_reader *r, int v2)
{
	add_times(r);
	if (r->group->trees & 1u << CGROUP_CPU)
		add_v1(r);
	else if (cgroup_has_v2(r, v2, CGROUP_CPU))
		add_v2(r, v2);
}

static const struct {
	const char *file;
	enum cgroup_family some, full;
} pressures[] = {
	{ "cpu.pressure", FAMILY_PRESSURE_CPU_WAITING, FAMILY_PRESSURE_CPU_STALLED },
	{ "memory.pressure", FAMILY_PRESSURE_MEMORY_WAITING, FAMILY_PRESSURE_MEMORY_STALLED },
	{ "io.pressure", FAMILY_PRESSURE_IO_WAITING, FAMILY_PRESSURE_IO_STALLED },
};

static void add_total(struct cgroup_reader *r, struct str line, enum cgroup_family family)
{
	struct str word;
	uint64_t total;

	while (str_word(&line, &word))
		if (str_starts(word, STR("total=")) && num_u64(str_skip(word, 6), &total) == 0)
			cgroup_add(r, family, (double)total / us_per_second);
}

void cgroup_add_pressure(struct cgroup_reader *r, int v2)
{
	struct str text, line;

	for (size_t i = 0; v2 >= 0 && i < ARRAY_SIZE(pressures); i++) {
		/* EOPNOTSUPP: psi=0, or switched off for the group. */
		if (cgroup_text(r, v2, pressures[i].file, &text) < 0)
			continue;
		while (str_line(&text, &line)) {
			if (str_starts(line, STR("some ")))
				add_total(r, line, pressures[i].some);
			/* Of the whole host, "full" of cpu means nothing and is always 0. */
			else if (str_starts(line, STR("full ")) && (!r->root || i > 0))
				add_total(r, line, pressures[i].full);
		}
	}
}

static bool count_processes(const struct cgroup_reader *r, const struct cgroup *group, size_t *n)
{
	enum cgroup_tree tree = group->trees & 1u << CGROUP_V2 ? CGROUP_V2 : CGROUP_PIDS;
	_cleanup_fd_ int dir = cgroup_open(r->c->host, group, tree);
	struct str text;

	if (dir < 0 || file_read(dir, "cgroup.procs", FILE_MAX, r->c->scratch, &text) < 0)
		return false;
	for (size_t i = 0; i < text.n; i++)
		*n += text.p[i] == '\n';
	return true;
}

/* What is within a container has no series of its own; it follows in the table. */
static void add_processes(struct cgroup_reader *r)
{
	size_t index = (size_t)(r->group - r->table->v), n = 0;

	if (!count_processes(r, r->group, &n))
		return;
	for (size_t i = index + 1; r->container->id.n && i < r->table->n; i++) {
		if (r->table->v[i].parent < index)
			break;
		if (r->container[i - index].nested)
			(void)count_processes(r, &r->table->v[i], &n);
	}
	cgroup_add(r, FAMILY_PROCESSES, (double)n);
}

static void add_threads_max(struct cgroup_reader *r, int dir, bool is_v2)
{
	uint64_t most, inner;

	if (!cgroup_limit(dir, "pids.max", &most))
		return;
	if (is_v2 && cgroup_has_inner(r, CGROUP_PIDS) &&
	    cgroup_limit(r->inner_v2, "pids.max", &inner) && inner < most)
		most = inner;
	cgroup_add(r, FAMILY_THREADS_MAX, most == CGROUP_UNLIMITED ? 0 : (double)most);
}

void cgroup_add_pids(struct cgroup_reader *r, int v2)
{
	_cleanup_fd_ int v1 = cgroup_open(r->c->host, r->group, CGROUP_PIDS);

	if (v1 >= 0 || cgroup_has_v2(r, v2, CGROUP_PIDS)) {
		int dir = v1 >= 0 ? v1 : v2;

		cgroup_add_number(r, dir, "pids.current", FAMILY_THREADS);
		add_threads_max(r, dir, v1 < 0);
	}
	if (v2 >= 0 || v1 >= 0)
		add_processes(r);
}
