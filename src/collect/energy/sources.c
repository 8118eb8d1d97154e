/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each source with the reason for which it is no part of the host's sum; an empty reason is none.
 * Where there is no source at all one series says why, and no joule is 0.
 */
#include "collect/energy/sources.h"

#include <errno.h>

static const struct metric_desc info_desc = {
	"peekpush_energy_source_info",
	"What energy is measured by; always 1. With a reason the source is not part of the host.",
	METRIC_GAUGE,
};

static const struct metric_desc joules_desc = {
	"peekpush_energy_source_joules_total",
	"Energy by each source, wraps and restarts taken out. Sources contain each other; do not "
	"add them up.",
	METRIC_COUNTER,
};

static const struct metric_desc gaps_desc = {
	"peekpush_energy_gaps_total",
	"Times that what a source had counted between two readings could not be told, by reason.",
	METRIC_COUNTER,
};

static void add_source(struct collect *c, const struct meter_reading *reading)
{
	const struct energy_source *source = reading->source;
	const struct label labels[] = {
		{ STR("source"), str_of(energy_kind_name(source->kind)) },
		{ STR("zone"), source->zone },
		{ STR("domain"), str_of(energy_domain_name(source->domain)) },
		{ STR("path"), source->path },
		{ STR("reason"), str_of(source->reason) },
	};

	family_add(metrics_family(c->out, &info_desc),
		   metrics_labels(c->out, ARRAY_SIZE(labels), labels), 1);
	if (source->error == 0)
		family_add(metrics_family(c->out, &joules_desc),
			   metrics_labels(c->out, ARRAY_SIZE(labels) - 1, labels),
			   (double)reading->total_uj / 1e6);
}

static void add_gaps(struct collect *c, const struct meter *meter)
{
	struct family *family = metrics_family(c->out, &gaps_desc);

	for (int i = 0; i < GAPS; i++)
		family_add(family,
			   METRIC_LABELS(c->out, { STR("reason"),
						   str_of(energy_gap_name((enum energy_gap)i)) }),
			   (double)meter->gaps[i]);
}

static int none(struct collect *c, const char *why)
{
	family_add(metrics_family(c->out, &info_desc),
		   METRIC_LABELS(c->out, { STR("source"), STR("none") },
				 { STR("reason"), str_of(why) }),
		   1);
	return collect_fail(c, -ENODATA, "%s", why);
}

int energy_add_sources(struct collect *c, const struct meter *meter)
{
	const struct energy_source *wrong = NULL;
	bool any = false;

	if (!meter->n)
		return none(c, meter->sources->none);
	for (size_t i = 0; i < meter->n; i++) {
		const struct energy_source *source = meter->v[i].source;

		add_source(c, &meter->v[i]);
		any |= source->error == 0;
		if (source->error && !wrong)
			wrong = source;
	}
	add_gaps(c, meter);
	if (any)
		return 0;
	if (wrong->error == -EACCES || wrong->error == -EPERM)
		return collect_fail(c, -EACCES,
				    "%.*s/energy_uj: permission denied (needs root or "
				    "CAP_DAC_READ_SEARCH; an agent can do with CAP_PERFMON)",
				    STR_ARG(wrong->path));
	return collect_fail(c, wrong->error, "%.*s: %s",
			    STR_ARG(wrong->path.n ? wrong->path : wrong->id), wrong->reason);
}
