/* SPDX-License-Identifier: Apache-2.0 */
/* Processes and threads by state, and how many there may be. Source: the process table. */
#include "collect/collector.h"

#include <errno.h>

#include "collect/process/table.h"
#include "host/processes.h"

static void add_states(struct collect *c, const struct metric_desc *desc, struct str label,
		       const uint64_t counts[128])
{
	for (int i = 0; i < 128; i++) {
		const char state = (char)i;

		if (counts[i])
			family_add(metrics_family(c->out, desc),
				   METRIC_LABELS(c->out, { label, { &state, 1 } }),
				   (double)counts[i]);
	}
}

/* In this order, and up to the first that cannot be told, as node_exporter does. */
static int run(struct collect *c)
{
	enum { THREADS, MAX_THREADS, STATE, THREADS_STATE, MAX_PROCESSES, PIDS };
	static const struct metric_desc descs[] = {
		{ "node_processes_threads", "Threads of all processes.", METRIC_GAUGE },
		{ "node_processes_max_threads", "How many threads there may be.", METRIC_GAUGE },
		{ "node_processes_state", "Processes by the state of their first thread.",
		  METRIC_GAUGE },
		{ "node_processes_threads_state", "Threads by state.", METRIC_GAUGE },
		{ "node_processes_max_processes", "How many process numbers there may be.",
		  METRIC_GAUGE },
		{ "node_processes_pids", "Processes.", METRIC_GAUGE },
	};
	static const struct process_wants none = { 0 };
	static const struct process_table empty = { 0 };
	const struct process_shared *shared = NULL;
	struct process_states states;
	int r = process_table(c, &none, &shared);

	if (r < 0 && r != -ENODATA)
		return r;
	processes_states(c->host, shared ? &shared->table : &empty, c->scratch, &states);
	metrics_add(c->out, &descs[THREADS], (double)states.n_threads);
	r = collect_number(c, HOST_PROC, "sys/kernel/threads-max", &descs[MAX_THREADS]);
	add_states(c, &descs[STATE], STR("state"), states.processes);
	add_states(c, &descs[THREADS_STATE], STR("thread_state"), states.threads);
	if (r == 0)
		r = collect_number(c, HOST_PROC, "sys/kernel/pid_max", &descs[MAX_PROCESSES]);
	if (r == 0)
		metrics_add(c->out, &descs[PIDS], shared ? (double)shared->table.n : 0);
	return r;
}

const struct collector collector_processes = {
	.name = "processes",
	.help = "processes and threads by state, and their limits",
	.reads = "/proc/PID/stat, /proc/PID/task, /proc/sys/kernel/{threads-max,pid_max}",
	.run = run,
};
