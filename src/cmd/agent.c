/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `peekpush agent`: cycles on its own timer until SIGTERM. The schedule is absolute and on the
 * boot clock: neither a slow gateway nor a wall clock that jumps moves it.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/commands.h"
#include "collect/energy/meter.h"
#include "collect/source/keeper.h"
#include "cycle.h"
#include "loader.h"
#include "loop.h"
#include "notify.h"

enum { SKIP_MAX = 8, FILES_MAX = 4096 };

struct agent {
	struct app *app;
	struct cycle cycles[2]; /* one in use, one to prepare a reload in */
	struct cycle *cycle;
	struct loop loop;
	struct notify notify;
	int beat; /* timerfd: the watchdog is to be answered, also while a delivery waits */
	int64_t interval_ns;
	unsigned failures, skip; /* deliveries failed in a row; ticks still to leave out */
};

/* Where in the interval this host pushes: a thousand hosts must not do it at once. */
static int64_t phase(const struct agent *agent)
{
	const struct push_conf *push = conf_get(agent->app->conf, &section_push);
	uint64_t offset =
		push->splay_ns < 0 ? str_hash(agent->cycle->target.path) : (uint64_t)push->splay_ns;

	return (int64_t)(offset % (uint64_t)agent->interval_ns);
}

/* The first tick is now, those after it at phase + n * interval. */
static int schedule(struct agent *agent)
{
	const struct push_conf *push = conf_get(agent->app->conf, &section_push);
	int64_t now = clock_ns(CLOCK_BOOTTIME), next;

	agent->interval_ns = push->interval_ns;
	next = now - now % agent->interval_ns + phase(agent);
	if (next <= now)
		next += agent->interval_ns;
	return loop_tick_at(&agent->loop, next, agent->interval_ns) < 0 ? EXIT_FAILED : 0;
}

/*
 * After a second failure in a row ticks are left out, at random so that the hosts behind one
 * gateway do not come back in step: 1, up to 3, up to 7, ... at most SKIP_MAX.
 */
static void back_off(struct agent *agent, enum sink_result result)
{
	if (result == SINK_OK || result == SINK_OK_UNTYPED) {
		agent->failures = agent->skip = 0;
		return;
	}
	agent->failures++;
	if (agent->failures < 2)
		return;

	unsigned most = 1u << (agent->failures < 5 ? agent->failures - 1 : 4);

	if (most > SKIP_MAX)
		most = SKIP_MAX;
	agent->skip = most / 2 + (unsigned)random() % (most / 2 + 1);
}

static int open_beat(int64_t period_ns)
{
	struct itimerspec spec = {
		.it_interval = { period_ns / 1000000000, period_ns % 1000000000 },
	};
	int fd;

	if (!period_ns)
		return -1;
	spec.it_value = spec.it_interval;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd >= 0)
		(void)timerfd_settime(fd, 0, &spec, NULL);
	return fd;
}

/* A slow gateway is no reason to be taken for hung; how long it may be slow has a limit. */
static bool beat(void *arg)
{
	const struct agent *agent = arg;
	uint64_t ticks;

	(void)!read(agent->beat, &ticks, sizeof(ticks));
	notify_say(&agent->notify, "WATCHDOG=1");
	return false;
}

/*
 * A delivery is not broken off by SIGTERM: a request that is on its way could be stored after
 * the last word, and the gateway would hold a running host for ever.
 */
static void cycle_once(struct agent *agent)
{
	const struct sink_waiter waiter = { agent->beat, beat, agent };

	cycle_sample(agent->cycle);
	back_off(agent, cycle_deliver(agent->cycle, true, &waiter));
}

/* The lock and the counters are where they are as long as the process lives. */
static void say_state_stays(const struct app *app, const struct conf *before)
{
	const struct state_conf *old = conf_get(before, &section_state);
	const struct state_conf *now = conf_get(app->conf, &section_state);

	if (!str_eq(old->dir, now->dir))
		log_warning(&app->log, "state.dir has changed: the old one stays in use until a "
				       "restart");
}

