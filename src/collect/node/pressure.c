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

/* The total of the line that begins with `kind`, in microseconds. */
static bool take_total(struct str text, struct str kind, uint64_t *ret)
{
	struct str line, word;

	while (str_line(&text, &line)) {
		if (!str_word(&line, &word) || !str_eq(word, kind))
			continue;
		while (str_word(&line, &word))
			if (str_starts(word, STR("total=")))
				return num_u64(str_skip(word, 6), ret) == 0;
	}
	return false;
}

static int add(struct collect *c, const char *path, struct str text, struct str kind,
	       const struct metric_desc *desc)
{
	uint64_t total;

	if (!desc->name)
		return 0;
	if (!take_total(text, kind, &total))
		return collect_fail(c, -EBADMSG, "/proc/%s: no total of \"%s\"", path, kind.p);
	/* In two steps, as node_exporter: the last digit is another in one case of four. */
	metrics_add(c->out, desc, (double)total / 1e3 / 1e3);
	return 0;
}

static int run(struct collect *c)
{
	int result = 0;
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *path = rows[i].path;
		struct str text;
		int r = host_read(c->host, HOST_PROC, path, c->scratch, &text);

		/* irq is missing before 6.1 and without IRQ time accounting. */
		if (r == -ENOENT || r == -ENOTDIR || r == -EOPNOTSUPP)
			continue;
		found++;
		if (r < 0) {
			result = collect_fail(c, r, "/proc/%s: %s", path, strerror(-r));
			continue;
		}
		r = add(c, path, text, STR("some"), &rows[i].some);
		result = r < 0 ? r : result;
		r = add(c, path, text, STR("full"), &rows[i].full);
		result = r < 0 ? r : result;
	}
	return found ? result : collect_fail(c, -ENODATA, "/proc/pressure is not there, or psi=0");
}

const struct collector collector_pressure = {
	.name = "pressure",
	.help = "time lost waiting for CPU, memory and I/O",
	.reads = "/proc/pressure/{cpu,io,memory,irq}",
	.on = true,
	.run = run,
};
