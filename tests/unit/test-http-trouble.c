/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that hang, break off or talk nonsense, and what a process must look like after
 * many of them. The program runs itself again with an argument where it needs a world of its
 * own: a network without a resolver that answers, a broken libcurl.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "liar.h"

enum { MILLISECOND = 1000000 };

static struct liar liar;

static struct sink_request post(int64_t timeout_ms)
{
	return (struct sink_request){
		.method = SINK_POST,
		.path = STR("/metrics/job/x"),
		.body = STR("a 1\n"),
		.content_type = "text/plain; version=0.0.4",
		.timeout_ns = timeout_ms * MILLISECOND,
	};
}

static void test_broken_answers(void **state)
{
	static const struct {
		const char *mode;
		enum sink_result result;
		int status;
		const char *message;
	} cases[] = {
		{ "silent", SINK_UNKNOWN, 0, "cut off after sending" },
		{ "reset", SINK_UNKNOWN, 0, "cut off after sending" },
		{ "cut", SINK_UNKNOWN, 200, "HTTP 200 from 127.0.0.1:" },
		{ "cut400", SINK_REFUSED, 400, ": line 3 is bad" },
		{ "cuthead", SINK_UNKNOWN, 0, "cut off after sending" },
		{ "garbage", SINK_MISCONFIGURED, 0, "no HTTP server" },
		{ "flood", SINK_DOWN, 500, "HTTP 500" },
		{ "continue", SINK_UNKNOWN, 0, "cut off after sending" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct sink_request request = post(20000);
		struct sink_reply reply;
		enum sink_result result =
			liar_ask(&liar, cases[i].mode, NULL, &request, &arena, &reply);

		if (result != cases[i].result || reply.status != cases[i].status ||
		    !contains(reply.message, cases[i].message))
			fail_msg("%s: result %d, status %d, %.*s", cases[i].mode, result,
				 reply.status, STR_ARG(reply.message));
	}
}

static void test_time_is_up(void **state)
{
	static const struct {
		const char *mode;
		int status;
	} cases[] = { { "slow", 0 }, { "drip", 200 }, { "driphead", 200 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct sink_request request = post(400);
		struct sink_reply reply;
		double begin = seconds_now(), took;

		assert_int_equal(liar_ask(&liar, cases[i].mode, NULL, &request, &arena, &reply),
				 SINK_UNKNOWN);
		took = seconds_now() - begin;
		assert_int_equal(reply.status, cases[i].status);
		assert_true(took > 0.39 && took < 0.9);
	}
}

/* The sink works on after each kind of end, with the same connection or another. */
static void test_next_send_works(void **state)
{
	static const char *const modes[] = { "slow", "reset", "garbage", "cut", "drip" };
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request bad = post(200), good = post(20000);
	struct sink_reply reply;
	struct sink sink;

	(void)state;
	liar_open(&sink, &liar, "", NULL);
	good.path = STR("/200/metrics/job/x");
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		bad.path = arena_printf(&arena, "/%s/metrics/job/x", modes[i]);
		assert_int_not_equal(sink_send(&sink, &bad, NULL, &arena, &reply), SINK_OK);
		assert_int_equal(sink_send(&sink, &good, NULL, &arena, &reply), SINK_OK);
		assert_int_equal(sink_send(&sink, &good, NULL, &arena, &reply), SINK_OK);
	}
	sink_close(&sink);
}

static void test_huge_answer(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(20000);
	struct sink_reply reply;

	(void)state;
	assert_int_equal(liar_ask(&liar, "huge", NULL, &request, &arena, &reply), SINK_OK);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.body.n, SINK_REPLY_MAX);
	assert_true(arena.total < 4 * SINK_REPLY_MAX);
}

static void test_no_time_left(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(0);
	struct sink_reply reply;

	(void)state;
	assert_int_equal(liar_ask(&liar, "200", NULL, &request, &arena, &reply), SINK_DOWN);
	assert_true(contains(reply.message, "no time left"));
}

