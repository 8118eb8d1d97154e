/* SPDX-License-Identifier: Apache-2.0 */
/* Starting CMD: what it finds, and what is said when it cannot be started. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "job/cgroup.h"
#include "job/child.h"

static sigset_t mask_now(void)
{
	sigset_t mask;

	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	return mask;
}

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static pid_t start(const struct child_conf *conf)
{
	bool forked = false;
	pid_t pid = 0;

	assert_int_equal(child_start(conf, &pid, &forked), 0);
	assert_true(forked);
	assert_true(pid > 0);
	return pid;
}

static int status_of(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int run_script(struct child_conf conf, const char *script)
{
	char *argv[] = { text("sh"), text("-c"), text(script), NULL };

	conf.argv = argv;
	return status_of(start(&conf));
}

/* Without a shell between, which would set signals its own way. */
static int find_in_status(struct child_conf conf, const char *expression)
{
	char *argv[] = { text("grep"), text("-q"), text(expression), text("/proc/self/status"),
			 NULL };

	conf.argv = argv;
	return status_of(start(&conf));
}

static void test_status(void **state)
{
	sigset_t mask = mask_now();
	const struct child_conf conf = { .mask = &mask, .cgroup = -1, .err = -1 };
	int status;

	(void)state;
	status = run_script(conf, "exit 7");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	status = run_script(conf, "kill -USR1 $$");
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGUSR1);
}

static void test_cannot_start(void **state)
{
	static const struct {
		const char *program;
		int want;
	} cases[] = {
		{ "/no/such/program", -ENOENT },
		{ "no-such-program-anywhere", -ENOENT },
		{ "/etc/passwd", -EACCES },
		{ "/etc", -EACCES },
		{ "", -ENOENT },
	};
	sigset_t mask = mask_now();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *argv[] = { text(cases[i].program), NULL };
		const struct child_conf conf = {
			.argv = argv, .mask = &mask, .cgroup = -1, .err = -1
		};
		pid_t pid = -7;
		bool forked = false;

		assert_int_equal(child_start(&conf, &pid, &forked), cases[i].want);
		assert_true(forked);
		assert_int_equal(pid, -7);
	}
	/* Nobody is left to wait for. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* execvp(3) gives a script without #! line to sh, with argv copied onto the child's stack. */
static void test_script_with_many_words(void **state)
{
	enum { WORDS = 100000 };
	char path[64], file[80];
	char **argv = calloc(WORDS + 2, sizeof(char *));
	int dir = unit_dir(path);
	sigset_t mask = mask_now();
	struct child_conf conf = { .argv = argv, .mask = &mask, .cgroup = -1, .err = -1 };

	(void)state;
	assert_non_null(argv);
	unit_write(dir, "script", STR("test $# = 100000\n"));
	assert_int_equal(fchmodat(dir, "script", 0755, 0), 0);
	(void)snprintf(file, sizeof(file), "%s/script", path);
	argv[0] = file;
	for (size_t i = 1; i <= WORDS; i++)
		argv[i] = text("x");
	assert_int_equal(status_of(start(&conf)), 0);
	free(argv);
	unit_remove(dir);
}

static void test_environment_and_path(void **state)
{
	char *envp[] = { text("PATH=/nowhere"), text("GREETING=hello"), NULL };
	char *argv[] = { text("env"), NULL };
	sigset_t mask = mask_now();
	struct child_conf conf = {
		.argv = argv, .envp = envp, .mask = &mask, .cgroup = -1, .err = -1
	};
	_cleanup_arena_ struct arena arena = { 0 };
	int dir = unit_dir(NULL), out = openat(dir, "out", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	struct str got;

	(void)state;
	(void)fflush(stdout);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	assert_int_equal(status_of(start(&conf)), 0);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	(void)close(saved);
	assert_int_equal(file_read_fd(out, 0, 4096, &arena, &got), 0);
	(void)close(out);
	unit_remove(dir);
	assert_text(got, "PATH=/nowhere\nGREETING=hello\n");
}

static void test_stderr(void **state)
{
	sigset_t mask = mask_now();
	struct child_conf conf = { .mask = &mask, .cgroup = -1 };
	_cleanup_arena_ struct arena arena = { 0 };
	int dir = unit_dir(NULL), err = openat(dir, "err", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	char script[80];
	struct str got;

	(void)state;
	conf.err = err;
	/* It is not left open there by its own number. */
	(void)snprintf(script, sizeof(script), "echo oops >&2; test ! -e /proc/$$/fd/%d", err);
	assert_int_equal(run_script(conf, script), 0);
	assert_int_equal(file_read_fd(err, 0, 4096, &arena, &got), 0);
	(void)close(err);
	unit_remove(dir);
	assert_text(got, "oops\n");
}

/* CMD finds ignored what we find ignored at this moment. */
static bool ignores_the_same(struct child_conf conf)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str status, line;
	char expression[80];

	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 65536, &arena, &status), 0);
	while (str_line(&status, &line))
		if (str_starts(line, STR("SigIgn:")))
			break;
	(void)snprintf(expression, sizeof(expression), "^%.*s$", STR_ARG(line));
	return find_in_status(conf, expression) == 0;
}

