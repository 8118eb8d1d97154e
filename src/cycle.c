/* SPDX-License-Identifier: Apache-2.0 */
#include "cycle.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "bpf/settings.h"
#include "collect/energy/settings.h"
#include "dropbox.h"

static const char state_name[] = "host.state", lock_name[] = "host.lock";

int cycle_open(struct cycle *cycle, struct app *app, bool resident)
{
	const struct host_conf *host = conf_get(app->conf, &section_host);
	const struct limits_conf *limits = conf_get(app->conf, &section_limits);
	const struct host_paths paths = {
		.path = {
			[HOST_PROC] = host->procfs.p,
			[HOST_SYS] = host->sysfs.p,
			[HOST_ROOT] = host->rootfs.p,
			[HOST_UDEV] = host->udev.p,
		},
	};
	struct str why;

	*cycle = (struct cycle){ .app = app, .state_dir = -1, .jobs_dir = -1, .lock = -1 };
	host_open(&cycle->host, &paths, resident);
	cycle->host.pins = ((const struct ebpf_conf *)conf_get(app->conf, &section_ebpf))->pins.p;
	cycle->host.interval_ns =
		((const struct push_conf *)conf_get(app->conf, &section_push))->interval_ns;
	metrics_init(&cycle->metrics,
		     (struct metrics_limits){
			     .series = (uint32_t)limits->series,
			     .series_per_family = (uint32_t)limits->series_per_family,
		     });
	if (collectors_init(&cycle->collectors, app->conf, &cycle->host, &cycle->metrics,
			    &cycle->state, &cycle->arena, &why) < 0) {
		log_error(&app->log, "%.*s", STR_ARG(why));
		return EXIT_USAGE;
	}
	if (ebpf_check(conf_get(app->conf, &section_ebpf), &cycle->arena, &why) < 0) {
		app_bad_value(app, why);
		return EXIT_USAGE;
	}
	if (energy_check(app->conf, &cycle->arena, &why) < 0) {
		app_bad_value(app, why);
		return EXIT_USAGE;
	}
	return 0;
}

void cycle_target_conf(const struct app *app, struct arena *arena, struct target_conf *ret)
{
	const struct push_conf *push = conf_get(app->conf, &section_push);
	const struct tls_conf *tls = conf_get(app->conf, &section_tls);
	struct str instance = push->instance;
	char host[HOST_NAME_MAX + 1] = "";

	/* "(none)" is what the kernel calls a host that nobody has given a name. */
	if (!instance.n && gethostname(host, sizeof(host) - 1) == 0 && strcmp(host, "(none)") != 0)
		instance = arena_str(arena, str_of(host));
	*ret = (struct target_conf){
		.sink = {
			.url = push->url,
			.user = push->user,
			.password_file = push->password_file,
			.bearer_token_file = push->bearer_token_file,
			.ca = tls->ca,
			.cert = tls->cert,
			.key = tls->key,
			.insecure = tls->insecure,
		},
		.group = { .job = push->job, .instance = instance, .labels = push->labels },
		.format = (enum target_format)push->format,
		.always_put = push->method == PUSH_METHOD_PUT,
		.compression = (enum target_compression)push->compression,
		.timeout_ns = push->timeout_ns,
	};
	/* A delivery must be over before the next one is due. */
	if (ret->timeout_ns > push->interval_ns * 9 / 10)
		ret->timeout_ns = push->interval_ns * 9 / 10;
}

bool cycle_has_instance(const struct app *app, const struct target_conf *conf)
{
	if (conf->group.instance.n)
		return true;
	log_error(&app->log,
		  "push.instance: this host has no name, and all without one would be "
		  "the same to the gateway; name it (hostnamectl hostname NAME), or give "
		  "--instance, PEEKPUSH_INSTANCE or push.instance");
	return false;
}

static void save_state(void *arg)
{
	struct cycle *cycle = arg;

	if (cycle->state_dir < 0)
		return;

	int r = state_save(&cycle->state, cycle->state_dir, state_name, false);

	if (r < 0)
		log_warning(&cycle->app->log, "state is not kept: %s", strerror(-r));
}

static int open_jobs(struct cycle *cycle)
{
	struct str why = { 0 };
	int r = cycle->state_dir;

	if (cycle->jobs_dir >= 0)
		return 0;
	if (r < 0)
		r = cycle->state_dir = app_state_dir(cycle->app, &cycle->arena, &why);
	if (r >= 0)
		r = cycle->jobs_dir = record_open_dir(cycle->state_dir);
	if (r < 0)
		log_error(&cycle->app->log, "results of jobs: %.*s",
			  STR_ARG(why.n ? why : str_of(strerror(-r))));
	return r < 0 ? r : 0;
}

