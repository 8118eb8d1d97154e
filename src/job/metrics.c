/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peekpush_job_* families, composed from a group's book. How the last finished run went is
 * told while the next one runs, too: an alert on a failure must not resolve because a retry has
 * begun.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "config.h"
#include "job/energy_facts.h"
#include "job/job.h"
#include "job/typical.h"
#include "metric/feed.h"

struct view {
	struct metrics *out;
	const struct state *facts; /* of the run that the gauges tell of */
	struct str prefix;
};

static const struct str last = { "last.", 5 };

static bool take(const struct view *v, const char *key, uint64_t *ret)
{
	return num_u64(fact(v->facts, v->prefix, key), ret) == 0;
}

static void add_seconds(const struct view *v, const char *key, const struct metric_desc *desc)
{
	uint64_t ns;

	if (take(v, key, &ns))
		metrics_add(v->out, desc, (double)ns / 1e9);
}

static void add_number(const struct view *v, const char *key, const struct metric_desc *desc)
{
	uint64_t value;

	if (take(v, key, &value))
		metrics_add(v->out, desc, (double)value);
}

/* One family of two series, of which either may be unknown. */
static void add_pair(const struct view *v, const struct metric_desc *desc, struct str label,
		     const char *const keys[2], const char *const values[2], double scale)
{
	struct family *f = NULL;
	uint64_t value;

	for (int i = 0; i < 2; i++) {
		if (!take(v, keys[i], &value))
			continue;
		if (!f)
			f = metrics_family(v->out, desc);
		family_add(f, METRIC_LABELS(v->out, { label, str_of(values[i]) }),
			   (double)value / scale);
	}
}

