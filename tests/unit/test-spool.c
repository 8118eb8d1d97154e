/* SPDX-License-Identifier: Apache-2.0 */
/* The spool: what is put comes out once, whole, newest only, within its limits. */
#include "unit.h"

#include <errno.h>
#include <sys/wait.h>

#include "push/spool.h"

struct received {
	size_t n;
	char last[64];
	enum sink_result answer;
	bool put, gzipped;
};

static enum sink_result receive(struct sink *sink, const struct sink_request *request,
				const struct sink_waiter *waiter, struct arena *arena,
				struct sink_reply *ret)
{
	struct received *r = sink->self;

	(void)waiter;
	(void)arena;
	*ret = (struct sink_reply){ .message = STR("told so") };
	r->n++;
	r->put = request->method == SINK_PUT;
	r->gzipped = request->gzipped;
	assert_true(request->body.n < sizeof(r->last));
	memcpy(r->last, request->body.p, request->body.n);
	r->last[request->body.n] = '\0';
	return r->answer;
}

static const struct sink_type receiver = { .name = "receiver", .remote = true, .send = receive };

struct world {
	int dir;
	struct spool spool;
	struct received received;
	struct sink sink;
	struct arena scratch;
	struct spool_report report;
};

static void begin(struct world *w)
{
	*w = (struct world){ .dir = unit_dir(NULL) };
	assert_int_equal(spool_open(&w->spool, w->dir, (struct spool_limits){ 1000, 3 }), 0);
	w->sink.type = &receiver;
	w->sink.self = &w->received;
}

static void end(struct world *w)
{
	spool_close(&w->spool);
	arena_release(&w->scratch);
	unit_remove(w->dir);
}

static int put(const struct world *w, const char *path, const char *body)
{
	struct sink_request request = {
		.method = SINK_PUT,
		.path = str_of(path),
		.body = str_of(body),
		.content_type = "text/plain",
		.gzipped = true,
	};

	return spool_put(&w->spool, &request);
}

static uint64_t count(const struct world *w)
{
	uint64_t entries, bytes;

	spool_count(&w->spool, &entries, &bytes);
	return entries;
}

static void flush(struct world *w)
{
	arena_reset(&w->scratch);
	spool_flush(&w->spool, &w->sink, 1000000000, NULL, &w->scratch, &w->report);
}

static void test_round_trip(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(put(&w, "/metrics/job/a", "x\n\n\001y"), 0);
	assert_int_equal(put(&w, "/metrics/job/a", "newer"), 0);
	assert_int_equal(count(&w), 1);
	flush(&w);
	assert_int_equal(w.received.n, 1);
	assert_string_equal(w.received.last, "newer");
	assert_true(w.received.put && w.received.gzipped);
	assert_int_equal(count(&w), 0);
	assert_int_equal(w.report.delivered, 1);
	assert_int_equal(w.report.left, 0);
	flush(&w);
	assert_int_equal(w.received.n, 1);
	end(&w);
}

static void test_limits(void **state)
{
	char big[1100];
	struct world w;

	(void)state;
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	begin(&w);
	assert_int_equal(put(&w, "/metrics/job/a", big), -EDQUOT);
	for (int i = 0; i < 3; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "/metrics/job/%d", i);
		assert_int_equal(put(&w, path, "x"), 0);
	}
	assert_int_equal(put(&w, "/metrics/job/3", "x"), -EDQUOT);
	/* A replacement needs no room of its own. */
	assert_int_equal(put(&w, "/metrics/job/1", "y"), 0);
	assert_int_equal(count(&w), 3);
	end(&w);
}

static void test_stops_when_down(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(put(&w, "/metrics/job/a", "1"), 0);
	assert_int_equal(put(&w, "/metrics/job/b", "2"), 0);
	w.received.answer = SINK_DOWN;
	flush(&w);
	assert_int_equal(w.received.n, 1);
	assert_int_equal(w.report.left, 2);
	assert_text(w.report.message, "told so");
	w.received.answer = SINK_OK;
	flush(&w);
	assert_int_equal(w.report.delivered, 2);
	assert_int_equal(count(&w), 0);
	end(&w);
}

