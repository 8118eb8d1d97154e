/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a group, and its limits. All numbers are with those of the groups below: v2 counts
 * so, and of v1 the keys with "total_" are taken. v2 has hardly a file at its root: the host's
 * memory stands in.
 */
#include "collect/container/cgroup.h"

/* In front of both lists, because something is made of them. */
enum { INACTIVE_FILE, FILE_CACHE, ANON, PGFAULT, PGMAJFAULT, OWN_PGFAULT, OWN_PGMAJFAULT };

static const struct cgroup_key stat_v2[] = {
	[INACTIVE_FILE] = { STR("inactive_file"), FAMILY_MEMORY_INACTIVE_FILE, 0 },
	[FILE_CACHE] = { STR("file"), FAMILY_MEMORY_CACHE, 0 },
	[ANON] = { STR("anon"), FAMILY_MEMORY_RSS, 0 },
	[PGFAULT] = { STR("pgfault"), CGROUP_NO_FAMILY, 0 },
	[PGMAJFAULT] = { STR("pgmajfault"), CGROUP_NO_FAMILY, 0 },
	{ STR("kernel"), FAMILY_MEMORY_KERNEL, 0 },
	{ STR("file_mapped"), FAMILY_MEMORY_MAPPED, 0 },
	{ STR("file_dirty"), FAMILY_MEMORY_DIRTY, 0 },
	{ STR("file_writeback"), FAMILY_MEMORY_WRITEBACK, 0 },
	{ STR("active_file"), FAMILY_MEMORY_ACTIVE_FILE, 0 },
	{ STR("pgscan"), FAMILY_MEMORY_PGSCAN, 0 },
	{ STR("pgsteal"), FAMILY_MEMORY_PGSTEAL, 0 },
	{ STR("workingset_refault_file"), FAMILY_MEMORY_REFAULT_FILE, 0 },
	{ STR("workingset_refault_anon"), FAMILY_MEMORY_REFAULT_ANON, 0 },
};

static const struct cgroup_key stat_v1[] = {
	[INACTIVE_FILE] = { STR("total_inactive_file"), FAMILY_MEMORY_INACTIVE_FILE, 0 },
	[FILE_CACHE] = { STR("total_cache"), FAMILY_MEMORY_CACHE, 0 },
	[ANON] = { STR("total_rss"), FAMILY_MEMORY_RSS, 0 },
	[PGFAULT] = { STR("total_pgfault"), CGROUP_NO_FAMILY, 0 },
	[PGMAJFAULT] = { STR("total_pgmajfault"), CGROUP_NO_FAMILY, 0 },
	[OWN_PGFAULT] = { STR("pgfault"), CGROUP_NO_FAMILY, 0 },
	[OWN_PGMAJFAULT] = { STR("pgmajfault"), CGROUP_NO_FAMILY, 0 },
	{ STR("total_mapped_file"), FAMILY_MEMORY_MAPPED, 0 },
	{ STR("total_dirty"), FAMILY_MEMORY_DIRTY, 0 },
	{ STR("total_writeback"), FAMILY_MEMORY_WRITEBACK, 0 },
	{ STR("total_active_file"), FAMILY_MEMORY_ACTIVE_FILE, 0 },
	{ STR("total_swap"), FAMILY_MEMORY_SWAP, 0 },
	{ STR("total_workingset_refault_file"), FAMILY_MEMORY_REFAULT_FILE, 0 },
	{ STR("total_workingset_refault_anon"), FAMILY_MEMORY_REFAULT_ANON, 0 },
};

enum { MAX };

static const struct cgroup_key events[] = {
	[MAX] = { STR("max"), FAMILY_MEMORY_EVENTS_MAX, 0 },
	{ STR("high"), FAMILY_MEMORY_EVENTS_HIGH, 0 },
	{ STR("oom_kill"), FAMILY_OOM_EVENTS, 0 },
};

static const struct cgroup_key oom_control[] = {
	{ STR("oom_kill"), FAMILY_OOM_EVENTS, 0 },
};

