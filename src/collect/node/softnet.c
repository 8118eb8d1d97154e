/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet processing by cpu. Source: net/core/net-procfs.c, hexadecimal columns. Kernels before
 * 5.10 do not print the backlog and the cpu's number; the line number stands in for it then.
 */
#include "collect/collector.h"

#include <errno.h>

enum { COLUMNS_MAX = 15, COLUMNS_MIN = 9, CPU_COLUMN = 12 };

static const struct {
	size_t column;
	struct metric_desc desc;
} rows[] = {
	{ 0, { "node_softnet_processed_total", "Packets processed by the cpu.", METRIC_COUNTER } },
	{ 1,
	  { "node_softnet_dropped_total", "Packets dropped because the backlog was full.",
	    METRIC_COUNTER } },
	{ 2,
	  { "node_softnet_times_squeezed_total",
	    "Times that packets were left when budget or time had run out.", METRIC_COUNTER } },
	{ 8,
	  { "node_softnet_cpu_collision_total", "Collisions when taking a device's transmit lock.",
	    METRIC_COUNTER } },
	{ 9,
	  { "node_softnet_received_rps_total",
	    "Times that the cpu was woken to take packets steered to it.", METRIC_COUNTER } },
	{ 10,
	  { "node_softnet_flow_limit_count_total", "Times that the flow limit was reached.",
	    METRIC_COUNTER } },
	{ 11, { "node_softnet_backlog_len", "Packets in the cpu's backlog.", METRIC_GAUGE } },
};

static void add_cpu(struct collect *c, const uint64_t *v, size_t columns, uint64_t line)
{
	struct str cpu =
		arena_printf(c->scratch, "%llu",
			     (unsigned long long)(columns > CPU_COLUMN ? v[CPU_COLUMN] : line));
	const struct labels *labels = METRIC_LABELS(c->out, { STR("cpu"), cpu });

	/* What an old kernel does not count is 0, as node_exporter has it. */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		family_add(metrics_family(c->out, &rows[i].desc), labels,
			   (double)v[rows[i].column]);
}

static int run(struct collect *c)
{
	struct str text, line, word;
	int r = collect_read(c, HOST_PROC, "net/softnet_stat", &text), result = 0;

	if (r < 0)
		return r;
	if (!text.n)
		return collect_fail(c, -EBADMSG, "/proc/net/softnet_stat is empty");
	for (uint64_t number = 0; str_line(&text, &line); number++) {
		uint64_t v[COLUMNS_MAX] = { 0 };
		size_t n = 0;

		while (n < COLUMNS_MAX && str_word(&line, &word) && num_hex(word, &v[n]) == 0)
			n++;
		if (n >= COLUMNS_MIN)
			add_cpu(c, v, n, number);
		else
			result = collect_fail(
				c, -EBADMSG,
				"/proc/net/softnet_stat: line %llu has only %zu columns",
				(unsigned long long)number + 1, n);
	}
	return result;
}

const struct collector collector_softnet = {
	.name = "softnet",
	.help = "packet processing by cpu",
	.reads = "/proc/net/softnet_stat",
	.on = true,
	.run = run,
};
