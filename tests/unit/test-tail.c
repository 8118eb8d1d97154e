/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of stderr, and that nobody is harmed by their being kept. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "job/journal.h"
#include "job/tail.h"

enum { MS = 1000000, SECOND_MS = 1000 };

/* Opens a tail whose real stderr is `err`; negative: a closed one. */
static struct tail open_over(int err, size_t lines)
{
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	struct tail tail;
	int r;

	assert_true(saved >= 0);
	if (err >= 0)
		(void)dup2(err, STDERR_FILENO);
	else
		(void)close(STDERR_FILENO);
	r = tail_open(&tail, lines);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	assert_int_equal(r, 0);
	assert_true(tail.fd > STDERR_FILENO && tail.copier > 0);
	return tail;
}

static void say(const struct tail *tail, const char *text)
{
	assert_int_equal(file_write_all(tail->fd, str_of(text)), 0);
}

/* The copier has ended by itself, and well. */
static void assert_gone(pid_t copier)
{
	int status = -1;

	assert_int_equal(waitpid(copier, &status, 0), copier);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/*
 * All of it is through, or a second has passed: a copier that gets no CPU is waited for no longer,
 * but must get done by itself. Not where a daemon or a slow reader holds it up.
 */
static void finish(struct tail *tail)
{
	int64_t begin = clock_ns(CLOCK_MONOTONIC);
	siginfo_t info;

	tail_finish(tail);
	assert_int_equal(tail->fd, -1);
	if (clock_ns(CLOCK_MONOTONIC) - begin >= 900 * MS)
		assert_int_equal(waitid(P_PID, (id_t)tail->copier, &info, WEXITED | WNOWAIT), 0);
}

static void assert_lines(const struct tail *tail, size_t n, const char *const *want)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str got[TAIL_LINES_MAX];

	assert_int_equal(tail_lines(tail, &arena, got, ARRAY_SIZE(got)), n);
	for (size_t i = 0; i < n; i++)
		assert_text(got[i], want[i]);
}

static void test_lines(void **state)
{
	static const struct {
		const char *said, *want[4];
		size_t n;
	} cases[] = {
		{ "", { NULL }, 0 },
		{ "one", { "one" }, 1 },
		{ "one\n", { "one" }, 1 },
		{ "1\n2\n3\n4\n5\n", { "3", "4", "5" }, 3 },
		{ "1\n2\n3\n4", { "2", "3", "4" }, 3 },
		{ "1\n\n \n2\n\n\n", { "1", "2" }, 2 },
		{ "1\n2\n3\n\t\n", { "1", "2", "3" }, 3 },
		{ "dos\r\nline\r\n", { "dos", "line" }, 2 },
		{ "\r 10%\r 20%\r100%\ndone\r", { "100%", "done" }, 2 },
		{ "long text\rx\n", { "x" }, 1 },
		{ "a\tb\033[31mred\302\233\n\377\n", { "a b?[31mred??", "?" }, 2 },
		{ "  indented  \n", { "  indented" }, 1 },
	};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tail tail = open_over(null, 3);

		say(&tail, cases[i].said);
		finish(&tail);
		assert_lines(&tail, cases[i].n, cases[i].want);
		assert_gone(tail.copier);
		tail_close(&tail);
	}
	(void)close(null);
}

/* However it is cut in pieces on its way. */
static void test_pieces(void **state)
{
	static const char *const want[] = { "second", "third" };
	const char *text = "first\r\nbar\rsecond\r\nthi\rthird";
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct tail tail = open_over(null, 2);

	(void)state;
	for (; *text; text++) {
		char one[2] = { *text, 0 };

		say(&tail, one);
		(void)usleep(2000);
	}
	finish(&tail);
	assert_lines(&tail, 2, want);
	assert_gone(tail.copier);
	tail_close(&tail);
	(void)close(null);
}

static void test_long_lines(void **state)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct tail tail = open_over(null, 2);
	_cleanup_arena_ struct arena arena = { 0 };
	struct str got[2];

	(void)state;
	for (int i = 0; i < 100000; i++)
		say(&tail, "yyyyyyyyyy");
	say(&tail, "\nshort\n");
	finish(&tail);
	assert_int_equal(tail_lines(&tail, &arena, got, 2), 2);
	assert_int_equal(got[0].n, TAIL_LINE_MAX + 3);
	assert_true(str_ends(got[0], STR("yyy...")));
	assert_text(got[1], "short");
	/* Fewer than there are: the newest. */
	assert_int_equal(tail_lines(&tail, &arena, got, 1), 1);
	assert_text(got[0], "short");
	assert_gone(tail.copier);
	tail_close(&tail);
	(void)close(null);
}

static struct str file_text(int fd, struct arena *arena)
{
	struct str text;

	assert_int_equal(file_read_fd(fd, 0, FILE_MAX, arena, &text), 0);
	return text;
}

