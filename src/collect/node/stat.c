/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel activity since boot. Source: fs/proc/stat.c; the cpu lines belong to cpu.c. */
#include "collect/collector.h"

#include <errno.h>

struct stat_conf {
	bool softirq;
};

static const struct opt stat_opts[] = {
	{ OPT_ROW("softirq", OPT_BOOL, struct stat_conf, softirq, "false", NULL,
		  "node_softirqs_total by vector, too") },
	{ 0 },
};

static const struct opt_section section_collector_stat = {
	.path = "collectors.stat",
	.help = "kernel activity",
	.opts = stat_opts,
	.size = sizeof(struct stat_conf),
};

static const struct {
	struct str key;
	struct metric_desc desc;
} rows[] = {
	{ { "intr", 4 }, { "node_intr_total", "Interrupts serviced since boot.", METRIC_COUNTER } },
	{ { "ctxt", 4 },
	  { "node_context_switches_total", "Context switches since boot.", METRIC_COUNTER } },
	{ { "btime", 5 },
	  { "node_boot_time_seconds", "When the kernel was booted, in Unix time.", METRIC_GAUGE } },
	{ { "processes", 9 },
	  { "node_forks_total", "Processes and threads created since boot.", METRIC_COUNTER } },
	{ { "procs_running", 13 },
	  { "node_procs_running", "Tasks that run or wait for a CPU.", METRIC_GAUGE } },
	{ { "procs_blocked", 13 },
	  { "node_procs_blocked", "Tasks that wait for I/O.", METRIC_GAUGE } },
};

/*
 * include/linux/interrupt.h: the order of the columns after the total. The kernel renamed
 * block_iopoll to irq_poll in 4.5; node_exporter keeps the old name.
 */
static const char *const vectors[] = { "hi",           "timer",   "net_tx", "net_rx",  "block",
				       "block_iopoll", "tasklet", "sched",  "hrtimer", "rcu" };

static void add_softirqs(struct collect *c, struct str line)
{
	static const struct metric_desc desc = {
		"node_softirqs_total",
		"Software interrupts by vector.",
		METRIC_COUNTER,
	};
	struct family *f = metrics_family(c->out, &desc);
	uint64_t value;

	if (!num_take_u64(&line, &value))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(vectors) && num_take_u64(&line, &value); i++)
		family_add(f, METRIC_LABELS(c->out, { STR("vector"), str_of(vectors[i]) }),
			   (double)value);
}

static int run(struct collect *c)
{
	const struct stat_conf *conf = c->conf;
	struct str text, line, key;
	int r = collect_read_once(c, HOST_PROC, "stat", &text), result = 0;
	unsigned int found = 0; /* a bit for each row */

	if (r < 0)
		return r;
	while (str_line(&text, &line)) {
		uint64_t value;

		if (str_starts(line, STR("cpu")) || !str_word(&line, &key))
			continue;
		if (conf->softirq && str_eq(key, STR("softirq")))
			add_softirqs(c, line);
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			if (!str_eq(key, rows[i].key))
				continue;
			found |= 1U << i;
			if (num_take_u64(&line, &value))
				metrics_add(c->out, &rows[i].desc, (double)value);
			else
				result = collect_fail(c, -EBADMSG, "/proc/stat: %s has no number",
						      rows[i].key.p);
		}
	}
	if (!found)
		return collect_fail(c, -EBADMSG, "/proc/stat: none of the known lines");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!(found & 1U << i))
			metrics_add(c->out, &rows[i].desc, 0);
	return result;
}

const struct collector collector_stat = {
	.name = "stat",
	.help = "interrupts, context switches, forks, boot time, running tasks",
	.reads = "/proc/stat",
	.on = true,
	.section = &section_collector_stat,
	.run = run,
};
