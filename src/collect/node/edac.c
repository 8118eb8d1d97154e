/* SPDX-License-Identifier: Apache-2.0 */
/* Memory errors that the hardware found, as src/host/edac.h tells them. */
#include "collect/collector.h"
#include "host/edac.h"

/* Of a controller, a row, a channel; what was not corrected first. */
static const struct metric_desc descs[][2] = {
	{ { "node_edac_uncorrectable_errors_total", "Memory errors that could not be corrected.",
	    METRIC_COUNTER },
	  { "node_edac_correctable_errors_total", "Memory errors that were corrected.",
	    METRIC_COUNTER } },
	{ { "node_edac_csrow_uncorrectable_errors_total",
	    "Memory errors of a row that could not be corrected.", METRIC_COUNTER },
	  { "node_edac_csrow_correctable_errors_total",
	    "Memory errors of a row that were corrected.", METRIC_COUNTER } },
	{ { "node_edac_channel_uncorrectable_errors_total",
	    "Memory errors of a channel that could not be corrected.", METRIC_COUNTER },
	  { "node_edac_channel_correctable_errors_total",
	    "Memory errors of a channel that were corrected.", METRIC_COUNTER } },
};

static void add(struct collect *c, const struct edac_counter *counter, uint64_t value)
{
	const struct label labels[] = {
		{ STR("controller"), counter->controller },
		{ STR("csrow"), counter->csrow },
		{ STR("channel"), counter->channel },
		{ STR("dimm_label"), counter->dimm_label },
	};
	size_t of = counter->channel.n ? 2 : counter->csrow.n ? 1 : 0;

	family_add(metrics_family(c->out, &descs[of][counter->corrected]),
		   metrics_labels(c->out, of == 2 ? 4 : of + 1, labels), (double)value);
}

static int run(struct collect *c)
{
	struct edac *edac = c->self;
	uint64_t value;
	int r = edac_look(edac, c->host, c->scratch);

	if (r < 0)
		return collect_explain(c, r, HOST_SYS, "devices/system/edac/mc");
	for (struct edac_counter *counter = edac->first; counter; counter = counter->next)
		if (edac_read(edac, counter, &value))
			add(c, counter, value);
	return edac->controllers ? 0
				 : collect_fail(c, 0, "no memory controller that reports errors");
}

static void close_edac(struct collect *c)
{
	edac_release(c->self);
}

const struct collector collector_edac = {
	.name = "edac",
	.help = "memory errors that the hardware found",
	.reads = "/sys/devices/system/edac/mc/*",
	.on = true,
	.self_size = sizeof(struct edac),
	.run = run,
	.close = close_edac,
};
