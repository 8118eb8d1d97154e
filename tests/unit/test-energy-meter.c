/* SPDX-License-Identifier: Apache-2.0 */
/* The child that meters a run, asked over its socket as the watcher asks it. */
#include "unit.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "collect/energy/ledger.h"
#include "collect/energy/settings.h"
#include "job/energy.h"
#include "metric/state.h"

#define SECOND INT64_C(1000000000)
#define ZONE "sys/class/powercap/intel-rapl:0/"

struct world {
	char path[64];
	int dir, socket;
	pid_t meter;
	struct app app;
	uint64_t asked;
};

static void put(const struct world *w, const char *name, int flags, const char *text)
{
	int fd = openat(w->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, str_of(text)), 0);
	(void)close(fd);
}

/* In place: whoever reads meanwhile finds it whole. */
static void put_energy(const struct world *w, uint64_t uj)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%012llu\n", (unsigned long long)uj);
	put(w, ZONE "energy_uj", 0, text);
}

static void begin(struct world *w)
{
	static const struct opt_section *const sections[] = {
		&section_host,         &section_state,         &section_energy,
		&section_energy_model, &section_energy_carbon, NULL,
	};
	static const char *const dirs[] = { "proc", "sys", "sys/class", "sys/class/powercap",
					    "sys/class/powercap/intel-rapl:0" };
	struct arena arena = { 0 };

	*w = (struct world){ 0 };
	w->dir = unit_dir(w->path);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		assert_int_equal(mkdirat(w->dir, dirs[i], 0700), 0);
	put(w, "proc/stat", O_TRUNC,
	    "cpu  100 0 0 900 0 0 0 0 0 0\ncpu0 100 0 0 900 0 0 0 0 0 0\n");
	put(w, ZONE "name", O_TRUNC, "package-0\n");
	put(w, ZONE "max_energy_range_uj", O_TRUNC, "262143328850\n");
	put_energy(w, 1000000);
	w->app.conf = conf_new(sections);
	assert_int_equal(conf_set(w->app.conf, STR("state.dir"), str_of(w->path), "test"), 0);
	assert_int_equal(conf_set(w->app.conf, STR("host.procfs"),
				  arena_printf(&arena, "%s/proc", w->path), "test"),
			 0);
	assert_int_equal(conf_set(w->app.conf, STR("host.sysfs"),
				  arena_printf(&arena, "%s/sys", w->path), "test"),
			 0);
	assert_int_equal(conf_set(w->app.conf, STR("host.rootfs"), str_of(w->path), "test"), 0);
	arena_release(&arena);
}

static void start(struct world *w)
{
	pid_t self = getpid();
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	w->meter = fork();
	assert_true(w->meter >= 0);
	if (w->meter == 0)
		job_energy_meter(&w->app, self, ends[1]);
	(void)close(ends[1]);
	w->socket = ends[0];
}

/* A minute is for ever; false when it has hung up. */
static bool receive(struct world *w, struct job_energy_answer *ret)
{
	struct pollfd fd = { w->socket, POLLIN, 0 };

	assert_int_equal(poll(&fd, 1, 60000), 1);
	return recv(w->socket, ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret);
}

static struct job_energy_answer ask(struct world *w, uint64_t cpu_ns)
{
	struct job_energy_ask ask = { ++w->asked, cpu_ns };
	struct job_energy_answer answer;

	assert_int_equal(send(w->socket, &ask, sizeof(ask), 0), sizeof(ask));
	assert_true(receive(w, &answer));
	assert_int_equal(answer.number, ask.number);
	return answer;
}

static void end(struct world *w)
{
	int status;

	(void)close(w->socket);
	assert_int_equal(waitpid(w->meter, &status, 0), w->meter);
	assert_int_equal(status, 0);
	conf_free(w->app.conf);
	unit_remove(w->dir);
}