static bool has(uint32_t found, unsigned i)
{
	return found & UINT32_C(1) << i;
}

static void add_fault(struct cgroup_reader *r, struct str type, struct str scope, uint64_t n)
{
	const struct label labels[] = { { STR("failure_type"), type }, { STR("scope"), scope } };

	family_add(r->family[FAMILY_MEMORY_FAILURES],
		   container_labels(r->c, r->container, ARRAY_SIZE(labels), labels), (double)n);
}

static void add_faults(struct cgroup_reader *r, uint32_t found, const uint64_t *values)
{
	static const struct {
		struct str type;
		unsigned all, own;
	} kinds[] = {
		{ STR("pgfault"), PGFAULT, OWN_PGFAULT },
		{ STR("pgmajfault"), PGMAJFAULT, OWN_PGMAJFAULT },
	};
	bool v1 = r->group->trees & 1u << CGROUP_MEMORY;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		/* v2 does not tell a group's own, but where there is nothing below it is all. */
		unsigned own = v1 ? kinds[i].own : kinds[i].all;

		if (has(found, kinds[i].all))
			add_fault(r, kinds[i].type, STR("hierarchy"), values[kinds[i].all]);
		if (has(found, own) && (v1 || r->leaf))
			add_fault(r, kinds[i].type, STR("container"), values[own]);
	}
}

static void add_usage(struct cgroup_reader *r, uint64_t usage, uint32_t found,
		      const uint64_t *values)
{
	cgroup_add(r, FAMILY_MEMORY_USAGE, (double)usage);
	if (has(found, INACTIVE_FILE)) {
		uint64_t idle = values[INACTIVE_FILE];

		/* Two files, read one after the other. */
		cgroup_add(r, FAMILY_MEMORY_WORKING_SET, idle < usage ? (double)(usage - idle) : 0);
	}
}

static uint32_t add_stat(struct cgroup_reader *r, int dir, const struct cgroup_key *keys, size_t n,
			 uint64_t *values)
{
	struct str text;
	uint32_t found;

	if (cgroup_text(r, dir, "memory.stat", &text) < 0)
		return 0;
	found = cgroup_keys(text, keys, n, values);
	cgroup_add_keys(r, keys, n, found, values);
	add_faults(r, found, values);
	return found;
}

static void add_host_limits(struct cgroup_reader *r)
{
	if (r->has_memory)
		cgroup_add(r, FAMILY_SPEC_MEMORY_LIMIT, (double)r->memory_total);
	if (r->has_swap)
		cgroup_add(r, FAMILY_SPEC_SWAP_LIMIT, (double)r->swap_total);
}

/* The host's own root. The one of a control group namespace has all files. */
static void add_v2_root(struct cgroup_reader *r, int dir)
{
	uint64_t values[ARRAY_SIZE(stat_v2)];
	uint32_t found = add_stat(r, dir, stat_v2, ARRAY_SIZE(stat_v2), values);

	if (!found)
		return;
	if (has(found, FILE_CACHE) && has(found, ANON))
		add_usage(r, values[FILE_CACHE] + values[ANON], found, values);
	if (r->has_swap)
		cgroup_add(r, FAMILY_MEMORY_SWAP, (double)(r->swap_total - r->swap_free));
	add_host_limits(r);
}

static void add_v2_events(struct cgroup_reader *r, int dir)
{
	uint64_t values[ARRAY_SIZE(events)];
	struct str text;
	uint32_t found;

	if (cgroup_text(r, dir, "memory.events", &text) < 0)
		return;
	found = cgroup_keys(text, events, ARRAY_SIZE(events), values);
	cgroup_add_keys(r, events, ARRAY_SIZE(events), found, values);
	if (has(found, MAX))
		cgroup_add(r, FAMILY_MEMORY_FAILCNT, (double)values[MAX]);
}

static void add_limit(struct cgroup_reader *r, enum cgroup_family family, uint64_t limit)
{
	cgroup_add(r, family, limit == CGROUP_UNLIMITED ? 0 : (double)limit);
}

