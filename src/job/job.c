/* SPDX-License-Identifier: Apache-2.0 */
#include "job/job.h"

#include <errno.h>

#include "base/num.h"

#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)
#define YEARS (3650 * DAY) /* a sum of two still fits */

static const struct opt job_opts[] = {
	{
		.name = "name",
		.type = OPT_STRING,
		.offset = offsetof(struct job_conf, name),
		.preset = "",
		.flag = "job",
		.env = "PEEKPUSH_JOB",
		.arg = "NAME",
		.help = "name of the job; empty means the command's base name",
	},
	{
		.name = "stage",
		.type = OPT_STRING,
		.offset = offsetof(struct job_conf, stage),
		.preset = "",
		.flag = "stage",
		.arg = "NAME",
		.help = "stage of a pipeline, as grouping label stage",
	},
	{
		.name = "no_instance",
		.type = OPT_BOOL,
		.offset = offsetof(struct job_conf, no_instance),
		.preset = "false",
		.flag = "no-instance",
		.help = "do not group by instance: a job of a service, wherever it runs",
	},
	{
		.name = "heartbeat",
		.type = OPT_DURATION,
		.offset = offsetof(struct job_conf, heartbeat_ns),
		.preset = "15s",
		.flag = "heartbeat",
		.arg = "TIME",
		.choices = "off",
		.help = "time between two pushes while the command runs, or off",
		.min = SECOND / 10,
		.max = DAY,
	},
	{
		.name = "every",
		.type = OPT_DURATION,
		.offset = offsetof(struct job_conf, every_ns),
		.preset = "0",
		.flag = "every",
		.arg = "TIME",
		.help = "how often the job is expected to succeed; pushed for alerts",
		.max = YEARS,
	},
	{
		.name = "max_duration",
		.type = OPT_DURATION,
		.offset = offsetof(struct job_conf, max_duration_ns),
		.preset = "0",
		.flag = "max-duration",
		.arg = "TIME",
		.help = "how long a run may take; pushed for alerts, nothing is ended",
		.max = YEARS,
	},
	{
		.name = "timeout",
		.type = OPT_DURATION,
		.offset = offsetof(struct job_conf, timeout_ns),
		.preset = "0",
		.flag = "timeout",
		.arg = "TIME",
		.help = "end the command and all its descendants after this time; 0: never",
		.max = YEARS,
	},
	{
		.name = "kill_after",
		.type = OPT_DURATION,
		.offset = offsetof(struct job_conf, kill_after_ns),
		.preset = "10s",
		.flag = "kill-after",
		.arg = "TIME",
		.help = "time from SIGTERM to SIGKILL after a time-out",
		.max = YEARS,
	},
	{
		.name = "retries",
		.type = OPT_INT,
		.offset = offsetof(struct job_conf, retries),
		.preset = "0",
		.flag = "retries",
		.arg = "N",
		.help = "start a failed command again, up to N times",
		.max = 1000000,
	},
	{
		.name = "retry_delay",
		.type = OPT_DURATION,
		.offset = offsetof(struct job_conf, retry_delay_ns),
		.preset = "10s",
		.flag = "retry-delay",
		.arg = "TIME",
		.help = "time between a failure and the next attempt",
		.max = YEARS,
	},
	{
		.name = "lock",
		.type = OPT_CHOICE,
		.offset = offsetof(struct job_conf, lock),
		.preset = "off",
		.flag = "lock",
		.arg = "fail|wait",
		.choices = "off|fail|wait",
		.bare = "fail",
		.help = "do not start, or wait, while another run of the job is running here",
	},
	{
		.name = "success_codes",
		.type = OPT_LIST,
		.offset = offsetof(struct job_conf, success_codes),
		.preset = "0",
		.flag = "success-codes",
		.arg = "N,...",
		.help = "exit statuses that count as success",
	},
	{
		.name = "metrics_files",
		.type = OPT_LIST,
		.offset = offsetof(struct job_conf, metrics_files),
		.preset = "",
		.flag = "metrics-file",
		.arg = "FILE,...",
		.help = "further files with metrics that the command writes",
	},
	{
		.name = "metrics_size",
		.type = OPT_SIZE,
		.offset = offsetof(struct job_conf, metrics_size),
		.preset = "1M",
		.help = "bytes that the metrics from inside may take, as text; more are left out",
	},
	{
		.name = "summary",
		.type = OPT_BOOL,
		.offset = offsetof(struct job_conf, summary),
		.preset = "false",
		.flag = "summary",
		.help = "tell at the end, on stderr, how it went and what it took",
	},
	{
		.name = "tail",
		.type = OPT_INT,
		.offset = offsetof(struct job_conf, tail),
		.preset = "0",
		.flag = "tail",
		.arg = "N",
		.help = "send the last N lines of a failed command's stderr to the journal",
		.max = 1000,
	},
	{
		.name = "accounting",
		.type = OPT_CHOICE,
		.offset = offsetof(struct job_conf, accounting),
		.preset = "auto",
		.choices = "auto|scope|cgroup|subreaper",
		.help = "how the usage of all descendants is found",
	},
	{
		.name = "duration_buckets",
		.type = OPT_LIST,
		.offset = offsetof(struct job_conf, duration_buckets),
		.preset = "1s,5s,15s,1m,5m,15m,30m,1h,2h,6h,12h,1d,2d,7d",
		.help = "upper bounds of peekpush_job_run_duration_seconds",
	},
	{
		.name = "remember",
		.type = OPT_INT,
		.offset = offsetof(struct job_conf, remember),
		.preset = "1000",
		.arg = "N",
		.help = "jobs whose history is kept; the one that was idle longest goes first",
		.min = 1,
		.max = 1000000,
	},
	{ 0 },
};

const struct opt_section section_job = {
	.path = "job",
	.help = "the job",
	.opts = job_opts,
	.size = sizeof(struct job_conf),
};

int job_conf_check(const struct job_conf *conf, struct arena *arena, struct str *ret_why)
{
	for (size_t i = 0; i < conf->success_codes.n; i++) {
		struct str code = conf->success_codes.v[i];
		uint64_t value;

		if (num_u64(code, &value) == 0 && value <= 255)
			continue;
		*ret_why = arena_printf(arena, "job.success_codes: %.*s is not between 0 and 255",
					STR_ARG(code));
		return -EINVAL;
	}
	for (size_t i = 0; i < conf->duration_buckets.n; i++) {
		struct str bound = conf->duration_buckets.v[i];
		int64_t ns;

		if (num_duration(bound, &ns) == 0 && ns > 0)
			continue;
		*ret_why = arena_printf(arena,
					"job.duration_buckets: %.*s is no time span such as 15m",
					STR_ARG(bound));
		return -EINVAL;
	}
	return 0;
}

bool job_success(const struct job_conf *conf, int exit_code)
{
	uint64_t code;

	for (size_t i = 0; i < conf->success_codes.n; i++)
		if (num_u64(conf->success_codes.v[i], &code) == 0 && code == (uint64_t)exit_code)
			return true;
	return false;
}
