/* SPDX-License-Identifier: Apache-2.0 */
#include "liar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"

const char *test_source_dir(void)
{
	const char *dir = getenv("top_srcdir");

	return dir ? dir : "..";
}

void scratch_make(char *path, size_t size)
{
	const char *top = getenv("TMPDIR");

	(void)snprintf(path, size, "%s/peekpush-http.XXXXXX", top ? top : "/tmp");
	assert_non_null(mkdtemp(path));
}

void scratch_remove(const char *path)
{
	_cleanup_dir_ DIR *dir = opendir(path);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_REG)
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	assert_int_equal(rmdir(path), 0);
}

void scratch_write(const char *dir, const char *name, const char *content)
{
	_cleanup_fd_ int fd = file_open_dir(AT_FDCWD, dir);

	assert_true(fd >= 0);
	assert_int_equal(file_replace(fd, name, str_of(content), 0600, false), 0);
}

static unsigned read_port(int fd)
{
	char line[16];
	size_t n = 0;
	uint64_t port;

	while (n < sizeof(line) && read(fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	assert_int_equal(num_u64((struct str){ line, n }, &port), 0);
	return (unsigned)port;
}

void liar_start(struct liar *liar, const char *const *args)
{
	const char *argv[16] = { "python3" };
	char program[4096];
	int in[2], out[2];
	size_t n = 2;

	(void)snprintf(program, sizeof(program), "%s/tests/lib/lying-gateway.py",
		       test_source_dir());
	argv[1] = program;
	for (; args && *args; args++)
		argv[n++] = *args;
	assert_true(n < ARRAY_SIZE(argv));
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	liar->pid = fork();
	if (liar->pid == 0) {
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_true(liar->pid > 0);
	(void)close(in[0]);
	(void)close(out[1]);
	liar->control = in[1];
	liar->port = read_port(out[0]);
	(void)close(out[0]);
}

void liar_stop(struct liar *liar)
{
	(void)close(liar->control);
	assert_int_equal(waitpid(liar->pid, NULL, 0), liar->pid);
}

int run_program(const char *const *argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void liar_open(struct sink *sink, const struct liar *liar, const char *mode,
	       const struct sink_conf *conf)
{
	struct sink_conf full = conf ? *conf : (struct sink_conf){ 0 };
	bool tls = full.ca.n || full.insecure;
	char url[200];
	struct str why = STR("no reason");
	int n;

	n = snprintf(url, sizeof(url), "http%s://127.0.0.1:%u%s%s", tls ? "s" : "", liar->port,
		     *mode ? "/" : "", mode);
	full.url = (struct str){ url, (size_t)n };
	if (sink_open(sink, &full, &why) != 0)
		fail_msg("sink_open: %.*s", STR_ARG(why));
}

enum sink_result liar_ask(const struct liar *liar, const char *mode, const struct sink_conf *conf,
			  const struct sink_request *request, struct arena *arena,
			  struct sink_reply *ret)
{
	enum sink_result result;
	struct sink sink;

	liar_open(&sink, liar, mode, conf);
	result = sink_send(&sink, request, NULL, arena, ret);
	sink_close(&sink);
	return result;
}

size_t entries(const char *path)
{
	_cleanup_dir_ DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n;
}

double seconds_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

bool contains(struct str text, const char *part)
{
	return memmem(text.p, text.n, part, strlen(part)) != NULL;
}