/* 3 MiB of everything arrive as they are, and are there when tail_finish() returns. */
static void test_bytes(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf want = { 0 };
	int dir = unit_dir(NULL), file;
	struct tail tail;
	uint32_t x = 1;

	(void)state;
	file = openat(dir, "err", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 3 << 20; i++) {
		x = x * 1664525u + 1013904223u;
		buf_char(&want, (char)(x >> 24));
	}
	tail = open_over(file, 1000);
	assert_int_equal(file_write_all(tail.fd, buf_view(&want)), 0);
	finish(&tail);
	assert_true(str_eq(file_text(file, &arena), buf_view(&want)));
	assert_gone(tail.copier);
	tail_close(&tail);
	(void)close(file);
	unit_remove(dir);
}

/* Nothing waits for a line's end, nor for more. */
static void test_at_once(void **state)
{
	struct tail tail;
	char got[8];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	tail = open_over(fds[1], 5);
	for (int i = 0; i < 20; i++) {
		struct pollfd in = { .fd = fds[0], .events = POLLIN };

		say(&tail, "ab");
		assert_int_equal(poll(&in, 1, 60 * SECOND_MS), 1);
		assert_int_equal(read(fds[0], got, sizeof(got)), 2);
	}
	tail_finish(&tail);
	assert_gone(tail.copier);
	tail_close(&tail);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* Closed, full, or a pipe that nobody reads from: CMD can write all the same. */
static void test_no_stderr(void **state)
{
	static const char *const want[] = { "last" };
	int fds[2], full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)close(fds[0]);
	const int errs[] = { -1, full, fds[1] };

	for (size_t i = 0; i < ARRAY_SIZE(errs); i++) {
		struct tail tail = open_over(errs[i], 1);

		for (int j = 0; j < 20000; j++)
			say(&tail, "0123456789abcdef\n");
		say(&tail, "last\n");
		finish(&tail);
		assert_lines(&tail, 1, want);
		assert_gone(tail.copier);
		tail_close(&tail);
	}
	(void)close(fds[1]);
	(void)close(full);
}

