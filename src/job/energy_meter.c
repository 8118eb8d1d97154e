/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child that reads the sensors. It keeps none of the watcher's files: whoever waits for the
 * end of CMD's output, or for a lock, must not wait for a slow driver.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fds.h"
#include "base/num.h"
#include "collect/energy/meter.h"
#include "collect/energy/settings.h"
#include "job/energy.h"
#include "job/energy_idle.h"
#include "job/energy_users.h"

#define SECOND INT64_C(1000000000)

enum {
	GAUGES_MAX = 256,
	TICK_MIN_NS = 50000000,
	WATTS_UNKNOWN = 1000, /* that a source consumes at most which does not say */
};

/* What is known of one source since the last reading. */
struct gauge {
	uint64_t id;
	struct meter_mark mark;
};

struct meter_child {
	const struct app *app;
	struct host host;
	struct energy_sources sources;
	struct arena scratch;
	struct energy_share share;
	struct energy_users users;
	struct known_idle known;
	int root; /* of the host; -1 once it is in `host` */
	size_t n_gauges;
	struct gauge gauges[GAUGES_MAX];
	bool read_before, modelled;
	int64_t first_ns, at_ns;  /* CLOCK_MONOTONIC */
	uint64_t busy_ns;         /* of the host, as last read */
	uint64_t settled_busy_ns; /* ... when last settled */
	uint64_t settled_cpu_ns;
	uint64_t gaps;
	const char *source, *why;
};

/* How sources belong together, as collect/energy/account_host.c has it. */
struct view {
	bool whole;    /* the host's meter has all in it, so that others tell parts of it */
	bool packages; /* ... of which these are some */
};

static bool is_processor(const struct energy_source *s)
{
	bool counter = s->kind == ENERGY_RAPL || s->kind == ENERGY_PERF;

	return (s->domain == DOMAIN_PACKAGE || s->domain == DOMAIN_DRAM) && (counter || s->host);
}

static struct view look(const struct energy_sources *sources)
{
	struct view view = { 0 };

	for (size_t i = 0; i < sources->n; i++) {
		const struct energy_source *s = &sources->v[i];

		view.whole |= s->host && (s->domain == DOMAIN_PSYS || s->domain == DOMAIN_MACHINE);
		view.packages |=
			s->domain == DOMAIN_PACKAGE && is_processor(s) && !s->left_out && !s->error;
	}
	return view;
}

/* Which consumer a source tells of; -1: none, or somebody else tells the same. */
static int unit_of(const struct energy_source *s, struct view view)
{
	if (s->left_out || (!s->host && !view.whole && s->domain != DOMAIN_GPU))
		return -1;
	if (is_processor(s))
		return s->domain == DOMAIN_DRAM ? JOB_ENERGY_DRAM : JOB_ENERGY_CPU;
	switch (s->domain) {
	case DOMAIN_GPU:
		return s->package >= 0 && s->package < ENERGY_SHARE_GPUS
			       ? (int)energy_share_gpu((size_t)s->package)
			       : -1;
	case DOMAIN_PSYS:
	case DOMAIN_MACHINE:
		return s->host && !view.packages ? JOB_ENERGY_MACHINE : -1;
	default:
		return -1;
	}
}

static struct gauge *gauge_of(struct meter_child *m, struct str id)
{
	uint64_t hash = str_hash(id);

	for (size_t i = 0; i < m->n_gauges; i++)
		if (m->gauges[i].id == hash)
			return &m->gauges[i];
	if (m->n_gauges == GAUGES_MAX)
		return NULL;
	m->gauges[m->n_gauges] = (struct gauge){ .id = hash };
	return &m->gauges[m->n_gauges++];
}

struct step {
	bool there, broken, guess;
	uint64_t idle_uw; /* of its sources together */
	uint64_t uj;
	int64_t ns;
};

