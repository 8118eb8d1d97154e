/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `peekpush run`: CMD first, everything else after. Once CMD is executing, nothing that goes
 * wrong here changes what becomes of it: its exit status is ours. This process only watches;
 * what needs libraries and memory, such as a push, happens in children that live shortly.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cycle.h"
#include "job/watch.h"

/* CMD still runs, in our place. */
static int run_unwatched(struct watch *watch, char *argv[])
{
	int error;

	loop_close(&watch->loop);
	(void)execvp(argv[0], argv);
	error = errno;
	log_error(&watch->app->log, "%s: %s", argv[0], strerror(error));
	watch_release(watch);
	return error == ENOENT ? 127 : 126;
}

static void name_job(struct watch *watch, char *argv[])
{
	const struct push_conf *push = conf_get(watch->app->conf, &section_push);
	const char *slash = strrchr(argv[0], '/');

	watch->command = str_of(slash && slash[1] ? slash + 1 : argv[0]);
	watch->name = watch->conf->name.n ? watch->conf->name : watch->command;
	/* `peekpush --job NAME run CMD`: before the command the flag is push.job's. */
	if (!watch->conf->name.n &&
	    str_eq(conf_origin(watch->app->conf, &section_push, &push->job), STR("--job")))
		watch->name = push->job;
}

/*
 * A job by the name of the host's own group would replace all of it. In a container PEEKPUSH_JOB
 * sets both names; there is no host's group then.
 */
static bool is_host_group(const struct watch *watch, struct str host_job)
{
	const struct push_conf *push = conf_get(watch->app->conf, &section_push);
	struct str origin = conf_origin(watch->app->conf, &section_push, &push->job);

	return str_eq(host_job, watch->name) && !str_eq(origin, STR("PEEKPUSH_JOB")) &&
	       !str_eq(origin, STR("--job"));
}

static void set_group(struct watch *watch, struct target_conf *target)
{
	struct opt_map *labels = &target->group.labels;

	target->group.job = watch->name;
	if (watch->conf->no_instance)
		target->group.instance = STR("");
	if (watch->conf->stage.n) {
		struct opt_pair *v =
			arena_alloc(&watch->arena, (labels->n + 1) * sizeof(*labels->v));

		if (labels->n)
			memcpy(v, labels->v, labels->n * sizeof(*v));
		v[labels->n] = (struct opt_pair){ STR("stage"), watch->conf->stage };
		*labels = (struct opt_map){ labels->n + 1, v };
	}
}

/* What can be wrong with a job before it starts; then it runs unwatched, for a reason. */
static bool plan(struct watch *watch, char *argv[])
{
	const struct log *log = &watch->app->log;
	struct target_conf *target = &watch->report.target;
	struct buf path = { 0 };
	struct str why;
	int r;

	name_job(watch, argv);
	if (watch->app->conf_broken) {
		log_error(log, "the command runs unwatched until the configuration is mended");
		return false;
	}
	cycle_target_conf(watch->app, &watch->arena, target);
	if (is_host_group(watch, target->group.job)) {
		log_error(log,
			  "job %.*s would overwrite the group of this host (push.job); name it "
			  "with --job; the command runs unwatched",
			  STR_ARG(watch->name));
		return false;
	}
	set_group(watch, target);
	if (!watch->conf->no_instance && !cycle_has_instance(watch->app, target)) {
		log_error(log, "the command runs unwatched");
		return false;
	}
	r = group_path(&target->group, &path, &watch->arena, &why);
	watch->group = str_hash(buf_view(&path));
	buf_release(&path);
	if (r < 0) {
		app_bad_value(watch->app, why);
		log_error(log, "the command runs unwatched");
	}
	return r == 0;
}

/* A shell tells a signal's death from an exit: we end in the same way, without a core. */
static int end_like(int exit_code, int number)
{
	if (number) {
		sigset_t set;

		(void)prctl(PR_SET_DUMPABLE, 0);
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		(void)signal(number, SIG_DFL);
		(void)sigemptyset(&set);
		(void)sigaddset(&set, number);
		/* raise(3) refuses two that glibc uses itself. */
		(void)kill(getpid(), number);
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
	return exit_code;
}

static int main_run(struct app *app, int argc, char *argv[])
{
	struct watch watch;
	struct str why;
	int r;

	if (argc == 0) {
		log_error(&app->log, "run: there is no command to run; see peekpush run --help");
		return EXIT_WRAPPER;
	}
	watch_init(&watch, app);
	r = loop_open(&watch.loop, true);
	if (r < 0) {
		log_error(&app->log, "%s runs unwatched: %s", argv[0], strerror(-r));
		return run_unwatched(&watch, argv);
	}
	if (job_conf_check(watch.conf, &watch.arena, &why) < 0) {
		app_bad_value(app, why);
		watch_release(&watch);
		return EXIT_WRAPPER;
	}
	if (!plan(&watch, argv))
		return run_unwatched(&watch, argv);
	r = watch_command(&watch, argv);
	if (r < 0) {
		log_error(&app->log, "%s runs unwatched: %s", argv[0], strerror(-r));
		return run_unwatched(&watch, argv);
	}
	r = end_like(watch.exit_code, watch.signal);
	watch_release(&watch);
	return r;
}

static const struct opt_section *const sections[] = {
	&section_main,  &section_job,  &section_push, &section_tls,
	&section_state, &section_host, NULL,
};

const struct command command_run = {
	.name = "run",
	.args = "[--] CMD [ARG...]",
	.help = "run CMD; push its start, heartbeats and end",
	.details = "The exit status is CMD's, 128+N when signal N ended it (then peekpush ends "
		   "itself by\n"
		   "the same signal), 124 after a time-out, 125 when peekpush itself failed before "
		   "CMD\n"
		   "started or --lock kept it from starting, 126 when CMD cannot be executed, 127 "
		   "when it\n"
		   "is not found. Whatever happens to a push, CMD does not notice; a result that "
		   "cannot be\n"
		   "delivered is kept for the next push.",
	.sections = sections,
	.usage_status = EXIT_WRAPPER,
	.survives_bad_config = true,
	.main = main_run,
};
