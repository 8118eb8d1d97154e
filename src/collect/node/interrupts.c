/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts by line and processor. Source: /proc/interrupts (kernel/irq/proc.c). Behind the counts
 * of a numbered line stand its controller and then its pin and devices, behind those of a named one
 * what it is for.
 */
#include "collect/collector.h"
#include "host/irqs.h"

struct interrupts_conf {
	struct name_filter names;
	bool zeros;
};

static const struct opt interrupts_opts[] = {
	NAME_FILTER_OPTS(struct interrupts_conf, names, "name_include", "name_exclude",
			 "interrupts, as \"NAME;INFO;DEVICES\","),
	{ OPT_ROW("include_zeros", OPT_BOOL, struct interrupts_conf, zeros, "true", NULL,
		  "also those that a processor never had") },
	{ 0 },
};

static const struct opt_section section_collector_interrupts = {
	.path = "collectors.interrupts",
	.help = "interrupts by processor",
	.opts = interrupts_opts,
	.size = sizeof(struct interrupts_conf),
};

static void add_line(struct collect *c, const struct irqs *irqs, const struct irq_line *line)
{
	static const struct metric_desc desc = {
		"node_interrupts_total",
		"Interrupts, by processor and what they are for.",
		METRIC_COUNTER,
	};
	const struct interrupts_conf *conf = c->conf;
	struct str name =
		ARENA_CONCAT(c->scratch, line->name, STR(";"), line->info, STR(";"), line->devices);

	if (!name_wanted(&conf->names, name))
		return;
	for (size_t i = 0; i < line->n; i++)
		if (conf->zeros || line->counts[i])
			family_add(metrics_family(c->out, &desc),
				   METRIC_LABELS(c->out, { STR("cpu"), irqs->cpus[i] },
						 { STR("type"), line->name },
						 { STR("info"), line->info },
						 { STR("devices"), line->devices }),
				   (double)line->counts[i]);
}

static int run(struct collect *c)
{
	struct irq_line line;
	struct irqs irqs;
	struct str text;
	int r = collect_read(c, HOST_PROC, "interrupts", &text);

	if (r < 0)
		return r;
	r = irqs_open(text, c->scratch, &irqs);
	if (r < 0)
		return collect_fail(c, r, "/proc/interrupts: its first line names no processor");
	while (irqs_next(&irqs, &line))
		/* ERR and MIS are sums of all processors. */
		if (line.n == irqs.n && line.info.n)
			add_line(c, &irqs, &line);
	return 0;
}

const struct collector collector_interrupts = {
	.name = "interrupts",
	.help = "interrupts by line and processor",
	.reads = "/proc/interrupts",
	.section = &section_collector_interrupts,
	.run = run,
};
