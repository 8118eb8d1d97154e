/* SPDX-License-Identifier: Apache-2.0 */
/* TLS: whom the sink believes, and how it says whom not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "liar.h"

static char certs[200];
static struct liar good, other, self, strict, plain;

static struct str pem(const char *name, struct arena *arena)
{
	return arena_printf(arena, "%s/%s", certs, name);
}

static enum sink_result ask(const struct liar *liar, const struct sink_conf *conf,
			    struct arena *arena, struct sink_reply *ret)
{
	struct sink_request request = {
		.method = SINK_POST,
		.path = STR("/metrics/job/x"),
		.body = STR("a 1\n"),
		.content_type = "text/plain",
		.timeout_ns = 20000000000,
	};

	return liar_ask(liar, "200", conf, &request, arena, ret);
}

static void test_trusted(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_conf conf = { .ca = pem("ca.pem", &arena) };
	struct sink_reply reply;

	(void)state;
	assert_int_equal(ask(&good, &conf, &arena, &reply), SINK_OK);
}

static void test_not_trusted(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_conf ca = { .ca = pem("ca.pem", &arena) };
	struct sink_conf foreign = { .ca = pem("client.crt", &arena) };
	struct sink_conf missing = { .ca = pem("nothing", &arena) };
	const struct {
		const struct liar *liar;
		const struct sink_conf *conf;
		const char *message;
	} cases[] = {
		{ &other, &ca, "127.0.0.1" },
		{ &self, &ca, "self" },
		{ &good, &foreign, "certificate" },
		{ &good, &missing, "nothing" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sink_reply reply;
		enum sink_result result = ask(cases[i].liar, cases[i].conf, &arena, &reply);

		if (result != SINK_MISCONFIGURED || reply.status != 0 ||
		    !contains(reply.message, "no TLS with 127.0.0.1:") ||
		    !contains(reply.message, cases[i].message))
			fail_msg("%zu: result %d, %.*s", i, result, STR_ARG(reply.message));
	}
}

static void test_insecure(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_conf conf = { .insecure = true };
	struct sink_reply reply;

	(void)state;
	assert_int_equal(ask(&self, &conf, &arena, &reply), SINK_OK);
	assert_int_equal(ask(&other, &conf, &arena, &reply), SINK_OK);
}

static void test_client_certificate(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_conf conf = { .ca = pem("ca.pem", &arena) };
	struct sink_reply reply;

	(void)state;
	conf.cert = pem("client.crt", &arena);
	conf.key = pem("client.key", &arena);
	assert_int_equal(ask(&strict, &conf, &arena, &reply), SINK_OK);
	conf.cert = pem("client.pem", &arena);
	conf.key = (struct str){ 0 };
	assert_int_equal(ask(&strict, &conf, &arena, &reply), SINK_OK);
	conf.cert = pem("nothing", &arena);
	assert_int_equal(ask(&strict, &conf, &arena, &reply), SINK_MISCONFIGURED);
	conf.cert = (struct str){ 0 };
	assert_int_equal(ask(&strict, &conf, &arena, &reply), SINK_MISCONFIGURED);
	if (!contains(reply.message, "certificate required"))
		fail_msg("%.*s", STR_ARG(reply.message));
}

/* At a terminal OpenSSL would ask for the passphrase, and wait. */
static void test_locked_key(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_conf conf = { .ca = pem("ca.pem", &arena), .cert = pem("locked.pem", &arena) };
	_cleanup_fd_ int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct sink_reply reply;
	pid_t pid, ended = 0;
	int status;

	(void)state;
	assert_true(terminal >= 0);
	assert_int_equal(unlockpt(terminal), 0);
	pid = fork();
	if (pid == 0) {
		/* The first terminal that a session leader opens is the session's. */
		if (setsid() < 0 || open(ptsname(terminal), O_RDWR | O_CLOEXEC) < 0)
			_exit(100);
		_exit((int)ask(&strict, &conf, &arena, &reply));
	}
	/* An alarm() in the child would not do: OpenSSL catches it while it asks. */
	for (int i = 0; i < 6000 && (ended = waitpid(pid, &status, WNOHANG)) == 0; i++)
		(void)usleep(10000);
	if (ended == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		fail_msg("it asks");
	}
	assert_int_equal(ended, pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), SINK_MISCONFIGURED);
}

/* A request in clear text to a TLS port, and TLS to a port that hangs up on it. */
static void test_mixed_up(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct sink_conf conf = { .insecure = true };
	struct sink_reply reply;

	(void)state;
	assert_int_equal(ask(&good, NULL, &arena, &reply), SINK_UNKNOWN);
	/* What a gateway does that is restarted in the middle of a handshake. */
	assert_int_equal(ask(&plain, &conf, &arena, &reply), SINK_DOWN);
}

static void serve(struct liar *liar, const char *certificate, bool demand)
{
	_cleanup_arena_ struct arena arena = { 0 };
	const char *const args[] = { "--cert", pem(certificate, &arena).p,
				     demand ? "--client-ca" : NULL, pem("ca.pem", &arena).p, NULL };

	liar_start(liar, args);
}

static int start(void **state)
{
	char program[4096];
	const char *const argv[] = { program, certs, NULL };

	(void)state;
	scratch_make(certs, sizeof(certs));
	(void)snprintf(program, sizeof(program), "%s/tests/lib/make-certs", test_source_dir());
	assert_int_equal(run_program(argv), 0);
	serve(&good, "server.pem", false);
	serve(&other, "other.pem", false);
	serve(&self, "self.pem", false);
	serve(&strict, "server.pem", true);
	liar_start(&plain, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	liar_stop(&good);
	liar_stop(&other);
	liar_stop(&self);
	liar_stop(&strict);
	liar_stop(&plain);
	scratch_remove(certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trusted),    cmocka_unit_test(test_not_trusted),
		cmocka_unit_test(test_insecure),   cmocka_unit_test(test_client_certificate),
		cmocka_unit_test(test_locked_key), cmocka_unit_test(test_mixed_up),
	};

	return cmocka_run_group_tests_name("http-tls", tests, start, stop);
}