static void add_result(const struct view *v)
{
	static const struct metric_desc exit_code = {
		"peekpush_job_exit_code",
		"Exit status of the last finished run; 128 + N when signal N ended it, 124 after a "
		"time-out.",
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
	static const struct metric_desc attempts = {
		"peekpush_job_attempts",
		"How many times the last finished run started its command.",
		METRIC_GAUGE,
	};
	struct str result = fact(v->facts, v->prefix, "result");

	if (!result.n)
		return;
	metrics_add(v->out, &success, str_eq(result, STR("success")));
	add_number(v, "exit_code", &exit_code);
	add_number(v, "signal", &signal);
	add_seconds(v, "end", &end);
	add_seconds(v, "duration", &duration);
	add_number(v, "attempts", &attempts);
}

static void add_usage(const struct view *v)
{
	static const struct metric_desc cpu = {
		"peekpush_job_cpu_seconds",
		"CPU time of this run: the command and all its descendants.",
		METRIC_GAUGE,
	};
	static const struct metric_desc memory = {
		"peekpush_job_memory_bytes",
		"Memory that this run uses now, with all its descendants.",
		METRIC_GAUGE,
	};
	static const struct metric_desc peak = {
		"peekpush_job_memory_peak_bytes",
		"Most memory that this run has used.",
		METRIC_GAUGE,
	};
	static const struct metric_desc io = {
		"peekpush_job_io_bytes",
		"Bytes that this run has had read from and written to block devices.",
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
	static const struct metric_desc processes = {
		"peekpush_job_processes",
		"Processes of this run, now.",
		METRIC_GAUGE,
	};
	static const struct metric_desc threads = {
		"peekpush_job_threads",
		"Threads of this run, now.",
		METRIC_GAUGE,
	};
	static const struct metric_desc oom_kills = {
		"peekpush_job_oom_kills",
		"Processes of this run that the kernel has killed because memory was short.",
		METRIC_GAUGE,
	};
	static const char *const cpu_keys[] = { "cpu_user", "cpu_system" };
	static const char *const modes[] = { "user", "system" };
	static const char *const io_keys[] = { "io_read", "io_write" };
	static const char *const ops[] = { "read", "write" };
	static const char *const fault_keys[] = { "faults_minor", "faults_major" };
	static const char *const fault_types[] = { "minor", "major" };
	static const char *const switch_keys[] = { "switches_voluntary", "switches_involuntary" };
	static const char *const switch_types[] = { "voluntary", "involuntary" };

	add_pair(v, &cpu, STR("mode"), cpu_keys, modes, 1e9);
	add_number(v, "memory", &memory);
	add_number(v, "memory_peak", &peak);
	add_pair(v, &io, STR("op"), io_keys, ops, 1);
	add_pair(v, &faults, STR("type"), fault_keys, fault_types, 1);
	add_pair(v, &switches, STR("type"), switch_keys, switch_types, 1);
	add_number(v, "processes", &processes);
	add_number(v, "threads", &threads);
	add_number(v, "oom_kills", &oom_kills);
}

static void add_info(const struct view *v)
{
	static const struct metric_desc info = {
		"peekpush_job_info",
		"What runs here and how its usage is accounted; always 1.",
		METRIC_GAUGE,
	};
	static const struct metric_desc every = {
		"peekpush_job_expected_interval_seconds",
		"How often this job is expected to succeed, as declared by --every.",
		METRIC_GAUGE,
	};
	static const struct metric_desc max_duration = {
		"peekpush_job_max_duration_seconds",
		"How long a run of this job may take, as declared by --max-duration.",
		METRIC_GAUGE,
	};
	static const struct metric_desc interval = {
		"peekpush_interval_seconds",
		"Time between two pushes of this group; a push older than three of them is stale.",
		METRIC_GAUGE,
	};
	static const char *const names[] = { "accounting", "command", "parent" };
	struct label labels[ARRAY_SIZE(names) + 2];
	uint64_t uid;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct str value = fact(v->facts, v->prefix, names[i]);

		if (value.n)
			labels[n++] = (struct label){ str_of(names[i]), value };
	}
	/* Where the user is part of the group the label would be taken for another one. */
	if (!metrics_is_grouping(v->out, STR("user")) && take(v, "uid", &uid)) {
		const struct passwd *user = getpwuid((uid_t)uid);

		labels[n++] =
			(struct label){ STR("user"), user ? str_of(user->pw_name)
							  : fact(v->facts, v->prefix, "uid") };
	}
	labels[n++] = (struct label){ STR("version"), STR(PACKAGE_VERSION) };
	family_add(metrics_family(v->out, &info), metrics_labels(v->out, n, labels), 1);
	add_seconds(v, "every", &every);
	add_seconds(v, "max_duration", &max_duration);
	add_seconds(v, "interval", &interval);
}

static int by_bound(const void *a, const void *b)
{
	const struct histogram_bucket *x = a, *y = b;

	return (x->upper > y->upper) - (x->upper < y->upper);
}

struct filling {
	struct histogram_bucket *buckets;
	size_t n;
	uint64_t count;
};

/* Runs that were counted under other bounds count from the next bound of today on. */
static void fill_buckets(void *arg, struct str key, struct str value)
{
	struct filling *f = arg;
	uint64_t bound, n;

	if (num_u64(str_skip(key, 3), &bound) < 0 || num_u64(value, &n) < 0)
		return;
	f->count += n;
	for (size_t i = 0; i < f->n; i++)
		if (bound != UINT64_MAX && (double)bound / 1e9 <= f->buckets[i].upper)
			f->buckets[i].count += n;
}

static void add_durations(const struct book *book, struct metrics *out)
{
	static const struct metric_desc durations = {
		"peekpush_job_run_duration_seconds",
		"How long finished runs took.",
		METRIC_HISTOGRAM,
	};
	const struct opt_list *bounds = &book->conf->duration_buckets;
	struct filling f = {
		.buckets = arena_zalloc(&out->arena, bounds->n + 1, sizeof(*f.buckets)),
	};
	struct histogram *h = arena_zalloc(&out->arena, 1, sizeof(*h));
	int64_t ns;

	for (size_t i = 0; i < bounds->n; i++)
		if (num_duration(bounds->v[i], &ns) == 0)
			f.buckets[f.n++].upper = (double)ns / 1e9;
	qsort(f.buckets, f.n, sizeof(*f.buckets), by_bound);
	state_each(&book->history, STR("le."), fill_buckets, &f);
	*h = (struct histogram){
		.sum = (double)state_u64(&book->history, STR("sum"), 0) / 1e9,
		.count = f.count,
		.n = f.n,
		.buckets = f.buckets,
	};
	family_add_histogram(metrics_family(out, &durations), metrics_no_labels(out), h);
}

/* A job that has never succeeded is overdue from here on. */
static void add_first(const struct book *book, const struct view *v)
{
	static const struct metric_desc first = {
		"peekpush_job_first_start_timestamp_seconds",
		"When the first run that this host remembers started.",
		METRIC_GAUGE,
	};
	const struct view all = { v->out, &book->history, STR("") };

	if (fact(&book->history, all.prefix, "first.start").n)
		add_seconds(&all, "first.start", &first);
	else
		add_seconds(v, "start", &first);
}

/* Those that were never seen, too: an increase from nothing is none to Prometheus. */
static void add_runs(const struct book *book, struct metrics *out)
{
	static const struct metric_desc runs = {
		"peekpush_job_runs_total",
		"Runs of this job, by how they went.",
		METRIC_COUNTER,
	};
	static const char *const results[] = { "success", "failure", "timeout", "lost", "skipped" };
	struct family *f = metrics_family(out, &runs);
	char key[32];

	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		int n = snprintf(key, sizeof(key), "runs.%s", results[i]);

		family_add(f, METRIC_LABELS(out, { STR("result"), str_of(results[i]) }),
			   (double)state_u64(&book->history, (struct str){ key, (size_t)n }, 0));
	}
}

