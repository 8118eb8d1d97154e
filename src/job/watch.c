/* SPDX-License-Identifier: Apache-2.0 */
#include "job/watch_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "job/child.h"
#include "job/control.h"

/* A shorter job is told in one push instead of two, of which the first would be cut off. */
enum { START_PUSH_NS = 250000000, TREE_POLL_NS = 50000000 };

/* As timeout(1) and env(1) have them. */
enum { STATUS_TIMEOUT = 124, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

void watch_init(struct watch *watch, struct app *app)
{
	void *page = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*watch = (struct watch){
		.app = app,
		.conf = conf_get(app->conf, &section_job),
		.report = { .app = app, .dir = -1 },
		.record = { .dir = -1, .lock = -1 },
		.shared = page == MAP_FAILED ? NULL : page,
		.only = -1,
		.energy.socket = -1,
		.inside.fd = -1,
		.tail.fd = -1,
		.kill_at = INT64_MAX,
		.timeout_at = INT64_MAX,
	};
}

void watch_release(struct watch *watch)
{
	record_close(&watch->record);
	if (watch->only >= 0)
		(void)close(watch->only);
	if (watch->report.dir >= 0)
		(void)close(watch->report.dir);
	if (watch->shared)
		(void)munmap(watch->shared, sizeof(*watch->shared));
	loop_close(&watch->loop);
	arena_release(&watch->scratch);
	arena_release(&watch->arena);
}

/* Ours are for this run alone: a run within it is a job of its own name. */
static bool is_ours(const char *variable)
{
	static const char *const names[] = {
		"PEEKPUSH_JOB",
		"PEEKPUSH_METRICS",
		"PEEKPUSH_METRICS_DIR",
		"PEEKPUSH_PARENT",
	};
	struct str name = { variable, strcspn(variable, "=") };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(name, str_of(names[i])))
			return true;
	return false;
}

static char *assign(struct watch *watch, const char *name, struct str value)
{
	return arena_cstr(&watch->arena,
			  ARENA_CONCAT(&watch->arena, str_of(name), STR("="), value));
}

static char **make_environment(struct watch *watch)
{
	size_t n = 0, kept = 0;
	char **envp;

	while (environ[n])
		n++;
	envp = arena_alloc(&watch->arena, (n + 4) * sizeof(*envp));
	for (size_t i = 0; i < n; i++)
		if (!is_ours(environ[i]))
			envp[kept++] = environ[i];
	envp[kept++] = assign(watch, "PEEKPUSH_PARENT", watch->name);
	if (watch->inside.dir.n) {
		envp[kept++] = assign(watch, "PEEKPUSH_METRICS_DIR", watch->inside.dir);
		envp[kept++] = assign(watch, "PEEKPUSH_METRICS", watch->inside.file);
	}
	envp[kept] = NULL;
	return envp;
}

/* After the last start: who reads CMD's output or feeds it must not wait for our end. */
static void leave_streams(const struct watch *watch)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	(void)dup2(null, STDIN_FILENO);
	if (!str_starts(watch->report.target.sink.url, STR("stdout:")))
		(void)dup2(null, STDOUT_FILENO);
	(void)close(null);
}

static void forward_signals(struct watch *watch)
{
	for (size_t i = 0; i < watch->loop.queued; i++) {
		const struct loop_signal *s = &watch->loop.queue[i];

		if (s->number == SIGTERM || s->number == SIGINT || s->number == SIGHUP ||
		    s->number == SIGQUIT)
			watch->asked_to_end = true;
		if (watch->pid)
			control_forward(watch->pid, s);
	}
	watch->loop.queued = 0;
}

