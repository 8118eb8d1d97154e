/* SPDX-License-Identifier: Apache-2.0 */
/* Deferred work of interrupts. Source: /proc/softirqs (fs/proc/softirqs.c). */
#include "collect/collector.h"
#include "host/irqs.h"

static int run(struct collect *c)
{
	static const struct metric_desc desc = {
		"node_softirqs_functions_total",
		"How often deferred work of interrupts was done, by processor and kind.",
		METRIC_COUNTER,
	};
	struct irq_line line;
	struct irqs irqs;
	struct str text;
	int r = collect_read(c, HOST_PROC, "softirqs", &text);

	if (r < 0)
		return r;
	r = irqs_open(text, c->scratch, &irqs);
	if (r < 0)
		return collect_fail(c, r, "/proc/softirqs: its first line names no processor");
	while (irqs_next(&irqs, &line))
		for (size_t i = 0; i < line.n; i++)
			family_add(metrics_family(c->out, &desc),
				   METRIC_LABELS(c->out, { STR("cpu"), irqs.cpus[i] },
						 { STR("type"), line.name }),
				   (double)line.counts[i]);
	return 0;
}

const struct collector collector_softirqs = {
	.name = "softirqs",
	.help = "deferred work of interrupts, by processor",
	.reads = "/proc/softirqs",
	.run = run,
};
