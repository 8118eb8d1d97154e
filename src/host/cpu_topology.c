/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cpu_topology.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

enum { KEPT_OPEN_MAX = 128 };

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

static void find_throttles(struct cpu_topology *known, struct arena *scratch, int dir,
			   struct str cpu)
{
	struct str core, package;
	uint64_t number;

	/* Machines without packages have -1 for one. */
	if (faccessat(dir, "thermal_throttle", F_OK, 0) < 0 ||
	    host_attr(dir, "topology/physical_package_id", scratch, &package) < 0 ||
	    host_attr(dir, "topology/core_id", scratch, &core) < 0 ||
	    num_u64(package, &number) < 0 || num_u64(core, &number) < 0)
		return;
	remember_throttle(known, cpu, STR("/thermal_throttle/core_throttle_count"), package, core);
	remember_throttle(known, cpu, STR("/thermal_throttle/package_throttle_count"), package,
			  STR(""));
}

/* Looks through the folders of all cpus. */
static void scan(struct cpu_topology *known, struct arena *scratch)
{
	struct str *names;
	bool is_first = true, say_online = false;
	size_t n;

	if (host_list_dir(known->dir, scratch, &names, &n) < 0)
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
		find_throttles(known, scratch, dir, names[i]);

		bool has_online = host_attr_u64(dir, "online", &value) == 0;

		/*
		 * Where the first cpu cannot be taken out (most of x86) it has no such file, and
		 * node_exporter says nothing of the others either. Else one without it is 0 there.
		 */
		say_online |= is_first && has_online;
		is_first = false;
		if (say_online)
			known->online[known->n_online++] = (struct cpu_online){
				arena_str(&known->arena, number),
				has_online && value == 1,
			};
	}
}

static void forget(struct cpu_topology *known)
{
	for (size_t i = 0; i < known->n_throttles; i++)
		attr_close(&known->pool, &known->throttles[i].count);
	known->n_throttles = known->n_online = 0;
	if (known->is_open)
		(void)close(known->dir);
	known->is_open = false;
	arena_reset(&known->arena);
}

void cpu_topology_look(struct cpu_topology *known, struct host *host, struct arena *scratch)
{
	struct str list = { 0 };

	(void)host_read(host, HOST_SYS, "devices/system/cpu/online", scratch, &list);
	if (known->is_open && list.n && str_eq(list, known->online_list))
		return;
	forget(known);
	known->online_list = arena_str(&known->arena, list);
	attr_pool_allow(&known->pool, host, KEPT_OPEN_MAX);
	known->dir = host_open_dir(host, HOST_SYS, "devices/system/cpu");
	known->is_open = known->dir >= 0;
	if (known->is_open)
		scan(known, scratch);
}

bool cpu_throttle_read(struct cpu_topology *known, struct cpu_throttle *throttle, uint64_t *ret)
{
	char buffer[ATTR_TEXT_MAX];
	struct str text;

	return attr_read(&known->pool, &throttle->count, buffer, &text) == 0 &&
	       num_u64(str_trim(text), ret) == 0;
}

void cpu_topology_release(struct cpu_topology *known)
{
	forget(known);
	arena_release(&known->arena);
}
