/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers, units and other control groups, with cAdvisor's names. Whoever reads its dashboards
 * should read docs/containers.md: it has what is told otherwise here, and why.
 */
#include "collect/container/cgroup.h"

#include "base/clock.h"
#include "collect/container/disk.h"
#include "collect/container/network.h"

static const struct metric_desc error_desc = {
	"container_scrape_error",
	"1 when something of the containers could not be read in this cycle.",
	METRIC_GAUGE,
};

static void read_meminfo(struct cgroup_reader *r)
{
	static const struct str keys[] = { STR("MemTotal"), STR("SwapTotal"), STR("SwapFree") };
	uint64_t value, *const to[] = { &r->memory_total, &r->swap_total, &r->swap_free };
	struct str text, line, key;
	unsigned found = 0;

	if (host_read_once(r->c->host, HOST_PROC, "meminfo", &text) < 0)
		return;
	while (str_line(&text, &line)) {
		if (!str_cut(&line, ':', &key) || !num_take_u64(&line, &value) ||
		    value > UINT64_MAX / 1024)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			if (!str_eq(key, keys[i]))
				continue;
			*to[i] = value * 1024;
			found |= 1u << i;
		}
	}
	r->has_memory = found & 1;
	r->has_swap = (found & 6) == 6 && r->swap_free <= r->swap_total;
}

static void read_boot_time(struct cgroup_reader *r)
{
	struct str text, line, key;
	uint64_t value;

	if (host_read_once(r->c->host, HOST_PROC, "stat", &text) < 0)
		return;
	while (str_line(&text, &line))
		if (str_word(&line, &key) && str_eq(key, STR("btime")) &&
		    num_take_u64(&line, &value) && value < INT64_MAX / 1000000000)
			r->boot_ns = (int64_t)value * 1000000000;
}

/* "hugepages-2048kB" is "2MB" in the names of files. */
static void read_page_sizes(struct cgroup_reader *r)
{
	static const char *const units[] = { "KB", "MB", "GB", "TB" };
	struct arena *arena = r->c->scratch;
	struct str *names, *sizes;
	size_t n, unit;
	uint64_t size;

	if (host_list(r->c->host, HOST_SYS, "kernel/mm/hugepages", arena, &names, &n) < 0)
		return;
	sizes = arena_alloc(arena, n * sizeof(*sizes));
	for (size_t i = 0; i < n; i++) {
		struct str rest = str_skip(names[i], sizeof("hugepages-") - 1);

		if (!str_starts(names[i], STR("hugepages-")) || !num_take_u64(&rest, &size) ||
		    !str_eq(rest, STR("kB")))
			continue;
		for (unit = 0; unit + 1 < ARRAY_SIZE(units) && size >= 1024 && size % 1024 == 0;
		     unit++)
			size /= 1024;
		sizes[r->n_sizes++] =
			arena_printf(arena, "%llu%s", (unsigned long long)size, units[unit]);
	}
	r->sizes = sizes;
}

/* To the millisecond: a double does not hold more of such times. */
static double seconds(int64_t ns)
{
	return (double)(ns / 1000000) / 1e3;
}

static void add_times(struct cgroup_reader *r)
{
	const struct container *container = r->container;
	int64_t created = container->created_ns;

	/* The directories of the root are as old as the mount; the host is older. */
	if (!created)
		created = r->root ? r->boot_ns : cgroup_made_ns(r);
	/* The clock may not have been set by then. */
	if (created && created < r->boot_ns)
		created = r->boot_ns;
	if (created)
		cgroup_add(r, FAMILY_CREATION_TIME, seconds(created));
	if (container->started_ns || created)
		cgroup_add(r, FAMILY_START_TIME,
			   seconds(container->started_ns ? container->started_ns : created));
	cgroup_add(r, FAMILY_LAST_SEEN, r->now);
	if (container->runtime == RUNTIME_DOCKER || container->runtime == RUNTIME_PODMAN)
		cgroup_add(r, FAMILY_HEALTH, container->health);
}