int cycle_open_state(struct cycle *cycle, int64_t wait_ns)
{
	const struct log *log = &cycle->app->log;
	struct str why;
	int r;

	cycle->state_dir = app_state_dir(cycle->app, &cycle->arena, &why);
	if (cycle->state_dir < 0) {
		log_warning(log, "%.*s; each push replaces its group, nothing is remembered",
			    STR_ARG(why));
		return 0;
	}
	cycle->lock = file_lock(cycle->state_dir, lock_name, wait_ns);
	if (cycle->lock == -EWOULDBLOCK) {
		log_error(log,
			  "another peekpush is pushing this host (it holds %s in the state "
			  "directory)",
			  lock_name);
		return EXIT_FAILED;
	}
	if (cycle->lock < 0)
		log_warning(log, "%s: %s; a second push beside this one would not be noticed",
			    lock_name, strerror(-cycle->lock));
	r = state_load(&cycle->state, cycle->state_dir, state_name);
	cycle->state.dir = cycle->state_dir;
	if (r < 0)
		log_warning(log, "%s: %s; starting without memory", state_name,
			    r == -EBADMSG ? "damaged" : strerror(-r));
	(void)open_jobs(cycle);
	return 0;
}

int cycle_flush(struct cycle *cycle, int64_t timeout_ns, bool insist,
		const struct sink_waiter *waiter, struct report_counts *ret)
{
	int64_t deadline = clock_ns(CLOCK_BOOTTIME) + timeout_ns;
	const struct log *log = &cycle->app->log;
	struct dropbox_counts drops;
	struct report report = { .app = cycle->app, .waiter = waiter, .insist = insist };
	int r = open_jobs(cycle);

	*ret = (struct report_counts){ 0 };
	if (r < 0)
		return r;
	report.dir = cycle->jobs_dir;
	report.target = cycle->target.conf;
	report_flush(&report, timeout_ns, ret);
	if (ret->delivered)
		log_info(log, "delivered what waited: results of jobs: %u", ret->delivered);
	if (ret->left)
		log_warning(log, "still waiting: results of jobs: %u", ret->left);
	dropbox_deliver(cycle->app, &cycle->target.conf, &cycle->state,
			deadline - clock_ns(CLOCK_BOOTTIME), waiter, &drops);
	ret->left += drops.left;
	if (drops.delivered)
		log_debug(log, "%u files of the drop-box delivered", drops.delivered);
	return 0;
}

int cycle_open_target(struct cycle *cycle)
{
	struct target_conf conf;
	struct str why = { 0 };

	cycle_target_conf(cycle->app, &cycle->arena, &conf);
	if (!cycle_has_instance(cycle->app, &conf))
		return EXIT_USAGE;
	/* Also after a failure: the words for it are in the target's memory. */
	cycle->has_target = true;
	if (target_open(&cycle->target, &conf, &cycle->state, &why) < 0) {
		app_bad_value(cycle->app, why);
		return EXIT_USAGE;
	}
	cycle->target.save = save_state;
	cycle->target.save_arg = cycle;

	size_t n = conf.group.labels.n + 2;
	struct str *names = arena_alloc(&cycle->arena, n * sizeof(*names));
	struct str *values = arena_alloc(&cycle->arena, n * sizeof(*values));

	names[0] = STR("job");
	values[0] = conf.group.job;
	names[1] = STR("instance");
	values[1] = conf.group.instance;
	for (size_t i = 2; i < n; i++) {
		names[i] = conf.group.labels.v[i - 2].key;
		values[i] = conf.group.labels.v[i - 2].value;
	}
	metrics_set_grouping(&cycle->metrics, n, names);
	metrics_set_group(&cycle->metrics, values);
	return 0;
}

void cycle_move_state(struct cycle *from, struct cycle *to)
{
	to->state = from->state;
	to->state_dir = from->state_dir;
	to->lock = from->lock;
	to->jobs_dir = from->jobs_dir;
	from->state = (struct state){ 0 };
	from->state_dir = from->jobs_dir = from->lock = -1;
}

