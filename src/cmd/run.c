/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `peekpush run`: CMD first, everything else after. Once CMD is executing, nothing that goes
 * wrong here changes what becomes of it: its exit status is ours.
 */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/commands.h"
#include "cycle.h"
#include "job/job.h"
#include "loop.h"
#include "push/spool.h"

/* A shorter job is told in one push instead of two, of which the first would be cut off. */
enum { START_PUSH_NS = 250000000 };

struct run {
	struct app *app;
	struct loop loop;
	struct job job;
	struct arena arena, scratch;
	struct metrics metrics;
	struct state state;
	struct spool spool;
	struct target target;
	char state_name[40];
	int state_dir;
	bool can_push, can_keep;
	uint64_t said; /* hash of the failure that was last logged */
};

static int cannot_execute(const struct app *app, const char *command, int error)
{
	log_error(&app->log, "%s: %s", command, strerror(error));
	return error == ENOENT ? 127 : 126;
}

/* Without descriptors or processes to watch it from, CMD still runs: in our place. */
static int run_unwatched(const struct app *app, char *argv[], int r)
{
	log_error(&app->log, "%s runs unwatched: %s", argv[0], strerror(-r));
	(void)execvp(argv[0], argv);
	return cannot_execute(app, argv[0], errno);
}

static void name_job(struct run *run, char *argv[])
{
	const struct job_conf *conf = conf_get(run->app->conf, &section_job);
	const struct push_conf *push = conf_get(run->app->conf, &section_push);
	const char *slash = strrchr(argv[0], '/');
	const struct passwd *user = getpwuid(geteuid());

	run->job.command = str_of(slash && slash[1] ? slash + 1 : argv[0]);
	run->job.name = conf->name.n ? conf->name : run->job.command;
	/* `peekpush --job NAME run CMD`: before the command the flag is push.job's. */
	if (!conf->name.n &&
	    str_eq(conf_origin(run->app->conf, &section_push, &push->job), STR("--job")))
		run->job.name = push->job;
	run->job.user = user ? arena_str(&run->arena, str_of(user->pw_name))
			     : arena_printf(&run->arena, "%u", (unsigned)geteuid());
}

static void open_state(struct run *run)
{
	const struct state_conf *conf = conf_get(run->app->conf, &section_state);
	const struct spool_limits limits = { conf->spool_bytes, (uint64_t)conf->spool_entries };
	struct str why;
	int r;

	run->state_dir = app_state_dir(run->app, &run->arena, &why);
	if (run->state_dir < 0) {
		log_warning(&run->app->log, "%.*s; a result that cannot be pushed is lost",
			    STR_ARG(why));
		return;
	}
	(void)snprintf(run->state_name, sizeof(run->state_name), "job-%016llx.state",
		       (unsigned long long)str_hash(run->target.path));
	r = spool_open(&run->spool, run->state_dir, limits);
	if (r < 0)
		log_warning(&run->app->log, "spool: %s; a result that cannot be pushed is lost",
			    strerror(-r));
	else
		run->can_keep = true;
}

/*
 * Takes the group's lock and what is remembered of it: another run of the same job may have
 * delivered since we looked. An fd, or -errno; without a spool there is nothing to lock. What
 * is remembered is read all the same: saved unread, it would be lost.
 */
static int lock_group(struct run *run, int64_t wait_ns)
{
	int lock = run->can_keep ? spool_lock(&run->spool, run->target.path, wait_ns) : -ENOENT;

	if (run->state_dir < 0)
		return lock;
	state_release(&run->state);
	if (state_load(&run->state, run->state_dir, run->state_name) == -EBADMSG)
		log_warning(&run->app->log, "%s: damaged; starting without memory",
			    run->state_name);
	return lock;
}

/*
 * A job by the name of the host's own group would replace all of it. In a container PEEKPUSH_JOB
 * sets both names; there is no host's group then.
 */
static bool is_host_group(const struct run *run, struct str host_job)
{
	const struct push_conf *push = conf_get(run->app->conf, &section_push);
	struct str origin = conf_origin(run->app->conf, &section_push, &push->job);

	return str_eq(host_job, run->job.name) && !str_eq(origin, STR("PEEKPUSH_JOB")) &&
	       !str_eq(origin, STR("--job"));
}

