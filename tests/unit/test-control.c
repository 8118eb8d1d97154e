/* SPDX-License-Identifier: Apache-2.0 */
/* What the terminal tests cannot see: the value that goes with a signal, and where none goes. */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "job/control.h"

/* A child that ends with the value of the first SIGUSR1, or 255 when it brought none. */
static pid_t start_receiver(void)
{
	sigset_t set;
	pid_t pid;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (pid == 0) {
		siginfo_t info;

		(void)sigwaitinfo(&set, &info);
		_exit(info.si_code == SI_QUEUE ? info.si_value.sival_int : 255);
	}
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	assert_true(pid > 0);
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_forward(void **state)
{
	struct loop_signal s = { .number = SIGUSR1, .sender = 1 };
	pid_t pid = start_receiver();

	(void)state;
	control_forward(pid, &s);
	assert_int_equal(status_of(pid), 255);
	pid = start_receiver();
	s.has_value = true;
	s.value.sival_int = 42;
	control_forward(pid, &s);
	assert_int_equal(status_of(pid), 42);
	/* What the terminal sent does not arrive again. */
	pid = start_receiver();
	s.from_kernel = true;
	control_forward(pid, &s);
	s = (struct loop_signal){ .number = SIGUSR1, .has_value = true, .value.sival_int = 7 };
	control_forward(pid, &s);
	assert_int_equal(status_of(pid), 7);
}

/* A child that stops itself, and that stop as our caller would have taken it. */
static pid_t start_stopped(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)kill(getpid(), SIGSTOP);
		_exit(3);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static void test_continue_that_waits(void **state)
{
	struct loop loop;
	pid_t pid, sender;

	(void)state;
	assert_int_equal(loop_open(&loop, true), 0);
	pid = start_stopped();
	sender = fork();
	if (sender == 0) {
		(void)kill(getppid(), SIGCONT);
		_exit(0);
	}
	assert_int_equal(waitpid(sender, NULL, 0), sender);
	/* It goes on to CMD at once, and not a second time. */
	control_stop(&loop, pid, SIGTSTP);
	assert_int_equal(status_of(pid), 3);
	assert_int_equal(loop.queued, 0);
	loop_close(&loop);
}

static void test_runs_again(void **state)
{
	struct loop loop;
	pid_t pid;

	(void)state;
	assert_int_equal(loop_open(&loop, true), 0);
	pid = start_stopped();
	(void)kill(pid, SIGCONT);
	control_stop(&loop, pid, SIGTSTP);
	assert_int_equal(status_of(pid), 3);
	loop_close(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forward),
		cmocka_unit_test(test_continue_that_waits),
		cmocka_unit_test(test_runs_again),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
