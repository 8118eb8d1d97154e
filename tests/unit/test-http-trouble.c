/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that hang, break off or talk nonsense, and what a process must look like after
 * many of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
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
		struct sink_request request = post(60000);
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
		bool good = false;

		/* On a busy machine neither the server nor we may be in time, but not always. */
		for (int64_t limit_ms = 400; !good && limit_ms <= 25600; limit_ms *= 4) {
			_cleanup_arena_ struct arena arena = { 0 };
			struct sink_request request = post(limit_ms);
			struct sink_reply reply;
			double begin = seconds_now(), took, limit = (double)limit_ms / 1000;
			enum sink_result result =
				liar_ask(&liar, cases[i].mode, NULL, &request, &arena, &reply);

			took = seconds_now() - begin;
			assert_true(took > limit - 0.01);
			good = result == SINK_UNKNOWN && reply.status == cases[i].status &&
			       took < limit + 0.5;
		}
		if (!good)
			fail_msg("%s", cases[i].mode);
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
	struct sink_request request = post(60000);
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
	struct sink_request request = post(60000);
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
	assert_true(fd >= 0);
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
	assert_true(fd >= 0);
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
	struct sink_request request = post(60000);
	struct sink_reply reply;
	struct sink sink;
	double begin = seconds_now(), took;

	(void)state;
	assert_int_equal(timerfd_settime(fd, 0, &every_50ms, NULL), 0);
	liar_open(&sink, &liar, "slow", NULL);
	assert_int_equal(sink_send(&sink, &request, &waiter, &arena, &reply), SINK_INTERRUPTED);
	took = seconds_now() - begin;
	assert_true(took > 0.15 && took < 30);
	assert_int_equal(patience.asked, 4);
	assert_true(contains(reply.message, "interrupted"));

	/* A waiter without a descriptor is never asked. */
	waiter = (struct sink_waiter){ .fd = -1, .stop = stop, .arg = &patience };
	request.timeout_ns = 2000 * MILLISECOND;
	assert_int_equal(sink_send(&sink, &request, &waiter, &arena, &reply), SINK_UNKNOWN);
	assert_int_equal(patience.asked, 4);
	sink_close(&sink);
}

static void test_sockets_are_not_inherited(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(60000);
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
	assert_true(fd >= 0);
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
	for (int i = 0; i < 1500 && entries("/proc/self/task") > tasks; i++)
		(void)usleep(20000);
	assert_int_equal(entries("/proc/self/task"), tasks);
	assert_true(entries("/proc/self/fd") <= fds);
	assert_true(most <= fds + 1);
	sink_close(&dead);
	sink_close(&sink);
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

int main(void)
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
	};

	return cmocka_run_group_tests_name("http-trouble", tests, start, finish);
}