/* What pushing needs, opened while CMD is running already. */
static void open_target(struct run *run)
{
	const struct log *log = &run->app->log;
	struct target_conf conf;
	struct str why = { 0 }, *names;

	run->spool.dir = -1;
	metrics_init(&run->metrics, (struct metrics_limits){ 0 });
	if (run->app->conf_broken) {
		log_error(log, "the command runs unwatched until the configuration is mended");
		return;
	}
	cycle_target_conf(run->app, &run->arena, &conf);
	if (is_host_group(run, conf.group.job)) {
		log_error(log,
			  "job %.*s would overwrite the group of this host (push.job); name it "
			  "with --job; the command runs unwatched",
			  STR_ARG(run->job.name));
		return;
	}
	conf.group.job = run->job.name;
	if (target_open(&run->target, &conf, &run->state, &why) < 0) {
		app_bad_value(run->app, why);
		log_error(log, "the command runs unwatched");
		return;
	}
	names = arena_alloc(&run->arena, (conf.group.labels.n + 2) * sizeof(*names));
	names[0] = STR("job");
	names[1] = STR("instance");
	for (size_t i = 0; i < conf.group.labels.n; i++)
		names[i + 2] = conf.group.labels.v[i].key;
	metrics_set_grouping(&run->metrics, conf.group.labels.n + 2, names);
	run->can_push = true;
	open_state(run);
}

static void forward_signals(struct run *run)
{
	for (size_t i = 0; i < run->loop.queued; i++) {
		const struct loop_signal *s = &run->loop.queue[i];

		/* The terminal sends to the whole foreground group: CMD has had it. */
		if (!s->from_kernel && !run->job.ended)
			(void)kill(run->job.pid, s->number);
	}
	run->loop.queued = 0;
}

/* While a delivery is under way: signals go on at once, and the end of CMD ends it. */
static bool watch_job(void *arg)
{
	struct run *run = arg;
	unsigned pending = loop_poll(&run->loop);

	forward_signals(run);
	return pending & LOOP_CHILD;
}

static bool asked_to_stop(void *arg)
{
	struct run *run = arg;

	(void)loop_poll(&run->loop);
	for (size_t i = 0; i < run->loop.queued; i++)
		if (run->loop.queue[i].number == SIGTERM || run->loop.queue[i].number == SIGINT ||
		    run->loop.queue[i].number == SIGQUIT || run->loop.queue[i].number == SIGHUP)
			return true;
	run->loop.queued = 0;
	return false;
}

static void save(struct run *run)
{
	int r = run->state_dir < 0
			? 0
			: state_save(&run->state, run->state_dir, run->state_name, run->job.ended);

	if (r < 0)
		log_warning(&run->app->log, "state of the job is not kept: %s", strerror(-r));
}

static void compose(struct run *run)
{
	static const struct metric_desc interval = {
		"peekpush_interval_seconds",
		"Time between two pushes of this group; a push older than three of them is stale.",
		METRIC_GAUGE,
	};
	const struct job_conf *conf = conf_get(run->app->conf, &section_job);

	arena_reset(&run->scratch);
	metrics_reset(&run->metrics);
	job_metrics(&run->job, &run->metrics, &run->state);
	metrics_add(&run->metrics, &interval, (double)conf->heartbeat_ns / 1e9);
}

static void say_failure(struct run *run, const struct delivery *d)
{
	if (run->said == str_hash(d->message))
		return;
	run->said = str_hash(d->message);
	log_warning(&run->app->log, "job %.*s: not delivered (%s): %.*s", STR_ARG(run->job.name),
		    sink_result_name(d->result), STR_ARG(d->message));
}

static void push_heartbeat(struct run *run)
{
	const struct sink_waiter waiter = { run->loop.epoll, watch_job, run };
	int lock = lock_group(run, 0);
	struct delivery d;

	/* Another run of this job is delivering at this moment: the next heartbeat will do. */
	if (lock == -EWOULDBLOCK)
		return;
	job_sample(&run->job);
	compose(run);
	target_deliver(&run->target, &run->metrics, &waiter, &run->scratch, &d);
	if (d.result != SINK_OK && d.result != SINK_OK_UNTYPED && d.result != SINK_INTERRUPTED)
		say_failure(run, &d);
	/* It told how the last run went, too; that run's result must not come after it. */
	if (lock >= 0 && (d.result == SINK_OK || d.result == SINK_OK_UNTYPED) &&
	    state_get(&run->state, STR("exit_code")).n)
		spool_drop(&run->spool, run->target.path);
	save(run);
	if (lock >= 0)
		(void)close(lock);
}

