/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of the processors, counted by perf from when the program started: what a oneshot counts
 * while it runs says nothing, so this is for an agent.
 */
#include "collect/collector.h"

#include <errno.h>

#include "host/perf.h"

struct perf_conf {
	struct str cpus;
	struct opt_list lists[PERF_KIND_TRACEPOINT + 1]; /* by enum perf_kind */
};

static int check_profiler(struct str text, struct arena *arena, struct str *ret_why)
{
	bool known = str_eq(text, STR("all")) || str_eq(text, STR("none"));

	for (size_t i = 0; !known && i < perf_event_count(); i++)
		known = str_eq(text, str_of(perf_events[i].profiler));
	*ret_why = arena_printf(arena, "there is no profiler \"%.*s\"", STR_ARG(text));
	return known ? 0 : -EINVAL;
}

#define PERF_LIST(name, kind, ...) \
	OPT_ROW(name, OPT_LIST, struct perf_conf, lists[kind], __VA_ARGS__)

static const struct opt perf_opts[] = {
	{ OPT_ROW("cpus", OPT_STRING, struct perf_conf, cpus, "", "LIST",
		  "processors to count on, \"0-3,8-64:2\"; none stands for all") },
	{ PERF_LIST("hardware_profilers", PERF_KIND_HARDWARE, "all", "NAME",
		    "events of the processor to count, \"all\" or \"none\""),
	  .check = check_profiler },
	{ PERF_LIST("software_profilers", PERF_KIND_SOFTWARE, "all", "NAME",
		    "events of the kernel to count, \"all\" or \"none\""),
	  .check = check_profiler },
	{ PERF_LIST("cache_profilers", PERF_KIND_CACHE, "all", "NAME",
		    "events of the caches to count, \"all\" or \"none\""),
	  .check = check_profiler },
	{ PERF_LIST("tracepoint", PERF_KIND_TRACEPOINT, "", "SUBSYSTEM:EVENT",
		    "tracepoints to count") },
	{ 0 },
};

static const struct opt_section section_collector_perf = {
	.path = "collectors.perf",
	.help = "events of the processors",
	.opts = perf_opts,
	.size = sizeof(struct perf_conf),
};

static bool wanted(const struct perf_conf *conf, const struct perf_event *event)
{
	const struct opt_list *list = &conf->lists[event->kind];

	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], STR("all")) || str_eq(list->v[i], str_of(event->profiler)))
			return true;
	return false;
}

static int plan(struct collect *c)
{
	const struct perf_conf *conf = c->conf;
	const struct opt_list *tracepoints = &conf->lists[PERF_KIND_TRACEPOINT];
	struct perf_set *set = c->self;
	struct str online = conf->cpus;
	uint32_t *cpus;
	size_t n;
	int r = 0;

	if (!online.n)
		r = collect_read(c, HOST_SYS, "devices/system/cpu/online", &online);
	if (r < 0)
		return r;
	r = perf_cpus(str_trim(online), c->scratch, &cpus, &n);
	if (r < 0)
		return collect_fail(c, r, "\"%.*s\" is no list of processors", STR_ARG(online));
	for (size_t i = 0; i < perf_event_count(); i++)
		if (wanted(conf, &perf_events[i]))
			perf_add(set, &perf_events[i], cpus, n);
	for (size_t i = 0; i < tracepoints->n; i++) {
		struct perf_event *event = arena_alloc(&set->arena, sizeof(*event));

		r = perf_tracepoint(c->host, tracepoints->v[i], &set->arena, event);
		if (r == 0)
			perf_add(set, event, cpus, n);
		else
			collect_note(c, tracepoints->v[i], "tracepoint %.*s: %s",
				     STR_ARG(tracepoints->v[i]), strerror(-r));
	}
	return 0;
}

static int run(struct collect *c)
{
	struct perf_set *set = c->self;
	int refused = 0, r = collect_needs_live(c, HOST_SYS);
	size_t found = 0;

	if (r == 0 && !c->host->keep)
		r = collect_fail(c, -ENODATA, "counts only while it runs: for an agent");
	if (r == 0 && !set->n)
		r = plan(c);
	if (r < 0)
		return r;
	for (size_t i = 0; i < set->n; i++) {
		struct perf_counter *counter = &set->counters[i];
		char cpu[NUM_TEXT_MAX];

		perf_open(counter);
		r = perf_read(counter);
		if (r == -EACCES || r == -EPERM || r == -EMFILE)
			refused = r;
		if (r < 0)
			continue;
		found++;
		family_add(metrics_family_named(c->out, str_of(counter->event->name),
						str_of(counter->event->what), METRIC_COUNTER),
			   METRIC_LABELS(c->out,
					 { STR("cpu"), { cpu, num_print_u64(cpu, counter->cpu) } }),
			   counter->sum);
	}
	if (refused)
		return collect_fail(
			c, refused, "perf_event_open: %s%s", strerror(-refused),
			refused == -EMFILE
				? "; LimitNOFILE is too low for so many"
				: "; needs CAP_PERFMON, or kernel.perf_event_paranoid at 0");
	if (found < set->n)
		return collect_fail(c, found ? 0 : -ENODATA,
				    "%zu of %zu events cannot be counted here", set->n - found,
				    set->n);
	return 0;
}

static void close_perf(struct collect *c)
{
	perf_release(c->self);
}

const struct collector collector_perf = {
	.name = "perf",
	.help = "events of the processors: cycles, misses, faults; for an agent",
	.reads = "perf_event_open(2)",
	.live_only = "perf_event_open(2)",
	.section = &section_collector_perf,
	.self_size = sizeof(struct perf_set),
	.run = run,
	.close = close_perf,
};
