/* SPDX-License-Identifier: Apache-2.0 */
/* The process that "hangs" is a child that waits to be killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "collect/common/stuck_mounts.h"

static const int64_t minute = INT64_C(60000000000), no_time = INT64_C(1);

struct world {
	struct host host;
	struct state state;
	struct arena scratch;
	struct collect c;
	struct stuck_mounts stuck;
};

static void begin(struct world *w)
{
	const struct host_paths paths = { 0 };

	*w = (struct world){ 0 };
	host_open(&w->host, &paths, false);
	w->c = (struct collect){ .host = &w->host, .state = &w->state, .scratch = &w->scratch };
}

static void end(struct world *w)
{
	host_close(&w->host);
	state_release(&w->state);
	arena_release(&w->scratch);
}

/* The 22nd field of its stat file, read in another way than the code under test does. */
static uint64_t start_of(pid_t pid)
{
	char name[64], text[1024];
	unsigned long long value = 0;

	(void)snprintf(name, sizeof(name), "/proc/%d/stat", pid);

	_cleanup_fd_ int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *at = text;

	assert_true(n > 0);
	text[n] = '\0';
	for (int blanks = 0; blanks < 21; blanks++)
		at = strchr(at, ' ') + 1;
	while (*at >= '0' && *at <= '9')
		value = value * 10 + (unsigned long long)(*at++ - '0');
	return value;
}

static void test_rest(void **state)
{
	const struct statfs_figures gone = { .stuck = 1, .stuck_since = 1 };
	struct world w;

	(void)state;
	begin(&w);
	stuck_mounts_review(&w.stuck, &w.c, NULL, 0);
	assert_false(stuck_mounts_skip(&w.stuck, &w.c, STR("/a"), minute));
	stuck_mounts_add(&w.stuck, &w.c, STR("/a"), &gone);
	assert_int_equal(w.stuck.n, 1);
	assert_true(stuck_mounts_skip(&w.stuck, &w.c, STR("/a"), minute));
	assert_false(stuck_mounts_skip(&w.stuck, &w.c, STR("/b"), minute));
	assert_false(stuck_mounts_skip(&w.stuck, &w.c, STR("/a"), no_time));
	assert_int_equal(w.stuck.n, 0);
	assert_false(stuck_mounts_skip(&w.stuck, &w.c, STR("/a"), minute));
	end(&w);
}

static void test_process(void **state)
{
	struct world w;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}

	const struct statfs_figures figures = { .stuck = pid, .stuck_since = start_of(pid) };

	begin(&w);
	stuck_mounts_add(&w.stuck, &w.c, STR("/a"), &figures);
	assert_true(stuck_mounts_skip(&w.stuck, &w.c, STR("/a"), no_time));
	assert_int_equal(kill(pid, SIGKILL), 0);

	siginfo_t info;

	/* A zombie hangs on nothing. */
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(statfs_still_stuck(pid, figures.stuck_since));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(stuck_mounts_skip(&w.stuck, &w.c, STR("/a"), no_time));
	end(&w);
}

/* Another process of the same number is none of ours. */
static void test_number_again(void **state)
{
	const struct statfs_figures figures = {
		.stuck = getpid(),
		.stuck_since = start_of(getpid()) + 1,
	};
	struct world w;

	(void)state;
	begin(&w);
	stuck_mounts_add(&w.stuck, &w.c, STR("/a"), &figures);
	assert_false(stuck_mounts_skip(&w.stuck, &w.c, STR("/a"), no_time));
	assert_true(statfs_still_stuck(getpid(), start_of(getpid())));
	end(&w);
}

static void test_unmounted(void **state)
{
	const struct statfs_figures gone = { .stuck = 1, .stuck_since = 1 };
	const struct mount mounts[] = { { .point = STR("/") }, { .point = STR("/a") } };
	struct stuck_mounts next = { 0 };
	struct world w;

	(void)state;
	begin(&w);
	stuck_mounts_add(&w.stuck, &w.c, STR("/a"), &gone);
	stuck_mounts_add(&w.stuck, &w.c, STR("/b"), &gone);
	/* The next oneshot knows no more than the state does. */
	stuck_mounts_review(&next, &w.c, mounts, 2);
	assert_int_equal(next.n, 1);
	assert_true(stuck_mounts_skip(&next, &w.c, STR("/a"), minute));
	assert_false(stuck_mounts_skip(&next, &w.c, STR("/b"), minute));
	stuck_mounts_review(&next, &w.c, mounts, 1);
	assert_int_equal(next.n, 0);
	end(&w);
}

static void count(void *arg, struct str key, struct str value)
{
	(void)key;
	(void)value;
	++*(int *)arg;
}

static void spoil(void *arg, struct str key, struct str value)
{
	(void)value;
	*(struct str *)arg = key;
}

static void test_damaged(void **state)
{
	static const char *const values[] = { "x", "1 2 3", "1 2 3 4", "-1 -1 -1 -1", " " };
	const struct statfs_figures gone = { .stuck = 1, .stuck_since = 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct world w;
		struct str key;
		int left = 0;

		begin(&w);
		stuck_mounts_add(&w.stuck, &w.c, STR("/a"), &gone);
		state_each(&w.state, STR("filesystem."), spoil, &key);
		key = arena_str(&w.scratch, key);
		state_set(&w.state, key, str_of(values[i]));
		assert_false(stuck_mounts_skip(&w.stuck, &w.c, STR("/a"), minute));
		state_each(&w.state, STR("filesystem."), count, &left);
		assert_int_equal(left, 0);
		end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rest),         cmocka_unit_test(test_process),
		cmocka_unit_test(test_number_again), cmocka_unit_test(test_unmounted),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
