/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting cores and sockets. Sources: drivers/base/topology.c, drivers/base/cpu.c. The number of
 * a core is unique in its package on some machines and in its die on others, so cores are told
 * apart by the list of their threads; numbers serve only where that is missing.
 */
#include "collect/container/machine.h"

#include <errno.h>
#include <fcntl.h>

enum { CPUS_MAX = 65536, ONLINE_MAX = 4096 };

struct cpu {
	uint64_t number;
	int64_t package, core; /* -1: the machine has none, or does not say */
	bool first;            /* of the threads of its core */
	bool counted;          /* whether that is known */
};

bool machine_take_range(struct str *list, uint64_t *ret_from, uint64_t *ret_to)
{
	struct str range, low;

	if (!str_cut(list, ',', &range) || !str_cut(&range, '-', &low))
		return false;
	if (num_u64(low, ret_from) < 0)
		return false;
	if (num_u64(range, ret_to) < 0)
		*ret_to = *ret_from;
	return *ret_from <= *ret_to && *ret_to < CPUS_MAX;
}

static struct cpu look_at(struct collect *c, int dir, uint64_t number)
{
	char text[sizeof("cpu/topology") + NUM_TEXT_MAX] = "cpu";
	struct cpu cpu = { .number = number, .package = -1, .core = -1 };
	size_t n = 3 + num_print_u64(text + 3, number);
	struct str siblings;
	uint64_t first, last;

	(void)stpcpy(text + n, "/topology");

	_cleanup_fd_ int topology = openat(dir, text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (topology < 0)
		return cpu;
	if (host_attr_i64(topology, "physical_package_id", &cpu.package) < 0)
		cpu.package = -1;
	if (host_attr_i64(topology, "core_id", &cpu.core) < 0)
		cpu.core = -1;
	if (host_attr(topology, "thread_siblings_list", c->scratch, &siblings) == 0 &&
	    machine_take_range(&siblings, &first, &last)) {
		cpu.counted = true;
		cpu.first = first == number;
	}
	return cpu;
}

static bool known_core(const struct cpu *cpus, const struct cpu *cpu)
{
	for (; cpus < cpu; cpus++)
		if (!cpus->counted && cpus->core == cpu->core && cpus->package == cpu->package)
			return true;
	return false;
}

static bool known_package(const struct cpu *cpus, const struct cpu *cpu)
{
	for (; cpus < cpu; cpus++)
		if (cpus->package == cpu->package)
			return true;
	return false;
}

static void count(struct machine_cpus *known, const struct cpu *cpus, size_t n)
{
	known->threads = (uint32_t)n;
	known->cores = known->sockets = 0;
	for (const struct cpu *cpu = cpus; cpu < cpus + n; cpu++) {
		if (cpu->counted)
			known->cores += cpu->first;
		else if (cpu->core >= 0)
			known->cores += !known_core(cpus, cpu);
		if (cpu->package >= 0)
			known->sockets += !known_package(cpus, cpu);
	}
}

int machine_cpus(struct collect *c, struct machine_cpus *known)
{
	struct str list, rest;
	uint64_t from, to;
	size_t n = 0;
	int r = collect_read(c, HOST_SYS, "devices/system/cpu/online", &list);

	if (r < 0)
		return r;
	list = str_trim(list);
	if (known->threads && str_eq(list, known->online))
		return 0;
	for (rest = list; machine_take_range(&rest, &from, &to);)
		n += to - from + 1;
	if (!n || rest.n || list.n > ONLINE_MAX || n > CPUS_MAX)
		return collect_fail(c, -EBADMSG, "devices/system/cpu/online: not a list of CPUs");

	struct cpu *cpus = arena_zalloc(c->scratch, n, sizeof(*cpus));
	_cleanup_fd_ int dir = host_open_dir(c->host, HOST_SYS, "devices/system/cpu");

	if (dir < 0)
		return collect_fail(c, dir, "devices/system/cpu: %s", strerror(-dir));
	n = 0;
	for (rest = list; machine_take_range(&rest, &from, &to);)
		for (; from <= to; from++)
			cpus[n++] = look_at(c, dir, from);
	count(known, cpus, n);
	arena_reset(&known->arena);
	known->online = arena_str(&known->arena, list);
	return 0;
}

void machine_cpus_release(struct machine_cpus *known)
{
	arena_release(&known->arena);
}
