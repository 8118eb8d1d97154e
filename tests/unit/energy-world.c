/* SPDX-License-Identifier: Apache-2.0 */
#include "energy-world.h"

#include <errno.h>

#include "cmd/commands.h"
#include "base/conf.h"

enum { TICK_NS = 10000000, SECTIONS_MAX = 128 };

static const char *const zone_dirs[WORLD_ZONES] = {
	"intel-rapl:0",
	"intel-rapl:0:0",
	"intel-rapl:1",
	"intel-rapl:1:0",
};
static const char *const zone_names[WORLD_ZONES] = { "package-0", "dram", "package-1", "dram" };

static void put(const struct world *w, const char *dir, const char *file, const char *text)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	one_write(&w->one, path, text);
}

static void put_u64(const struct world *w, const char *dir, const char *file, uint64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu\n", (unsigned long long)value);
	put(w, dir, file, text);
}

static void remove_dir(const struct world *w, const char *path)
{
	int dir = openat(w->one.root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(dir >= 0);
	unit_empty(dir);
	assert_int_equal(unlinkat(w->one.root, path, AT_REMOVEDIR), 0);
}

static void group_dir(const struct world *w, const struct world_group *group, char *to, size_t size)
{
	(void)snprintf(to, size, "sys/fs/cgroup%s%s", w->v1 ? "/cpu,cpuacct" : "", group->path);
}

static void use(struct world *w)
{
	w->one.c.settings = w->conf;
}

void world_start(struct world *w, bool v1, const char *settings)
{
	static const struct opt_section *sections[SECTIONS_MAX + 1];
	char dir[64], text[16];

	*w = (struct world){ .v1 = v1, .seed = 88172645463325252, .next_pid = 100 };
	sections_all(sections, SECTIONS_MAX);
	w->conf = conf_new(sections);
	assert_int_equal(conf_load_text(w->conf, settings, "test"), 0);
	one_start(&w->one, "energy", NULL, true);
	w->state_dir = unit_dir(NULL);
	use(w);
	one_write(&w->one, "proc/sys/kernel/random/boot_id", "one\n");
	for (int i = 0; i < WORLD_CPUS; i++) {
		(void)snprintf(dir, sizeof(dir), "sys/devices/system/cpu/cpu%d/topology", i);
		(void)snprintf(text, sizeof(text), "%d\n", i / 2);
		put(w, dir, "physical_package_id", text);
	}
	one_write(&w->one, "sys/devices/system/cpu/online", "0-3\n");
	for (int i = 0; i < WORLD_ZONES; i++) {
		(void)snprintf(dir, sizeof(dir), "sys/class/powercap/%s", zone_dirs[i]);
		(void)snprintf(text, sizeof(text), "%s\n", zone_names[i]);
		put(w, dir, "name", text);
		put_u64(w, dir, "max_energy_range_uj", WORLD_RANGE_UJ);
		/* Close to the first wrap. */
		w->raw_uj[i] = WORLD_RANGE_UJ - (uint64_t)(i + 1) * 700000000;
	}
	w->groups[0] = (struct world_group){ .alive = true, .path = "" };
	if (!v1) {
		one_write(&w->one, "sys/fs/cgroup/cgroup.controllers", "cpu\n");
		one_write(&w->one, "sys/fs/cgroup/cgroup.procs", "");
	}
}

void world_stop(struct world *w)
{
	one_stop(&w->one);
	conf_free(w->conf);
	unit_remove(w->state_dir);
}

void world_restart(struct world *w)
{
	assert_int_equal(state_save(&w->one.state, w->state_dir, "state", false), 0);
	state_release(&w->one.state);
	assert_int_equal(state_load(&w->one.state, w->state_dir, "state"), 0);
	one_restart(&w->one);
	use(w);
	w->account = NULL;
}

uint64_t world_random(struct world *w)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed;
}

unsigned world_some(struct world *w, unsigned n)
{
	return (unsigned)(world_random(w) >> 20) % n;
}

int world_group_start(struct world *w, int parent, const char *name)
{
	char path[sizeof(w->groups[0].path)];
	int i = 1;

	while (i < WORLD_GROUPS && w->groups[i].alive)
		i++;
	if (i == WORLD_GROUPS)
		return -1;
	w->groups[i] = (struct world_group){ .alive = true, .parent = parent };
	(void)snprintf(path, sizeof(path), "%s/%s", w->groups[parent].path, name);
	memcpy(w->groups[i].path, path, sizeof(path));
	return i;
}

static uint64_t usage(const struct world *w, int group, int cpu)
{
	uint64_t sum = w->groups[group].own_ns[cpu] + w->groups[group].gone_ns[cpu];

	for (int i = 1; i < WORLD_GROUPS; i++)
		if (w->groups[i].alive && w->groups[i].parent == group)
			sum += usage(w, i, cpu);
	return sum;
}

void world_group_end(struct world *w, int group)
{
	struct world_group *g = &w->groups[group];
	char dir[256];

	for (int i = 0; i < WORLD_PROCESSES; i++)
		if (w->processes[i].alive && w->processes[i].group == group)
			world_process_end(w, i);
	for (int i = 0; i < WORLD_CPUS; i++)
		w->groups[g->parent].gone_ns[i] += usage(w, group, i);
	g->alive = false;
	group_dir(w, g, dir, sizeof(dir));
	if (faccessat(w->one.root, dir, F_OK, 0) == 0)
		remove_dir(w, dir);
}

