/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a watched run: what is written before it starts, while it runs, at its end. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "job/watch_internal.h"

enum { LOCK_POLL_NS = 200000000, BOOK_WAIT_NS = 1000000000 };

static void set_text(struct watch *watch, const char *key, struct str value)
{
	if (value.n)
		state_set(&watch->record.facts, str_of(key), value);
}

static void set_number(struct watch *watch, const char *key, uint64_t value)
{
	state_set_u64(&watch->record.facts, str_of(key), value);
}

/* A span that was declared; 0 and "off" are none. */
static void set_span(struct watch *watch, const char *key, int64_t ns)
{
	if (ns > 0)
		set_number(watch, key, (uint64_t)ns);
}

static uint64_t wall_ns(void)
{
	return (uint64_t)clock_ns(CLOCK_REALTIME);
}

void facts_open(struct watch *watch)
{
	struct str why = { 0 };
	int state = app_state_dir(watch->app, &watch->arena, &why), r = state;

	if (state >= 0) {
		r = watch->report.dir = record_open_dir(state);
		(void)close(state);
	}
	if (r < 0)
		log_warning(&watch->app->log, "%.*s; a result that cannot be pushed is lost",
			    STR_ARG(why.n ? why : str_of(strerror(-r))));
}

void facts_begin(struct watch *watch)
{
	const char *parent = getenv("PEEKPUSH_PARENT");
	int r = record_create(&watch->record, watch->report.dir, watch->group);

	watch->start_ns = clock_ns(CLOCK_BOOTTIME);
	report_set_group(&watch->record.facts, &watch->report.target.group, &watch->scratch);
	set_text(watch, "boot", book_boot_id(&watch->scratch));
	set_number(watch, "order", (uint64_t)watch->start_ns);
	set_number(watch, "start", wall_ns());
	set_text(watch, "command", watch->command);
	set_number(watch, "uid", geteuid());
	set_text(watch, "parent", str_of(parent));
	set_text(watch, "inside_dir", watch->inside.dir);
	set_span(watch, "every", watch->conf->every_ns);
	set_span(watch, "max_duration", watch->conf->max_duration_ns);
	set_span(watch, "interval", watch->conf->heartbeat_ns);
	if (watch->report.dir < 0)
		return;
	if (r == 0)
		r = record_save(&watch->record, false);
	if (r < 0)
		log_warning(&watch->app->log,
			    "no start record: %s; a result that cannot be pushed is lost",
			    strerror(-r));
}

void facts_started(struct watch *watch)
{
	set_number(watch, "pid", (uint64_t)watch->pid);
	set_number(watch, "pid_start", book_process_start(watch->pid));
	set_text(watch, "accounting", str_of(tree_accounting(&watch->tree)));
	set_number(watch, "sampled", wall_ns());
	(void)record_save(&watch->record, true);
}

static void say_inside(void *arg, struct str message)
{
	const struct watch *watch = arg;

	log_warning(&watch->app->log, "job %.*s: %.*s", STR_ARG(watch->name), STR_ARG(message));
}

void facts_sample(struct watch *watch, bool final)
{
	struct usage usage;
	struct buf text = { .max = watch->conf->metrics_size };

	arena_reset(&watch->scratch);
	tree_sample(&watch->tree, &usage);
	job_energy_sample(&watch->energy, usage.user_ns + usage.system_ns);
	watch->usage = usage;
	set_number(watch, "cpu_user", usage.user_ns);
	set_number(watch, "cpu_system", usage.system_ns);
	set_number(watch, "memory", usage.memory_bytes);
	set_number(watch, "memory_peak", usage.memory_peak_bytes);
	set_number(watch, "io_read", usage.read_bytes);
	set_number(watch, "io_write", usage.written_bytes);
	set_number(watch, "faults_minor", usage.minor_faults);
	set_number(watch, "faults_major", usage.major_faults);
	set_number(watch, "switches_voluntary", usage.voluntary);
	set_number(watch, "switches_involuntary", usage.involuntary);
	set_number(watch, "processes", usage.processes);
	set_number(watch, "threads", usage.threads);
	if (usage.oom_known)
		set_number(watch, "oom_kills", usage.oom_kills);
	else
		state_unset(&watch->record.facts, STR("oom_kills"));
	set_number(watch, "sampled", wall_ns());
	set_text(watch, "accounting", str_of(tree_accounting(&watch->tree)));
	inside_read(&watch->inside, final, &watch->scratch, say_inside, watch);
	inside_text(&watch->inside, &text);
	if (text.err)
		log_warning(&watch->app->log,
			    "job %.*s: more metrics from inside than job.metrics_size allows",
			    STR_ARG(watch->name));
	else
		set_text(watch, "inside", buf_view(&text));
	buf_release(&text);
	facts_energy(watch, final);
}

void facts_end(struct watch *watch, const char *result)
{
	int r;

	watch->end_ns = clock_ns(CLOCK_BOOTTIME);
	set_text(watch, "result", str_of(result));
	set_number(watch, "end", wall_ns());
	set_number(watch, "duration", (uint64_t)(watch->end_ns - watch->start_ns));
	set_number(watch, "attempts", watch->attempts);
	if (watch->attempts > 1)
		set_number(watch, "retries", watch->attempts - 1);
	if (watch->attempts) {
		set_number(watch, "exit_code", (uint64_t)watch->exit_code);
		set_number(watch, "signal", (uint64_t)watch->signal);
	}
	if (watch->record.dir < 0)
		return;
	r = record_save(&watch->record, true);
	if (r < 0)
		log_warning(&watch->app->log, "the result is not kept on disk: %s", strerror(-r));
}

/* A run whose watcher was killed holds no lock any more, but it still runs. */
static bool lives_elsewhere(const struct watch *watch)
{
	struct book book;
	int r = book_open(&book, watch->report.dir, watch->group, NULL, watch->conf, BOOK_WAIT_NS);
	bool lives = r == 0 && book.live > 0;

	book_close(&book);
	return lives;
}

static bool ends_waiting(struct watch *watch)
{
	bool ends = false;

	for (size_t i = 0; i < watch->loop.queued; i++) {
		int number = watch->loop.queue[i].number;

		if (number == SIGTERM || number == SIGINT || number == SIGHUP ||
		    number == SIGQUIT) {
			watch->signal = number;
			ends = true;
		}
	}
	watch->loop.queued = 0;
	return ends;
}

int facts_lock(struct watch *watch)
{
	struct str name =
		arena_printf(&watch->arena, "%016llx.only", (unsigned long long)watch->group);

	if (watch->conf->lock == JOB_LOCK_OFF || watch->report.dir < 0)
		return 0;
	for (;;) {
		watch->only = file_lock(watch->report.dir, name.p, 0);
		if (watch->only >= 0 && !lives_elsewhere(watch))
			return 0;
		if (watch->only < 0 && watch->only != -EWOULDBLOCK)
			return 0;
		if (watch->only >= 0)
			(void)close(watch->only);
		watch->only = -1;
		if (watch->conf->lock == JOB_LOCK_FAIL)
			return -EWOULDBLOCK;
		(void)loop_wait(&watch->loop, LOCK_POLL_NS);
		if (ends_waiting(watch))
			return -ECANCELED;
	}
}
