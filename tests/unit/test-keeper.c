/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources beside the cycle. What they do is done by functions here; where a process must have
 * ended, it has told its number in a file of the test's directory before.
 */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "collect/source/keeper.h"
#include "host/worker.h"

#define SECOND INT64_C(1000000000)

enum { PATIENCE_MS = 60000 };

struct world {
	int dir;
	char path[64];
	struct state state;
	struct host host;
	struct collect c;
	struct arena arena;
	struct keeper keeper;
	struct keeper_source source;
};

static void open_world(struct world *w, bool resident, bool stateful)
{
	w->state.dir = stateful ? w->dir : 0;
	w->host = (struct host){ .dir = { -1, -1, -1, -1 }, .net = -1, .keep = resident };
	w->c = (struct collect){ .host = &w->host, .state = &w->state };
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->dir = unit_dir(w->path);
	w->source = (struct keeper_source){
		.name = STR("exec.one"),
		.version = 1,
		.interval_ns = 3600 * SECOND,
		.timeout_ns = 60 * SECOND,
		.max_age_ns = 3600 * SECOND,
		.max_size = 100000,
		.arg = w,
	};
	open_world(w, false, false);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	keeper_close(&w->keeper);
	host_close(&w->host);
	arena_release(&w->arena);
	unit_remove(w->dir);
	free(w);
	return 0;
}

/* Opens, starts, waits as `collect` does. */
static struct keeper_result once(struct world *w, int (*fetch)(const struct keeper_source *))
{
	struct keeper_result result;

	w->source.fetch = fetch;
	keeper_open(&w->keeper, &w->c, "exec.", &w->source, 1);
	keeper_start(&w->keeper);
	keeper_wait(&w->keeper);
	keeper_read(&w->keeper, 0, &w->arena, &result);
	keeper_close(&w->keeper);
	return result;
}

static struct keeper_result wait_for_result(struct world *w, enum keeper_outcome outcome)
{
	struct keeper_result result;

	for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
		keeper_read(&w->keeper, 0, &w->arena, &result);
		if (result.outcome == outcome)
			return result;
		(void)poll(NULL, 0, 5);
	}
	fail_msg("the outcome is %d, not %d", (int)result.outcome, (int)outcome);
	return result;
}

static void put(int fd, const char *text)
{
	assert_int_equal(file_write_all(fd, str_of(text)), 0);
}

/* Leaves the number of this process where tell_pid() finds it; there, w->dir is closed. */
static void leave_pid(const struct keeper_source *source, const char *name)
{
	const struct world *w = source->arg;
	_cleanup_fd_ int dir = file_open_dir(AT_FDCWD, w->path);
	char text[32];

	(void)snprintf(text, sizeof(text), "%ld", (long)getpid());
	(void)file_replace(dir, name, str_of(text), 0600, false);
}

static pid_t tell_pid(struct world *w, const char *name)
{
	_cleanup_fd_ int dir = file_open_dir(AT_FDCWD, w->path);
	struct str text;
	uint64_t pid = 0;

	for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
		if (file_read(dir, name, 100, &w->arena, &text) == 0 && num_u64(text, &pid) == 0)
			break;
		(void)poll(NULL, 0, 5);
	}
	assert_true(pid > 0);
	return (pid_t)pid;
}

static void assert_ends(pid_t pid)
{
	for (int ms = 0; ms < PATIENCE_MS && worker_started(pid); ms += 5)
		(void)poll(NULL, 0, 5);
	assert_int_equal(worker_started(pid), 0);
}