/* The server says 400 and closes before it has read a large body. */
static void test_early_refusal(void **state)
{
	enum { SIZE = 20 << 20 };
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(20000);
	struct sink_reply reply;
	char *body = arena_alloc(&arena, SIZE);
	enum sink_result result;

	(void)state;
	memset(body, 'x', SIZE);
	request.body = (struct str){ body, SIZE };
	result = liar_ask(&liar, "early", NULL, &request, &arena, &reply);
	if (result == SINK_REFUSED)
		assert_true(contains(reply.message, "error in line 3"));
	else
		assert_int_equal(result, SINK_UNKNOWN);
}

/* A socket that is bound, so that nobody else gets the port, and listens only when asked. */
static int occupy(bool listening, unsigned *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	if (listening)
		assert_int_equal(listen(fd, 0), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void test_refused(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(5000);
	struct liar nobody = { 0 };
	_cleanup_fd_ int fd = occupy(false, &nobody.port);
	struct sink_reply reply;

	(void)state;
	assert_int_equal(liar_ask(&nobody, "", NULL, &request, &arena, &reply), SINK_DOWN);
	assert_true(str_eq(reply.message, arena_printf(&arena, "connection refused by 127.0.0.1:%u",
						       nobody.port)));
}

/* With its queue full a listening socket drops the SYN: nothing was sent when time is up. */
static void test_not_accepted(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(300);
	struct liar deaf = { 0 };
	_cleanup_fd_ int fd = occupy(true, &deaf.port);
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons((uint16_t)deaf.port) };
	struct sink_reply reply;
	int queue[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(queue); i++) {
		queue[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(queue[i], (struct sockaddr *)&address, sizeof(address));
	}
	assert_int_equal(liar_ask(&deaf, "", NULL, &request, &arena, &reply), SINK_DOWN);
	assert_true(contains(reply.message, "no connection to 127.0.0.1:"));
	for (size_t i = 0; i < ARRAY_SIZE(queue); i++)
		(void)close(queue[i]);
}

struct patience {
	int fd;
	int left; /* how often to say "go on" */
	int asked;
};

static bool stop(void *arg)
{
	struct patience *patience = arg;
	uint64_t ticks;

	assert_int_equal(read(patience->fd, &ticks, sizeof(ticks)), sizeof(ticks));
	patience->asked++;
	return patience->left-- == 0;
}

static void test_interrupted(void **state)
{
	static const struct itimerspec every_50ms = { { 0, 50 * MILLISECOND },
						      { 0, 50 * MILLISECOND } };
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_fd_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct patience patience = { .fd = fd, .left = 3 };
	struct sink_waiter waiter = { .fd = fd, .stop = stop, .arg = &patience };
	struct sink_request request = post(20000);
	struct sink_reply reply;
	struct sink sink;
	double begin = seconds_now(), took;

	(void)state;
	assert_int_equal(timerfd_settime(fd, 0, &every_50ms, NULL), 0);
	liar_open(&sink, &liar, "slow", NULL);
	assert_int_equal(sink_send(&sink, &request, &waiter, &arena, &reply), SINK_INTERRUPTED);
	took = seconds_now() - begin;
	assert_true(took > 0.15 && took < 1);
	assert_int_equal(patience.asked, 4);
	assert_true(contains(reply.message, "interrupted"));

	/* A waiter without a descriptor is never asked. */
	waiter = (struct sink_waiter){ .fd = -1, .stop = stop, .arg = &patience };
	request.timeout_ns = 200 * MILLISECOND;
	assert_int_equal(sink_send(&sink, &request, &waiter, &arena, &reply), SINK_UNKNOWN);
	assert_int_equal(patience.asked, 4);
	sink_close(&sink);
}

static size_t entries(const char *path)
{
	_cleanup_dir_ DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n;
}

static void test_sockets_are_not_inherited(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(20000);
	struct sink_reply reply;
	struct sink sink;
	uint64_t inherited = 0;

	(void)state;
	/* What this test itself was born with is not the sink's. */
	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			inherited |= UINT64_C(1) << fd;
	liar_open(&sink, &liar, "200", NULL);
	assert_int_equal(sink_send(&sink, &request, NULL, &arena, &reply), SINK_OK);
	for (int fd = 0; fd < 64; fd++)
		if (!(inherited >> fd & 1) && fcntl(fd, F_GETFD) >= 0)
			assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	sink_close(&sink);
}

/* One send of the mixture; every tenth is cut by time, which costs most. */
static void send_something(struct sink *sink, struct sink *dead, int i, int event)
{
	static const char *const paths[] = {
		"/200/",   "/500/",     "/silent/", "/cut/",    "/204/",
		"/reset/", "/garbage/", "/400/",    "/hangup/", "/slow/",
	};
	_cleanup_arena_ struct arena arena = { 0 };
	struct patience patience = { .fd = event };
	struct sink_waiter waiter = { .fd = event, .stop = stop, .arg = &patience };
	struct sink_request request = post(i % 10 == 9 ? 5 : 20000);
	struct sink_reply reply;
	bool interrupt = i % 20 == 19;

	request.path = str_of(paths[i % 10]);
	if (interrupt)
		assert_int_equal(eventfd_write(event, 1), 0);
	(void)sink_send(sink, &request, interrupt ? &waiter : NULL, &arena, &reply);
	if (i % 10 == 0)
		assert_int_equal(reply.status, 200);
	if (i % 10 == 5)
		assert_int_equal(sink_send(dead, &request, NULL, &arena, &reply), SINK_DOWN);
}

static void test_nothing_leaks(void **state)
{
	struct liar nobody = { 0 };
	_cleanup_fd_ int fd = occupy(false, &nobody.port);
	_cleanup_fd_ int event = eventfd(0, EFD_CLOEXEC);
	size_t fds = 0, tasks = 0, most = 0;
	struct sink sink, dead;

	(void)state;
	liar_open(&sink, &liar, "", NULL);
	liar_open(&dead, &nobody, "", NULL);
	for (int i = 0; i < 2000; i++) {
		send_something(&sink, &dead, i, event);
		if (i == 20) {
			fds = entries("/proc/self/fd");
			tasks = entries("/proc/self/task");
		}
		most = entries("/proc/self/fd") > most ? entries("/proc/self/fd") : most;
	}
	for (int i = 0; i < 50 && entries("/proc/self/task") > tasks; i++)
		(void)usleep(20000);
	assert_int_equal(entries("/proc/self/task"), tasks);
	assert_true(entries("/proc/self/fd") <= fds);
	assert_true(most <= fds + 1);
	sink_close(&dead);
	sink_close(&sink);
}

static int run_self(const char *argument)
{
	const char *const argv[] = { "/proc/self/exe", argument, NULL };

	return run_program(argv);
}

/* An empty file in front of the real library. */
static void test_no_libcurl(void **state)
{
	char dir[200];

	(void)state;
	scratch_make(dir, sizeof(dir));
	scratch_write(dir, "libcurl.so.4", "");
	assert_int_equal(setenv("LD_LIBRARY_PATH", dir, 1), 0);
	assert_int_equal(run_self("no-libcurl"), 0);
	assert_int_equal(unsetenv("LD_LIBRARY_PATH"), 0);
	scratch_remove(dir);
}

static int without_libcurl(void)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(1000);
	struct sink_conf conf = { .url = STR("http://127.0.0.1:9") };
	struct sink_reply reply;
	struct sink sink;
	struct str why;

	if (sink_open(&sink, &conf, &why) != 0 ||
	    sink_send(&sink, &request, NULL, &arena, &reply) != SINK_MISCONFIGURED ||
	    !contains(reply.message, "libcurl.so.4 cannot be loaded: ") ||
	    !contains(reply.message, "file too short"))
		return 1;
	sink_close(&sink);
	return 0;
}

static int link_up(const char *name)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_flags = IFF_UP };

	memcpy(request.ifr_name, name, strlen(name));
	return fd < 0 ? fd : ioctl(fd, SIOCSIFFLAGS, &request);
}

