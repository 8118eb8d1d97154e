/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU frequencies. Source: drivers/cpufreq/cpufreq.c; the files hold kilohertz, or words where
 * a driver does not know. There are hundreds of them on large machines, so which cpus have
 * which is remembered, and looked up again when cpus come or go, and now and then.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

#include "host/attr.h"

enum { KEPT_OPEN_MAX = 512, RUNS_BETWEEN_LOOKS = 20 };

static const struct {
	const char *file;
	struct metric_desc desc;
} rows[] = {
	{ "/cpufreq/cpuinfo_cur_freq",
	  { "node_cpu_frequency_hertz", "Frequency that the hardware reports.", METRIC_GAUGE } },
	{ "/cpufreq/cpuinfo_min_freq",
	  { "node_cpu_frequency_min_hertz", "Lowest frequency of the hardware.", METRIC_GAUGE } },
	{ "/cpufreq/cpuinfo_max_freq",
	  { "node_cpu_frequency_max_hertz", "Highest frequency of the hardware.", METRIC_GAUGE } },
	{ "/cpufreq/scaling_cur_freq",
	  { "node_cpu_scaling_frequency_hertz", "Frequency that the governor has set.",
	    METRIC_GAUGE } },
	{ "/cpufreq/scaling_min_freq",
	  { "node_cpu_scaling_frequency_min_hertz", "Lowest frequency the governor may set.",
	    METRIC_GAUGE } },
	{ "/cpufreq/scaling_max_freq",
	  { "node_cpu_scaling_frequency_max_hertz", "Highest frequency the governor may set.",
	    METRIC_GAUGE } },
};

enum { ROWS = ARRAY_SIZE(rows) };

struct cpu {
	struct str number, governors;
	struct attr_file files[ROWS], governor;
};

struct self {
	struct arena arena; /* of the cpus */
	struct attr_pool pool;
	struct str online_list; /* /sys/devices/system/cpu/online, when it was looked */
	struct cpu *cpus;
	size_t n, runs;
	bool is_open;
	int dir; /* /sys/devices/system/cpu, when is_open */
};

static void forget(struct self *self)
{
	for (size_t i = 0; i < self->n; i++) {
		for (size_t k = 0; k < ROWS; k++)
			attr_close(&self->pool, &self->cpus[i].files[k]);
		attr_close(&self->pool, &self->cpus[i].governor);
	}
	self->n = 0;
	if (self->is_open)
		(void)close(self->dir);
	self->is_open = false;
	arena_reset(&self->arena);
}

/* An agent remembers what is not there, too; a oneshot finds out by reading. */
static struct attr_file find_file(struct self *self, struct str cpu, const char *file)
{
	const char *path = ARENA_CONCAT(&self->arena, cpu, str_of(file)).p;

	if (self->pool.max && faccessat(self->dir, path, R_OK, 0) < 0)
		path = NULL;
	return (struct attr_file){ .dir = self->dir, .name = path, .fd = -1 };
}

