/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sysfs tells of each cpu: drivers/base/topology.c, drivers/base/cpu.c,
 * arch/x86/kernel/cpu/mce/therm_throt.c. Threads of one core share its throttle counter and
 * cores of a package theirs, so each is reported once.
 */
#include <fcntl.h>

#include "collect/node/cpu.h"

struct topology {
	struct family *core, *package;
};

/* True once for each pair: a repeated series would be dropped and counted as a mistake. */
static bool first(struct str **seen, size_t *n, struct collect *c, struct str id)
{
	for (size_t i = 0; i < *n; i++)
		if (str_eq((*seen)[i], id))
			return false;
	*seen = arena_resize(c->scratch, *seen, *n * sizeof(id), (*n + 1) * sizeof(id));
	(*seen)[(*n)++] = id;
	return true;
}

struct throttled {
	struct str *cores, *packages;
	size_t n_cores, n_packages;
};

static void add_throttles(struct collect *c, const struct topology *t, struct throttled *seen,
			  int dir)
{
	struct str core, package;
	uint64_t count;

	if (host_attr_u64(dir, "thermal_throttle/core_throttle_count", &count) < 0 ||
	    host_attr(dir, "topology/core_id", c->scratch, &core) < 0 ||
	    host_attr(dir, "topology/physical_package_id", c->scratch, &package) < 0)
		return;
	if (first(&seen->cores, &seen->n_cores, c,
		  arena_printf(c->scratch, "%s/%s", package.p, core.p)))
		family_add(
			t->core,
			METRIC_LABELS(c->out, { STR("package"), package }, { STR("core"), core }),
			(double)count);
	if (host_attr_u64(dir, "thermal_throttle/package_throttle_count", &count) == 0 &&
	    first(&seen->packages, &seen->n_packages, c, package))
		family_add(t->package, METRIC_LABELS(c->out, { STR("package"), package }),
			   (double)count);
}

/* "1,4-6" as the kernel prints lists of cpus. */
static void add_isolated(struct collect *c)
{
	static const struct metric_desc desc = { "node_cpu_isolated",
						 "1 for cpus that the scheduler leaves alone.",
						 METRIC_GAUGE };
	struct str text, range, low;

	if (host_read(c->host, HOST_SYS, "devices/system/cpu/isolated", c->scratch, &text) < 0)
		return;
	text = str_trim(text);
	while (str_cut(&text, ',', &range)) {
		uint64_t from, to;

		if (!str_cut(&range, '-', &low) || num_u64(low, &from) < 0)
			continue;
		if (num_u64(range, &to) < 0)
			to = from;
		for (; from <= to && from < 65536; from++)
			family_add(
				metrics_family(c->out, &desc),
				METRIC_LABELS(c->out, { STR("cpu"),
							arena_printf(c->scratch, "%llu",
								     (unsigned long long)from) }),
				1);
	}
}

static void remember_online(struct cpu_topology *known, struct str name, bool online)
{
	size_t n = known->n++;

	known->names = arena_resize(&known->arena, known->names, n * sizeof(*known->names),
				    (n + 1) * sizeof(*known->names));
	known->online[n] = online;
	known->names[n] = name;
}

/* Looks through the folders of all cpus. */
static void scan(struct collect *c, struct cpu_topology *known)
{
	static const struct metric_desc core_desc = { "node_cpu_core_throttles_total",
						      "Times that the core was throttled for heat.",
						      METRIC_COUNTER };
	static const struct metric_desc package_desc = {
		"node_cpu_package_throttles_total",
		"Times that the package was throttled for heat.", METRIC_COUNTER
	};
	const struct topology t = {
		.core = metrics_family(c->out, &core_desc),
		.package = metrics_family(c->out, &package_desc),
	};
	_cleanup_fd_ int all = host_open_dir(c->host, HOST_SYS, "devices/system/cpu");
	struct throttled seen = { 0 };
	struct str *names;
	size_t n;

	if (all < 0 || host_list_dir(all, c->scratch, &names, &n) < 0)
		return;
	known->online = arena_zalloc(&known->arena, n, sizeof(*known->online));
	known->names = NULL;
	for (size_t i = 0; i < n; i++) {
		struct str number = str_skip(names[i], 3);
		uint64_t value;

		if (!str_starts(names[i], STR("cpu")) || num_u64(number, &value) < 0)
			continue;

		_cleanup_fd_ int dir = openat(all, names[i].p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0)
			continue;
		add_throttles(c, &t, &seen, dir);
		/* The boot cpu has no such file on most machines: it cannot be taken out. */
		if (host_attr_u64(dir, "online", &value) == 0)
			remember_online(known, arena_str(&known->arena, number), value);
	}
	known->throttles = seen.n_cores > 0;
}

void cpu_add_topology(struct collect *c, struct cpu_topology *known)
{
	static const struct metric_desc online_desc = {
		"node_cpu_online", "1 for cpus that are online and scheduled on.", METRIC_GAUGE
	};
	struct family *f = metrics_family(c->out, &online_desc);
	struct str list = { 0 };

	add_isolated(c);
	(void)host_read(c->host, HOST_SYS, "devices/system/cpu/online", c->scratch, &list);
	if (known->throttles || !list.n || !str_eq(list, known->online_list)) {
		arena_reset(&known->arena);
		known->n = 0;
		known->online_list = arena_str(&known->arena, list);
		scan(c, known);
	}
	for (size_t i = 0; i < known->n; i++)
		family_add(f, METRIC_LABELS(c->out, { STR("cpu"), known->names[i] }),
			   known->online[i]);
}