/*
 * Moves into a network where all there is of a resolver is a socket that nobody reads; it is
 * left open over exec. Returns 0, or which step failed.
 */
static int mute_resolver(const char *dir)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons(53) };
	char conf[300], nsswitch[300];
	int fd;

	(void)snprintf(conf, sizeof(conf), "%s/resolv.conf", dir);
	(void)snprintf(nsswitch, sizeof(nsswitch), "%s/nsswitch.conf", dir);
	if (unshare((geteuid() ? CLONE_NEWUSER : 0) | CLONE_NEWNS | CLONE_NEWNET) < 0)
		return 100;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(conf, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0 ||
	    mount(nsswitch, "/etc/nsswitch.conf", NULL, MS_BIND, NULL) < 0)
		return 101;
	if (link_up("lo") < 0)
		return 102;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? 103 : 0;
}

static int with_mute_resolver(void)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(1000);
	struct sink_conf conf = { .url = STR("http://gateway.example:9091") };
	struct sink_reply reply;
	struct sink sink;
	struct str why;
	double begin;

	if (sink_open(&sink, &conf, &why) != 0)
		return 4;
	for (int i = 0; i < 2; i++) {
		begin = seconds_now();
		if (sink_send(&sink, &request, NULL, &arena, &reply) != SINK_DOWN)
			return 5;
		if (!contains(reply.message, "no connection to gateway.example:9091 within 1 s"))
			return 6;
		if (seconds_now() - begin < 0.9 || seconds_now() - begin > 1.5)
			return 7;
	}
	begin = seconds_now();
	sink_close(&sink);
	/* Its thread must still be at it, or this test has tested nothing. */
	if (entries("/proc/self/task") < 4)
		return 8;
	return seconds_now() - begin > 0.2 ? 9 : 0;
}

