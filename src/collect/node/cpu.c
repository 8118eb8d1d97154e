/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time by cpu and mode. Source: fs/proc/stat.c, ticks of 1/100 s. The kernel lets idle,
 * iowait and (on some hypervisors) steal go backwards by a little; a counter must not, so the
 * largest value seen stands until the kernel has caught up. When idle falls by more than three
 * seconds the cpu was taken out and put back, and its times really begin anew.
 */
#include "collect/node/cpu.h"

#include <errno.h>

#include "base/buf.h"

static const struct opt cpu_opts[] = {
	{ OPT_ROW("guest", OPT_BOOL, struct cpu_conf, guest, "true", NULL,
		  "node_cpu_guest_seconds_total, too") },
	{ OPT_ROW("info", OPT_BOOL, struct cpu_conf, info, "false", NULL,
		  "node_cpu_info with the model of each cpu") },
	{ OPT_ROW("flags_include", OPT_REGEX, struct cpu_conf, flags_include, "", "REGEX",
		  "cpu flags to report; turns info on") },
	{ OPT_ROW("bugs_include", OPT_REGEX, struct cpu_conf, bugs_include, "", "REGEX",
		  "cpu bugs to report; turns info on") },
	{ 0 },
};

static const struct opt_section section_collector_cpu = {
	.path = "collectors.cpu",
	.help = "CPU time",
	.opts = cpu_opts,
	.size = sizeof(struct cpu_conf),
};

enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, GUEST, GUEST_NICE, COLUMNS };
enum { MODES = STEAL + 1, CPUS_MAX = 8192, JUMP_SECONDS = 3 };

static const struct str modes[MODES] = {
	[USER] = { "user", 4 },       [NICE] = { "nice", 4 },     [SYSTEM] = { "system", 6 },
	[IDLE] = { "idle", 4 },       [IOWAIT] = { "iowait", 6 }, [IRQ] = { "irq", 3 },
	[SOFTIRQ] = { "softirq", 7 }, [STEAL] = { "steal", 5 },
};

/* The columns that may go backwards, and the most that was seen of each. */
static const unsigned clamped[] = { IDLE, IOWAIT, STEAL };

enum { CLAMPED = ARRAY_SIZE(clamped) };

struct cpu_peak {
	uint64_t ticks[CLAMPED];
};

struct cpu_self {
	struct arena arena;
	struct cpu_peak *peaks;
	size_t n; /* cpus with memory */
	bool loaded;
	struct str boot_id;
	struct buf text;
	struct cpu_topology topology;
};

static struct cpu_peak *peak_of(struct cpu_self *self, uint64_t cpu)
{
	if (cpu >= self->n) {
		size_t n = cpu + 1;

		self->peaks =
			arena_resize(&self->arena, self->peaks, self->n * sizeof(*self->peaks),
				     n * sizeof(*self->peaks));
		memset(self->peaks + self->n, 0, (n - self->n) * sizeof(*self->peaks));
		self->n = n;
	}
	return &self->peaks[cpu];
}

/* The state's text: the boot id, then "cpu idle iowait steal" for each cpu, comma separated. */
static void load_peaks(struct collect *c)
{
	struct cpu_self *self = c->self;
	struct str text = state_get(c->state, STR("cpu.peaks")), boot, item, id;

	self->loaded = true;
	if (host_read(c->host, HOST_PROC, "sys/kernel/random/boot_id", c->scratch, &id) < 0)
		return;
	self->boot_id = arena_str(&self->arena, str_trim(id));
	if (!str_cut(&text, ',', &boot) || !str_eq(boot, self->boot_id))
		return;
	while (str_cut(&text, ',', &item)) {
		uint64_t cpu, v[CLAMPED];
		bool whole = num_take_u64(&item, &cpu) && cpu < CPUS_MAX;

		for (size_t i = 0; i < CLAMPED && whole; i++)
			whole = num_take_u64(&item, &v[i]);
		if (whole)
			memcpy(peak_of(self, cpu)->ticks, v, sizeof(v));
	}
}

static void save_peaks(struct collect *c)
{
	struct cpu_self *self = c->self;

	if (!self->boot_id.n)
		return;
	buf_reset(&self->text);
	buf_str(&self->text, self->boot_id);
	for (size_t cpu = 0; cpu < self->n; cpu++) {
		buf_char(&self->text, ',');
		buf_u64(&self->text, cpu);
		for (size_t i = 0; i < CLAMPED; i++) {
			buf_char(&self->text, ' ');
			buf_u64(&self->text, self->peaks[cpu].ticks[i]);
		}
	}
	if (!self->text.err)
		state_set(c->state, STR("cpu.peaks"), buf_view(&self->text));
}