/* 5 W idle, and 10 more when all is busy. */
static void save_idle(const struct world *w)
{
	struct arena arena = { 0 };
	struct energy_ledger ledger = { .arena = &arena };
	struct state state = { 0 };
	struct buf out = { 0 };

	for (unsigned i = 0; i < 100; i++)
		baseline_learn(&energy_ledger_source(&ledger, str_hash(STR("rapl:intel-rapl:0")))
					->baseline,
			       5000000 + i % 11 * 1000000, SECOND, i % 11, 10);
	energy_ledger_save(&ledger, &out);
	state_set(&state, energy_ledger_key(false), buf_view(&out));
	assert_int_equal(state_save(&state, w->dir, "host.state", false), 0);
	state_release(&state);
	buf_release(&out);
	arena_release(&arena);
}

static void test_learnt(void **state)
{
	struct job_energy_answer a;
	struct world w;
	double idle;

	(void)state;
	begin(&w);
	save_idle(&w);
	start(&w);
	a = ask(&w, 0);
	assert_true(a.there[JOB_ENERGY_CPU]);
	assert_false(a.guess || a.model);
	assert_text(str_of(a.source), "rapl");
	assert_int_equal(a.idle_uj[JOB_ENERGY_CPU] + a.dynamic_uj[JOB_ENERGY_CPU], 0);
	(void)usleep(100000);
	put_energy(&w, 51000000);
	/* The host has counted no tick, so all that was done is ours. */
	a = ask(&w, 1);
	assert_int_equal(a.gaps, 0);
	assert_int_equal(a.idle_uj[JOB_ENERGY_CPU] + a.dynamic_uj[JOB_ENERGY_CPU], 50000000);
	idle = 5e6 * (double)a.elapsed_ns / 1e9;
	assert_true((double)a.idle_uj[JOB_ENERGY_CPU] <= idle);
	/* What it took before the first question is no part of it: there was nothing to be idle. */
	assert_true((double)a.idle_uj[JOB_ENERGY_CPU] >= 0.09 * 5e6 * 0.9);
	assert_false(a.there[JOB_ENERGY_DRAM] || a.there[JOB_ENERGY_GPU]);
	end(&w);
}

/*
 * Not asked for so long that nobody could tell how often the counter has wrapped, and yet right: it
 * is read between. It has a wrap to make on its way.
 */
static struct job_energy_answer through_a_wrap(void)
{
	struct job_energy_answer a;
	struct world w;

	begin(&w);
	put(&w, ZONE "max_energy_range_uj", O_TRUNC, "500000000\n");
	put(&w, ZONE "constraint_0_max_power_uw", O_TRUNC, "100000000\n");
	put_energy(&w, 480000000);
	start(&w);
	(void)ask(&w, 0);
	for (unsigned i = 1; i <= 40; i++) {
		(void)usleep(100000);
		put_energy(&w, (480000000 + i * 1000000) % 500000000);
	}
	a = ask(&w, 1);
	end(&w);
	return a;
}

static void test_wraps(void **state)
{
	struct job_energy_answer a;
	int tries = 10;

	(void)state;
	/* On a busy machine it may be too late itself, which it says; but not always. */
	do
		a = through_a_wrap();
	while (a.gaps && --tries);
	assert_int_equal(a.gaps, 0);
	assert_int_equal(a.idle_uj[JOB_ENERGY_CPU] + a.dynamic_uj[JOB_ENERGY_CPU], 40000000);
}

static void test_nothing(void **state)
{
	struct job_energy_answer a;
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(unlinkat(w.dir, ZONE "max_energy_range_uj", 0), 0);
	start(&w);
	assert_true(receive(&w, &a));
	assert_int_equal(a.number, 0);
	assert_true(a.why[0]);
	assert_text(str_of(a.source), "");
	assert_false(receive(&w, &a));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learnt),
		cmocka_unit_test(test_wraps),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests_name("energy-meter", tests, NULL, NULL);
}