static void keep_time(struct watch *watch, int64_t now)
{
	/* We may have been stopped for longer than that, and CMD have ended in time. */
	if (watch->pid && now >= watch->timeout_at) {
		watch->timeout_at = INT64_MAX;
		watch->timed_out = true;
		watch->kill_at = now + watch->conf->kill_after_ns;
		log_warning(&watch->app->log, "job %.*s: time-out, ending it",
			    STR_ARG(watch->name));
		(void)tree_kill(&watch->tree, SIGTERM);
	}
	if (now >= watch->kill_at) {
		watch->kill_at = INT64_MAX;
		(void)tree_kill(&watch->tree, SIGKILL);
	}
}

static int64_t next_time(const struct watch *watch)
{
	return watch->timeout_at < watch->kill_at ? watch->timeout_at : watch->kill_at;
}

static void take_children(struct watch *watch)
{
	struct tree_event event;

	while (tree_reap(&watch->tree, &event)) {
		if (event.pid == watch->pusher && event.kind == TREE_EXITED)
			pusher_ended(watch, event.status);
		if (event.pid != watch->pid)
			continue;
		if (event.kind == TREE_EXITED) {
			int number = WIFSIGNALED(event.status) ? WTERMSIG(event.status) : 0;

			watch->pid = 0;
			watch->signal = number;
			watch->exit_code = number ? 128 + number : WEXITSTATUS(event.status);
		} else if (event.kind == TREE_STOPPED) {
			control_stop(&watch->loop, watch->pid, WSTOPSIG(event.status));
		}
	}
}

/* Until `until` on the boot clock, or as long as CMD runs. */
static void follow(struct watch *watch, int64_t until)
{
	for (;;) {
		int64_t now = clock_ns(CLOCK_BOOTTIME), next = next_time(watch);
		unsigned events;

		next = until < next ? until : next;
		if (next < now)
			next = now;
		events = loop_wait(&watch->loop, next == INT64_MAX ? -1 : next - now);
		if (events & LOOP_SIGNAL)
			forward_signals(watch);
		if (events & LOOP_CHILD)
			take_children(watch);
		now = clock_ns(CLOCK_BOOTTIME);
		keep_time(watch, now);
		if (until == INT64_MAX ? !watch->pid : now >= until || watch->asked_to_end)
			break;
		if (events & LOOP_TICK)
			pusher_start(watch);
	}
}

/* After a time-out the whole tree has to be gone, however deep it hides. */
static void end_tree(struct watch *watch)
{
	struct usage usage;

	for (;;) {
		tree_sample(&watch->tree, &usage);
		if (!usage.processes)
			return;
		(void)loop_wait(&watch->loop, TREE_POLL_NS);
		take_children(watch);
		keep_time(watch, clock_ns(CLOCK_BOOTTIME));
		/* What even SIGKILL does not end sleeps in the kernel; nobody can wait for it. */
		if (watch->kill_at == INT64_MAX)
			break;
	}
	(void)tree_kill(&watch->tree, SIGKILL);
	(void)loop_wait(&watch->loop, TREE_POLL_NS);
	take_children(watch);
}

static int start(struct watch *watch, char *argv[], char **envp)
{
	const struct child_conf child = {
		.argv = argv,
		.envp = envp,
		.mask = &watch->loop.before,
		.cgroup = tree_cgroup(&watch->tree),
		.err = watch->tail.fd,
	};
	int r;

	/* What the terminal has sent until now CMD has not had: it did not exist. */
	(void)loop_poll(&watch->loop);
	for (size_t i = 0; i < watch->loop.queued; i++)
		watch->loop.queue[i].from_kernel = false;
	r = child_start(&child, &watch->pid, &watch->forked);
	if (r < 0) {
		watch->pid = 0;
		return r;
	}
	tree_started(&watch->tree, watch->pid);
	job_energy_start(&watch->energy, watch->app, &watch->tree);
	facts_started(watch);
	watch->attempts++;
	if (watch->attempts > (uint64_t)watch->conf->retries)
		leave_streams(watch);
	watch->kill_at = INT64_MAX;
	if (watch->conf->timeout_ns)
		watch->timeout_at = clock_ns(CLOCK_BOOTTIME) + watch->conf->timeout_ns;
	return 0;
}