/* Counters over all runs; without a state nobody knows them. */
static void add_history(const struct book *book, struct metrics *out)
{
	static const struct metric_desc retries = {
		"peekpush_job_retries_total",
		"Times that this job's command was started again after it had failed.",
		METRIC_COUNTER,
	};
	static const struct metric_desc stamps[] = {
		{ "peekpush_job_last_success_timestamp_seconds",
		  "When a run last ended in success.", METRIC_GAUGE },
		{ "peekpush_job_last_success_duration_seconds",
		  "How long the last successful run took.", METRIC_GAUGE },
		{ "peekpush_job_last_failure_timestamp_seconds",
		  "When a run last ended in failure.", METRIC_GAUGE },
		{ "peekpush_job_last_failure_duration_seconds",
		  "How long the last failed run took.", METRIC_GAUGE },
	};
	static const char *const keys[] = { "success.end", "success.duration", "failure.end",
					    "failure.duration" };
	const struct view v = { out, &book->history, STR("") };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		add_seconds(&v, keys[i], &stamps[i]);
	if (book->dir < 0)
		return;
	add_runs(book, out);
	metrics_add(out, &retries, (double)state_u64(&book->history, STR("retries"), 0));
	add_durations(book, out);
	typical_metrics(&book->history, out);
}

void job_metrics(const struct book *book, const struct state *own, struct metrics *out,
		 struct arena *arena, struct feed_report *ret_inside)
{
	static const struct metric_desc running = {
		"peekpush_job_running",
		"How many runs of this job are running now.",
		METRIC_GAUGE,
	};
	static const struct metric_desc start = {
		"peekpush_job_start_timestamp_seconds",
		"When the newest run started.",
		METRIC_GAUGE,
	};
	static const struct metric_desc heartbeat = {
		"peekpush_job_heartbeat_timestamp_seconds",
		"When the newest run was last sampled.",
		METRIC_GAUGE,
	};
	const struct view finished = { out, &book->history, last };
	struct view v = finished;
	struct str inside;

	if (book->live && book_newer(&book->newest, STR(""), v.facts, v.prefix))
		v = (struct view){ out, &book->newest, STR("") };
	if (own && book_newer(own, STR(""), v.facts, v.prefix))
		v = (struct view){ out, own, STR("") };
	metrics_add(out, &running, book->live + (own != NULL));
	add_seconds(&v, "start", &start);
	add_first(book, &v);
	add_seconds(&v, "sampled", &heartbeat);
	add_result(&finished);
	add_history(book, out);
	add_usage(&v);
	job_energy_metrics(out, v.facts, v.prefix, &book->history);
	add_info(&v);
	inside = fact(v.facts, v.prefix, "inside");
	*ret_inside = (struct feed_report){ 0 };
	if (inside.n)
		feed_text(out, inside, STR("PEEKPUSH_METRICS"), arena, ret_inside);
}
