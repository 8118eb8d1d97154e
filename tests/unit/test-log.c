/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/log.h"

/* What was written to the log since the last call; one line must be one write. */
struct catcher {
	int fds[2];
	char text[8192];
};

static int setup(void **state)
{
	struct catcher *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	assert_int_equal(pipe2(c->fds, O_CLOEXEC | O_NONBLOCK | O_DIRECT), 0);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct catcher *c = *state;

	(void)close(c->fds[0]);
	(void)close(c->fds[1]);
	free(c);
	return 0;
}

static struct str caught(struct catcher *c)
{
	ssize_t n = read(c->fds[0], c->text, sizeof(c->text));

	return (struct str){ c->text, n > 0 ? (size_t)n : 0 };
}

static void test_levels(void **state)
{
	struct catcher *c = *state;
	struct log log = { .max = LOG_LEVEL_INFO, .fd = c->fds[1] };

	log_error(&log, "no %s: %d", "way", 7);
	assert_text(caught(c), "peekpush: no way: 7\n");
	log_warning(&log, "careful");
	assert_text(caught(c), "peekpush: warning: careful\n");
	log_info(&log, "so");
	assert_text(caught(c), "peekpush: so\n");
	log_debug(&log, "quiet");
	assert_text(caught(c), "");

	log.max = LOG_LEVEL_ERROR;
	log_warning(&log, "careful");
	log_info(&log, "so");
	assert_text(caught(c), "");
	log.max = LOG_LEVEL_DEBUG;
	log_debug(&log, "loud");
	assert_text(caught(c), "peekpush: debug: loud\n");

	log.journal = true;
	log_error(&log, "a");
	assert_text(caught(c), "<3>a\n");
	log_warning(&log, "a");
	assert_text(caught(c), "<4>a\n");
	log_info(&log, "a");
	assert_text(caught(c), "<6>a\n");
	log_debug(&log, "a");
	assert_text(caught(c), "<7>a\n");
}

static void test_hostile(void **state)
{
	struct catcher *c = *state;
	struct log log = { .max = LOG_LEVEL_INFO, .fd = c->fds[1] };

	log_error(&log, "%s", "a\nb\x1b[31m\r\t\x7f");
	assert_text(caught(c), "peekpush: a?b?[31m???\n");
	log_error(&log, "%s", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	assert_text(caught(c), "peekpush: caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n");
	/* U+009B and the bare byte are both CSI to some terminals. */
	log_error(&log, "%s",
		  "x\xc2\x9b"
		  "31m\x9b"
		  "31m\xc2\xa0.");
	assert_text(caught(c), "peekpush: x??31m?31m\xc2\xa0.\n");
	log_error(&log, "%s", "cut \xe2\x82");
	assert_text(caught(c), "peekpush: cut ??\n");
}

static void test_long(void **state)
{
	struct catcher *c = *state;
	struct log log = { .max = LOG_LEVEL_INFO, .fd = c->fds[1] };
	char *big = malloc(100001);
	struct str line;

	assert_non_null(big);
	for (size_t n = 2000; n < 2100; n++) {
		memset(big, 'b', n);
		big[n] = '\0';
		log_error(&log, "%s", big);
		line = caught(c);
		assert_true(line.n <= 2048);
		assert_int_equal(line.p[line.n - 1], '\n');
		if (line.n < n + 11)
			assert_true(str_ends(line, STR("b...\n")));
		else
			assert_true(line.n == n + 11 && line.p[line.n - 2] == 'b');
	}
	memset(big, 'b', 100000);
	big[100000] = '\0';
	log_error(&log, "%s", big);
	line = caught(c);
	assert_true(line.n > 2000 && line.n <= 2048);
	assert_true(str_ends(line, STR("b...\n")));
	assert_text(caught(c), "");
	free(big);
}

/* $JOURNAL_STREAM counts only when stderr is that stream; a child may have inherited it. */
static void test_journal(void **state)
{
	struct log log;
	struct stat st;
	char stream[64];

	(void)state;
	(void)unsetenv("JOURNAL_STREAM");
	log_init(&log);
	assert_false(log.journal);
	assert_int_equal(log.fd, 2);
	assert_int_equal(log.max, LOG_LEVEL_INFO);

	assert_int_equal(fstat(2, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	log_init(&log);
	assert_true(log.journal);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino + 1);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	log_init(&log);
	assert_false(log.journal);
	for (const char *const *bad = (const char *const[]){ "", ":", "1", "x:y", "1:", NULL };
	     *bad; bad++) {
		(void)setenv("JOURNAL_STREAM", *bad, 1);
		log_init(&log);
		assert_false(log.journal);
	}
	(void)unsetenv("JOURNAL_STREAM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
		cmocka_unit_test(test_journal),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
