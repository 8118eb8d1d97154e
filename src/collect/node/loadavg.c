/* SPDX-License-Identifier: Apache-2.0 */
/* Load averages. Source: fs/proc/loadavg.c. */
#include "collect/collector.h"

#include <errno.h>

static const struct metric_desc descs[] = {
	{ "node_load1", "Load average over one minute.", METRIC_GAUGE },
	{ "node_load5", "Load average over five minutes.", METRIC_GAUGE },
	{ "node_load15", "Load average over fifteen minutes.", METRIC_GAUGE },
};

static int run(struct collect *c)
{
	struct str text;
	int r = collect_read(c, HOST_PROC, "loadavg", &text);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(descs); i++) {
		double value;

		if (!num_take_f64(&text, &value))
			return collect_fail(c, -EBADMSG, "/proc/loadavg: number %zu is missing",
					    i + 1);
		metrics_add(c->out, &descs[i], value);
	}
	return 0;
}

const struct collector collector_loadavg = {
	.name = "loadavg",
	.help = "load averages",
	.reads = "/proc/loadavg",
	.on = true,
	.run = run,
};