static void add_v2_limits(struct cgroup_reader *r, int dir)
{
	const struct cgroup_limits *limits = &r->limits;

	if (limits->has_memory)
		add_limit(r, FAMILY_SPEC_MEMORY_LIMIT, limits->memory);
	if (limits->has_reservation)
		add_limit(r, FAMILY_SPEC_RESERVATION, limits->reservation);
	if (!limits->has_swap)
		return;
	if (limits->swap != CGROUP_UNLIMITED)
		cgroup_add(r, FAMILY_SPEC_SWAP_LIMIT, (double)limits->swap);
	/* A file less to read on a host without swap. */
	if (r->has_swap && !r->swap_total)
		cgroup_add(r, FAMILY_MEMORY_SWAP, 0);
	else
		cgroup_add_number(r, dir, "memory.swap.current", FAMILY_MEMORY_SWAP);
}

static void add_v2(struct cgroup_reader *r, int dir)
{
	uint64_t values[ARRAY_SIZE(stat_v2)], usage;

	if (!cgroup_number(dir, "memory.current", &usage)) {
		if (r->root)
			add_v2_root(r, dir);
		return;
	}
	add_usage(r, usage, add_stat(r, dir, stat_v2, ARRAY_SIZE(stat_v2), values), values);
	cgroup_add_number(r, dir, "memory.peak", FAMILY_MEMORY_MAX_USAGE);
	add_v2_events(r, dir);
	add_v2_limits(r, dir);
}

/* v1's second limit is of memory and swap together: what is told is swap alone, as of v2. */
static void add_v1_limits(struct cgroup_reader *r, int dir)
{
	uint64_t limit, both;

	if (!cgroup_limit(dir, "memory.limit_in_bytes", &limit))
		return;
	if (r->root && limit == CGROUP_UNLIMITED) {
		add_host_limits(r);
		return;
	}
	cgroup_add(r, FAMILY_SPEC_MEMORY_LIMIT, limit == CGROUP_UNLIMITED ? 0 : (double)limit);
	if (cgroup_limit(dir, "memory.memsw.limit_in_bytes", &both) && both != CGROUP_UNLIMITED &&
	    limit <= both)
		cgroup_add(r, FAMILY_SPEC_SWAP_LIMIT, (double)(both - limit));
}

static void add_v1(struct cgroup_reader *r)
{
	_cleanup_fd_ int dir = cgroup_open(r->c->host, r->group, CGROUP_MEMORY);
	uint64_t values[ARRAY_SIZE(stat_v1)], usage;
	struct str text;
	uint32_t found;

	if (dir < 0)
		return;
	found = add_stat(r, dir, stat_v1, ARRAY_SIZE(stat_v1), values);
	if (cgroup_number(dir, "memory.usage_in_bytes", &usage))
		add_usage(r, usage, found, values);
	cgroup_add_number(r, dir, "memory.max_usage_in_bytes", FAMILY_MEMORY_MAX_USAGE);
	cgroup_add_number(r, dir, "memory.kmem.usage_in_bytes", FAMILY_MEMORY_KERNEL);
	cgroup_add_number(r, dir, "memory.failcnt", FAMILY_MEMORY_FAILCNT);
	if (cgroup_text(r, dir, "memory.oom_control", &text) == 0)
		cgroup_add_keys(r, oom_control, ARRAY_SIZE(oom_control),
				cgroup_keys(text, oom_control, ARRAY_SIZE(oom_control), values),
				values);
	add_v1_limits(r, dir);
	cgroup_add_limit(r, dir, "memory.soft_limit_in_bytes", FAMILY_SPEC_RESERVATION);
}

void cgroup_add_memory(struct cgroup_reader *r, int v2)
{
	if (r->group->trees & 1u << CGROUP_MEMORY)
		add_v1(r);
	else if (cgroup_has_v2(r, v2, CGROUP_MEMORY))
		add_v2(r, v2);
}
