/* SPDX-License-Identifier: Apache-2.0 */
/* Thermal zones and what cools them, as src/host/thermal.h tells them. */
#include "collect/collector.h"

#include <errno.h>

#include "host/thermal.h"

enum { TEMP, CUR_STATE, MAX_STATE, N_DESCS };

static const struct metric_desc descs[N_DESCS] = {
	[TEMP] = { "node_thermal_zone_temp", "Temperature of the zone in degrees Celsius.",
		   METRIC_GAUGE },
	[CUR_STATE] = { "node_cooling_device_cur_state",
			"How hard the device cools now, 0 being not at all.", METRIC_GAUGE },
	[MAX_STATE] = { "node_cooling_device_max_state", "How hard the device can cool.",
			METRIC_GAUGE },
};

static void add_device(struct collect *c, struct family *const family[], struct thermal_device *d)
{
	struct thermal *thermal = c->self;
	const struct labels *labels =
		METRIC_LABELS(c->out, { d->is_zone ? STR("zone") : STR("name"), d->number },
			      { STR("type"), d->type });
	int64_t value, max;

	if (thermal_read(thermal, &d->temp, &value))
		family_add(family[TEMP], labels, (double)value / 1000);
	/* -1 is a value: intel_powerclamp has it while it does nothing. */
	if (thermal_read(thermal, &d->cur_state, &value) &&
	    thermal_read(thermal, &d->max_state, &max)) {
		family_add(family[CUR_STATE], labels, (double)value);
		family_add(family[MAX_STATE], labels, (double)max);
	}
}

static int run(struct collect *c)
{
	struct thermal *thermal = c->self;
	struct family *family[N_DESCS];
	int r = thermal_look(thermal, c->host, c->scratch);

	if (r < 0 && r != -ENOENT)
		return collect_explain(c, r, HOST_SYS, "class/thermal");
	if (r < 0 || !thermal->listed)
		return collect_fail(c, 0, "no thermal zone");
	for (size_t i = 0; i < N_DESCS; i++)
		family[i] = metrics_family(c->out, &descs[i]);
	for (size_t i = 0; i < thermal->n; i++)
		add_device(c, family, &thermal->devices[i]);
	return 0;
}

static void close_thermal_zone(struct collect *c)
{
	thermal_release(c->self);
}

const struct collector collector_thermal_zone = {
	.name = "thermal_zone",
	.help = "thermal zones and cooling devices",
	.reads = "/sys/class/thermal/*",
	.on = true,
	.self_size = sizeof(struct thermal),
	.run = run,
	.close = close_thermal_zone,
};