/* Takes a new configuration over only when all of it works; else the old one goes on. */
static bool try_reload(struct agent *agent)
{
	struct app *app = agent->app;
	struct conf *old_conf = app->conf, *new_conf;
	struct cycle *old = agent->cycle;
	struct cycle *fresh = &agent->cycles[old == &agent->cycles[0]];

	if (app->reload(app, &new_conf) != 0)
		return false;
	app->conf = new_conf;
	agent->cycle = fresh;
	if (cycle_open(fresh, app, true) == 0 && cycle_open_target(fresh) == 0 &&
	    schedule(agent) == 0) {
		cycle_move_state(old, fresh);
		cycle_close(old);
		say_state_stays(app, old_conf);
		conf_free(old_conf);
		return true;
	}
	cycle_close(fresh);
	agent->cycle = old;
	app->conf = old_conf;
	conf_free(new_conf);
	return false;
}

static void reload(struct agent *agent)
{
	notify_say(&agent->notify, "RELOADING=1");
	if (try_reload(agent))
		log_info(&agent->app->log, "configuration reloaded");
	else
		log_error(&agent->app->log, "configuration not reloaded, the old one stays");
	agent->failures = agent->skip = 0;
	notify_say(&agent->notify, "READY=1");
}

/* Of two, where 0 is for ever. */
static int64_t least_span(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/*
 * How long nothing has to be done: not for longer than the watchdog allows, nor than an energy
 * counter needs to run through its range, nor than until a command is due. Reads and starts these
 * when it is time to.
 */
static int64_t patience(struct agent *agent)
{
	struct cycle *cycle = agent->cycle;
	int64_t least_ns = agent->notify.watchdog_ns, meter_ns, source_ns;

	arena_reset(&cycle->scratch);
	meter_ns = meter_tick(&cycle->host, &cycle->state, &cycle->scratch);
	source_ns = keeper_tick(&cycle->host);
	least_ns = least_span(least_ns, meter_ns);
	least_ns = least_span(least_ns, source_ns);
	return least_ns ? least_ns : -1;
}

static void run(struct agent *agent)
{
	unsigned events = LOOP_TICK;

	notify_say(&agent->notify, "READY=1");
	while (!(events & LOOP_STOP)) {
		if (events & LOOP_RELOAD)
			reload(agent);
		if (events & (LOOP_TICK | LOOP_RELOAD)) {
			if (agent->skip)
				agent->skip--;
			else
				cycle_once(agent);
		}
		notify_say(&agent->notify, "WATCHDOG=1");
		events = loop_wait(&agent->loop, patience(agent));
	}
	notify_say(&agent->notify, "STOPPING=1");
}

static void say_goodbye(struct agent *agent)
{
	const struct sink_waiter waiter = { agent->beat, beat, agent };

	(void)cycle_stop(agent->cycle, &waiter);
}

/*
 * What is read in each cycle stays open, and a large host has more of it than the usual 1024,
 * which is for users of select(2).
 */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_MAX)
		return;
	limit.rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int main_agent(struct app *app, int argc, char *argv[])
{
	struct agent agent = { .app = app, .cycle = &agent.cycles[0] };
	const char *why;
	int status = app_no_words(app, argc, argv);

	if (status)
		return status;
	raise_file_limit();
	if (notify_open(&agent.notify, &why) < 0)
		log_warning(&app->log, "systemd will not be told: %s", why);
	agent.beat = open_beat(agent.notify.watchdog_ns);
	loader_start(app);
	status = cycle_open(agent.cycle, app, true);
	if (status == 0)
		status = cycle_open_target(agent.cycle);
	if (status == 0)
		status = cycle_open_state(agent.cycle, 0);
	if (status == 0 && loop_open(&agent.loop, false) < 0)
		status = EXIT_FAILED;
	if (status == 0) {
		srandom((unsigned)clock_ns(CLOCK_BOOTTIME));
		status = schedule(&agent);
		if (status == 0) {
			run(&agent);
			say_goodbye(&agent);
		}
		loop_close(&agent.loop);
	}
	cycle_close(agent.cycle);
	if (agent.beat >= 0)
		(void)close(agent.beat);
	return status;
}

const struct command command_agent = {
	.name = "agent",
	.args = "",
	.help = "sample and deliver on a timer until SIGTERM",
	.details = "SIGHUP reads the configuration again; a broken one leaves the old in force.",
	.sections = sections_push,
	.main = main_agent,
};
