/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pressure stall information. Source: kernel/sched/psi.c; totals are microseconds. With psi=0
 * the files are there and answer EOPNOTSUPP. "full" of cpu is always 0 for the whole system.
 */
#include "collect/collector.h"

#include <errno.h>

static const struct {
	const char *path;
	struct metric_desc some, full; /* name NULL: not a line of this file, or without meaning */
} rows[] = {
	{
		"pressure/cpu",
		{ "node_pressure_cpu_waiting_seconds_total",
		  "Time that at least one task waited for a CPU.", METRIC_COUNTER },
		{ 0 },
	},
	{
		"pressure/io",
		{ "node_pressure_io_waiting_seconds_total",
		  "Time that at least one task waited for I/O.", METRIC_COUNTER },
		{ "node_pressure_io_stalled_seconds_total",
		  "Time that all tasks at once waited for I/O.", METRIC_COUNTER },
	},
	{
		"pressure/memory",
		{ "node_pressure_memory_waiting_seconds_total",
		  "Time that at least one task waited for memory.", METRIC_COUNTER },
		{ "node_pressure_memory_stalled_seconds_total",
		  "Time that all tasks at once waited for memory.", METRIC_COUNTER },
	},
	{
		"pressure/irq",
		{ 0 },
		{ "node_pressure_irq_stalled_seconds_total",
		  "Time that tasks were held up by interrupts.", METRIC_COUNTER },
	},
};

static int parse(struct collect *c, size_t row, struct str text)
{
	struct str line, word;

	while (str_line(&text, &line)) {
		const struct metric_desc *desc = str_starts(line, STR("some "))   ? &rows[row].some
						 : str_starts(line, STR("full ")) ? &rows[row].full
										  : NULL;
		uint64_t total;
		bool found = false;

		while (!found && str_word(&line, &word))
			found = str_starts(word, STR("total="));
		if (!desc || !found || num_u64(str_skip(word, 6), &total) < 0)
			return collect_fail(c, -EBADMSG, "/proc/%s: a line without a total",
					    rows[row].path);
		if (desc->name)
			metrics_add(c->out, desc, (double)total / 1e6);
	}
	return 0;
}

static int run(struct collect *c)
{
	int result = 0;
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct str text;
		int r = host_read(c->host, HOST_PROC, rows[i].path, c->scratch, &text);

		if (r == 0) {
			r = parse(c, i, text);
			found++;
		}
		/* irq is missing before 6.1 and without IRQ time accounting. */
		if (r < 0 && r != -ENOENT && r != -EOPNOTSUPP && r != -ENOTDIR)
			result = r;
	}
	if (!found && result == 0)
		return collect_fail(c, -ENODATA, "/proc/pressure is not there, or psi=0");
	return result;
}

const struct collector collector_pressure = {
	.name = "pressure",
	.help = "time lost waiting for CPU, memory and I/O",
	.reads = "/proc/pressure/{cpu,io,memory,irq}",
	.on = true,
	.run = run,
};
