/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sysfs tells of each cpu: drivers/base/topology.c, drivers/base/cpu.c,
 * arch/x86/kernel/cpu/mce/therm_throt.c. Looking through hundreds of folders costs more than
 * all the rest of a cycle, so what was found is remembered.
 */
#include <errno.h>
#include <fcntl.h>

#include "collect/node/cpu.h"

enum { KEPT_OPEN_MAX = 128, CPUS_MAX = 65536 };

/* "1,4-6" as the kernel prints lists of cpus. */
static void add_isolated(struct collect *c)
{
	static const struct metric_desc desc = { "node_cpu_isolated",
						 "1 for cpus that the scheduler leaves alone.",
						 METRIC_GAUGE };
	struct family *f = metrics_family(c->out, &desc);
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
		for (; from <= to && from < CPUS_MAX; from++) {
			char cpu[NUM_TEXT_MAX];

			family_add(f,
				   METRIC_LABELS(c->out,
						 { STR("cpu"), { cpu, num_print_u64(cpu, from) } }),
				   1);
		}
	}
}

static bool is_known(const struct cpu_topology *known, struct str package, struct str core)
{
	for (size_t i = 0; i < known->n_throttles; i++)
		if (str_eq(known->throttles[i].package, package) &&
		    str_eq(known->throttles[i].core, core))
			return true;
	return false;
}

/* Remembers a counter of the folder `cpu` if it is there and the first of its kind. */
static void remember_throttle(struct cpu_topology *known, struct str cpu, struct str file,
			      struct str package, struct str core)
{
	struct str path;

	if (is_known(known, package, core))
		return;
	path = ARENA_CONCAT(&known->arena, cpu, file);
	if (faccessat(known->dir, path.p, R_OK, 0) < 0)
		return;
	known->throttles[known->n_throttles++] = (struct cpu_throttle){
		.package = arena_str(&known->arena, package),
		.core = arena_str(&known->arena, core),
		.count = { .dir = known->dir, .name = path.p, .fd = -1 },
	};
}

static void find_throttles(struct collect *c, struct cpu_topology *known, int dir, struct str cpu)
{
	struct str core, package;
	uint64_t number;

	/* Machines without packages have -1 for one. */
	if (faccessat(dir, "thermal_throttle", F_OK, 0) < 0 ||
	    host_attr(dir, "topology/physical_package_id", c->scratch, &package) < 0 ||
	    host_attr(dir, "topology/core_id", c->scratch, &core) < 0 ||
	    num_u64(package, &number) < 0 || num_u64(core, &number) < 0)
		return;
	remember_throttle(known, cpu, STR("/thermal_throttle/core_throttle_count"), package, core);
	remember_throttle(known, cpu, STR("/thermal_throttle/package_throttle_count"), package,
			  STR(""));
}

/* Looks through the folders of all cpus. */
static void scan(struct collect *c, struct cpu_topology *known)
{
	struct str *names;
	bool is_first = true, say_online = false;
	size_t n;

	if (host_list_dir(known->dir, c->scratch, &names, &n) < 0)
		return;
	known->online = arena_alloc(&known->arena, n * sizeof(*known->online));
	known->throttles = arena_alloc(&known->arena, 2 * n * sizeof(*known->throttles));
	for (size_t i = 0; i < n; i++) {
		struct str number = str_skip(names[i], 3);
		uint64_t value;

		if (!str_starts(names[i], STR("cpu")) || num_u64(number, &value) < 0)
			continue;

		_cleanup_fd_ int dir =
			openat(known->dir, names[i].p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0)
			continue;
		find_throttles(c, known, dir, names[i]);

		bool has_online = host_attr_u64(dir, "online", &value) == 0;

		/*
		 * Where the first cpu cannot be taken out (most of x86) it has no such file, and
		 * node_exporter says nothing of the others either.
		 */
		say_online |= is_first && has_online;
		is_first = false;
		if (say_online && has_online)
			known->online[known->n_online++] = (struct cpu_online){
				arena_str(&known->arena, number),
				value == 1,
			};
	}
}

void cpu_forget_topology(struct cpu_topology *known)
{
	for (size_t i = 0; i < known->n_throttles; i++)
		attr_close(&known->pool, &known->throttles[i].count);
	known->n_throttles = known->n_online = 0;
	if (known->is_open)
		(void)close(known->dir);
	known->is_open = false;
	arena_reset(&known->arena);
}

/* Looks again when a cpu came or went. */
static void look(struct collect *c, struct cpu_topology *known)
{
	struct str list = { 0 };

	(void)host_read(c->host, HOST_SYS, "devices/system/cpu/online", c->scratch, &list);
	if (known->is_open && list.n && str_eq(list, known->online_list))
		return;
	cpu_forget_topology(known);
	known->online_list = arena_str(&known->arena, list);
	attr_pool_allow(&known->pool, c->host, KEPT_OPEN_MAX);
	known->dir = host_open_dir(c->host, HOST_SYS, "devices/system/cpu");
	known->is_open = known->dir >= 0;
	if (known->is_open)
		scan(c, known);
}

static void add_throttles(struct collect *c, struct cpu_topology *known)
{
	static const struct metric_desc core_desc = { "node_cpu_core_throttles_total",
						      "Times that the core was throttled for heat.",
						      METRIC_COUNTER };
	static const struct metric_desc package_desc = {
		"node_cpu_package_throttles_total",
		"Times that the package was throttled for heat.", METRIC_COUNTER
	};
	struct family *core = metrics_family(c->out, &core_desc);
	struct family *package = metrics_family(c->out, &package_desc);

	for (size_t i = 0; i < known->n_throttles; i++) {
		struct cpu_throttle *t = &known->throttles[i];
		const struct label of_package = { STR("package"), t->package };
		char buffer[ATTR_TEXT_MAX];
		struct str text;
		uint64_t count;

		if (attr_read(&known->pool, &t->count, buffer, &text) < 0 ||
		    num_u64(str_trim(text), &count) < 0)
			continue;
		if (t->core.n)
			family_add(core,
				   METRIC_LABELS(c->out, of_package, { STR("core"), t->core }),
				   (double)count);
		else
			family_add(package, METRIC_LABELS(c->out, of_package), (double)count);
	}
}

void cpu_add_topology(struct collect *c, struct cpu_topology *known)
{
	static const struct metric_desc online_desc = {
		"node_cpu_online", "1 for cpus that are online and scheduled on.", METRIC_GAUGE
	};
	struct family *online = metrics_family(c->out, &online_desc);

	look(c, known);
	add_isolated(c);
	add_throttles(c, known);
	for (size_t i = 0; i < known->n_online; i++)
		family_add(online, METRIC_LABELS(c->out, { STR("cpu"), known->online[i].cpu }),
			   known->online[i].online);
}