void world_process_start(struct world *w, int group)
{
	for (int i = 0; i < WORLD_PROCESSES; i++) {
		if (w->processes[i].alive)
			continue;
		w->processes[i] = (struct world_process){
			.alive = true,
			.group = group,
			/* Numbers come again. */
			.pid = 100 + w->next_pid % 40,
			.start = w->next_pid,
		};
		for (int k = 0; k < WORLD_PROCESSES; k++)
			if (k != i && w->processes[k].alive &&
			    w->processes[k].pid == w->processes[i].pid)
				w->processes[i].alive = false;
		w->next_pid++;
		return;
	}
}

void world_process_end(struct world *w, int process)
{
	char dir[64];

	w->processes[process].alive = false;
	(void)snprintf(dir, sizeof(dir), "proc/%u", w->processes[process].pid);
	if (faccessat(w->one.root, dir, F_OK, 0) == 0)
		remove_dir(w, dir);
}

void world_work(struct world *w, int group, int cpu, uint64_t ns, int process)
{
	w->groups[group].own_ns[cpu] += ns;
	w->busy_ns[cpu] += ns;
	if (process >= 0)
		w->processes[process].ticks += ns / TICK_NS;
}

void world_consume(struct world *w, int zone, uint64_t uj)
{
	/* The unit that the range leaves out: see meter_advance(). */
	uint64_t period = WORLD_RANGE_UJ + WORLD_RANGE_UJ / UINT32_MAX;

	w->counted_uj += uj;
	w->raw_uj[zone] += uj;
	if (w->raw_uj[zone] <= WORLD_RANGE_UJ)
		return;
	w->raw_uj[zone] -= period;
	w->wraps++;
}

static void write_group(const struct world *w, int group)
{
	char dir[256], text[256];
	uint64_t sum = 0, v[WORLD_CPUS];

	group_dir(w, &w->groups[group], dir, sizeof(dir));
	for (int i = 0; i < WORLD_CPUS; i++)
		sum += v[i] = usage(w, group, i);
	if (!w->v1) {
		(void)snprintf(text, sizeof(text),
			       "usage_usec %llu\nuser_usec %llu\nsystem_usec 0\n",
			       (unsigned long long)sum / 1000, (unsigned long long)sum / 1000);
		put(w, dir, "cpu.stat", text);
		return;
	}
	put_u64(w, dir, "cpuacct.usage", sum);
	(void)snprintf(text, sizeof(text), "%llu %llu %llu %llu \n", (unsigned long long)v[0],
		       (unsigned long long)v[1], (unsigned long long)v[2],
		       (unsigned long long)v[3]);
	put(w, dir, "cpuacct.usage_percpu", text);
	(void)snprintf(text, sizeof(text), "user %llu\nsystem 0\n",
		       (unsigned long long)sum / TICK_NS);
	put(w, dir, "cpuacct.stat", text);
}

static void write_process(const struct world *w, const struct world_process *p)
{
	const char *path = w->groups[p->group].path;
	char dir[64], text[512];

	(void)snprintf(dir, sizeof(dir), "proc/%u", p->pid);
	(void)snprintf(text, sizeof(text),
		       "%u (work%u) S 1 1 1 0 -1 0 0 0 0 0 %llu 0 0 0 20 0 1 0 %llu 4096 1 0 0 0 0 "
		       "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		       p->pid, p->pid % 7, (unsigned long long)p->ticks,
		       (unsigned long long)p->start);
	put(w, dir, "stat", text);
	put(w, dir, "status", "Uid:\t0\t0\t0\t0\n");
	(void)snprintf(text, sizeof(text), "%s:%s\n",
		       w->v1 ? "4:cpu,cpuacct" : "0:", *path ? path : "/");
	put(w, dir, "cgroup", text);
}

static void write_stat(const struct world *w)
{
	char text[1024];
	size_t n = 0;

	n += (size_t)snprintf(text, sizeof(text), "cpu  0 0 0 0 0 0 0 0 0 0\n");
	for (int i = 0; i < WORLD_CPUS; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "cpu%d %llu 0 0 %llu 0 %llu 0 0 0 0\n", i,
			(unsigned long long)w->busy_ns[i] / TICK_NS, (unsigned long long)w->ticks,
			(unsigned long long)w->irq_ns[i] / TICK_NS);
	one_write(&w->one, "proc/stat", text);
}

int world_cycle(struct world *w)
{
	char dir[64];
	int r;

	w->ticks += 100;
	/* A package that counts nothing in a second is one that pretends to count. */
	world_consume(w, 0, 1);
	world_consume(w, 2, 1);
	write_stat(w);
	for (int i = 0; i < WORLD_GROUPS; i++)
		if (w->groups[i].alive)
			write_group(w, i);
	for (int i = 0; i < WORLD_PROCESSES; i++)
		if (w->processes[i].alive)
			write_process(w, &w->processes[i]);
	for (int i = 0; i < WORLD_ZONES && !w->no_zones; i++) {
		(void)snprintf(dir, sizeof(dir), "sys/class/powercap/%s", zone_dirs[i]);
		if (w->broken[i])
			put(w, dir, "energy_uj", "garbage\n");
		else
			put_u64(w, dir, "energy_uj", w->raw_uj[i]);
	}
	w->one.host.cycle++;
	r = one_run(&w->one);
	w->account = NULL;
	if (r == 0)
		assert_int_equal(energy_of_cycle(&w->one.c, &w->account), 0);
	return r;
}

const struct energy_row *world_row(const struct world *w, const char *path)
{
	const struct energy_account *a = w->account;

	for (size_t i = 0; i < a->n_rows; i++)
		if (str_eq(a->containers->cgroups->v[a->rows[i].group].path, str_of(path)))
			return &a->rows[i];
	fail_msg("no row of %s", path);
	return NULL;
}