static void test_signals(void **state)
{
	sigset_t mask;
	const struct child_conf conf = { .mask = &mask, .cgroup = -1, .err = -1 };
	struct sigaction was, now;

	(void)state;
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGUSR2);
	assert_int_equal(find_in_status(conf, "^SigBlk:.*0000000800$"), 0);
	assert_int_equal(sigaction(SIGHUP, &(struct sigaction){ .sa_handler = SIG_DFL }, &was), 0);
	assert_true(ignores_the_same(conf));
	(void)signal(SIGHUP, SIG_IGN);
	assert_true(ignores_the_same(conf));
	assert_int_equal(sigaction(SIGHUP, &was, NULL), 0);

	/* An ignored SIGCHLD is CMD's, too; here a status must be kept. */
	(void)signal(SIGCHLD, SIG_IGN);
	assert_true(ignores_the_same(conf));
	assert_int_equal(sigaction(SIGCHLD, NULL, &now), 0);
	assert_true(now.sa_handler == SIG_DFL);
	/* Where nothing was started it is as it was. */
	char *argv[] = { text("/no/such/program"), NULL };
	struct child_conf none = { .argv = argv, .mask = &mask, .cgroup = -1, .err = -1 };
	bool forked;
	pid_t pid;

	(void)signal(SIGCHLD, SIG_IGN);
	assert_int_equal(child_start(&none, &pid, &forked), -ENOENT);
	assert_int_equal(sigaction(SIGCHLD, NULL, &now), 0);
	assert_true(now.sa_handler == SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	/* Ours is what it was before. */
	sigset_t after = mask_now();

	assert_false(sigismember(&after, SIGUSR2));
	assert_false(sigismember(&after, SIGTERM));
}

static void test_cgroup(void **state)
{
	sigset_t mask = mask_now();
	_cleanup_arena_ struct arena arena = { 0 };
	struct child_conf conf = { .mask = &mask, .err = -1 };
	struct cgroup cgroup;
	struct pids pids = { 0 };
	char *argv[] = { text("sleep"), text("1000"), NULL };
	pid_t pid;

	(void)state;
	if (cgroup_make(&cgroup, &arena) == 0) {
		conf.cgroup = cgroup.dir;
		conf.argv = argv;
		pid = start(&conf);
		cgroup_pids(cgroup.dir, true, &arena, &pids);
		assert_int_equal(pids.n, 1);
		assert_int_equal(pids.v[0], pid);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(status_of(pid), SIGKILL);
		cgroup_remove(&cgroup, &arena);
	}
	/* A directory that is none, or one that is gone: CMD starts all the same. */
	conf.cgroup = unit_dir(NULL);
	assert_int_equal(run_script(conf, "exit 3"), 3 << 8);
	unit_remove(conf.cgroup);
	conf.cgroup = 999;
	assert_int_equal(run_script(conf, "exit 4"), 4 << 8);
}

/* No more memory is mapped after a thousand of them than before. */
static void test_nothing_leaks(void **state)
{
	sigset_t mask = mask_now();
	const struct child_conf conf = { .mask = &mask, .cgroup = -1, .err = -1 };
	_cleanup_arena_ struct arena arena = { 0 };
	struct str before, after;
	int fd = dup(0);

	(void)state;
	(void)close(fd);
	assert_int_equal(run_script(conf, ":"), 0);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/maps", 1 << 20, &arena, &before), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(run_script(conf, ":"), 0);
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/maps", 1 << 20, &arena, &after), 0);
	assert_int_equal(before.n, after.n);
	assert_int_equal(dup(0), fd);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_script_with_many_words),
		cmocka_unit_test(test_environment_and_path),
		cmocka_unit_test(test_stderr),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_nothing_leaks),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
