/* SPDX-License-Identifier: Apache-2.0 */
/* What a watched run leaves for people: a table on stderr, its last words in the journal. */
#include <unistd.h>

#include "job/energy_facts.h"
#include "job/journal.h"
#include "job/summary.h"
#include "job/watch_internal.h"

void farewell_tail(struct watch *watch)
{
	struct str *lines, headline;
	size_t n;

	if (watch->tail.fd < 0)
		return;
	tail_finish(&watch->tail);
	if (strcmp(watch_result(watch), "success") != 0) {
		lines = arena_alloc(&watch->arena, TAIL_LINES_MAX * sizeof(*lines));
		n = tail_lines(&watch->tail, &watch->arena, lines, TAIL_LINES_MAX);
		headline = arena_printf(&watch->arena, "job %.*s ended with status %d",
					STR_ARG(watch->name), watch->exit_code);
		journal_send(watch->name, headline, n, lines);
	}
	tail_close(&watch->tail);
}

static struct str delivery(const struct watch *watch)
{
	switch (watch->result) {
	case REPORT_DELIVERED:
		return STR("delivered");
	case REPORT_LOST:
		return STR("not delivered, lost");
	default:
		return STR("kept for the next push");
	}
}

void farewell_summary(struct watch *watch)
{
	const struct usage *u = &watch->usage;
	struct run_summary summary = {
		.job = watch->name,
		.stage = watch->conf->stage,
		.result = str_of(watch_result(watch)),
		.delivery = delivery(watch),
		.exit_code = watch->exit_code,
		.signal = watch->signal,
		.attempts = watch->attempts,
		.wall_ns = (uint64_t)(watch->end_ns - watch->start_ns),
		.user_ns = u->user_ns,
		.system_ns = u->system_ns,
		.memory_peak_bytes = u->memory_peak_bytes,
		.read_bytes = u->read_bytes,
		.written_bytes = u->written_bytes,
		.minor_faults = u->minor_faults,
		.major_faults = u->major_faults,
		.voluntary = u->voluntary,
		.involuntary = u->involuntary,
		.processes = u->processes,
	};

	summary.has_energy = job_energy_sums(&watch->record.facts, STR(""), &summary.energy_joules,
					     &summary.energy_idle_joules, &summary.energy_watts);
	if (watch->conf->summary)
		(void)summary_write(&summary, STDERR_FILENO);
}
