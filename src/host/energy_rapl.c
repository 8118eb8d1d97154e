/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zones of powercap as energy sources. The same counter can be there twice, by MSR and by MMIO
 * ("intel-rapl-mmio", which sorts first); and AMD's zone "core" is that of one single core, read
 * on the CPU that reads for the package (drivers/powercap/intel_rapl_msr.c).
 */
#include "host/energy_internal.h"

#include <errno.h>

#include "base/num.h"

static bool is_mmio(struct str dir)
{
	return str_starts(dir, STR("intel-rapl-mmio"));
}

static enum energy_domain domain_of(struct str name)
{
	if (str_starts(name, STR("package-")))
		return DOMAIN_PACKAGE;
	if (str_eq(name, STR("psys")) || str_starts(name, STR("psys-")))
		return DOMAIN_PSYS;
	if (str_eq(name, STR("core")))
		return DOMAIN_CORE;
	if (str_eq(name, STR("uncore")))
		return DOMAIN_UNCORE;
	return str_eq(name, STR("dram")) ? DOMAIN_DRAM : DOMAIN_OTHER;
}

/* "package-1" and "package-1-die-0" are of package 1. */
static int package_of(struct str name)
{
	struct str word, rest = name;
	uint64_t number;

	if (!str_cut(&rest, '-', &word) || !str_eq(word, STR("package")) ||
	    !num_take_u64(&rest, &number) || number > INT32_MAX)
		return -1;
	return (int)number;
}

/* The zone that holds this one: "intel-rapl:0" of "intel-rapl:0:1". */
static const struct rapl_zone *parent_of(const struct rapl *rapl, const struct rapl_zone *zone)
{
	struct str dir = zone->dir;

	while (dir.n && dir.p[dir.n - 1] != ':')
		dir.n--;
	if (dir.n)
		dir.n--;
	for (size_t i = 0; i < rapl->n; i++)
		if (str_eq(rapl->zones[i].dir, dir))
			return &rapl->zones[i];
	return NULL;
}

static int zone_package(const struct rapl *rapl, const struct rapl_zone *zone)
{
	const struct rapl_zone *parent = parent_of(rapl, zone);

	return package_of(parent ? parent->name : zone->name);
}

static bool has_msr_twin(const struct rapl *rapl, const struct rapl_zone *zone)
{
	if (!is_mmio(zone->dir))
		return false;
	for (size_t i = 0; i < rapl->n; i++) {
		const struct rapl_zone *other = &rapl->zones[i];

		if (!is_mmio(other->dir) && str_eq(other->name, zone->name) &&
		    zone_package(rapl, other) == zone_package(rapl, zone))
			return true;
	}
	return false;
}

static int read_zone(struct energy_readers *all, struct energy_reader *reader,
		     struct energy_source *source)
{
	uint64_t value;
	int r = rapl_read(reader->zone, &value);

	(void)all;
	if (r < 0)
		return r;
	if (value > source->range_uj) {
		source->reason = "its value is beyond its range";
		return -ERANGE;
	}
	source->value = value;
	return 0;
}

static const char *left_out(const struct energy_scan *scan, const struct rapl_zone *zone,
			    enum energy_domain domain, bool amd)
{
	if (has_msr_twin(&scan->readers->rapl, zone))
		return "the same counter as a zone of intel-rapl";
	if (!zone->max_uj)
		return "it has no range";
	if (domain == DOMAIN_CORE && amd)
		return "of one core only";
	return NULL;
}

void energy_find_rapl(struct energy_scan *scan)
{
	const struct rapl *rapl = &scan->readers->rapl;
	bool amd = rapl->n && (energy_cpu_has(scan->host, STR("vendor_id"), STR("AuthenticAMD")) ||
			       energy_cpu_has(scan->host, STR("vendor_id"), STR("HygonGenuine")));

	for (size_t i = 0; i < rapl->n; i++) {
		struct rapl_zone *zone = &rapl->zones[i];
		struct energy_source source = {
			.kind = ENERGY_RAPL,
			.domain = domain_of(zone->name),
			.id = ARENA_CONCAT(scan->arena, STR("rapl:"), zone->dir),
			.zone = arena_str(scan->arena, zone->name),
			.path = ARENA_CONCAT(scan->arena, STR("/sys/class/powercap/"), zone->dir),
			.package = zone_package(rapl, zone),
			.range_uj = zone->max_uj,
			.max_uw = zone->max_uw,
		};

		energy_add(scan, &source,
			   &(struct energy_reader){
				   .read = read_zone,
				   .left_out = left_out(scan, zone, source.domain, amd),
				   .zone = zone,
				   .file = { .fd = -1 },
			   });
	}
}