/* Somebody who does not read delays us by a second and loses nothing. */
static void test_slow_reader(void **state)
{
	static const char *const want[] = { "end" };
	int64_t begin = clock_ns(CLOCK_MONOTONIC), took;
	size_t total = 0, filled = 0;
	struct tail tail;
	char got[4096];
	int fds[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	tail = open_over(fds[1], 1);
	(void)close(fds[1]);
	/* The pipe to the reader and a part of ours. */
	while (filled < 80000) {
		say(&tail, "0123456789\n");
		filled += 11;
	}
	say(&tail, "end\n");
	tail_finish(&tail);
	took = clock_ns(CLOCK_MONOTONIC) - begin;
	assert_true(took >= 900 * MS && took < INT64_C(30000) * MS);
	(void)fcntl(fds[0], F_SETFL, 0);
	while ((n = read(fds[0], got, sizeof(got))) > 0)
		total += (size_t)n;
	assert_int_equal(total, filled + 4);
	assert_gone(tail.copier);
	assert_lines(&tail, 1, want);
	tail_close(&tail);
	(void)close(fds[0]);
}

/* A daemon that keeps CMD's stderr, quiet or not, delays nobody, and goes on being copied. */
static void test_daemon(void **state)
{
	bool quick = false;

	(void)state;
	/* On a busy machine a quick end may take its time, but not always. */
	for (int i = 0; i < 6 && (i < 2 || !quick); i++) {
		bool chatty = i == 0;
		int64_t begin;
		struct tail tail;
		char got[65536];
		int fds[2];
		pid_t child, copier;
		size_t total = 0;
		ssize_t n;

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		tail = open_over(fds[1], 3);
		(void)close(fds[1]);
		child = fork();
		if (child == 0) {
			(void)close(fds[0]);
			for (int j = 0; j < 500; j++) {
				if (chatty)
					(void)!write(tail.fd, "again and again\n", 16);
				(void)usleep(3000);
			}
			(void)!write(tail.fd, "bye\n", 4);
			_exit(0);
		}
		say(&tail, "CMD\n");
		begin = clock_ns(CLOCK_MONOTONIC);
		copier = tail.copier;
		tail_finish(&tail);
		quick |= !chatty && clock_ns(CLOCK_MONOTONIC) - begin < 900 * MS;
		tail_close(&tail);
		while ((n = read(fds[0], got + total, sizeof(got) - total)) > 0)
			total += (size_t)n;
		assert_true(total >= 4);
		assert_text(((struct str){ got + total - 4, 4 }), "bye\n");
		(void)waitpid(child, NULL, 0);
		assert_gone(copier);
		(void)close(fds[0]);
	}
	assert_true(quick);
}

/* The watcher is killed; CMD writes on, and what it writes arrives. */
static void test_killed_watcher(void **state)
{
	int fds[2], ready[2];
	struct str rest;
	char got[256];
	size_t n = 0;
	ssize_t r;
	pid_t watcher;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	watcher = fork();
	if (watcher == 0) {
		struct tail tail = open_over(fds[1], 3);

		(void)close(fds[1]);
		if (fork() == 0) {
			/* As from exec: SIGPIPE would end us. */
			(void)signal(SIGPIPE, SIG_DFL);
			(void)close(fds[0]);
			for (int i = 0; i < 10; i++) {
				(void)!write(tail.fd, "still here\n", 11);
				(void)usleep(20000);
			}
			(void)!write(tail.fd, "unharmed\n", 9);
			_exit(0);
		}
		(void)!write(ready[1], "", 1);
		(void)pause();
	}
	(void)close(fds[1]);
	assert_int_equal(read(ready[0], got, 1), 1);
	(void)kill(watcher, SIGKILL);
	(void)waitpid(watcher, NULL, 0);
	/* Its end of file says that the copier has gone, too. */
	while ((r = read(fds[0], got + n, sizeof(got) - n)) > 0)
		n += (size_t)r;
	rest = (struct str){ got, n };
	assert_true(str_ends(rest, STR("still here\nunharmed\n")));
	assert_int_equal(n, 10 * 11 + 9);
	(void)close(fds[0]);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void test_signals(void **state)
{
	static const int numbers[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGTSTP,
				       SIGTTIN, SIGTTOU, SIGPIPE, SIGUSR1, SIGALRM };
	static const char *const want[] = { "after" };
	struct tail tail;
	char got[7];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	tail = open_over(fds[1], 1);
	/* It blocks them as its first act, before it copies anything. */
	say(&tail, "before\n");
	assert_int_equal(read(fds[0], got, sizeof(got)), sizeof(got));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		assert_int_equal(kill(tail.copier, numbers[i]), 0);
	say(&tail, "after\n");
	finish(&tail);
	assert_lines(&tail, 1, want);
	assert_gone(tail.copier);
	tail_close(&tail);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

/* It keeps none of our descriptors, and not our directory. */
static void test_holds_nothing(void **state)
{
	int held = open("/dev/zero", O_RDONLY), err[2];
	char path[64], link[64] = "", got[2];
	struct tail tail;
	unsigned fds = 0;
	DIR *dir;

	(void)state;
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	tail = open_over(err[1], 1);
	say(&tail, "x\n");
	tail_finish(&(struct tail){ .fd = -1 });
	/* It copies when it has let go of all. */
	assert_int_equal(read(err[0], got, sizeof(got)), sizeof(got));
	(void)snprintf(path, sizeof(path), "/proc/%ld/fd", (long)tail.copier);
	dir = opendir(path);
	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.') {
			assert_true(strcmp(e->d_name, "0") == 0 || strcmp(e->d_name, "2") == 0);
			fds++;
		}
	(void)closedir(dir);
	assert_int_equal(fds, 2);
	(void)snprintf(path, sizeof(path), "/proc/%ld/cwd", (long)tail.copier);
	assert_true(readlink(path, link, sizeof(link) - 1) == 1 && link[0] == '/');
	tail_finish(&tail);
	assert_gone(tail.copier);
	tail_close(&tail);
	(void)close(held);
	(void)close(err[0]);
	(void)close(err[1]);
}

static void test_none(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct tail tail;
	struct str got;

	(void)state;
	assert_int_equal(tail_open(&tail, 0), -EINVAL);
	assert_int_equal(tail.fd, -1);
	assert_int_equal(tail_open(&tail, TAIL_LINES_MAX + 1), -EINVAL);
	tail_finish(&tail);
	assert_int_equal(tail_lines(&tail, &arena, &got, 1), 0);
	tail_close(&tail);
}

/* --- the journal */

/* Stands for journald. */
static int to_stdout(const struct iovec *fields, int n)
{
	for (int i = 0; i < n; i++)
		(void)!write(STDOUT_FILENO, fields[i].iov_base, fields[i].iov_len);
	return (int)write(STDOUT_FILENO, "\n", 1);
}

static void test_journal(void **state)
{
	static const struct str lines[] = { { "first", 5 }, { "second", 6 } };
	_cleanup_arena_ struct arena arena = { 0 };
	int dir = unit_dir(NULL), file;
	pid_t child;

	(void)state;
	file = openat(dir, "out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	child = fork();
	if (child == 0) {
		(void)dup2(file, STDOUT_FILENO);
		journal_entries(to_stdout, STR("backup"), STR("failed with 3"), 2, lines);
		journal_entries(to_stdout, STR("x"), STR(""), 0, NULL);
		_exit(0);
	}
	(void)waitpid(child, NULL, 0);
	assert_text(file_text(file, &arena),
		    "MESSAGE=failed with 3PRIORITY=3SYSLOG_IDENTIFIER=peekpushPEEKPUSH_JOB=backup\n"
		    "MESSAGE=firstPRIORITY=3SYSLOG_IDENTIFIER=peekpushPEEKPUSH_JOB=backup\n"
		    "MESSAGE=secondPRIORITY=3SYSLOG_IDENTIFIER=peekpushPEEKPUSH_JOB=backup\n");
	(void)close(file);
	unit_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),          cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_long_lines),     cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_at_once),        cmocka_unit_test(test_no_stderr),
		cmocka_unit_test(test_slow_reader),    cmocka_unit_test(test_daemon),
		cmocka_unit_test(test_killed_watcher), cmocka_unit_test(test_signals),
		cmocka_unit_test(test_holds_nothing),  cmocka_unit_test(test_none),
		cmocka_unit_test(test_journal),
	};

	return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
