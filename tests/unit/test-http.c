/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over the wire, and what each answer means. Trouble is in test-http-trouble.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "liar.h"
#include "push/url.h"

enum { SECOND = 1000000000 };

static struct liar liar;
static char scratch[200], record[300];

static struct sink_request post(struct str body)
{
	return (struct sink_request){
		.method = SINK_POST,
		.path = STR("/metrics/job/x"),
		.body = body,
		.content_type = "text/plain; version=0.0.4",
		.timeout_ns = 10LL * SECOND,
	};
}

static struct str recorded(struct arena *arena)
{
	struct str text = { "", 0 };

	assert_int_equal(file_read(AT_FDCWD, record, FILE_MAX, arena, &text), 0);
	return text;
}

static size_t count(struct str text, const char *part)
{
	size_t n = 0;

	for (; text.n; text = str_skip(text, 1))
		n += str_starts(text, str_of(part));
	return n;
}

static void test_statuses(void **state)
{
	static const struct {
		const char *mode;
		enum sink_result result;
		int status;
		const char *message;
	} cases[] = {
		{ "200", SINK_OK, 200, "HTTP 200 from 127.0.0.1:" },
		{ "202", SINK_OK, 202, "HTTP 202" },
		{ "204", SINK_OK_UNTYPED, 204, "HTTP 204" },
		{ "301", SINK_MISCONFIGURED, 301, "/elsewhere?a=b, which is not followed" },
		{ "302", SINK_MISCONFIGURED, 302, "/elsewhere" },
		{ "307", SINK_MISCONFIGURED, 307, "/elsewhere" },
		{ "308", SINK_MISCONFIGURED, 308, "/elsewhere" },
		{ "400", SINK_REFUSED, 400, ": status 400 it is" },
		{ "401", SINK_MISCONFIGURED, 401, "HTTP 401" },
		{ "403", SINK_MISCONFIGURED, 403, "HTTP 403" },
		{ "404", SINK_MISCONFIGURED, 404, "HTTP 404" },
		{ "405", SINK_MISCONFIGURED, 405, "HTTP 405" },
		{ "408", SINK_DOWN, 408, "HTTP 408" },
		{ "413", SINK_REFUSED, 413, "HTTP 413" },
		{ "415", SINK_REFUSED, 415, "HTTP 415" },
		{ "422", SINK_REFUSED, 422, "HTTP 422" },
		{ "425", SINK_DOWN, 425, "HTTP 425" },
		{ "429", SINK_DOWN, 429, "HTTP 429" },
		{ "431", SINK_MISCONFIGURED, 431, "HTTP 431" },
		{ "500", SINK_DOWN, 500, ": status 500 it is" },
		{ "503", SINK_DOWN, 503, "HTTP 503" },
		{ "504", SINK_UNKNOWN, 504, "HTTP 504" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct sink_request request = post(STR("a 1\n"));
		struct sink_reply reply;
		enum sink_result result =
			liar_ask(&liar, cases[i].mode, NULL, &request, &arena, &reply);

		if (result != cases[i].result || reply.status != cases[i].status ||
		    !contains(reply.message, cases[i].message))
			fail_msg("%s: result %d, status %d, %.*s", cases[i].mode, result,
				 reply.status, STR_ARG(reply.message));
		assert_true(str_find(reply.message, '\n') == reply.message.n);
		if (cases[i].status >= 300)
			assert_true(contains(reply.body, "\nand a second line\n"));
	}
}

/* A POST that follows a redirect becomes a GET and loses its body: one request, not two. */
static void test_redirect_is_not_followed(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(STR("a 1\n"));
	struct sink_reply reply;
	size_t before;

	(void)state;
	(void)liar_ask(&liar, "200", NULL, &request, &arena, &reply);
	before = count(recorded(&arena), "\n");
	(void)liar_ask(&liar, "307", NULL, &request, &arena, &reply);
	assert_int_equal(count(recorded(&arena), "\n"), before + 1);
}

/* The last line of the record, after sending `request` to the mode "200" + `suffix`. */
static struct str sent(const char *mode, const struct sink_request *request, struct arena *arena)
{
	struct str text, line = { 0 };
	struct sink_reply reply;

	assert_int_equal(liar_ask(&liar, mode, NULL, request, arena, &reply), SINK_OK);
	text = recorded(arena);
	while (str_line(&text, &line))
		;
	return line;
}

static void test_request(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(STR("a 1\n"));
	struct str line = sent("200", &request, &arena);

	(void)state;
	assert_true(contains(line, "\"method\": \"POST\""));
	assert_true(contains(line, "\"path\": \"/200/metrics/job/x\""));
	assert_true(contains(line, "\"version\": \"HTTP/1.1\""));
	assert_true(contains(line, "[\"Content-Type\", \"text/plain; version=0.0.4\"]"));
	assert_true(contains(line, "[\"Content-Length\", \"4\"]"));
	assert_true(contains(line, "[\"User-Agent\", \"peekpush/"));
	assert_true(contains(line, "\"body\": \"YSAxCg==\""));
	assert_false(contains(line, "Content-Encoding"));
	assert_false(contains(line, "Authorization"));

	request.gzipped = true;
	line = sent("200", &request, &arena);
	assert_true(contains(line, "[\"Content-Encoding\", \"gzip\"]"));
}

static void test_methods(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(STR("a 1\n"));
	struct str line;

	(void)state;
	request.method = SINK_PUT;
	line = sent("200", &request, &arena);
	assert_true(contains(line, "\"method\": \"PUT\""));
	assert_true(contains(line, "\"body\": \"YSAxCg==\""));

	request.method = SINK_DELETE;
	request.body = (struct str){ 0 };
	line = sent("200", &request, &arena);
	assert_true(contains(line, "\"method\": \"DELETE\""));
	assert_false(contains(line, "Content-Type"));
	assert_false(contains(line, "Content-Length"));

	request.method = SINK_GET;
	line = sent("200", &request, &arena);
	assert_true(contains(line, "\"method\": \"GET\""));
	assert_false(contains(line, "Content-"));
}

static void test_empty_body(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post((struct str){ 0 });

	(void)state;
	request.content_type = NULL;
	for (request.method = SINK_POST; request.method <= SINK_PUT; request.method++) {
		struct str line = sent("200", &request, &arena);

		assert_true(contains(line, "[\"Content-Length\", \"0\"]"));
		assert_false(contains(line, "Content-Type"));
		assert_true(contains(line, "\"body\": \"\""));
	}
}

/* Over 1 MiB libcurl would ask for "100-continue" first; NUL bytes are part of protobuf. */
static void test_big_binary_body(void **state)
{
	enum { SIZE = 3000001 };
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf wanted = { 0 };
	char *body = arena_alloc(&arena, SIZE);
	struct sink_request request;
	struct str line;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		body[i] = (char)(i * i % 251);
	request = post((struct str){ body, SIZE });
	line = sent("200", &request, &arena);
	assert_false(contains(line, "Expect"));
	buf_cstr(&wanted, "\"body\": \"");
	base64_put(&wanted, request.body, "+/");
	buf_cstr(&wanted, "==\"");
	buf_char(&wanted, '\0');
	assert_true(contains(line, wanted.p));
}

/* A proxy may write the names of headers small. */
static void test_date(void **state)
{
	static const struct {
		const char *mode;
		int64_t date;
	} cases[] = {
		{ "200", 0 },
		{ "date/Date/Sat,_21_Nov_2026_21:13:13_GMT", 1795295593 },
		{ "date/date/Sat,_21_Nov_2026_21:13:13_GMT", 1795295593 },
		{ "date/Date/Sat,_21_Nov_2026_21:13:13_GMT,_or_so", 0 },
		{ "date/Date/yesterday", 0 },
	};
	struct sink_request request = post(STR("a 1\n"));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct sink_reply reply;

		assert_int_equal(liar_ask(&liar, cases[i].mode, NULL, &request, &arena, &reply),
				 SINK_OK);
		assert_int_equal(reply.date, cases[i].date);
	}
}

