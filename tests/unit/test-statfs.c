/* SPDX-License-Identifier: Apache-2.0 */
/* A fake call stands in for statfs(2) where a hang is wanted: "hang" never returns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/statfs.h"

static const int64_t ms = 1000000;

static void sleep_ms(long n)
{
	struct timespec t = { n / 1000, n % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static int64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t open_fds(void)
{
	uint64_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static uint64_t signals_not_reset(void)
{
	uint64_t n = 0;
	sigset_t mask;
	struct sigaction action;

	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int number = 1; number < 32; number++) {
		n += sigismember(&mask, number) == 1;
		n += sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
	}
	return n;
}

static int fake_call(const char *path, struct statfs_figures *ret)
{
	struct str p = str_of(path);

	if (str_starts(p, STR("hang")))
		for (;;)
			(void)pause();
	if (str_eq(p, STR("slow")))
		sleep_ms(60);
	if (str_eq(p, STR("die")))
		_exit(3);
	if (str_eq(p, STR("gone")))
		return -ENOENT;
	if (str_eq(p, STR("fds")))
		ret->files = open_fds();
	if (str_eq(p, STR("signals")))
		ret->files = signals_not_reset();
	if (str_eq(p, STR("parent")))
		ret->files = (uint64_t)getppid();
	ret->blocks = p.n;
	return 0;
}

static void batch(struct statfs_worker *w, size_t n, const char *const *paths, int64_t timeout,
		  struct statfs_figures *ret)
{
	_cleanup_fd_ int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	memset(ret, 0xee, n * sizeof(*ret));
	assert_int_equal(statfs_batch(w, dir, n, paths, timeout, ret), 0);
}

static void test_real(void **state)
{
	static const char *const paths[] = { ".", "proc", "no/such/file" };
	struct statfs_worker w;
	struct statfs_figures f[3];
	struct statfs before, s;
	int tries = 1000;

	(void)state;
	statfs_init(&w, NULL);
	/* Where it makes inodes as they are wanted, others change their number meanwhile. */
	do {
		assert_int_equal(statfs("/", &before), 0);
		batch(&w, 3, paths, 60000 * ms, f);
		assert_int_equal(statfs("/", &s), 0);
	} while ((before.f_blocks != s.f_blocks || before.f_files != s.f_files) && --tries);
	assert_int_equal(f[0].error, 0);
	assert_int_equal(f[0].block_size, s.f_bsize);
	assert_int_equal(f[0].blocks, s.f_blocks);
	assert_int_equal(f[0].files, s.f_files);
	assert_in_range(f[0].blocks_available, 0, f[0].blocks_free);
	assert_in_range(f[0].blocks_free, 1, f[0].blocks);
	assert_int_equal(f[1].error, 0);
	assert_int_equal(f[1].blocks, 0);
	assert_int_equal(f[2].error, -ENOENT);
	statfs_release(&w);
}

