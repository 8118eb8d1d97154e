/* SPDX-License-Identifier: Apache-2.0 */
/* One wait: ticks on an absolute schedule, signals, a child, each said once. */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"

#include "loop.h"

enum { MS = 1000000 };

static void test_ticks_coalesce(void **state)
{
	struct loop loop;
	int64_t begin = clock_ns(CLOCK_BOOTTIME);
	int tries = 20;
	unsigned again;

	(void)state;
	assert_int_equal(loop_open(&loop, false), 0);
	assert_int_equal(loop_tick_at(&loop, begin + 20 * MS, 20 * MS), 0);
	assert_int_equal(loop_wait(&loop, -1), LOOP_TICK);
	assert_true(clock_ns(CLOCK_BOOTTIME) >= begin + 20 * MS);
	/*
	 * Five are missed; they are one, and three seconds pass before the next. Whoever gets no
	 * CPU for so long has another one by then.
	 */
	do {
		begin = clock_ns(CLOCK_BOOTTIME);
		assert_int_equal(loop_tick_at(&loop, begin - 12000LL * MS, 3000LL * MS), 0);
		assert_int_equal(loop_wait(&loop, 0), LOOP_TICK);
		again = loop_wait(&loop, 0);
	} while (clock_ns(CLOCK_BOOTTIME) >= begin + 3000LL * MS && --tries);
	assert_int_equal(again, 0);
	/* The schedule goes on. */
	assert_int_equal(loop_wait(&loop, -1), LOOP_TICK);
	loop_close(&loop);
}

static void test_timeout(void **state)
{
	struct loop loop;
	int64_t begin = clock_ns(CLOCK_BOOTTIME);

	(void)state;
	assert_int_equal(loop_open(&loop, false), 0);
	assert_int_equal(loop_wait(&loop, 30 * MS), 0);
	assert_true(clock_ns(CLOCK_BOOTTIME) - begin >= 30 * MS);
	loop_close(&loop);
}

static void test_signals(void **state)
{
	sigset_t before, after;
	struct loop loop;

	(void)state;
	(void)sigprocmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(loop_open(&loop, false), 0);
	(void)raise(SIGHUP);
	assert_int_equal(loop_wait(&loop, 0), LOOP_RELOAD);
	(void)raise(SIGTERM);
	(void)raise(SIGHUP);
	assert_int_equal(loop_poll(&loop), LOOP_STOP | LOOP_RELOAD);
	assert_int_equal(loop_wait(&loop, -1), LOOP_STOP | LOOP_RELOAD);
	loop_close(&loop);
	(void)sigprocmask(SIG_SETMASK, NULL, &after);
	for (int signal = 1; signal < 32; signal++)
		assert_int_equal(sigismember(&before, signal), sigismember(&after, signal));
}

/* Sent by somebody else than us: what we send ourselves is not handed on. */
static void send_from_child(int number, int times, int value)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		for (int i = 0; i < times; i++)
			if (value)
				(void)sigqueue(parent, number,
					       (union sigval){ .sival_int = value });
			else
				(void)kill(parent, number);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_signals_to_forward(void **state)
{
	static const int all[] = {
		SIGTERM, SIGINT,  SIGHUP,    SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM,
		SIGPIPE, SIGABRT, SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ, SIGIO,
		SIGPWR,  SIGURG,  SIGTSTP,   SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH
	};
	struct loop loop;

	(void)state;
	assert_int_equal(loop_open(&loop, true), 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		send_from_child(all[i], 1, 0);
		assert_true(loop_wait(&loop, 0) & LOOP_SIGNAL);
		assert_int_equal(loop.queued, 1);
		assert_int_equal(loop.queue[0].number, all[i]);
		assert_false(loop.queue[0].from_kernel || loop.queue[0].has_value);
		assert_true(loop.queue[0].sender > 0);
		loop.queued = 0;
	}
	(void)raise(SIGPIPE);
	assert_int_equal(loop_wait(&loop, 0) & LOOP_SIGNAL, 0);
	assert_int_equal(loop.queued, 0);
	loop_close(&loop);
}

static void test_value(void **state)
{
	struct loop loop;

	(void)state;
	assert_int_equal(loop_open(&loop, true), 0);
	send_from_child(SIGRTMIN + 3, 2, 4711);
	assert_true(loop_wait(&loop, 0) & LOOP_SIGNAL);
	assert_int_equal(loop.queued, 2);
	assert_int_equal(loop.queue[1].number, SIGRTMIN + 3);
	assert_true(loop.queue[1].has_value);
	assert_int_equal(loop.queue[1].value.sival_int, 4711);
	loop_close(&loop);
}

static void test_more_than_room(void **state)
{
	enum { SENT = LOOP_QUEUE_MAX + 50 };
	struct loop loop;
	int got = 0, usr2 = 0;

	(void)state;
	assert_int_equal(loop_open(&loop, true), 0);
	/* Of one that the kernel would keep once, one is kept; nothing is lost of the others. */
	for (int i = 0; i < 3 * LOOP_QUEUE_MAX; i++) {
		send_from_child(SIGUSR2, 1, 0);
		(void)loop_poll(&loop);
	}
	assert_int_equal(loop.queued, 1);
	send_from_child(SIGRTMAX, SENT, 0);
	while (loop_wait(&loop, 0) & LOOP_SIGNAL) {
		for (size_t i = 0; i < loop.queued; i++) {
			got += loop.queue[i].number == SIGRTMAX;
			usr2 += loop.queue[i].number == SIGUSR2;
		}
		loop.queued = 0;
	}
	assert_int_equal(usr2, 1);
	assert_int_equal(got, SENT);
	loop_close(&loop);
}

static void test_child(void **state)
{
	struct loop loop;
	int go[2];
	pid_t pid;

	(void)state;
	assert_int_equal(loop_open(&loop, true), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)!read(go[0], &pid, 1);
		(void)kill(getpid(), SIGSTOP);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(loop_wait(&loop, 0), 0);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(loop_wait(&loop, -1), LOOP_CHILD);
	assert_int_equal(loop_wait(&loop, 10 * MS), 0);
	(void)kill(pid, SIGCONT);
	assert_int_equal(loop_wait(&loop, -1), LOOP_CHILD);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	loop_close(&loop);
	(void)close(go[0]);
	(void)close(go[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticks_coalesce), cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_signals),        cmocka_unit_test(test_signals_to_forward),
		cmocka_unit_test(test_value),          cmocka_unit_test(test_more_than_room),
		cmocka_unit_test(test_child),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