/* The container's group at `i`: the one group in it, when a runtime has made that. */
static const struct cgroup *inner_of(const struct container_table *table, size_t i)
{
	static const struct str name = { "/container", 10 };
	const struct cgroup *own = table->v[i].cgroup, *inner;
	size_t k = i + 1;

	if (!table->v[i].id.n || k == table->n)
		return NULL;
	inner = table->v[k].cgroup;
	if (!table->v[k].nested || inner->parent != i || inner->path.n != own->path.n + name.n ||
	    !str_ends(inner->path, name))
		return NULL;
	for (k++; k < table->n && table->v[k].cgroup->parent >= i; k++)
		if (table->v[k].cgroup->parent == i)
			return NULL;
	return inner;
}

static void add_group(struct cgroup_reader *r)
{
	_cleanup_fd_ int v2 = cgroup_open(r->c->host, r->group, CGROUP_V2);
	_cleanup_fd_ int inner = r->inner ? cgroup_open(r->c->host, r->inner, CGROUP_V2) : -1;

	r->inner_v2 = inner;
	cgroup_limits_get(r, v2);
	cgroup_add_cpu(r, v2);
	cgroup_add_pressure(r, v2);
	cgroup_add_memory(r, v2);
	cgroup_add_io(r, v2);
	if (r->conf->processes)
		cgroup_add_pids(r, v2);
	if (r->conf->hugetlb)
		cgroup_add_hugetlb(r, v2);
	if (r->root)
		cgroup_add_diskstats(r);
	add_times(r);
}

static int run(struct collect *c)
{
	struct cgroup_reader r = {
		.c = c,
		.conf = c->conf,
		.buffer = arena_alloc(c->scratch, CGROUP_FILE_MAX),
		.now = clock_wall_seconds(),
	};
	_cleanup_fd_ int block = host_open_dir(c->host, HOST_SYS, "dev/block");
	const struct container_table *containers;
	int result = containers_of_cycle(c, &containers);

	if (result < 0)
		return result;
	r.table = containers->cgroups;
	r.block = block;
	for (size_t i = 0; i < CGROUP_FAMILIES; i++)
		r.family[i] = metrics_family(c->out, &cgroup_families[i]);
	read_meminfo(&r);
	read_boot_time(&r);
	if (r.conf->hugetlb)
		read_page_sizes(&r);
	cgroup_made_begin(&r);
	cgroup_limits_begin(&r);
	for (size_t i = 0; i < containers->n; i++) {
		r.container = &containers->v[i];
		r.group = r.container->cgroup;
		r.root = i == 0;
		/* Children come right behind. */
		r.leaf = i + 1 == containers->n || r.table->v[i + 1].parent != i;
		r.inner = inner_of(containers, i);
		if (!r.container->hidden && !r.container->nested)
			add_group(&r);
	}
	cgroup_limits_end(&r);
	cgroup_made_end(&r);
	if (r.table->left_out)
		collect_note(c, STR("sys/fs/cgroup"), "%zu control groups are beyond the limit",
			     r.table->left_out);
	container_network(c, containers, r.conf);
	container_disk(c, containers, r.conf);
	metrics_add(c->out, &error_desc, c->n_notes > 0);
	return 0;
}

static void close_cgroup(struct collect *c)
{
	cgroup_limits_release(c->self);
}

const struct collector collector_cgroup = {
	.name = "cgroup",
	.help = "containers, units and other control groups",
	.reads = "/sys/fs/cgroup, /sys/dev/block, /proc/{diskstats,meminfo,stat}, "
		 "/proc/PID/{cgroup,net/dev}, /proc/1/mountinfo, statfs(2)",
	.on = true,
	.ours = true,
	.section = &section_cgroup,
	.self_size = sizeof(struct cgroup_self),
	.run = run,
	.close = close_cgroup,
};