static bool failed(const struct watch *watch)
{
	return watch->timed_out || !job_success(watch->conf, watch->exit_code);
}

/* One attempt after the other. -errno when not even the first can be executed. */
static int attempts(struct watch *watch, char *argv[], char **envp)
{
	int r = start(watch, argv, envp);

	if (r < 0)
		return r;
	(void)loop_tick_at(&watch->loop, watch->start_ns + START_PUSH_NS,
			   watch->conf->heartbeat_ns > 0 ? watch->conf->heartbeat_ns : 0);
	for (;;) {
		follow(watch, INT64_MAX);
		if (watch->timed_out) {
			end_tree(watch);
			watch->exit_code = STATUS_TIMEOUT;
			watch->signal = 0;
		}
		watch->timeout_at = watch->kill_at = INT64_MAX;
		if (!failed(watch) || watch->asked_to_end ||
		    watch->attempts > (uint64_t)watch->conf->retries)
			return 0;
		log_warning(&watch->app->log, "job %.*s: attempt %u of %lld failed with %d",
			    STR_ARG(watch->name), watch->attempts,
			    (long long)watch->conf->retries + 1, watch->exit_code);
		follow(watch, clock_ns(CLOCK_BOOTTIME) + watch->conf->retry_delay_ns);
		if (watch->asked_to_end)
			return 0;
		watch->timed_out = false;
		if (start(watch, argv, envp) < 0)
			return 0;
	}
}

const char *watch_result(const struct watch *watch)
{
	return watch->timed_out ? "timeout" : failed(watch) ? "failure" : "success";
}

/* --lock: a run that does not take place is counted, but tells of no usage. */
static int skip(struct watch *watch)
{
	log_error(&watch->app->log, "job %.*s: another run of it is running; not started",
		  STR_ARG(watch->name));
	tree_open(&watch->tree, TREE_SUBREAPER);
	facts_begin(watch);
	facts_end(watch, "skipped");
	(void)pusher_finish(watch);
	tree_close(&watch->tree);
	watch->exit_code = EXIT_WRAPPER;
	return 0;
}

int watch_command(struct watch *watch, char *argv[])
{
	const struct limits_conf *limits = conf_get(watch->app->conf, &section_limits);
	int r;

	facts_open(watch);
	r = facts_lock(watch);
	if (r == -EWOULDBLOCK)
		return skip(watch);
	if (r < 0) {
		watch->exit_code = 128 + watch->signal;
		return 0;
	}
	r = inside_open(&watch->inside, &watch->conf->metrics_files, (size_t)limits->series);
	if (r < 0)
		log_warning(&watch->app->log, "no directory for metrics from inside: %s",
			    strerror(-r));
	facts_begin(watch);
	tree_open(&watch->tree, (enum tree_way)watch->conf->accounting);
	if (watch->conf->tail) {
		r = tail_open(&watch->tail, (size_t)watch->conf->tail);
		if (r < 0)
			log_warning(&watch->app->log, "no tail of stderr: %s", strerror(-r));
		else
			tree_ignore(&watch->tree, watch->tail.copier);
	}
	r = attempts(watch, argv, make_environment(watch));
	if (r < 0 && watch->forked) {
		log_error(&watch->app->log, "%s: %s", argv[0], strerror(-r));
		watch->exit_code = r == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
		watch->attempts = 1;
		r = 0;
	}
	if (r < 0) {
		record_remove(watch->report.dir, watch->record.name);
	} else {
		leave_streams(watch);
		facts_sample(watch, true);
		facts_end(watch, watch_result(watch));
		farewell_tail(watch);
		(void)pusher_finish(watch);
		farewell_summary(watch);
	}
	job_energy_stop(&watch->energy);
	inside_close(&watch->inside);
	tree_close(&watch->tree);
	return r;
}