void cycle_close(struct cycle *cycle)
{
	/* What goes on a little is not to keep the next cycle from beginning. */
	if (cycle->lock >= 0)
		(void)close(cycle->lock);
	collectors_close(&cycle->collectors);
	if (cycle->has_target)
		target_close(&cycle->target);
	metrics_release(&cycle->metrics);
	state_release(&cycle->state);
	host_close(&cycle->host);
	if (cycle->jobs_dir >= 0)
		(void)close(cycle->jobs_dir);
	if (cycle->state_dir >= 0)
		(void)close(cycle->state_dir);
	arena_release(&cycle->scratch);
	arena_release(&cycle->arena);
	*cycle = (struct cycle){ .state_dir = -1, .jobs_dir = -1, .lock = -1 };
}

void cycle_sample(struct cycle *cycle)
{
	cycle->begin_ns = clock_ns(CLOCK_BOOTTIME);
	metrics_reset(&cycle->metrics);
	collectors_run(&cycle->collectors, &cycle->app->log);
}

static void add_waiting(struct cycle *cycle)
{
	static const struct metric_desc entries = {
		"peekpush_spool_entries",
		"Jobs whose result waits to be delivered.",
		METRIC_GAUGE,
	};
	static const struct metric_desc drops = {
		"peekpush_dropbox_files",
		"Files in the drop-box that users without the push credentials leave.",
		METRIC_GAUGE,
	};
	static const struct metric_desc refused = {
		"peekpush_dropbox_refused_total",
		"Files of the drop-box that were refused.",
		METRIC_COUNTER,
	};

	if (cycle->jobs_dir < 0 && !cycle->preview)
		return;
	if (!cycle->preview) {
		cycle->waiting = report_pending(cycle->jobs_dir);
		cycle->dropped = dropbox_count(cycle->app, &cycle->state);
	}
	metrics_add(&cycle->metrics, &entries, cycle->waiting);
	metrics_add(&cycle->metrics, &drops, cycle->dropped);
	metrics_add(&cycle->metrics, &refused,
		    (double)state_u64(&cycle->state, STR("dropbox_refused"), 0));
}

static void add_heartbeat(struct cycle *cycle, bool running)
{
	static const struct metric_desc running_desc = {
		"peekpush_running",
		"1 while this host is being pushed, 0 after an orderly stop.",
		METRIC_GAUGE,
	};
	static const struct metric_desc interval_desc = {
		"peekpush_interval_seconds",
		"Time between two pushes of this group; a push older than three of them is stale.",
		METRIC_GAUGE,
	};
	static const struct metric_desc series_desc = {
		"peekpush_series",
		"Series in this push.",
		METRIC_GAUGE,
	};
	const struct push_conf *push = conf_get(cycle->app->conf, &section_push);
	const struct metrics_limits limits = cycle->metrics.limits;

	/* However many series a limit keeps out, these are what alerts stand on. */
	cycle->metrics.limits = (struct metrics_limits){ 0 };
	cycle->metrics.own = true;
	metrics_add(&cycle->metrics, &running_desc, running);
	metrics_add(&cycle->metrics, &interval_desc, (double)push->interval_ns / 1e9);
	add_waiting(cycle);
	metrics_add(&cycle->metrics, &series_desc, cycle->metrics.series + 1);
	cycle->metrics.limits = limits;
	cycle->metrics.own = false;
}

void cycle_preview(struct cycle *cycle)
{
	cycle->preview = true;
	cycle->state_dir = app_find_state_dir(cycle->app, &cycle->arena);
	if (cycle->state_dir >= 0) {
		(void)state_load(&cycle->state, cycle->state_dir, state_name);
		cycle->state.dir = cycle->state_dir;
		cycle->state.lent = true;
	}
	cycle_sample(cycle);
	arena_reset(&cycle->scratch);
	add_heartbeat(cycle, true);
	target_drop_rejected(&cycle->target, &cycle->metrics, &cycle->scratch);
}

static void note_entry(void *arg, struct str key, struct str value)
{
	(void)key;
	(void)value;
	*(bool *)arg = true;
}

bool cycle_has_pushed(const struct app *app, const struct target *target)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_fd_ int dir = app_find_state_dir(app, &arena);
	struct state state = { 0 };
	bool any = false;

	if (dir >= 0 && state_load(&state, dir, state_name) == 0)
		state_each(&state, ARENA_CONCAT(&arena, target->key, STR(".")), note_entry, &any);
	state_release(&state);
	return any;
}