static void test_prefix(void **state)
{
	static const char *const modes[] = { "200/api/v1/import", "200/api/v1/import/" };
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(STR("a 1\n"));

	(void)state;
	request.path = STR("/metrics/job/../b%20c");
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		assert_true(contains(sent(modes[i], &request, &arena),
				     "\"/200/api/v1/import/metrics/job/../b%20c\""));
}

static void test_messages_are_one_clean_line(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(STR("a 1\n"));
	struct sink_reply reply;

	(void)state;
	assert_int_equal(liar_ask(&liar, "binary", NULL, &request, &arena, &reply), SINK_DOWN);
	assert_true(contains(reply.message, ": \\x1b[31mred\\x07\\x00\\xff\\xe2\\x80\\xae end"));
	assert_false(contains(reply.message, "second"));
	assert_true(contains(reply.body, "\x1b[31mred\x07"));

	assert_int_equal(liar_ask(&liar, "longline", NULL, &request, &arena, &reply), SINK_REFUSED);
	assert_true(reply.message.n > 250 && reply.message.n <= 500);
	assert_true(str_utf8_valid(reply.message) && str_ends(reply.message, STR("...")));
	assert_int_equal(reply.body.n, 80000);
}

static void test_connection_is_kept(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(STR("kept 1\n"));
	struct sink_reply reply;
	struct str text, line, id = { 0 };
	struct sink sink;

	(void)state;
	(void)sent("200/last", &request, &arena);
	liar_open(&sink, &liar, "200", NULL);
	for (int i = 0; i < 5; i++)
		assert_int_equal(sink_send(&sink, &request, NULL, &arena, &reply), SINK_OK);
	sink_close(&sink);
	text = recorded(&arena);
	text = str_skip(text,
			(size_t)((const char *)memmem(text.p, text.n, "/200/last", 9) - text.p));
	assert_true(str_line(&text, &line));
	for (int i = 0; i < 5; i++) {
		assert_true(str_line(&text, &line));
		line.n = str_find(line, ',');
		assert_true(i == 0 || str_eq(line, id));
		id = line;
	}
	assert_false(str_line(&text, &line));
}

