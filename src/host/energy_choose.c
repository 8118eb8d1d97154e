/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host is made of. A platform counter (psys) has the packages in it, a power meter of the
 * firmware and a battery have everything; so exactly one kind is added up, the first of the list
 * that can be read. A counter comes before a meter even where the meter sees more: it is exact at
 * any interval, and a meter's average lags behind what processes did.
 */
#include "host/energy_internal.h"

static bool is_counter_of_processor(const struct energy_source *s)
{
	return s->kind == ENERGY_RAPL || s->kind == ENERGY_PERF;
}

static bool belongs(enum energy_level level, const struct energy_source *s)
{
	switch (level) {
	case LEVEL_PSYS:
		return is_counter_of_processor(s) && s->domain == DOMAIN_PSYS;
	case LEVEL_PACKAGES:
		return is_counter_of_processor(s) &&
		       (s->domain == DOMAIN_PACKAGE || s->domain == DOMAIN_DRAM);
	case LEVEL_ACPI:
		return s->kind == ENERGY_ACPI && s->domain == DOMAIN_MACHINE;
	case LEVEL_HWMON:
		return s->kind == ENERGY_HWMON && s->domain == DOMAIN_PACKAGE;
	case LEVEL_BATTERY:
		return s->kind == ENERGY_BATTERY;
	case LEVEL_NONE:
		break;
	}
	return false;
}

static bool can_be_read(enum energy_level level, size_t n, const struct energy_source *sources,
			const struct energy_reader *readers)
{
	/* DRAM alone is no host. */
	for (size_t i = 0; i < n; i++)
		if (!readers[i].left_out && sources[i].error == 0 && belongs(level, &sources[i]) &&
		    sources[i].domain != DOMAIN_DRAM)
			return true;
	return false;
}

static const char *why_not(const struct energy_source *s, enum energy_level level)
{
	switch (s->domain) {
	case DOMAIN_CORE:
	case DOMAIN_UNCORE:
		return "inside of its package";
	case DOMAIN_PACKAGE:
	case DOMAIN_DRAM:
		return level == LEVEL_PSYS ? "inside of psys" : "inside of the machine";
	case DOMAIN_GPU:
		return level == LEVEL_NONE ? "of the GPU only" : "inside of the machine";
	case DOMAIN_PSYS:
		return "packages are counted instead";
	case DOMAIN_MACHINE:
		return "has in it what is counted already";
	case DOMAIN_OTHER:
	case DOMAINS:
		break;
	}
	return "what it measures is not known";
}

/*
 * Beside a processor that is measured by itself, a GPU is more of the host. One that sleeps, or is
 * too old to tell, is left out.
 */
static bool adds_gpu(enum energy_level level, const struct energy_source *s)
{
	return s->domain == DOMAIN_GPU && !s->error &&
	       (level == LEVEL_PACKAGES || level == LEVEL_HWMON);
}

enum energy_level energy_choose(enum energy_level before, size_t n, struct energy_source *sources,
				const struct energy_reader *readers)
{
	enum energy_level level = LEVEL_PSYS;

	/* What could be read once and cannot now is a gap, and no reason to measure another way. */
	while (level < before && !can_be_read(level, n, sources, readers))
		level++;

	bool any = level != LEVEL_NONE && can_be_read(level, n, sources, readers);

	for (size_t i = 0; i < n; i++) {
		struct energy_source *s = &sources[i];

		s->left_out = readers[i].left_out != NULL;
		s->host = !readers[i].left_out && (belongs(level, s) || adds_gpu(level, s));
		/* Of several batteries one is used at a time. */
		if (s->kind == ENERGY_BATTERY && any && s->error)
			s->host = false;
		if (readers[i].left_out)
			s->reason = readers[i].left_out;
		else if (s->error)
			s->reason = s->reason ? s->reason : energy_error(s->error);
		else if (!s->host)
			s->reason = why_not(s, level);
	}
	return level;
}