static void test_one_child_for_all_batches(void **state)
{
	static const char *const paths[] = { "a", "parent", "gone", "fds", "signals", "abc" };
	struct statfs_worker w;
	struct statfs_figures f[6];
	pid_t first = 0;

	(void)state;
	(void)signal(SIGUSR1, SIG_IGN);

	sigset_t term, before;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &term, &before);
	statfs_init(&w, fake_call);
	for (int i = 0; i < 50; i++) {
		batch(&w, 6, paths, 60000 * ms, f);
		if (!first)
			first = w.worker.pid;
		assert_int_equal(w.worker.pid, first);
		assert_int_equal(f[0].blocks, 1);
		assert_int_equal(f[1].files, getpid());
		assert_int_equal(f[2].error, -ENOENT);
		assert_int_equal(f[3].files, 1);
		assert_int_equal(f[4].files, 0);
		assert_int_equal(f[5].blocks, 3);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)signal(SIGUSR1, SIG_DFL);
	statfs_release(&w);
	assert_int_equal(waitpid(first, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_nothing_to_ask(void **state)
{
	struct statfs_worker w;

	(void)state;
	statfs_init(&w, fake_call);
	assert_int_equal(statfs_batch(&w, AT_FDCWD, 0, NULL, ms, NULL), 0);
	assert_int_equal(w.worker.pid, 0);
	statfs_release(&w);
}

/* Its number may be somebody else's by then: that nobody is left to wait for is what can be seen.
 */
static void assert_ends(pid_t pid)
{
	for (int i = 0; i < 6000 && waitpid(pid, NULL, WNOHANG) == 0; i++)
		sleep_ms(10);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_hang(void **state)
{
	static const char *const paths[] = { "a", "hang", "abc", "gone" };
	struct statfs_worker w;
	struct statfs_figures f[4];
	int64_t begin = now();

	(void)state;
	statfs_init(&w, fake_call);
	batch(&w, 4, paths, 5000 * ms, f);
	assert_in_range(now() - begin, 1000 * ms, 30000 * ms);
	assert_int_equal(f[0].blocks, 1);
	assert_int_equal(f[1].error, -ETIMEDOUT);
	assert_true(f[1].stuck > 0 && f[1].stuck_since > 0);
	assert_int_equal(f[2].error, 0);
	assert_int_equal(f[2].blocks, 3);
	assert_int_equal(f[3].error, -ENOENT);
	assert_int_not_equal(f[1].stuck, w.worker.pid);
	assert_ends(f[1].stuck);
	assert_false(statfs_still_stuck(f[1].stuck, f[1].stuck_since));
	batch(&w, 1, paths + 2, 60000 * ms, f);
	assert_int_equal(f[0].blocks, 3);
	assert_int_equal(w.worker.n_lost, 0);
	statfs_release(&w);
}

static void test_many_hang(void **state)
{
	const char *paths[40];
	struct statfs_worker w;
	struct statfs_figures f[40];
	size_t timed_out = 0, cancelled = 0;
	int64_t begin = now();

	(void)state;
	for (size_t i = 0; i < 40; i++)
		paths[i] = "hang";
	paths[0] = "a";
	paths[2] = "abc";
	statfs_init(&w, fake_call);
	batch(&w, 40, paths, 5000 * ms, f);
	assert_in_range(now() - begin, 2500 * ms, 30000 * ms);
	assert_int_equal(f[0].blocks, 1);
	assert_int_equal(f[2].blocks, 3);
	for (size_t i = 3; i < 40; i++) {
		timed_out += f[i].error == -ETIMEDOUT;
		cancelled += f[i].error == -ECANCELED;
	}
	assert_int_equal(timed_out + cancelled, 37);
	assert_true(timed_out > 0 && cancelled > 0);
	statfs_release(&w);
}

static void test_slow_is_not_stuck(void **state)
{
	static const char *const paths[] = { "slow", "slow", "slow", "slow", "slow" };
	struct statfs_worker w;
	struct statfs_figures f[5];

	(void)state;
	statfs_init(&w, fake_call);
	batch(&w, 5, paths, 60000 * ms, f);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(f[i].error, 0);
	statfs_release(&w);
}

static void test_deaths(void **state)
{
	static const char *const paths[] = { "a", "die", "abc" };
	struct statfs_worker w;
	struct statfs_figures f[3];
	siginfo_t info;

	(void)state;
	statfs_init(&w, fake_call);
	batch(&w, 3, paths, 60000 * ms, f);
	assert_int_equal(f[0].blocks, 1);
	assert_int_equal(f[1].error, -ECANCELED);
	assert_int_equal(f[2].error, -ECANCELED);

	batch(&w, 1, paths, 60000 * ms, f);
	assert_int_equal(f[0].error, 0);
	assert_int_equal(kill(w.worker.pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)w.worker.pid, &info, WEXITED | WNOWAIT), 0);
	batch(&w, 1, paths, 60000 * ms, f);
	assert_int_equal(f[0].error, 0);
	assert_int_equal(f[0].blocks, 1);
	statfs_release(&w);
}

static void test_grows(void **state)
{
	enum { N = 3000 };
	static char names[N][300];
	static const char *paths[N];
	static struct statfs_figures f[N];
	struct statfs_worker w;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		memset(names[i], 'x', 1 + i % 299);
		paths[i] = names[i];
	}
	statfs_init(&w, fake_call);
	for (size_t n = 1; n <= N; n = n * 5 / 2 + 1) {
		batch(&w, n, paths, 60000 * ms, f);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(f[i].blocks, 1 + i % 299);
	}
	statfs_release(&w);
}

/* The parent has other children; their ends are for others to see. */
static void test_other_children(void **state)
{
	static const char *const paths[] = { "hang", "die", "a" };
	struct statfs_worker w;
	struct statfs_figures f[3];
	int status;
	pid_t other = fork();

	(void)state;
	if (other == 0)
		_exit(7);
	statfs_init(&w, fake_call);
	batch(&w, 3, paths, 3000 * ms, f);
	batch(&w, 1, paths + 2, 3000 * ms, f);
	statfs_release(&w);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

/* Somebody who waits for any child takes ours away: nothing may be signalled after that. */
static void test_stolen_end(void **state)
{
	static const char *const paths[] = { "a" };
	struct statfs_worker w;
	struct statfs_figures f[1];
	pid_t ended;

	(void)state;
	statfs_init(&w, fake_call);
	batch(&w, 1, paths, 60000 * ms, f);
	(void)kill(w.worker.pid, SIGKILL);
	/* Some that hung before may come to their end only now. */
	do
		ended = waitpid(-1, NULL, 0);
	while (ended > 0 && ended != w.worker.pid);
	assert_int_equal(ended, w.worker.pid);
	batch(&w, 1, paths, 60000 * ms, f);
	assert_int_equal(f[0].blocks, 1);
	statfs_release(&w);
}

static void test_still_stuck(void **state)
{
	(void)state;
	assert_false(statfs_still_stuck(getpid(), 0));
	assert_false(statfs_still_stuck(getpid(), 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_one_child_for_all_batches),
		cmocka_unit_test(test_nothing_to_ask),
		cmocka_unit_test(test_hang),
		cmocka_unit_test(test_many_hang),
		cmocka_unit_test(test_slow_is_not_stuck),
		cmocka_unit_test(test_deaths),
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_other_children),
		cmocka_unit_test(test_stolen_end),
		cmocka_unit_test(test_still_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
