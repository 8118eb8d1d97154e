/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor's counters by perf, for who may not read those of powercap: the PMU "power" has
 * one event for each domain, and counts on one CPU of each package (arch/x86/events/rapl.c). It
 * counts from when it is opened, so only who stays can use it.
 */
#include "host/energy_internal.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"

struct perf_counter {
	int fd, error; /* fd, or -errno */
	uint32_t type;
	uint64_t config, epoch;
	uint32_t cpu;
	uint64_t factor; /* microjoules are count * factor >> shift */
	unsigned shift;
	bool used;
};

struct energy_perf {
	size_t n;
	struct perf_counter v[ENERGY_PERF_MAX];
};

static const struct perf_event {
	const char *name, *zone;
	enum energy_domain domain;
} events[] = {
	{ "energy-pkg", "package", DOMAIN_PACKAGE },
	{ "energy-psys", "psys", DOMAIN_PSYS },
	{ "energy-ram", "dram", DOMAIN_DRAM },
};

/* "event=0x02" */
static bool parse_config(struct str text, uint64_t *ret)
{
	return str_starts(text, STR("event=")) && num_hex(str_skip(text, 6), ret) == 0;
}

/*
 * Joules for each count, as a factor of 53 bits: the kernel's 2^-32 is one exactly. Refuses what
 * would have to be shifted out of 128 bits.
 */
static bool parse_scale(struct str text, uint64_t *ret_factor, unsigned *ret_shift)
{
	double scale, part;
	int exponent;

	if (num_f64(text, &scale) < 0 || !(scale > 0) || !(scale <= 1))
		return false;
	part = frexp(scale * 1e6, &exponent);
	if (exponent > 20 || exponent < -60)
		return false;
	*ret_factor = (uint64_t)ldexp(part, 53);
	*ret_shift = (unsigned)(53 - exponent);
	return true;
}

static struct perf_counter *counter_of(struct energy_perf *perf, uint32_t type, uint64_t config,
				       uint32_t cpu)
{
	for (size_t i = 0; i < perf->n; i++) {
		struct perf_counter *c = &perf->v[i];

		if (c->type == type && c->config == config && c->cpu == cpu)
			return c;
	}
	if (perf->n == ENERGY_PERF_MAX)
		return NULL;
	perf->v[perf->n] = (struct perf_counter){
		.fd = -1,
		.type = type,
		.config = config,
		.cpu = cpu,
	};
	return &perf->v[perf->n++];
}

static void open_counter(struct perf_counter *c)
{
	struct perf_event_attr attr = { .type = c->type,
					.size = sizeof(attr),
					.config = c->config };

	if (c->fd >= 0)
		return;
	c->fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)c->cpu, -1, PERF_FLAG_FD_CLOEXEC);
	c->error = c->fd < 0 ? -errno : 0;
	c->epoch = (uint64_t)clock_ns(CLOCK_MONOTONIC);
}

static int read_counter(struct energy_readers *all, struct energy_reader *reader,
			struct energy_source *source)
{
	struct perf_counter *c = &all->perf->v[reader->index];
	uint64_t count;

	if (c->error == -ESRCH)
		source->reason = "counts only while it is open: for an agent";
	if (c->error == -EACCES || c->error == -EPERM)
		source->reason = "permission denied (perf_event_paranoid, CAP_PERFMON)";
	if (c->fd < 0)
		return c->error;
	if (read(c->fd, &count, sizeof(count)) != sizeof(count))
		return -EIO;
	source->value = (uint64_t)((unsigned __int128)count * c->factor >> c->shift);
	source->epoch = c->epoch;
	return 0;
}

static int package_of(const struct host *host, uint32_t cpu, struct arena *scratch)
{
	struct str path =
		arena_printf(scratch, "devices/system/cpu/cpu%u/topology/physical_package_id", cpu);
	uint64_t package;

	if (host->dir[HOST_SYS] < 0 || host_attr_u64(host->dir[HOST_SYS], path.p, &package) < 0 ||
	    package > INT32_MAX)
		return -1;
	return (int)package;
}