/* A server that closes an idle connection is no failure: the next send takes a new one. */
static void test_server_closes_idle(void **state)
{
	struct sink_request request = post(STR("a 1\n"));
	struct sink sink;

	(void)state;
	liar_open(&sink, &liar, "hangup", NULL);
	for (int i = 0; i < 20; i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct sink_reply reply;

		assert_int_equal(sink_send(&sink, &request, NULL, &arena, &reply), SINK_OK);
	}
	sink_close(&sink);
}

static struct str file_in_scratch(const char *name, struct arena *arena)
{
	return arena_printf(arena, "%s/%s", scratch, name);
}

static void test_basic(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(STR("a 1\n"));
	struct sink_conf conf = {
		.user = STR("us\"er"),
		.password_file = file_in_scratch("password", &arena),
	};
	struct sink_reply reply;
	struct sink sink;

	(void)state;
	scratch_write(scratch, "password", "p\xc3\xa4ss: w\xc3\xb6rd\nsecond line\n");
	liar_open(&sink, &liar, "basic", &conf);
	assert_int_equal(sink_send(&sink, &request, NULL, &arena, &reply), SINK_OK);
	/* Files are rotated under a running agent. */
	scratch_write(scratch, "password", "wrong");
	assert_int_equal(sink_send(&sink, &request, NULL, &arena, &reply), SINK_MISCONFIGURED);
	assert_int_equal(reply.status, 401);
	scratch_write(scratch, "password", "p\xc3\xa4ss: w\xc3\xb6rd");
	assert_int_equal(sink_send(&sink, &request, NULL, &arena, &reply), SINK_OK);
	scratch_write(scratch, "password", "\n");
	assert_int_equal(sink_send(&sink, &request, NULL, &arena, &reply), SINK_MISCONFIGURED);
	assert_true(contains(reply.message, "empty first line") && reply.status == 0);
	assert_int_equal(unlink(conf.password_file.p), 0);
	assert_int_equal(sink_send(&sink, &request, NULL, &arena, &reply), SINK_MISCONFIGURED);
	assert_true(contains(reply.message, "push.password_file: cannot read"));
	assert_true(contains(reply.message, "No such file"));
	sink_close(&sink);
}