static int fetch_text(const struct keeper_source *source)
{
	char byte;

	(void)source;
	if (read(0, &byte, 1) != 0)
		return 9; /* stdin is empty */
	for (int fd = 3; fd < 200; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return 8; /* nothing else is open */
	put(1, "a 1\n");
	put(1, "b 2");
	put(2, "first\nlast \n\n");
	return 0;
}

static void test_text(void **state)
{
	struct world *w = *state;
	int64_t before = clock_ns(CLOCK_REALTIME);
	struct keeper_result result = once(w, fetch_text);

	assert_int_equal(result.outcome, KEEPER_ENDED);
	assert_int_equal(result.status, 0);
	assert_text(result.text, "a 1\nb 2");
	assert_text(result.message, "last");
	assert_true(result.at_ns >= before && result.at_ns <= clock_ns(CLOCK_REALTIME));
	assert_true(result.duration_ns > 0);
	assert_false(result.running);
}

static int fetch_failure(const struct keeper_source *source)
{
	(void)source;
	put(1, "a 1\n");
	put(2, "no\0such\ndisk");
	return 3;
}

static int fetch_signal(const struct keeper_source *source)
{
	(void)source;
	(void)raise(SIGTERM);
	return 0;
}

static int fetch_flood(const struct keeper_source *source)
{
	char piece[4096];

	(void)source;
	memset(piece, 'x', sizeof(piece));
	for (;;)
		if (write(1, piece, sizeof(piece)) < 0)
			return 7;
}

static int fetch_noise(const struct keeper_source *source)
{
	for (int i = 0; i < 20000; i++)
		put(2, "not this line\n");
	put(1, "a 1\n");
	put(2, "this one");
	(void)source;
	return 0;
}

static void test_bad_ends(void **state)
{
	struct world *w = *state;
	struct keeper_result result = once(w, fetch_failure);

	assert_int_equal(result.outcome, KEEPER_ENDED);
	assert_int_equal(result.status, 3);
	assert_text(result.text, "");
	assert_part(result.message, "no");
	result = once(w, fetch_signal);
	assert_int_equal(result.outcome, KEEPER_KILLED);
	assert_int_equal(result.status, SIGTERM);
	result = once(w, fetch_flood);
	assert_int_equal(result.outcome, KEEPER_TOO_MUCH);
	assert_text(result.text, "");
	result = once(w, fetch_noise);
	assert_int_equal(result.outcome, KEEPER_ENDED);
	assert_text(result.text, "a 1\n");
	assert_text(result.message, "this one");
}

static _Noreturn void hang(void)
{
	(void)signal(SIGTERM, SIG_IGN);
	for (;;)
		(void)pause();
}

static int fetch_hang(const struct keeper_source *source)
{
	leave_pid(source, "hangs");
	put(2, "and now?\n");
	hang();
}

static void test_timeout(void **state)
{
	struct world *w = *state;
	struct keeper_result result = { 0 };

	/* On a busy machine the time may be up before it has said anything. */
	for (int64_t limit = SECOND / 10; !result.message.n && limit < 60 * SECOND; limit *= 4) {
		w->source.timeout_ns = limit;
		result = once(w, fetch_hang);
		assert_int_equal(result.outcome, KEEPER_TIMED_OUT);
	}
	assert_text(result.message, "and now?");
	assert_ends(tell_pid(w, "hangs"));
}

/* A daemon as they are made: of another session, and nobody's child. */
static void make_daemon(const struct keeper_source *source)
{
	if (fork() != 0) {
		(void)wait(NULL);
		return;
	}
	(void)setsid();
	if (fork() == 0) {
		leave_pid(source, "daemon");
		hang();
	}
	_exit(0);
}

static int fetch_daemon(const struct keeper_source *source)
{
	put(1, "a 1\n");
	make_daemon(source);
	(void)tell_pid((struct world *)(uintptr_t)source->arg, "daemon");
	return 0;
}

/* It holds stdout, and is not waited for; nothing is left behind. */
static void test_daemon(void **state)
{
	struct world *w = *state;
	struct keeper_result result = once(w, fetch_daemon);

	assert_int_equal(result.outcome, KEEPER_ENDED);
	assert_text(result.text, "a 1\n");
	assert_ends(tell_pid(w, "daemon"));
}

static int fetch_daemon_and_hang(const struct keeper_source *source)
{
	make_daemon(source);
	(void)tell_pid((struct world *)(uintptr_t)source->arg, "daemon");
	leave_pid(source, "hangs");
	hang();
}

static int fetch_orphaned(const struct keeper_source *source)
{
	(void)source;
	(void)kill(getppid(), SIGKILL);
	hang();
}

/* Who keeps the result may be killed, too, where memory is short. */
static void test_killed_keeper(void **state)
{
	struct world *w = *state;

	for (int stateful = 0; stateful < 2; stateful++) {
		struct keeper_result result;

		open_world(w, true, stateful);
		w->source.fetch = fetch_orphaned;
		keeper_open(&w->keeper, &w->c, "exec.", &w->source, 1);
		keeper_start(&w->keeper);
		result = wait_for_result(w, KEEPER_KILLED);
		assert_int_equal(result.status, SIGKILL);
		assert_false(result.running);
		assert_true(result.at_ns > 0);
		keeper_close(&w->keeper);
		host_close(&w->host);
	}
}

/* Whoever is killed without a chance to say so: all of it goes. */
static void test_killed_parent(void **state)
{
	struct world *w = *state;
	pid_t agent = fork();

	if (agent == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		open_world(w, true, true);
		w->source.fetch = fetch_daemon_and_hang;
		keeper_open(&w->keeper, &w->c, "exec.", &w->source, 1);
		keeper_start(&w->keeper);
		hang();
	}

	pid_t hangs = tell_pid(w, "hangs"), demon = tell_pid(w, "daemon");

	assert_int_equal(kill(agent, SIGKILL), 0);
	assert_int_equal(waitpid(agent, NULL, 0), agent);
	assert_ends(hangs);
	assert_ends(demon);
}

/* An agent: nothing waits; what has ended is there later, and is kept in files, or in memory. */
static void test_resident(void **state)
{
	struct world *w = *state;

	for (int stateful = 0; stateful < 2; stateful++) {
		struct keeper_result result;

		open_world(w, true, stateful);
		w->source.fetch = fetch_text;
		keeper_open(&w->keeper, &w->c, "exec.", &w->source, 1);
		keeper_read(&w->keeper, 0, &w->arena, &result);
		assert_int_equal(result.outcome, KEEPER_NOTHING);
		assert_true(keeper_tick(&w->host) > 3000 * SECOND);
		result = wait_for_result(w, KEEPER_ENDED);
		assert_text(result.text, "a 1\nb 2");
		/* It is not due again. */
		w->source.fetch = fetch_failure;
		keeper_start(&w->keeper);
		keeper_read(&w->keeper, 0, &w->arena, &result);
		assert_int_equal(result.status, 0);
		w->source.interval_ns = 1;
		for (int ms = 0; ms < PATIENCE_MS && result.status != 3; ms++) {
			assert_int_equal(keeper_tick(&w->host), SECOND);
			keeper_read(&w->keeper, 0, &w->arena, &result);
			(void)poll(NULL, 0, 1);
		}
		assert_int_equal(result.status, 3);
		w->source.interval_ns = 3600 * SECOND;
		keeper_close(&w->keeper);
		assert_int_equal(keeper_tick(&w->host), 0);
		host_close(&w->host);
	}
}

/* What the process before has left; another definition, and too old a result, do not count. */
static void test_state(void **state)
{
	struct world *w = *state;
	struct keeper_result result;

	open_world(w, true, true);
	w->source.fetch = fetch_text;
	keeper_open(&w->keeper, &w->c, "exec.", &w->source, 1);
	keeper_start(&w->keeper);
	(void)wait_for_result(w, KEEPER_ENDED);
	keeper_close(&w->keeper);

	w->host.ending = true;
	keeper_open(&w->keeper, &w->c, "exec.", &w->source, 1);
	keeper_start(&w->keeper);
	keeper_read(&w->keeper, 0, &w->arena, &result);
	assert_text(result.text, "a 1\nb 2");
	w->source.version++;
	keeper_read(&w->keeper, 0, &w->arena, &result);
	assert_int_equal(result.outcome, KEEPER_NOTHING);
	assert_false(result.running);
	w->source.version--;
	w->source.max_age_ns = 1;
	keeper_read(&w->keeper, 0, &w->arena, &result);
	assert_int_equal(result.outcome, KEEPER_TOO_OLD);
	assert_text(result.text, "");
	assert_true(result.at_ns > 0);
	keeper_close(&w->keeper);

	_cleanup_fd_ int sources = file_open_dir(w->dir, "sources");

	unit_write(sources, "scrape.one", STR("x"));
	unit_write(sources, "exec.one.1.new", STR("x"));
	w->source.name = STR("exec.other");
	keeper_open(&w->keeper, &w->c, "exec.", &w->source, 1);
	assert_int_equal(faccessat(sources, "exec.one", F_OK, 0), -1);
	assert_int_equal(faccessat(sources, "exec.one.lock", F_OK, 0), -1);
	assert_int_equal(faccessat(sources, "exec.one.1.new", F_OK, 0), -1);
	assert_int_equal(faccessat(sources, "scrape.one", F_OK, 0), 0);
}

static int fetch_after_parent(const struct keeper_source *source)
{
	(void)tell_pid((struct world *)(uintptr_t)source->arg, "go");
	return fetch_text(source);
}

/* A oneshot leaves what is not done; whoever comes meanwhile does not begin it anew. */
static void test_oneshot(void **state)
{
	struct world *w = *state;
	struct keeper_result result;
	int status;
	pid_t oneshot = fork();

	w->source.fetch = fetch_after_parent;
	if (oneshot == 0) {
		open_world(w, false, true);
		keeper_open(&w->keeper, &w->c, "exec.", &w->source, 1);
		keeper_start(&w->keeper);
		keeper_close(&w->keeper);
		_exit(0);
	}
	assert_int_equal(waitpid(oneshot, &status, 0), oneshot);
	assert_int_equal(status, 0);
	open_world(w, false, true);
	w->source.fetch = fetch_failure;
	keeper_open(&w->keeper, &w->c, "exec.", &w->source, 1);
	keeper_start(&w->keeper);
	keeper_read(&w->keeper, 0, &w->arena, &result);
	assert_int_equal(result.outcome, KEEPER_NOTHING);
	assert_true(result.running);
	unit_write(w->dir, "go", STR("1"));
	result = wait_for_result(w, KEEPER_ENDED);
	assert_text(result.text, "a 1\nb 2");
}

/* However many run: who reads the host has files to open, too. */
static void test_many(void **state)
{
	enum { MANY = 64, FDS = 64, SPARE = 8 };
	struct keeper_source many[MANY];
	struct world *w = *state;
	struct rlimit usual;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ FDS, usual.rlim_max }), 0);
	w->source.fetch = fetch_hang;
	for (int i = 0; i < MANY; i++) {
		many[i] = w->source;
		many[i].name = arena_printf(&w->arena, "exec.%d", i);
	}
	for (int stateful = 0; stateful < 2; stateful++) {
		int fds[SPARE], running = 0, failed = 0;

		open_world(w, true, stateful);
		keeper_open(&w->keeper, &w->c, "exec.", many, MANY);
		keeper_start(&w->keeper);
		for (int i = 0; i < SPARE; i++)
			fds[i] = open("/proc", O_RDONLY | O_CLOEXEC);
		for (int i = 0; i < SPARE; i++)
			assert_int_equal(close(fds[i]), 0);
		for (int i = 0; i < MANY; i++) {
			struct keeper_result result;

			keeper_read(&w->keeper, i, &w->arena, &result);
			running += result.running;
			failed += result.outcome == KEEPER_FAILED && result.status == -EMFILE;
		}
		assert_int_equal(running + failed, MANY);
		assert_true(stateful ? failed == 0 : running > 0 && failed > 0);
		keeper_close(&w->keeper);
		host_close(&w->host);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
}

static void test_damaged_file(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"1 2 3 1 0 0",
		"1 -5 3 1 0 0\n",
		"1 9223372036854775807 3 1 0 0\n",
		"1 2 3 99 0 0\n",
		"1 2 3 1 0 1\n",
		"1 2 3 1 0 0 0\n",
		"x",
	};
	struct world *w = *state;
	struct keeper_result result;

	open_world(w, true, true);
	w->host.ending = true;
	keeper_open(&w->keeper, &w->c, "exec.", &w->source, 1);

	_cleanup_fd_ int sources = file_open_dir(w->dir, "sources");

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		unit_write(sources, "exec.one", str_of(texts[i]));
		keeper_read(&w->keeper, 0, &w->arena, &result);
		assert_int_equal(result.outcome, i == 2 ? KEEPER_TOO_OLD : KEEPER_NOTHING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_keeper, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_parent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resident, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oneshot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