static void read_source(struct meter_child *m, const struct energy_source *source, int64_t slept_ns,
			struct step *step)
{
	struct gauge *gauge = gauge_of(m, source->id);
	struct meter_mark now = {
		.value = source->value,
		.range_uj = source->range_uj,
		.at_ns = source->at_ns,
		.boot_ns = source->at_ns + slept_ns,
		.boot = source->epoch,
		.power = source->power,
		.valid = !source->error,
	};
	int64_t before;
	uint64_t uj, idle_uw = 0;
	int r;

	step->guess |= !known_idle_uw(&m->known, source->id, &idle_uw);
	step->idle_uw += idle_uw;
	step->there = true;
	if (!gauge) {
		step->broken = true;
		return;
	}
	before = gauge->mark.valid ? gauge->mark.at_ns : 0;
	r = meter_advance(&gauge->mark, &now, source->max_uw, &uj);
	if (r < 0 || !before) {
		m->gaps += r < 0 && !source->error;
		step->broken = true;
		return;
	}
	step->uj += uj;
	if (source->at_ns - before > step->ns)
		step->ns = source->at_ns - before;
}

/* user, nice, system, irq and softirq of the line "cpu"; guests are in user. */
static bool read_busy(struct meter_child *m, uint64_t *ret_ns, size_t *ret_cpus)
{
	uint64_t value, busy = 0;
	struct str text, line, word;
	size_t cpus = 0;

	if (host_read(&m->host, HOST_PROC, "stat", &m->scratch, &text) < 0 ||
	    !str_line(&text, &line) || !str_word(&line, &word) || !str_eq(word, STR("cpu")))
		return false;
	for (int i = 0; i < 7 && num_take_u64(&line, &value); i++)
		if (i != 3 && i != 4)
			busy += value;
	while (str_line(&text, &line))
		cpus += str_starts(line, STR("cpu"));
	*ret_ns = busy * (uint64_t)(SECOND / sysconf(_SC_CLK_TCK));
	*ret_cpus = cpus ? cpus : 1;
	return true;
}

/* Between idle and max by how busy all CPUs are together. */
static uint64_t model_uj(const struct energy_model_conf *model, uint64_t busy_ns, size_t cpus,
			 int64_t ns)
{
	double u = (double)busy_ns / ((double)cpus * (double)ns);

	if (u > 1)
		u = 1;
	return (uint64_t)((model->idle_watts + (model->max_watts - model->idle_watts) * u) *
			  (double)ns / 1e3);
}

static void read_model(struct meter_child *m, int64_t ns, uint64_t busy_ns, size_t cpus)
{
	const struct energy_model_conf *model = energy_model_settings(m->app->conf);

	if (model->max_watts <= 0)
		return;
	m->modelled = true;
	m->source = "model";
	if (!m->read_before)
		energy_share_learnt(&m->share, JOB_ENERGY_CPU, (uint64_t)(model->idle_watts * 1e6));
	if (ns > 0)
		energy_share_add(&m->share, JOB_ENERGY_CPU, model_uj(model, busy_ns, cpus, ns), ns);
}

/* Of the whole machine what is told of by itself is taken away: GPUs are used by others. */
static void take_parts_away(struct step *steps)
{
	struct step *machine = &steps[JOB_ENERGY_MACHINE];

	for (size_t i = energy_share_gpu(0); i < ENERGY_SHARE_UNITS; i++)
		if (steps[i].there && !steps[i].broken)
			machine->uj -= steps[i].uj < machine->uj ? steps[i].uj : machine->uj;
}

static void add_steps(struct meter_child *m, struct step *steps)
{
	take_parts_away(steps);
	for (size_t i = 0; i < ENERGY_SHARE_UNITS; i++) {
		if (!steps[i].there || steps[i].broken || (m->modelled && i < energy_share_gpu(0)))
			continue;
		if (!steps[i].guess)
			energy_share_learnt(&m->share, i, steps[i].idle_uw);
		energy_share_add(&m->share, i, steps[i].uj, steps[i].ns);
		if (i >= energy_share_gpu(0))
			energy_users_add(&m->users, &m->host, i - energy_share_gpu(0), steps[i].ns,
					 &m->scratch);
	}
}

