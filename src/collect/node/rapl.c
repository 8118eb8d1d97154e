/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Energy counters of processor packages, from their first value on, but without the wraps that
 * they make. A zone that firmware offers twice (intel-rapl-mmio) comes twice, told apart by its
 * path. Source: drivers/powercap. Conserving sums are the energy collector's.
 */
#include "collect/collector.h"

#include <errno.h>

#include "collect/energy/meter.h"

struct rapl_conf {
	bool zone_label;
};

static const struct opt opts[] = {
	{ OPT_ROW("enable_zone_label", OPT_BOOL, struct rapl_conf, zone_label, "false", NULL,
		  "tell a zone's name by a label, in one family for all of them") },
	{ 0 },
};

const struct opt_section section_collector_rapl = {
	.path = "collectors.rapl",
	.help = "energy counters of processor packages",
	.opts = opts,
	.size = sizeof(struct rapl_conf),
};

static const struct metric_desc labeled_desc = {
	"node_rapl_joules_total",
	"Energy counted by the zones of the processors, without wraps.",
	METRIC_COUNTER,
};

/*
 * "package-1" is package number 1; any other name, "package-0-die-1" too, is itself, numbered
 * in the order of the directory.
 */
static bool split_name(struct str name, struct str *ret_base, uint64_t *ret_index)
{
	struct str rest = name, base;

	if (!str_cut(&rest, '-', &base) || num_u64(rest, ret_index) < 0)
		return false;
	*ret_base = base;
	return true;
}

/* What a metric's name may not hold becomes an underscore. */
static struct str metric_name(struct arena *arena, struct str base)
{
	struct str name = arena_printf(arena, "node_rapl_%.*s_joules_total", STR_ARG(base));
	char *p = arena_alloc(arena, name.n);

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool good = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9');

		p[i] = good ? c : '_';
	}
	return (struct str){ p, name.n };
}

struct named_zone {
	struct str base;
	uint64_t index, next; /* what another of this name is numbered */
};

static struct named_zone name_zone(struct str name, const struct named_zone *before, size_t n)
{
	struct named_zone zone = { .base = name };

	if (!split_name(name, &zone.base, &zone.index))
		for (size_t i = 0; i < n; i++)
			if (str_eq(before[i].base, zone.base))
				zone.index = before[i].next;
	zone.next = zone.index + 1;
	return zone;
}

static void add_zone(struct collect *c, const struct meter_reading *reading,
		     const struct named_zone *named)
{
	const struct rapl_conf *conf = c->conf;
	struct label index = { STR("index"),
			       arena_printf(c->scratch, "%llu", (unsigned long long)named->index) };
	struct label path = { STR("path"), reading->source->path };
	double joules = (double)reading->total_uj / 1e6;

	if (conf->zone_label) {
		family_add(metrics_family(c->out, &labeled_desc),
			   METRIC_LABELS(c->out, index, path, { STR("rapl_zone"), named->base }),
			   joules);
		return;
	}

	struct str help =
		arena_printf(c->scratch, "Energy counted by the %.*s zones, without wraps.",
			     STR_ARG(named->base));
	struct family *family = metrics_family_named(c->out, metric_name(c->scratch, named->base),
						     help, METRIC_COUNTER);

	family_add(family, METRIC_LABELS(c->out, index, path), joules);
}

/* A kernel that knows of such zones, and has none, is no failure. */
static int no_zones(struct collect *c)
{
	_cleanup_fd_ int dir = host_open_dir(c->host, HOST_SYS, "class/powercap");

	return collect_fail(c, dir < 0 ? -ENODATA : 0,
			    "/sys/class/powercap: no zone that counts energy");
}

static int run(struct collect *c)
{
	const struct meter *meter;
	size_t refused = 0, n = 0;
	int r = meter_of_cycle(c, &meter), worst = 0;

	if (r < 0)
		return collect_fail(c, r, "/sys/class/powercap: %s", strerror(-r));

	struct named_zone *named = arena_zalloc(c->scratch, meter->n, sizeof(*named));

	for (size_t i = 0; i < meter->n; i++) {
		const struct energy_source *source = meter->v[i].source;

		if (source->kind != ENERGY_RAPL || !source->range_uj)
			continue;
		named[n] = name_zone(source->zone, named, n);
		if (source->error == 0)
			add_zone(c, &meter->v[i], &named[n]);
		else if (source->error == -EACCES || source->error == -EPERM)
			refused++;
		else if (!worst)
			worst = collect_fail(
				c, source->error, "%.*s/energy_uj: %s", STR_ARG(source->path),
				source->left_out ? strerror(-source->error) : source->reason);
		n++;
	}
	if (!n)
		return no_zones(c);
	if (refused && !worst)
		return collect_fail(c, -EACCES,
				    "/sys/class/powercap/*/energy_uj: permission denied "
				    "(needs root or CAP_DAC_READ_SEARCH)");
	return worst;
}

const struct collector collector_rapl = {
	.name = "rapl",
	.help = "energy counters of processor packages",
	.reads = "/sys/class/powercap/*/energy_uj",
	.on = true,
	.section = &section_collector_rapl,
	.run = run,
};