static void keep_result(struct run *run)
{
	struct sink_request request;
	int r = -ENOENT;

	if (run->can_keep) {
		r = target_encode(&run->target, &run->metrics, &request);
		request.method = SINK_PUT;
		if (r == 0)
			r = spool_put(&run->spool, &request);
	}
	if (r == 0)
		log_info(&run->app->log, "job %.*s: result kept in the spool for the next push",
			 STR_ARG(run->job.name));
	else
		log_error(&run->app->log, "job %.*s: result lost: %s", STR_ARG(run->job.name),
			  r == -ENOENT ? "there is no spool" : strerror(-r));
}

/* The result: delivered within one timeout, or kept. */
static void push_result(struct run *run)
{
	const struct sink_waiter waiter = { run->loop.epoll, asked_to_stop, run };
	int64_t begin = clock_ns(CLOCK_BOOTTIME);
	struct delivery d;
	int lock = lock_group(run, run->target.conf.timeout_ns);

	/* Waiting for the lock and delivering are one timeout together. */
	run->target.conf.timeout_ns -= clock_ns(CLOCK_BOOTTIME) - begin;
	compose(run);
	target_deliver(&run->target, &run->metrics, &waiter, &run->scratch, &d);
	if (d.result == SINK_OK || d.result == SINK_OK_UNTYPED) {
		if (run->can_keep)
			spool_drop(&run->spool, run->target.path);
	} else {
		say_failure(run, &d);
		keep_result(run);
	}
	save(run);
	if (lock >= 0)
		(void)close(lock);
}

static void follow(struct run *run)
{
	const struct job_conf *conf = conf_get(run->app->conf, &section_job);
	unsigned events;

	(void)loop_tick_at(&run->loop, run->job.start_ns + START_PUSH_NS, conf->heartbeat_ns);
	do {
		events = loop_wait(&run->loop, -1);
		if (events & LOOP_SIGNAL)
			forward_signals(run);
		if ((events & LOOP_TICK) && !(events & LOOP_CHILD) && run->can_push)
			push_heartbeat(run);
	} while (!(events & LOOP_CHILD));
}

/* A shell tells a signal's death from an exit: we end in the same way, without a core. */
static int end_like(const struct job *job)
{
	if (job->signal) {
		sigset_t set;

		(void)prctl(PR_SET_DUMPABLE, 0);
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		(void)signal(job->signal, SIG_DFL);
		(void)sigemptyset(&set);
		(void)sigaddset(&set, job->signal);
		(void)raise(job->signal);
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
	return job->exit_code;
}

static int main_run(struct app *app, int argc, char *argv[])
{
	struct run run = { .app = app, .state_dir = -1 };
	bool forked = false;
	int r;

	if (argc == 0) {
		log_error(&app->log, "run: there is no command to run; see peekpush run --help");
		return EXIT_WRAPPER;
	}
	r = loop_open(&run.loop, true);
	if (r == 0)
		r = job_start(&run.job, argv, &run.loop.before, &forked);
	if (r < 0) {
		loop_close(&run.loop);
		return forked ? cannot_execute(app, argv[0], -r) : run_unwatched(app, argv, r);
	}
	name_job(&run, argv);
	open_target(&run);
	/* Without a way to watch it there are no heartbeats; its end is waited for all the same. */
	if (run.job.pidfd >= 0 && loop_watch_child(&run.loop, run.job.pidfd) == 0)
		follow(&run);
	job_reap(&run.job);
	if (run.can_push)
		push_result(&run);
	target_close(&run.target);
	spool_close(&run.spool);
	if (run.state_dir >= 0)
		(void)close(run.state_dir);
	state_release(&run.state);
	metrics_release(&run.metrics);
	arena_release(&run.scratch);
	arena_release(&run.arena);
	loop_close(&run.loop);
	return end_like(&run.job);
}

static const struct opt_section *const sections[] = {
	&section_main, &section_job, &section_push, &section_tls, &section_state, NULL,
};

const struct command command_run = {
	.name = "run",
	.args = "[--] CMD [ARG...]",
	.help = "run CMD; push its start, heartbeats and end",
	.details = "The exit status is CMD's, 128+N when signal N ended it (then peekpush ends "
		   "itself by\n"
		   "the same signal), 125 when peekpush itself failed before CMD started, 126 when "
		   "CMD\n"
		   "cannot be executed, 127 when it is not found. Whatever happens to a push, CMD "
		   "does\n"
		   "not notice; a result that cannot be delivered is kept in the spool.",
	.sections = sections,
	.usage_status = EXIT_WRAPPER,
	.survives_bad_config = true,
	.main = main_run,
};