static void add_cpu(struct self *self, struct str name)
{
	struct cpu *cpu = &self->cpus[self->n];
	struct str folder = ARENA_CONCAT(&self->arena, name, STR("/cpufreq"));
	_cleanup_fd_ int dir = openat(self->dir, folder.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return;
	*cpu = (struct cpu){ .number = arena_str(&self->arena, str_skip(name, 3)) };
	for (size_t i = 0; i < ROWS; i++)
		cpu->files[i] = find_file(self, name, rows[i].file);
	cpu->governor = find_file(self, name, "/cpufreq/scaling_governor");
	(void)host_attr(dir, "scaling_available_governors", &self->arena, &cpu->governors);
	self->n++;
}

static int look(struct collect *c, struct self *self)
{
	struct str list = { 0 }, *names;
	uint64_t ignored;
	size_t n;
	int r;

	(void)host_read(c->host, HOST_SYS, "devices/system/cpu/online", c->scratch, &list);
	if (self->is_open && self->runs++ % RUNS_BETWEEN_LOOKS && str_eq(list, self->online_list))
		return 0;
	forget(self);
	r = collect_list(c, HOST_SYS, "devices/system/cpu", &names, &n);
	if (r < 0)
		return r;
	self->dir = host_open_dir(c->host, HOST_SYS, "devices/system/cpu");
	if (self->dir < 0)
		return self->dir;
	self->is_open = true;
	self->runs = 1;
	self->online_list = arena_str(&self->arena, list);
	attr_pool_allow(&self->pool, c->host, KEPT_OPEN_MAX);
	self->cpus = arena_alloc(&self->arena, n * sizeof(*self->cpus));
	for (size_t i = 0; i < n; i++)
		if (str_starts(names[i], STR("cpu")) &&
		    num_u64(str_skip(names[i], 3), &ignored) == 0)
			add_cpu(self, names[i]);
	return 0;
}

/*
 * From 4.13 to 5.17 scaling_cur_freq of a busy cpu sleeps for 10 ms, unless the cpu was measured
 * within the last second. Opening cpuinfo measures them all at once, and sleeps once
 * (arch/x86/kernel/cpu/aperfmperf.c, arch_freq_prepare_all).
 */
static void measure_all(const struct host *host)
{
	_cleanup_fd_ int fd =
		openat(host->dir[HOST_PROC], "cpuinfo", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	(void)fd;
}

static size_t add_governors(struct collect *c, struct self *self, struct cpu *cpu, struct family *f)
{
	char buffer[ATTR_TEXT_MAX];
	struct str current, available = cpu->governors, governor;
	size_t added = 0;

	if (attr_read(&self->pool, &cpu->governor, buffer, &current) < 0)
		return 0;
	current = str_trim(current);
	for (; str_word(&available, &governor); added++)
		family_add(f,
			   METRIC_LABELS(c->out, { STR("cpu"), cpu->number },
					 { STR("governor"), governor }),
			   str_eq(governor, current));
	return added;
}

static size_t add_frequencies(struct collect *c, struct self *self, struct cpu *cpu,
			      struct family *const *families)
{
	const struct labels *labels = METRIC_LABELS(c->out, { STR("cpu"), cpu->number });
	size_t added = 0;

	for (size_t i = 0; i < ROWS; i++) {
		char buffer[ATTR_TEXT_MAX];
		struct str text;
		uint64_t kilohertz;

		if (attr_read(&self->pool, &cpu->files[i], buffer, &text) < 0 ||
		    num_u64(str_trim(text), &kilohertz) < 0)
			continue;
		family_add(families[i], labels, (double)kilohertz * 1000);
		added++;
	}
	return added;
}

static int run(struct collect *c)
{
	static const struct metric_desc governor_desc = {
		"node_cpu_scaling_governor",
		"1 for the governor in force, 0 for the others that are available.",
		METRIC_GAUGE,
	};
	struct self *self = c->self;
	struct family *families[ROWS], *governors;
	size_t found = 0;
	int r = look(c, self);

	if (r < 0 && r != -ENODATA)
		return r;
	if (self->n)
		measure_all(c->host);
	for (size_t i = 0; i < ROWS; i++)
		families[i] = metrics_family(c->out, &rows[i].desc);
	governors = metrics_family(c->out, &governor_desc);
	for (size_t i = 0; i < self->n; i++) {
		found += add_frequencies(c, self, &self->cpus[i], families);
		found += add_governors(c, self, &self->cpus[i], governors);
	}
	return found ? 0
		     : collect_fail(c, 0,
				    "no /sys/devices/system/cpu/cpu*/cpufreq: the kernel scales "
				    "no frequencies here");
}

static void close_cpufreq(struct collect *c)
{
	struct self *self = c->self;

	forget(self);
	arena_release(&self->arena);
}

const struct collector collector_cpufreq = {
	.name = "cpufreq",
	.help = "CPU frequencies and governors",
	.reads = "/sys/devices/system/cpu/cpu*/cpufreq/*",
	.on = true,
	.self_size = sizeof(struct self),
	.run = run,
	.close = close_cpufreq,
};