static bool add_event(struct energy_scan *scan, const struct perf_event *event, int pmu,
		      uint32_t type, uint32_t cpu)
{
	struct str name = str_of(event->name), text;
	struct str file = ARENA_CONCAT(scan->scratch, STR("events/"), name);
	struct str scale = ARENA_CONCAT(scan->scratch, file, STR(".scale"));
	struct perf_counter *c;
	uint64_t config, factor;
	unsigned shift;

	if (host_attr(pmu, file.p, scan->scratch, &text) < 0 || !parse_config(text, &config) ||
	    host_attr(pmu, scale.p, scan->scratch, &text) < 0 ||
	    !parse_scale(text, &factor, &shift))
		return false;
	c = counter_of(scan->readers->perf, type, config, cpu);
	if (!c)
		return false;
	c->factor = factor;
	c->shift = shift;
	c->used = true;
	if (scan->host->keep)
		open_counter(c);
	else
		c->error = -ESRCH;

	int package = package_of(scan->host, cpu, scan->scratch);

	energy_add(scan,
		   &(struct energy_source){
			   .kind = ENERGY_PERF,
			   .domain = event->domain,
			   .id = arena_printf(scan->arena, "perf:%s:cpu%u", event->name, cpu),
			   .zone = event->domain == DOMAIN_PACKAGE
					   ? arena_printf(scan->arena, "package-%d", package)
					   : arena_str(scan->arena, str_of(event->zone)),
			   .path = arena_printf(scan->arena,
						"/sys/bus/event_source/devices/power/events/%s",
						event->name),
			   .package = event->domain == DOMAIN_PSYS ? -1 : package,
		   },
		   &(struct energy_reader){
			   .read = read_counter,
			   .file = { .fd = -1 },
			   .index = (size_t)(c - scan->readers->perf->v),
		   });
	return c->fd >= 0;
}

/* "0,18" or "0-1": one CPU of each package. */
static size_t parse_cpus(struct str text, uint32_t *cpus, size_t max)
{
	size_t n = 0;
	struct str item;

	while (str_cut(&text, ',', &item)) {
		uint64_t first, last;

		if (!num_take_u64(&item, &first))
			return n;
		last = first;
		if (item.n && item.p[0] == '-') {
			item = str_skip(item, 1);
			if (!num_take_u64(&item, &last))
				return n;
		}
		for (; first <= last && first < UINT32_MAX && n < max; first++)
			cpus[n++] = (uint32_t)first;
	}
	return n;
}

/* Whether powercap tells what packages consume; then its counters, which never stop, are better. */
static bool powercap_does(const struct energy_scan *scan)
{
	bool any = false;

	for (size_t i = 0; i < scan->n; i++) {
		const struct energy_found *found = &scan->v[i];

		if (found->source.kind != ENERGY_RAPL || found->reader.left_out)
			continue;
		any |= found->source.domain == DOMAIN_PACKAGE;
		if (found->reader.zone->open_error == -EACCES ||
		    found->reader.zone->open_error == -EPERM)
			return false;
	}
	return any;
}

static void instead_of_powercap(struct energy_scan *scan)
{
	for (size_t i = 0; i < scan->n; i++)
		if (scan->v[i].source.kind == ENERGY_RAPL && !scan->v[i].reader.left_out)
			scan->v[i].reader.left_out = "permission denied; perf is used instead";
}

static void find_events(struct energy_scan *scan, int pmu)
{
	uint32_t cpus[ENERGY_PERF_MAX];
	struct str text;
	uint64_t type;
	bool open = false;
	size_t n;

	if (host_attr_u64(pmu, "type", &type) < 0 || type > UINT32_MAX ||
	    host_attr(pmu, "cpumask", scan->scratch, &text) < 0)
		return;
	n = parse_cpus(text, cpus, ARRAY_SIZE(cpus));
	for (size_t e = 0; e < ARRAY_SIZE(events); e++) {
		/* Of several packages it is not known whether each counts all of the platform. */
		if (events[e].domain == DOMAIN_PSYS && n > 1)
			continue;
		for (size_t i = 0; i < n; i++)
			if (add_event(scan, &events[e], pmu, (uint32_t)type, cpus[i]))
				open |= events[e].domain == DOMAIN_PACKAGE;
	}
	if (open)
		instead_of_powercap(scan);
}

static void close_unused(struct energy_perf *perf)
{
	for (size_t i = 0; i < perf->n; i++) {
		struct perf_counter *c = &perf->v[i];

		if (!c->used && c->fd >= 0) {
			(void)close(c->fd);
			c->fd = -1;
		}
	}
}

void energy_find_perf(struct energy_scan *scan)
{
	struct energy_perf *perf = scan->readers->perf;
	_cleanup_fd_ int pmu = -1;

	for (size_t i = 0; perf && i < perf->n; i++)
		perf->v[i].used = false;
	/* Another tree's numbers mean nothing to this kernel. */
	if (host_is_live(scan->host, HOST_SYS) && !powercap_does(scan))
		pmu = host_open_dir(scan->host, HOST_SYS, "bus/event_source/devices/power");
	if (pmu >= 0 && !perf)
		perf = scan->readers->perf = calloc(1, sizeof(*perf));
	if (pmu >= 0 && perf)
		find_events(scan, pmu);
	if (perf)
		close_unused(perf);
}

void energy_close_perf(struct energy_readers *readers)
{
	for (size_t i = 0; readers->perf && i < readers->perf->n; i++)
		readers->perf->v[i].used = false;
	if (readers->perf)
		close_unused(readers->perf);
	free(readers->perf);
	readers->perf = NULL;
}
