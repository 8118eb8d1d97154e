/* SPDX-License-Identifier: Apache-2.0 */
/* Time that tasks ran and waited, by cpu. Source: kernel/sched/stats.c, versions 15 to 17. */
#include "collect/collector.h"

#include <errno.h>

static const struct metric_desc running_desc = {
	"node_schedstat_running_seconds_total",
	"Time that tasks spent running on the cpu.",
	METRIC_COUNTER,
};
static const struct metric_desc waiting_desc = {
	"node_schedstat_waiting_seconds_total",
	"Time that tasks spent waiting for the cpu.",
	METRIC_COUNTER,
};
static const struct metric_desc timeslices_desc = {
	"node_schedstat_timeslices_total",
	"Time slices that were run on the cpu.",
	METRIC_COUNTER,
};

/* cpuN, six columns of counts, then run time, wait time (both ns) and slices. */
enum { COLUMNS = 9, RUNNING = 6, WAITING = 7, TIMESLICES = 8 };

static int run(struct collect *c)
{
	struct str text, line, word;
	int r = collect_read(c, HOST_PROC, "schedstat", &text), result = 0;
	size_t found = 0;

	if (r < 0)
		return r;

	struct family *running = metrics_family(c->out, &running_desc);
	struct family *waiting = metrics_family(c->out, &waiting_desc);
	struct family *timeslices = metrics_family(c->out, &timeslices_desc);

	while (str_line(&text, &line)) {
		uint64_t v[COLUMNS];
		size_t columns = 0;

		if (!str_starts(line, STR("cpu")) || !str_word(&line, &word))
			continue;
		found++;
		while (columns < COLUMNS && num_take_u64(&line, &v[columns]))
			columns++;
		if (columns < COLUMNS) {
			result = collect_fail(c, -EBADMSG,
					      "/proc/schedstat: %.*s has only %zu columns",
					      STR_ARG(word), columns);
			continue;
		}

		const struct labels *labels =
			METRIC_LABELS(c->out, { STR("cpu"), str_skip(word, 3) });

		family_add(running, labels, (double)v[RUNNING] / 1e9);
		family_add(waiting, labels, (double)v[WAITING] / 1e9);
		family_add(timeslices, labels, (double)v[TIMESLICES]);
	}
	return found ? result : collect_fail(c, -EBADMSG, "/proc/schedstat: no cpu lines");
}

const struct collector collector_schedstat = {
	.name = "schedstat",
	.help = "time that tasks ran and waited for each cpu",
	.reads = "/proc/schedstat",
	.on = true,
	.run = run,
};