static void test_hung_resolver(void **state)
{
	char dir[200];
	double begin = seconds_now(), took;
	int status;
	pid_t pid;

	(void)state;
	scratch_make(dir, sizeof(dir));
	scratch_write(dir, "resolv.conf", "nameserver 127.0.0.1\noptions timeout:20 attempts:3\n");
	scratch_write(dir, "nsswitch.conf", "hosts: dns\n");
	pid = fork();
	if (pid == 0) {
		status = mute_resolver(dir);
		if (status == 0)
			(void)execl("/proc/self/exe", "test", "mute-resolver", NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	took = seconds_now() - begin;
	scratch_remove(dir);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(took < 3.5);
}

/* Some containers forbid namespaces, and the test that needs them is left out there. */
static bool have_namespaces(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(unshare((geteuid() ? CLONE_NEWUSER : 0) | CLONE_NEWNS | CLONE_NEWNET) < 0);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static int start(void **state)
{
	(void)state;
	liar_start(&liar, NULL);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	liar_stop(&liar);
	return 0;
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken_answers),
		cmocka_unit_test(test_time_is_up),
		cmocka_unit_test(test_next_send_works),
		cmocka_unit_test(test_huge_answer),
		cmocka_unit_test(test_no_time_left),
		cmocka_unit_test(test_early_refusal),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_accepted),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_sockets_are_not_inherited),
		cmocka_unit_test(test_nothing_leaks),
		cmocka_unit_test(test_no_libcurl),
		cmocka_unit_test(test_hung_resolver),
	};
	size_t n = ARRAY_SIZE(tests);

	if (argc > 1 && strcmp(argv[1], "no-libcurl") == 0)
		return without_libcurl();
	if (argc > 1 && strcmp(argv[1], "mute-resolver") == 0)
		return with_mute_resolver();
	if (!have_namespaces()) {
		print_message("# no namespaces here: test_hung_resolver is left out\n");
		n--;
	}
	return _cmocka_run_group_tests("http-trouble", tests, n, start, finish);
}
