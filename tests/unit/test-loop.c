/* SPDX-License-Identifier: Apache-2.0 */
/* One wait: ticks on an absolute schedule, signals, a child, each said once. */
#include "unit.h"

#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/clock.h"

#include "loop.h"

enum { MS = 1000000 };

static void test_ticks_coalesce(void **state)
{
	struct loop loop;
	int64_t begin = clock_ns(CLOCK_BOOTTIME);

	(void)state;
	assert_int_equal(loop_open(&loop, false), 0);
	assert_int_equal(loop_tick_at(&loop, begin + 20 * MS, 20 * MS), 0);
	assert_int_equal(loop_wait(&loop, -1), LOOP_TICK);
	assert_true(clock_ns(CLOCK_BOOTTIME) >= begin + 20 * MS);
	(void)usleep(100000);
	/* Five were missed; they are one. */
	assert_int_equal(loop_wait(&loop, 0), LOOP_TICK);
	assert_int_equal(loop_wait(&loop, 0), 0);
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

static void test_signals_to_forward(void **state)
{
	struct loop loop;

	(void)state;
	assert_int_equal(loop_open(&loop, true), 0);
	(void)raise(SIGUSR1);
	(void)raise(SIGTERM);
	assert_int_equal(loop_wait(&loop, 0), LOOP_SIGNAL);
	assert_int_equal(loop.queued, 2);
	assert_int_equal(loop.queue[0].number + loop.queue[1].number, SIGUSR1 + SIGTERM);
	assert_false(loop.queue[0].from_kernel || loop.queue[1].from_kernel);
	loop.queued = 0;
	/* More than there is room for neither overflows nor ends the program. */
	for (int i = 0; i < 3 * LOOP_QUEUE_MAX; i++) {
		(void)raise(SIGUSR2);
		(void)loop_poll(&loop);
	}
	assert_int_equal(loop.queued, LOOP_QUEUE_MAX);
	loop_close(&loop);
}

static void test_child(void **state)
{
	struct loop loop;
	pid_t pid;

	(void)state;
	assert_int_equal(loop_open(&loop, true), 0);
	pid = fork();
	if (pid == 0) {
		(void)usleep(20000);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(loop_watch_child(&loop, pidfd_open(pid, 0)), 0);
	assert_int_equal(loop_wait(&loop, 0), 0);
	assert_int_equal(loop_wait(&loop, -1), LOOP_CHILD);
	/* Said once, though it stays readable. */
	assert_int_equal(loop_wait(&loop, 10 * MS), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	loop_close(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticks_coalesce), cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_signals),        cmocka_unit_test(test_signals_to_forward),
		cmocka_unit_test(test_child),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