static void test_bearer(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(STR("a 1\n"));
	struct sink_conf conf = { .bearer_token_file = file_in_scratch("token", &arena) };
	struct sink_reply reply;

	(void)state;
	scratch_write(scratch, "token", "tok.en_-~+/=\r\n");
	assert_int_equal(liar_ask(&liar, "bearer", &conf, &request, &arena, &reply), SINK_OK);
	scratch_write(scratch, "token", "other");
	assert_int_equal(liar_ask(&liar, "bearer", &conf, &request, &arena, &reply),
			 SINK_MISCONFIGURED);
	scratch_write(scratch, "token", "one\rX-Evil: two\n");
	assert_int_equal(liar_ask(&liar, "bearer", &conf, &request, &arena, &reply),
			 SINK_MISCONFIGURED);
	assert_true(contains(reply.message, "control characters") && reply.status == 0);
	assert_false(contains(reply.message, "Evil"));
}

static void test_secrets_stay_secret(void **state)
{
	/* Where a redirection leads to is told without the user that may stand in it. */
	static const struct {
		const char *mode, *instead;
	} modes[] = { { "echo", "***" }, { "decoded", "***" }, { "hop", "redirect" } };
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(STR("a 1\n"));
	struct sink_conf basic = { .user = STR("someone"),
				   .password_file = file_in_scratch("secret", &arena) };
	struct sink_conf bearer = { .bearer_token_file = basic.password_file };
	struct sink_reply reply;

	(void)state;
	scratch_write(scratch, "secret", "hunter22\n");
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		(void)liar_ask(&liar, modes[i].mode, &basic, &request, &arena, &reply);
		assert_true(reply.status >= 300 && contains(reply.message, modes[i].instead));
		assert_false(contains(reply.message, "hunter"));
		/* base64 of someone:hunter22 */
		assert_false(contains(reply.message, "c29tZW9uZTpodW50ZXIyMg"));
		(void)liar_ask(&liar, modes[i].mode, &bearer, &request, &arena, &reply);
		assert_true(reply.status >= 300 && contains(reply.message, modes[i].instead));
		assert_false(contains(reply.message, "hunter"));
	}
}

static void test_signal_mask_is_restored(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_request request = post(STR("a 1\n"));
	struct sink_reply reply;
	sigset_t mask;

	(void)state;
	(void)liar_ask(&liar, "200", NULL, &request, &arena, &reply);
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &mask), 0);
	assert_int_equal(sigismember(&mask, SIGPIPE), 0);
}

static int start(void **state)
{
	const char *const args[] = {
		"--record", record,         "--basic", "us\"er:p\xc3\xa4ss: w\xc3\xb6rd",
		"--bearer", "tok.en_-~+/=", NULL
	};

	(void)state;
	scratch_make(scratch, sizeof(scratch));
	(void)snprintf(record, sizeof(record), "%s/record", scratch);
	liar_start(&liar, args);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	liar_stop(&liar);
	scratch_remove(scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_redirect_is_not_followed),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_empty_body),
		cmocka_unit_test(test_big_binary_body),
		cmocka_unit_test(test_date),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_messages_are_one_clean_line),
		cmocka_unit_test(test_connection_is_kept),
		cmocka_unit_test(test_server_closes_idle),
		cmocka_unit_test(test_basic),
		cmocka_unit_test(test_bearer),
		cmocka_unit_test(test_secrets_stay_secret),
		cmocka_unit_test(test_signal_mask_is_restored),
	};

	return cmocka_run_group_tests_name("http", tests, start, stop);
}