static void clamp(struct cpu_self *self, uint64_t cpu, uint64_t *v, uint64_t ticks_per_second)
{
	struct cpu_peak *peak = peak_of(self, cpu);
	bool came_back = v[IDLE] + JUMP_SECONDS * ticks_per_second < peak->ticks[0];

	for (size_t i = 0; i < CLAMPED; i++) {
		if (came_back || v[clamped[i]] > peak->ticks[i])
			peak->ticks[i] = v[clamped[i]];
		v[clamped[i]] = peak->ticks[i];
	}
}

struct cpu_families {
	struct family *seconds, *guest;
};

static void add_cpu(struct collect *c, const struct cpu_families *f, struct str cpu,
		    const uint64_t *v, double tick)
{
	for (unsigned mode = 0; mode < MODES; mode++) {
		const struct labels *labels =
			METRIC_LABELS(c->out, { STR("cpu"), cpu }, { STR("mode"), modes[mode] });

		family_add(f->seconds, labels, (double)v[mode] / tick);
		if (f->guest && mode <= NICE)
			family_add(f->guest, labels, (double)v[GUEST + mode] / tick);
	}
}

/* Reads what follows "cpuN"; false unless it is numbers from end to end, IDLE among them. */
static bool take_columns(struct str line, uint64_t *v)
{
	size_t n = 0;

	while (n < COLUMNS && num_take_u64(&line, &v[n]))
		n++;
	/* OpenVZ and old kernels print fewer columns, future ones perhaps more. */
	return n > IDLE && (n == COLUMNS || !str_trim(line).n);
}

static int add_times(struct collect *c)
{
	static const struct metric_desc seconds = {
		"node_cpu_seconds_total",
		"Time that the cpu spent in each mode.",
		METRIC_COUNTER,
	};
	static const struct metric_desc guest = {
		"node_cpu_guest_seconds_total",
		"Time that the cpu spent for guests; it is in user and nice, too.",
		METRIC_COUNTER,
	};
	const struct cpu_conf *conf = c->conf;
	long ticks = sysconf(_SC_CLK_TCK);
	struct str text, line, word;
	int r = collect_read_once(c, HOST_PROC, "stat", &text), result = 0;
	size_t found = 0;

	if (r < 0)
		return r;

	const struct cpu_families f = {
		.seconds = metrics_family(c->out, &seconds),
		.guest = conf->guest ? metrics_family(c->out, &guest) : NULL,
	};

	while (str_line(&text, &line)) {
		uint64_t v[COLUMNS] = { 0 }, cpu;

		if (!str_word(&line, &word) || !str_starts(word, STR("cpu")))
			break;
		word = str_skip(word, 3);
		if (!word.n) /* the sum of all */
			continue;
		found++;
		if (num_u64(word, &cpu) < 0 || cpu >= CPUS_MAX || !take_columns(line, v)) {
			result = collect_fail(c, -EBADMSG, "/proc/stat: cpu%.*s is not understood",
					      STR_ARG(word));
			continue;
		}
		clamp(c->self, cpu, v, (uint64_t)ticks);
		add_cpu(c, &f, word, v, (double)ticks);
	}
	return found ? result : collect_fail(c, -EBADMSG, "/proc/stat: no cpu lines");
}

static int run(struct collect *c)
{
	const struct cpu_conf *conf = c->conf;
	struct cpu_self *self = c->self;
	int r;

	if (!self->loaded)
		load_peaks(c);
	r = add_times(c);
	save_peaks(c);
	cpu_add_topology(c, &self->topology);
	if (conf->info || conf->flags_include.compiled || conf->bugs_include.compiled) {
		int info = cpu_add_info(c);

		r = r < 0 ? r : info;
	}
	return r;
}

static void close_cpu(struct collect *c)
{
	struct cpu_self *self = c->self;

	buf_release(&self->text);
	cpu_topology_release(&self->topology);
	arena_release(&self->arena);
}

const struct collector collector_cpu = {
	.name = "cpu",
	.help = "CPU time by mode; throttling, isolation, models",
	.reads = "/proc/stat, /sys/devices/system/cpu/*, /proc/cpuinfo",
	.on = true,
	.section = &section_collector_cpu,
	.self_size = sizeof(struct cpu_self),
	.run = run,
	.close = close_cpu,
};