/* Adds what the sources have counted since last time; false when there are none. */
static bool read_sources(struct meter_child *m)
{
	struct step steps[ENERGY_SHARE_UNITS] = { 0 };
	int64_t slept_ns = clock_ns(CLOCK_BOOTTIME) - clock_ns(CLOCK_MONOTONIC);
	bool any = false;
	struct view view;
	int r = energy_read(&m->host, &m->sources, &m->scratch);

	m->why = r < 0 ? strerror(-r) : m->sources.none;
	if (r < 0)
		return false;
	view = look(&m->sources);
	for (size_t i = 0; i < m->sources.n; i++) {
		const struct energy_source *source = &m->sources.v[i];
		int unit = unit_of(source, view);

		if (source->error && !m->why)
			m->why = source->reason ? source->reason : strerror(-source->error);
		if (unit < 0)
			continue;
		if (!source->error && !m->modelled && (!m->source || unit == JOB_ENERGY_CPU))
			m->source = energy_kind_name(source->kind);
		any |= !source->error;
		read_source(m, source, slept_ns, &steps[unit]);
	}
	add_steps(m, steps);
	return any;
}

static void take_reading(struct meter_child *m)
{
	int64_t now;
	uint64_t busy_ns = m->busy_ns;
	size_t cpus = 1;

	arena_reset(&m->scratch);
	m->host.cycle++;
	if (!read_sources(m) && !m->read_before)
		m->modelled = energy_model_settings(m->app->conf)->max_watts > 0;
	now = clock_ns(CLOCK_MONOTONIC);
	if (!read_busy(m, &busy_ns, &cpus) || busy_ns < m->busy_ns)
		busy_ns = m->busy_ns;
	if (!m->read_before) {
		m->first_ns = m->at_ns = now;
		m->busy_ns = m->settled_busy_ns = busy_ns;
	}
	if (m->modelled)
		read_model(m, now - m->at_ns, busy_ns - m->busy_ns, cpus);
	m->busy_ns = busy_ns;
	m->at_ns = now;
	m->read_before = true;
}

/* The time until a counter could wrap twice, or a power has changed too much. */
static int64_t next_tick(const struct meter_child *m)
{
	int64_t wait = 10 * SECOND, since = m->at_ns - m->first_ns;
	bool guess = false;

	for (size_t i = 0; i < m->sources.n; i++) {
		const struct energy_source *source = &m->sources.v[i];
		uint64_t uw = source->max_uw ? source->max_uw : UINT64_C(1000000) * WATTS_UNKNOWN;
		double wrap = 1e9 * (double)source->range_uj / (double)uw;

		if (source->error)
			continue;
		if (source->power && wait > SECOND)
			wait = SECOND;
		if (source->range_uj && wrap / 4 < (double)wait)
			wait = (int64_t)(wrap / 4);
	}
	for (size_t i = 0; i < ENERGY_SHARE_UNITS; i++)
		guess |= m->share.v[i].there && !m->share.v[i].learnt;
	/* The least power there is has to be looked for. */
	if (guess && since / 8 < wait)
		wait = since / 8;
	return wait < TICK_MIN_NS ? TICK_MIN_NS : wait;
}

