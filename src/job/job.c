/* SPDX-License-Identifier: Apache-2.0 */
#include "job/job.h"

#include <errno.h>

#include "base/num.h"

#define SECOND INT64_C(1000000000)
#define DAY (86400 * SECOND)
#define YEARS (3650 * DAY) /* a sum of two still fits */

static const struct opt job_opts[] = {
	{ OPT_ROW("name", OPT_STRING, struct job_conf, name, "", "NAME",
		  "name of the job; empty means the command's base name"),
	  .flag = "job", .env = "PEEKPUSH_JOB" },
	{ OPT_ROW("stage", OPT_STRING, struct job_conf, stage, "", "NAME",
		  "stage of a pipeline, as grouping label stage"),
	  .flag = "stage" },
	{ OPT_ROW("no_instance", OPT_BOOL, struct job_conf, no_instance, "false", NULL,
		  "do not group by instance: a job of a service, wherever it runs"),
	  .flag = "no-instance" },
	{ OPT_ROW("heartbeat", OPT_DURATION, struct job_conf, heartbeat_ns, "15s", "TIME",
		  "time between two pushes while the command runs, or off"),
	  .flag = "heartbeat", .choices = "off", .min = SECOND / 10, .max = DAY },
	{ OPT_ROW("every", OPT_DURATION, struct job_conf, every_ns, "0", "TIME",
		  "how often the job is expected to succeed; pushed for alerts"),
	  .flag = "every", .max = YEARS },
	{ OPT_ROW("max_duration", OPT_DURATION, struct job_conf, max_duration_ns, "0", "TIME",
		  "how long a run may take; pushed for alerts, nothing is ended"),
	  .flag = "max-duration", .max = YEARS },
	{ OPT_ROW("timeout", OPT_DURATION, struct job_conf, timeout_ns, "0", "TIME",
		  "end the command and all its descendants after this time; 0: never"),
	  .flag = "timeout", .max = YEARS },
	{ OPT_ROW("kill_after", OPT_DURATION, struct job_conf, kill_after_ns, "10s", "TIME",
		  "time from SIGTERM to SIGKILL after a time-out"),
	  .flag = "kill-after", .max = YEARS },
	{ OPT_ROW("retries", OPT_INT, struct job_conf, retries, "0", "N",
		  "start a failed command again, up to N times"),
	  .flag = "retries", .max = 1000000 },
	{ OPT_ROW("retry_delay", OPT_DURATION, struct job_conf, retry_delay_ns, "10s", "TIME",
		  "time between a failure and the next attempt"),
	  .flag = "retry-delay", .max = YEARS },
	{ OPT_ROW("lock", OPT_CHOICE, struct job_conf, lock, "off", "fail|wait",
		  "do not start, or wait, while another run of the job is running here"),
	  .flag = "lock", .choices = "off|fail|wait", .bare = "fail" },
	{ OPT_ROW("success_codes", OPT_LIST, struct job_conf, success_codes, "0", "N,...",
		  "exit statuses that count as success"),
	  .flag = "success-codes" },
	{ OPT_ROW("metrics_files", OPT_LIST, struct job_conf, metrics_files, "", "FILE,...",
		  "further files with metrics that the command writes"),
	  .flag = "metrics-file" },
	{ OPT_ROW("metrics_size", OPT_SIZE, struct job_conf, metrics_size, "1M", NULL,
		  "bytes that the metrics from inside may take, as text; more are left out") },
	{ OPT_ROW("summary", OPT_BOOL, struct job_conf, summary, "false", NULL,
		  "tell at the end, on stderr, how it went and what it took"),
	  .flag = "summary" },
	{ OPT_ROW("tail", OPT_INT, struct job_conf, tail, "0", "N",
		  "send the last N lines of a failed command's stderr to the journal"),
	  .flag = "tail", .max = 1000 },
	{ OPT_ROW("accounting", OPT_CHOICE, struct job_conf, accounting, "auto", NULL,
		  "how the usage of all descendants is found"),
	  .choices = "auto|scope|cgroup|subreaper" },
	{ OPT_ROW("duration_buckets", OPT_LIST, struct job_conf, duration_buckets,
		  "1s,5s,15s,1m,5m,15m,30m,1h,2h,6h,12h,1d,2d,7d", NULL,
		  "upper bounds of peekpush_job_run_duration_seconds") },
	{ OPT_ROW("remember", OPT_INT, struct job_conf, remember, "1000", "N",
		  "jobs whose history is kept; the one that was idle longest goes first"),
	  .min = 1, .max = 1000000 },
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
