/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CPUs of each package did. Sources: /proc/stat, and physical_package_id of the topology
 * in sysfs, which ARM's virtual machines have as -1.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/num.h"
#include "collect/energy/account_internal.h"

enum { CPUS_MAX = 8192, TICK_NS = 10000000 };

static int64_t package_of(int cpus, uint32_t cpu, int64_t before, struct arena *arena)
{
	_cleanup_fd_ int dir = cpus < 0 ? -1
					: openat(cpus, arena_printf(arena, "cpu%u", cpu).p,
						 O_PATH | O_DIRECTORY | O_CLOEXEC);
	int64_t package;

	if (dir < 0 || host_attr_i64(dir, "topology/physical_package_id", &package) < 0)
		return before;
	return package < 0 ? 0 : package;
}

/* One that is not online has no folder "topology", and stays where it was. */
static void look_up(struct attribution *a, uint32_t n)
{
	struct energy_topology *known = a->topology;
	struct str online;
	bool listed = host_read(a->c->host, HOST_SYS, "devices/system/cpu/online", a->arena,
				&online) == 0;

	if (listed && n <= known->n && str_eq(known->online, online))
		return;

	_cleanup_fd_ int cpus = host_open_dir(a->c->host, HOST_SYS, "devices/system/cpu");

	int64_t *before = arena_zalloc(a->arena, n + 1, sizeof(*before));

	if (known->n)
		memcpy(before, known->package, (known->n < n ? known->n : n) * sizeof(*before));
	arena_reset(&known->arena);
	known->online = arena_str(&known->arena, listed ? online : STR(""));
	known->n = n;
	known->package = arena_zalloc(&known->arena, n + 1, sizeof(*known->package));
	for (uint32_t i = 0; i < n; i++)
		known->package[i] = package_of(cpus, i, before[i], a->arena);
}

/* "cpu3 user nice system idle iowait irq softirq steal guest guest_nice": guest is in user. */
static bool parse_line(struct str line, struct ledger_cpu *ret)
{
	enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, TIMES };
	uint64_t number, v[TIMES] = { 0 };

	if (!str_starts(line, STR("cpu")))
		return false;
	line = str_skip(line, 3);
	if (!line.n || line.p[0] == ' ' || !num_take_u64(&line, &number) || number >= CPUS_MAX)
		return false;
	for (int i = 0; i < TIMES; i++)
		if (!num_take_u64(&line, &v[i]))
			return false;
	ret->cpu = (uint32_t)number;
	ret->busy = v[USER] + v[NICE] + v[SYSTEM] + v[IRQ] + v[SOFTIRQ];
	ret->all = ret->busy + v[IDLE] + v[IOWAIT];
	return true;
}

static void find_package(struct energy_cpus *cpus, int64_t package)
{
	for (size_t i = 0; i < cpus->n; i++)
		if (cpus->package[i] == package)
			return;
	cpus->package[cpus->n++] = package;
}

static uint64_t since(uint64_t was, uint64_t is)
{
	return is > was ? is - was : 0;
}

int energy_read_cpus(struct attribution *a)
{
	struct energy_cpus *cpus = &a->cpus;
	struct ledger_cpu cpu;
	struct str text, line;
	uint32_t most = 0;
	int r = collect_read_once(a->c, HOST_PROC, "stat", &text);

	if (r < 0)
		return r;
	while (str_line(&text, &line) && str_starts(line, STR("cpu"))) {
		if (!parse_line(line, &cpu))
			continue;
		cpus->now = arena_grow(a->arena, cpus->now, cpus->n_now, sizeof(*cpus->now));
		cpus->now[cpus->n_now++] = cpu;
		most = cpu.cpu >= most ? cpu.cpu + 1 : most;
	}
	if (!most)
		return collect_fail(a->c, -EBADMSG, "/proc/stat: no cpu in it");
	look_up(a, most);
	cpus->package = arena_zalloc(a->arena, cpus->n_now, sizeof(*cpus->package));
	for (size_t i = 0; i < cpus->n_now; i++)
		find_package(cpus, a->topology->package[cpus->now[i].cpu]);
	cpus->n_index = most;
	cpus->index = arena_zalloc(a->arena, most, sizeof(*cpus->index));
	for (uint32_t i = 0; i < most; i++)
		for (size_t k = 0; k < cpus->n; k++)
			if (cpus->package[k] == a->topology->package[i])
				cpus->index[i] = k;
	cpus->busy_ns = arena_zalloc(a->arena, cpus->n + 1, sizeof(*cpus->busy_ns));
	cpus->all_ns = arena_zalloc(a->arena, cpus->n + 1, sizeof(*cpus->all_ns));
	for (size_t i = 0; i < cpus->n_now; i++) {
		const struct ledger_cpu *now = &cpus->now[i];
		const struct ledger_cpu *before = energy_ledger_cpu(&a->ledger, now->cpu);
		size_t at = cpus->index[now->cpu];
		uint64_t busy = before ? since(before->busy, now->busy) * TICK_NS : 0;
		uint64_t all = before ? since(before->all, now->all) * TICK_NS : 0;

		cpus->busy_ns[at] += busy;
		cpus->busy_ns[cpus->n] += busy;
		cpus->all_ns[at] += all;
		cpus->all_ns[cpus->n] += all;
	}
	return 0;
}