/* One payload that is refused for good does not hold up the others. */
static void test_refused_is_set_aside(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(put(&w, "/metrics/job/a", "1"), 0);
	assert_int_equal(put(&w, "/metrics/job/b", "2"), 0);
	w.received.answer = SINK_REFUSED;
	flush(&w);
	assert_int_equal(w.received.n, 2);
	assert_int_equal(w.report.refused, 2);
	assert_int_equal(count(&w), 0);
	end(&w);
}

static void test_damaged(void **state)
{
	static const char *const contents[] = {
		"",
		"garbage",
		("peekpush-spool 1\npath /metrics/job/a\nmethod PUT\ntype t\ngzip 0\nbody "
		 "9\n\nshort"),
		"peekpush-spool 1\npath /etc/passwd\nmethod PUT\ntype t\ngzip 0\nbody 1\n\nx",
		"peekpush-spool 1\npath /metrics/job/a\nmethod PUT\ntype t\ngzip 0\nbody -1\n\nx",
		"peekpush-spool 2\npath /metrics/job/a\nmethod PUT\ntype t\ngzip 0\nbody 1\n\nx",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
		struct world w;

		begin(&w);
		assert_int_equal(file_replace(w.spool.dir, "0123456789abcdef.push",
					      str_of(contents[i]), 0600, false),
				 0);
		flush(&w);
		assert_int_equal(w.received.n, 0);
		assert_int_equal(w.report.refused, 1);
		assert_part(w.report.message, "damaged");
		assert_int_equal(count(&w), 0);
		end(&w);
	}
}

/* Whoever holds the lock delivers something newer: the spool keeps its hands off. */
static void test_locked_group_is_left(void **state)
{
	struct world w;
	int lock;

	(void)state;
	begin(&w);
	assert_int_equal(put(&w, "/metrics/job/a", "old"), 0);
	lock = spool_lock(&w.spool, STR("/metrics/job/a"), 0);
	assert_true(lock >= 0);
	assert_int_equal(spool_lock(&w.spool, STR("/metrics/job/a"), 20000000), -EWOULDBLOCK);
	flush(&w);
	assert_int_equal(w.received.n, 0);
	spool_drop(&w.spool, STR("/metrics/job/a"));
	(void)close(lock);
	flush(&w);
	assert_int_equal(w.received.n, 0);
	end(&w);
}

static void test_links_are_not_followed(void **state)
{
	struct world w;
	char name[32] = "link.push";

	(void)state;
	begin(&w);
	assert_int_equal(symlinkat("/etc/hostname", w.spool.dir, name), 0);
	flush(&w);
	assert_int_equal(w.received.n, 0);
	spool_close(&w.spool);

	/* Nor in the place of the spool itself: results would land wherever it points. */
	assert_int_equal(renameat(w.dir, "spool", w.dir, "elsewhere"), 0);
	assert_int_equal(symlinkat("elsewhere", w.dir, "spool"), 0);
	assert_true(spool_open(&w.spool, w.dir, (struct spool_limits){ 1000, 3 }) < 0);
	end(&w);
}

/* What is no entry at all would count, and keep `flush` from ending well, for ever. */
static void test_strangers_are_set_aside(void **state)
{
	struct world w;
	int fd;

	(void)state;
	begin(&w);
	assert_int_equal(mkdirat(w.spool.dir, "directory.push", 0700), 0);
	fd = openat(w.spool.dir, "huge.push", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 65 << 20), 0);
	(void)close(fd);
	flush(&w);
	assert_int_equal(w.received.n, 0);
	assert_int_equal(w.report.refused, 2);
	assert_int_equal(w.report.left, 0);
	end(&w);
}

static void test_many_writers(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	for (int child = 0; child < 8; child++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid)
			continue;
		for (int i = 0; i < 50; i++) {
			int lock = spool_lock(&w.spool, STR("/metrics/job/a"), 5000000000);

			if (lock < 0 || put(&w, "/metrics/job/a", "whole payload") < 0)
				_exit(1);
			(void)close(lock);
		}
		_exit(0);
	}
	for (int child = 0; child < 8; child++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	flush(&w);
	assert_int_equal(w.received.n, 1);
	assert_string_equal(w.received.last, "whole payload");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_stops_when_down),
		cmocka_unit_test(test_refused_is_set_aside),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_locked_group_is_left),
		cmocka_unit_test(test_links_are_not_followed),
		cmocka_unit_test(test_strangers_are_set_aside),
		cmocka_unit_test(test_many_writers),
	};

	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
