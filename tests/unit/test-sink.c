/* SPDX-License-Identifier: Apache-2.0 */
/* Which sink a URL means, what is refused before anything is sent, and the local sinks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "push/sink.h"

static const struct sink_request payload = {
	.method = SINK_POST,
	.path = { "/metrics/job/x", 14 },
	.body = { "a 1\n", 4 },
	.timeout_ns = 1000000000,
};

static bool contains(struct str text, const char *part)
{
	return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static void test_dispatch(void **state)
{
	static const struct {
		struct str url;
		const struct sink_type *type;
	} cases[] = {
		{ STR("http://127.0.0.1:9091"), &sink_http },
		{ STR("https://gw/prefix/"), &sink_http },
		{ STR(" http://gw\n"), &sink_http },
		{ STR("file:///tmp/x.prom"), &sink_file },
		{ STR("file:///x.prom"), &sink_file },
		{ STR("stdout:"), &sink_stdout },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sink_conf conf = { .url = cases[i].url };
		struct sink sink;
		struct str why;

		assert_int_equal(sink_open(&sink, &conf, &why), 0);
		assert_ptr_equal(sink.type, cases[i].type);
		sink_close(&sink);
		sink_close(&sink);
	}
}

static void test_refused(void **state)
{
	static const struct {
		struct sink_conf conf;
		const char *why;
	} cases[] = {
		{ { .url = STR("ftp://gw") },
		  "push.url: unknown scheme ftp, known are http, https, file, stdout" },
		{ { .url = STR("HTTP2://gw") }, "unknown scheme HTTP2" },
		{ { .url = STR("") }, "push.url: it is empty" },
		{ { .insecure = true }, "push.url: it is empty" },
		{ { .url = STR("gateway") }, "scheme is missing" },
		{ { .url = STR("gateway:9091") }, "scheme is missing" },
		{ { .url = STR("me:hunter2@gateway:9091") }, "scheme is missing" },
		{ { .url = STR("127.0.0.1:9091") }, "scheme is missing" },
		{ { .url = STR("http:gw") }, "followed by //" },
		{ { .url = STR("http://u:hunter2@gw") }, "use push.user and push.password_file" },
		{ { .url = STR("http://gw:0") }, "push.url: the port" },
		{ { .url = STR("file:relative") }, "file:///PATH" },
		{ { .url = STR("file://host/x") }, "file:///PATH" },
		{ { .url = STR("file:///") }, "must end with a file's name" },
		{ { .url = STR("file:///tmp/") }, "must end with a file's name" },
		{ { .url = STR("file:///tmp/..") }, "must end with a file's name" },
		{ { .url = STR("stdout:x") }, "nothing may follow stdout:" },
		{ { .url = STR("stdout://") }, "nothing may follow stdout:" },
		{ { .url = STR("http://gw"), .user = STR("u") }, "push.password_file is missing" },
		{ { .url = STR("http://gw"), .password_file = STR("/p") }, "push.user is missing" },
		{ { .url = STR("http://gw"), .user = STR("a:b"), .password_file = STR("/p") },
		  "colon" },
		{ { .url = STR("http://gw"),
		    .user = STR("a"),
		    .password_file = STR("/p"),
		    .bearer_token_file = STR("/t") },
		  "only one can be" },
		{ { .url = STR("https://gw"), .key = STR("/k") }, "push.tls.cert is missing" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct str why = { 0 };
		struct sink sink;

		assert_int_equal(sink_open(&sink, &cases[i].conf, &why), -EINVAL);
		if (!contains(why, cases[i].why) || contains(why, "hunter2"))
			fail_msg("%zu: %.*s", i, STR_ARG(why));
		sink_close(&sink);
	}
}

static enum sink_result to_file(const char *path, const struct sink_request *request,
				struct arena *arena, struct sink_reply *ret)
{
	struct sink_conf conf = { .url = arena_printf(arena, "file://%s", path) };
	enum sink_result result;
	struct sink sink;
	struct str why;

	assert_int_equal(sink_open(&sink, &conf, &why), 0);
	result = sink_send(&sink, request, NULL, arena, ret);
	sink_close(&sink);
	return result;
}

static size_t entries(const char *path)
{
	_cleanup_dir_ DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n - 2;
}

static void test_file(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	char dir[] = "/tmp/peekpush-sink.XXXXXX";
	struct sink_request request = payload;
	struct sink_reply reply;
	struct str content;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));

	const char *path = arena_printf(&arena, "%s/odd %%41 ?#.prom", dir).p;

	(void)umask(022);
	assert_int_equal(to_file(path, &request, &arena, &reply), SINK_OK);
	assert_int_equal(file_read(AT_FDCWD, path, 100, &arena, &content), 0);
	assert_true(str_eq(content, payload.body));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);

	request.method = SINK_PUT;
	request.body = STR("b 2\n");
	assert_int_equal(to_file(path, &request, &arena, &reply), SINK_OK);
	assert_int_equal(file_read(AT_FDCWD, path, 100, &arena, &content), 0);
	assert_true(str_eq(content, request.body));
	assert_int_equal(entries(dir), 1);

	/* A question must not empty the file. */
	request.method = SINK_GET;
	request.body = (struct str){ 0 };
	assert_int_equal(to_file(path, &request, &arena, &reply), SINK_REFUSED);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);

	request.method = SINK_DELETE;
	assert_int_equal(to_file(path, &request, &arena, &reply), SINK_OK);
	assert_int_equal(entries(dir), 0);
	assert_int_equal(to_file(path, &request, &arena, &reply), SINK_OK);
	assert_int_equal(rmdir(dir), 0);
}

