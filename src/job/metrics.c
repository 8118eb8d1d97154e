/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peekpush_job_* families. How the last finished run went is pushed while the next one
 * runs, too: an alert on a failure must not resolve because a retry has begun.
 */
#include <time.h>

#include "base/clock.h"
#include "base/num.h"
#include "config.h"
#include "job/job.h"

/* Doubles in the state go as nanoseconds: exact, and far beyond the year 2500. */
static void remember(struct state *state, const char *key, double value)
{
	state_set_u64(state, str_of(key), (uint64_t)(value * 1e9));
}

static void recall(struct metrics *out, const struct state *state, const char *key,
		   const struct metric_desc *desc)
{
	uint64_t ns;

	if (num_u64(state_get(state, str_of(key)), &ns) == 0)
		metrics_add(out, desc, (double)ns / 1e9);
}

static void remember_result(const struct job *job, struct state *state)
{
	bool success = job->exit_code == 0;

	state_set_u64(state, STR("exit_code"), (uint64_t)job->exit_code);
	state_set_u64(state, STR("signal"), (uint64_t)job->signal);
	remember(state, "end", job->end_wall);
	remember(state, "duration", (double)(job->end_ns - job->start_ns) / 1e9);
	remember(state, success ? "last_success" : "last_failure", job->end_wall);
}

static void add_result(struct metrics *out, const struct state *state)
{
	static const struct metric_desc exit_code = {
		"peekpush_job_exit_code",
		"Exit status of the last finished run; 128 + N when signal N ended it.",
		METRIC_GAUGE,
	};
	static const struct metric_desc signal = {
		"peekpush_job_signal",
		"Signal that ended the last finished run, 0 when it exited by itself.",
		METRIC_GAUGE,
	};
	static const struct metric_desc success = {
		"peekpush_job_success",
		"1 when the last finished run succeeded, else 0.",
		METRIC_GAUGE,
	};
	static const struct metric_desc end = {
		"peekpush_job_end_timestamp_seconds",
		"When the last finished run ended.",
		METRIC_GAUGE,
	};
	static const struct metric_desc duration = {
		"peekpush_job_duration_seconds",
		"How long the last finished run took.",
		METRIC_GAUGE,
	};
	static const struct metric_desc last_success = {
		"peekpush_job_last_success_timestamp_seconds",
		"When a run last ended in success.",
		METRIC_GAUGE,
	};
	static const struct metric_desc last_failure = {
		"peekpush_job_last_failure_timestamp_seconds",
		"When a run last ended in failure.",
		METRIC_GAUGE,
	};

	if (state_get(state, STR("exit_code")).n) {
		uint64_t code = state_u64(state, STR("exit_code"), 0);

		metrics_add(out, &exit_code, (double)code);
		metrics_add(out, &signal, (double)state_u64(state, STR("signal"), 0));
		metrics_add(out, &success, code == 0);
	}
	recall(out, state, "end", &end);
	recall(out, state, "duration", &duration);
	recall(out, state, "last_success", &last_success);
	recall(out, state, "last_failure", &last_failure);
}

static void add_pair(struct metrics *out, const struct metric_desc *desc, struct str label,
		     struct str one, double one_value, struct str other, double other_value)
{
	struct family *f = metrics_family(out, desc);

	family_add(f, METRIC_LABELS(out, { label, one }), one_value);
	family_add(f, METRIC_LABELS(out, { label, other }), other_value);
}

static void add_usage(const struct job *job, struct metrics *out)
{
	static const struct metric_desc cpu = {
		"peekpush_job_cpu_seconds",
		"CPU time of this run: the command and the descendants it has waited for.",
		METRIC_GAUGE,
	};
	static const struct metric_desc peak = {
		"peekpush_job_memory_peak_bytes",
		"Largest resident memory that a process of this run has had.",
		METRIC_GAUGE,
	};
	static const struct metric_desc faults = {
		"peekpush_job_page_faults",
		"Page faults of this run; major ones had to wait for a disk.",
		METRIC_GAUGE,
	};
	static const struct metric_desc switches = {
		"peekpush_job_context_switches",
		"Context switches of this run, by whether it gave the CPU up itself.",
		METRIC_GAUGE,
	};

	add_pair(out, &cpu, STR("mode"), STR("user"), job->user_seconds, STR("system"),
		 job->system_seconds);
	if (job->peak_bytes)
		metrics_add(out, &peak, (double)job->peak_bytes);
	add_pair(out, &faults, STR("type"), STR("minor"), (double)job->minor_faults, STR("major"),
		 (double)job->major_faults);
	add_pair(out, &switches, STR("type"), STR("voluntary"), (double)job->voluntary,
		 STR("involuntary"), (double)job->involuntary);
}

void job_metrics(const struct job *job, struct metrics *out, struct state *state)
{
	static const struct metric_desc running = {
		"peekpush_job_running",
		"1 while the job runs.",
		METRIC_GAUGE,
	};
	static const struct metric_desc start = {
		"peekpush_job_start_timestamp_seconds",
		"When the newest run started.",
		METRIC_GAUGE,
	};
	static const struct metric_desc heartbeat = {
		"peekpush_job_heartbeat_timestamp_seconds",
		"When this was sampled.",
		METRIC_GAUGE,
	};
	static const struct metric_desc info = {
		"peekpush_job_info",
		"What runs here; always 1.",
		METRIC_GAUGE,
	};

	if (job->ended)
		remember_result(job, state);
	metrics_add(out, &running, !job->ended);
	metrics_add(out, &start, job->start_wall);
	metrics_add(out, &heartbeat, clock_wall_seconds());
	add_result(out, state);
	add_usage(job, out);
	family_add(metrics_family(out, &info),
		   METRIC_LABELS(out, { STR("command"), job->command }, { STR("user"), job->user },
				 { STR("version"), STR(PACKAGE_VERSION) }),
		   1);
}