static void answer(struct meter_child *m, int socket, uint64_t number)
{
	struct job_energy_answer answer = {
		.number = number,
		.elapsed_ns = m->at_ns - m->first_ns,
		.gaps = m->gaps,
		.model = m->modelled,
	};

	for (size_t i = 0; i < ENERGY_SHARE_UNITS; i++) {
		const struct energy_share_unit *unit = &m->share.v[i];
		size_t domain = i < JOB_ENERGY_DOMAINS ? i : JOB_ENERGY_GPU;

		if (!unit->there || unit->all_ns <= 0)
			continue;
		answer.there[domain] = true;
		answer.dynamic_uj[domain] += unit->dynamic_uj;
		answer.idle_uj[domain] += unit->idle_uj;
		answer.guess |= !unit->learnt;
	}
	(void)snprintf(answer.source, sizeof(answer.source), "%s", m->source ? m->source : "");
	(void)snprintf(answer.why, sizeof(answer.why), "%s", m->why ? m->why : "");
	(void)send(socket, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void settle(struct meter_child *m, uint64_t cpu_ns)
{
	struct energy_work work[ENERGY_SHARE_UNITS] = { 0 };
	struct energy_work cpu = {
		.own = cpu_ns > m->settled_cpu_ns ? cpu_ns - m->settled_cpu_ns : 0,
		.all = m->busy_ns - m->settled_busy_ns,
	};

	work[JOB_ENERGY_CPU] = work[JOB_ENERGY_DRAM] = work[JOB_ENERGY_MACHINE] = cpu;
	memcpy(&work[energy_share_gpu(0)], m->users.gpus, sizeof(m->users.gpus));
	memset(m->users.gpus, 0, sizeof(m->users.gpus));
	energy_share_settle(&m->share, work);
	m->settled_cpu_ns += cpu.own;
	m->settled_busy_ns = m->busy_ns;
}

/*
 * The driver's library may take seconds to start where no GPU is in use. A job of a moment is told
 * of without, and another one's processor has been looked at before.
 */
static void show_gpus(struct meter_child *m)
{
	if (m->root < 0)
		return;
	m->host.dir[HOST_ROOT] = m->root;
	m->root = -1;
}

static void serve(struct meter_child *m, int socket)
{
	for (;;) {
		struct pollfd fd = { socket, POLLIN, 0 };
		struct job_energy_ask ask;
		int64_t due = m->at_ns + next_tick(m), left = due - clock_ns(CLOCK_MONOTONIC);
		int n = poll(&fd, 1, left > 0 ? (int)((left + 999999) / 1000000) : 0);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0 && recv(socket, &ask, sizeof(ask), 0) != (ssize_t)sizeof(ask))
			return;
		take_reading(m);
		if (n <= 0)
			continue;
		settle(m, ask.cpu_ns);
		answer(m, socket, ask.number);
		show_gpus(m);
	}
}

/* 0, 1 and 2 are /dev/null, 3 is the socket, and there is nothing else. */
static int leave_files(int socket)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Out of the way: who started us may have left 0 to 2 closed. */
	socket = fcntl(socket, F_DUPFD_CLOEXEC, 10);
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		(void)dup2(null, fd);
	(void)dup3(socket, 3, O_CLOEXEC);
	fds_close_all_but((int[]){ 0, 1, 2, 3 }, 4);
	return 3;
}

_Noreturn void job_energy_meter(const struct app *app, pid_t watcher, int socket)
{
	const struct host_conf *host = conf_get(app->conf, &section_host);
	const struct host_paths paths = {
		.path = { [HOST_PROC] = host->procfs.p,
			  [HOST_SYS] = host->sysfs.p,
			  [HOST_ROOT] = host->rootfs.p },
	};
	struct meter_child m = { .app = app, .users.watcher = watcher };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != watcher)
		_exit(1);
	(void)prctl(PR_SET_NAME, "peekpush-energy");
	socket = leave_files(socket);
	host_open(&m.host, &paths, true);
	m.root = m.host.dir[HOST_ROOT];
	m.host.dir[HOST_ROOT] = -ENOENT;
	take_reading(&m);
	known_idle_load(&m.known, app);
	if (m.source || (m.root >= 0 && job_energy_has_gpus(m.root)))
		serve(&m, socket);
	else
		answer(&m, socket, 0);
	_exit(0);
}