void cycle_account_drops(struct cycle *cycle)
{
	for (int i = 0; i < DROP_REASONS; i++) {
		const char *reason = drop_reason_name((enum drop_reason)i);
		uint64_t n = cycle->metrics.dropped[i];
		struct str example = cycle->metrics.dropped_example[i];
		struct str key = arena_printf(&cycle->scratch, "dropped.%s", reason);
		struct str said = arena_printf(&cycle->scratch, "dropped_said.%s", reason);

		if (!n)
			continue;
		(void)state_add(&cycle->state, key, n);
		/* With the collector and the limit, that was told when it happened. */
		if (i == DROP_LIMIT || i == DROP_EQUAL)
			continue;
		if (state_u64(&cycle->state, said, 0) == str_hash(example))
			continue;
		state_set_u64(&cycle->state, said, str_hash(example));
		log_warning(&cycle->app->log, "%llu series dropped (%s), the first is %.*s",
			    (unsigned long long)n, reason, STR_ARG(example));
	}
}

/* A gateway that stays away is worth one line, and one more when it is back. */
static void say_result(struct cycle *cycle, const struct delivery *d)
{
	static const struct str key = { "push.said", 9 };
	const struct log *log = &cycle->app->log;
	uint64_t said = state_u64(&cycle->state, key, 0);

	if (d->rejected.n)
		log_warning(log,
			    "the gateway refuses %.*s; pushed without, trying again in 10 minutes",
			    STR_ARG(d->rejected));
	if (d->result == SINK_OK || d->result == SINK_OK_UNTYPED) {
		if (said)
			log_info(log, "delivering again");
		state_unset(&cycle->state, key);
		log_debug(log, "delivered %u series in %zu bytes%s", cycle->metrics.series,
			  d->bytes, d->put ? " as PUT" : "");
		return;
	}
	if (d->result == SINK_INTERRUPTED)
		return;
	if (cycle->host.keep && said == str_hash(d->message))
		return;
	state_set_u64(&cycle->state, key, str_hash(d->message));
	log_error(log, "not delivered (%s): %.*s", sink_result_name(d->result),
		  STR_ARG(d->message));
}

static const struct str stopped_key = { "stopped", 7 };

/* Of which group the gateway knows that this host has stopped. */
static void remember_stop(struct cycle *cycle, bool stopped, enum sink_result result)
{
	if (!stopped)
		state_unset(&cycle->state, stopped_key);
	else if (result == SINK_OK || result == SINK_OK_UNTYPED)
		state_set_u64(&cycle->state, stopped_key, str_hash(cycle->target.key));
}

enum sink_result cycle_deliver(struct cycle *cycle, bool running, const struct sink_waiter *waiter)
{
	int64_t deadline = clock_ns(CLOCK_BOOTTIME) + cycle->target.conf.timeout_ns;
	struct delivery d;

	arena_reset(&cycle->scratch);
	add_heartbeat(cycle, running);
	target_deliver(&cycle->target, &cycle->metrics, waiter, &cycle->scratch, &d);
	(void)state_add(&cycle->state,
			arena_printf(&cycle->scratch, "pushes.%s", sink_result_name(d.result)), 1);
	state_set_u64(&cycle->state, STR("cycle.duration_ns"),
		      (uint64_t)(clock_ns(CLOCK_BOOTTIME) - cycle->begin_ns));
	cycle_account_drops(cycle);
	say_result(cycle, &d);
	remember_stop(cycle, !running, d.result);
	save_state(cycle);
	/* The gateway is there: what waits for it can go, too, in the time that is left. */
	if ((d.result == SINK_OK || d.result == SINK_OK_UNTYPED) &&
	    cycle->waiting + cycle->dropped) {
		struct report_counts counts;

		(void)cycle_flush(cycle, deadline - clock_ns(CLOCK_BOOTTIME), false, waiter,
				  &counts);
		save_state(cycle);
	}
	return d.result;
}

static enum sink_result delete_group(struct cycle *cycle, const struct sink_waiter *waiter)
{
	struct delivery d;

	arena_reset(&cycle->scratch);
	target_delete(&cycle->target, waiter, &cycle->scratch, &d);
	if (d.result != SINK_OK && d.result != SINK_OK_UNTYPED)
		log_error(&cycle->app->log, "group not deleted: %.*s", STR_ARG(d.message));
	remember_stop(cycle, true, d.result);
	save_state(cycle);
	return d.result;
}

enum sink_result cycle_stop(struct cycle *cycle, const struct sink_waiter *waiter)
{
	const struct push_conf *push = conf_get(cycle->app->conf, &section_push);

	if (state_u64(&cycle->state, stopped_key, 0) == str_hash(cycle->target.key)) {
		log_debug(&cycle->app->log, "the gateway knows already that this host has stopped");
		return SINK_OK;
	}
	if (push->delete_on_stop)
		return delete_group(cycle, waiter);
	cycle->host.ending = true;
	cycle_sample(cycle);
	return cycle_deliver(cycle, false, waiter);
}