static void test_file_trouble(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = payload;
	struct sink_reply reply;

	(void)state;
	assert_int_equal(to_file("/nowhere/at\nall/x.prom", &request, &arena, &reply),
			 SINK_MISCONFIGURED);
	assert_true(str_eq(reply.message, STR("cannot write /nowhere/at\\nall/x.prom: "
					      "No such file or directory")));
	assert_int_equal(to_file("/proc/self/x.prom", &request, &arena, &reply),
			 SINK_MISCONFIGURED);
	assert_int_equal(to_file("/dev/null/x.prom", &request, &arena, &reply), SINK_MISCONFIGURED);
}

/* Sends with standard output replaced by `fd`, which is closed. */
static enum sink_result to_stdout(int fd, const struct sink_request *request, struct arena *arena,
				  struct sink_reply *ret)
{
	struct sink_conf conf = { .url = STR("stdout:") };
	enum sink_result result;
	struct sink sink;
	struct str why;
	int saved;

	(void)fflush(stdout);
	saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(fd);
	result = sink_open(&sink, &conf, &why) == 0 ? sink_send(&sink, request, NULL, arena, ret)
						    : SINK_INTERRUPTED;
	sink_close(&sink);
	(void)dup2(saved, STDOUT_FILENO);
	(void)close(saved);
	return result;
}

static void test_stdout(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = payload;
	struct sink_reply reply;
	char got[16];
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(to_stdout(ends[1], &request, &arena, &reply), SINK_OK);
	assert_int_equal(read(ends[0], got, sizeof(got)), 4);
	assert_memory_equal(got, "a 1\n", 4);
	assert_int_equal(read(ends[0], got, sizeof(got)), 0);
	(void)close(ends[0]);

	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)close(ends[0]);
	assert_int_equal(to_stdout(ends[1], &request, &arena, &reply), SINK_DOWN);
	assert_true(contains(reply.message, "standard output: Broken pipe"));

	assert_int_equal(
		to_stdout(open("/dev/full", O_WRONLY | O_CLOEXEC), &request, &arena, &reply),
		SINK_DOWN);
	assert_true(contains(reply.message, "No space left"));
	request.method = SINK_DELETE;
	assert_int_equal(
		to_stdout(open("/dev/full", O_WRONLY | O_CLOEXEC), &request, &arena, &reply),
		SINK_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dispatch), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_file),     cmocka_unit_test(test_file_trouble),
		cmocka_unit_test(test_stdout),
	};

	return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
