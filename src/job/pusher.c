/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pushes of a watched run happen in a child that lives for one of them: libcurl and what it
 * pulls in (5 MB) never come into the watcher, which stays small for as long as CMD runs, and
 * whatever hangs or breaks in a push is no matter of its own.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "job/watch_internal.h"

enum {
	GRACE_NS = 500000000,   /* for a push that is under way when CMD ends */
	MARGIN_NS = 1000000000, /* for a last push, beyond its time-out */
};

static _Noreturn void child(struct watch *watch, bool final)
{
	struct report *report = &watch->report;
	int64_t timeout = report->target.timeout_ns;
	struct report_counts counts;
	enum report_result result;

	report->own = &watch->record;
	report->said = watch->shared ? watch->shared->said : 0;
	result = report_group(report, watch->group, final ? timeout : 0);
	if (watch->shared)
		watch->shared->said = report->said;
	/* The gateway is there: what waits for it can go, too. */
	if (result == REPORT_DELIVERED && !watch->flushed) {
		report->own = NULL;
		report_flush(report, timeout / 2, &counts);
	}
	_exit(result);
}

static void start(struct watch *watch, bool final)
{
	watch->pusher = fork();
	if (watch->pusher == 0)
		child(watch, final);
	if (watch->pusher < 0) {
		log_warning(&watch->app->log, "job %.*s: no process for a push: %s",
			    STR_ARG(watch->name), strerror(errno));
		watch->pusher = 0;
		return;
	}
	tree_ignore(&watch->tree, watch->pusher);
}

void pusher_start(struct watch *watch)
{
	if (watch->mute || watch->pusher)
		return;
	tree_ask_scope(&watch->tree);
	facts_sample(watch, false);
	(void)record_save(&watch->record, false);
	start(watch, false);
}

void pusher_ended(struct watch *watch, int status)
{
	watch->pusher = 0;
	if (!WIFEXITED(status))
		return;
	watch->result = (enum report_result)WEXITSTATUS(status);
	if (watch->result == REPORT_BROKEN) {
		log_error(&watch->app->log, "the command runs unwatched");
		watch->mute = true;
	}
	if (watch->result == REPORT_DELIVERED)
		watch->flushed = true;
}

static bool asked_to_stop(struct watch *watch)
{
	bool stop = false;

	for (size_t i = 0; i < watch->loop.queued; i++) {
		int number = watch->loop.queue[i].number;

		stop |= number == SIGTERM || number == SIGINT || number == SIGQUIT ||
			number == SIGHUP;
	}
	watch->loop.queued = 0;
	return stop;
}

/* False when it had to be ended. */
static bool wait_for_child(struct watch *watch, int64_t deadline)
{
	struct tree_event event;

	while (watch->pusher) {
		int64_t left = deadline - clock_ns(CLOCK_BOOTTIME);

		if (left <= 0 || asked_to_stop(watch)) {
			(void)kill(watch->pusher, SIGKILL);
			(void)waitpid(watch->pusher, NULL, 0);
			watch->pusher = 0;
			return false;
		}
		(void)loop_wait(&watch->loop, left);
		while (tree_reap(&watch->tree, &event))
			if (event.pid == watch->pusher && event.kind == TREE_EXITED)
				pusher_ended(watch, event.status);
	}
	return true;
}

enum report_result pusher_finish(struct watch *watch)
{
	int64_t timeout = watch->report.target.timeout_ns;

	if (watch->pusher)
		(void)wait_for_child(watch, clock_ns(CLOCK_BOOTTIME) + GRACE_NS);
	watch->result = watch->record.dir < 0 ? REPORT_LOST : REPORT_KEPT;
	if (watch->mute)
		return watch->result;
	start(watch, true);
	if (watch->pusher &&
	    !wait_for_child(watch, clock_ns(CLOCK_BOOTTIME) + 2 * timeout + MARGIN_NS))
		log_warning(&watch->app->log, "job %.*s: the last push was broken off%s",
			    STR_ARG(watch->name),
			    watch->record.dir < 0 ? "; the result is lost"
						  : "; kept for the next push");
	return watch->result;
}
