/* SPDX-License-Identifier: Apache-2.0 */
/* POST or PUT, the format, and one refused family among good ones; against a scripted sink. */
#include "unit.h"

#include <time.h>

#include "metric/metrics.h"
#include "push/deliver.h"

enum { SENT_MAX = 16 };

struct script {
	enum sink_result results[SENT_MAX];
	const char *bodies[SENT_MAX];
	int statuses[SENT_MAX];
	enum sink_method methods[SENT_MAX];
	bool proto[SENT_MAX], gzipped[SENT_MAX];
	size_t sent;
};

static struct script *script_of(const struct sink *sink)
{
	return sink->conf.user.n ? (struct script *)(uintptr_t)sink->conf.user.p : NULL;
}

static enum sink_result scripted_send(struct sink *sink, const struct sink_request *request,
				      const struct sink_waiter *waiter, struct arena *arena,
				      struct sink_reply *ret)
{
	struct script *s = script_of(sink);
	size_t i = s->sent++;

	(void)waiter;
	(void)arena;
	assert_true(i < SENT_MAX);
	assert_true(request->timeout_ns > 0);
	s->methods[i] = request->method;
	s->proto[i] = request->content_type && strstr(request->content_type, "protobuf");
	s->gzipped[i] = request->gzipped;
	*ret = (struct sink_reply){ .status = s->statuses[i] };
	if (s->bodies[i])
		ret->body = str_of(s->bodies[i]);
	return s->results[i];
}

static const struct sink_type scripted = {
	.name = "scripted",
	.remote = true,
	.send = scripted_send,
};

struct world {
	struct script script;
	struct state state;
	struct target target;
	struct metrics metrics;
	struct arena scratch;
	unsigned saved;
};

static void count_save(void *arg)
{
	((struct world *)arg)->saved++;
}

static void begin(struct world *w, enum target_format format, const char *url)
{
	struct target_conf conf = {
		.sink = { .url = str_of(url) },
		.group = { .job = STR("j"), .instance = STR("i") },
		.format = format,
		.timeout_ns = 1000000000,
	};
	struct str why;

	*w = (struct world){ 0 };
	assert_int_equal(target_open(&w->target, &conf, &w->state, &why), 0);
	w->target.sink.type = &scripted;
	w->target.sink.conf.user = (struct str){ (const char *)&w->script, 1 };
	w->target.save = count_save;
	w->target.save_arg = w;
	metrics_init(&w->metrics, (struct metrics_limits){ 0 });
}

static void end(struct world *w)
{
	w->target.sink.type = NULL;
	target_close(&w->target);
	metrics_release(&w->metrics);
	state_release(&w->state);
	arena_release(&w->scratch);
}

static void deliver(struct world *w, const char *families, struct delivery *d)
{
	struct str rest = str_of(families), name;

	metrics_reset(&w->metrics);
	while (str_cut(&rest, ' ', &name))
		family_add(metrics_family_named(&w->metrics, name, STR("Help."), METRIC_GAUGE),
			   metrics_no_labels(&w->metrics), 1);
	arena_reset(&w->scratch);
	target_deliver(&w->target, &w->metrics, NULL, &w->scratch, d);
}

static void test_put_rule(void **state)
{
	static const struct {
		const char *families;
		enum sink_result result;
		enum sink_method want;
	} steps[] = {
		{ "a b", SINK_OK, SINK_PUT }, /* nothing is known yet */
		{ "a b", SINK_OK, SINK_POST },
		{ "a b c", SINK_OK, SINK_POST }, /* more is no reason */
		{ "a b", SINK_OK, SINK_PUT },    /* c has vanished */
		{ "a b", SINK_OK, SINK_POST },
		{ "a", SINK_DOWN, SINK_PUT }, /* not delivered: still to be replaced */
		{ "a", SINK_OK, SINK_PUT },
		{ "a", SINK_UNKNOWN, SINK_POST },
		{ "a", SINK_OK, SINK_PUT }, /* nobody knows what was stored */
		{ "a", SINK_INTERRUPTED, SINK_POST },
		{ "a", SINK_OK, SINK_PUT },
	};
	struct world w;
	struct delivery d;

	(void)state;
	begin(&w, TARGET_TEXT, "http://gateway");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		w.script.results[i] = steps[i].result;
		deliver(&w, steps[i].families, &d);
		assert_int_equal(w.script.sent, i + 1);
		assert_int_equal(w.script.methods[i], steps[i].want);
		assert_int_equal(d.result, steps[i].result);
	}
	end(&w);
}

/* What is sent for the first time is remembered before it is sent. */
static void test_saved_before_sending(void **state)
{
	struct world w;
	struct delivery d;

	(void)state;
	begin(&w, TARGET_TEXT, "http://gateway");
	deliver(&w, "a", &d);
	assert_int_equal(w.saved, 0);
	deliver(&w, "a b", &d);
	assert_int_equal(w.saved, 1);
	deliver(&w, "a b", &d);
	assert_int_equal(w.saved, 1);
	end(&w);
}

static void test_format_is_asked_once(void **state)
{
	struct world w;
	struct delivery d;

	(void)state;
	begin(&w, TARGET_AUTO, "http://gateway");
	w.script.bodies[0] = "{\"data\":{\"build_information\":{\"version\":\"1.5.1\"}}}";
	deliver(&w, "a", &d);
	deliver(&w, "a", &d);
	assert_int_equal(w.script.sent, 3);
	assert_int_equal(w.script.methods[0], SINK_GET);
	assert_true(w.script.proto[1] && w.script.proto[2]);
	assert_true(w.script.gzipped[1] == false); /* too small to gain anything */
	end(&w);
}

/* 204 to protobuf: something else answers there now, and stored nothing. */
static void test_204_means_text(void **state)
{
	struct world w;
	struct delivery d;

	(void)state;
	begin(&w, TARGET_AUTO, "http://gateway");
	w.script.bodies[0] = "{\"build_information\":1}";
	w.script.results[1] = SINK_OK_UNTYPED;
	w.script.results[2] = SINK_OK_UNTYPED;
	deliver(&w, "a", &d);
	assert_int_equal(w.script.sent, 3);
	assert_true(w.script.proto[1] && !w.script.proto[2]);
	assert_int_equal(d.result, SINK_OK_UNTYPED);
	deliver(&w, "a", &d);
	assert_int_equal(w.script.sent, 4);
	assert_false(w.script.proto[3]);
	end(&w);
}

static void test_probe_failure_is_the_result(void **state)
{
	struct world w;
	struct delivery d;

	(void)state;
	begin(&w, TARGET_AUTO, "http://gateway");
	w.script.results[0] = SINK_UNKNOWN;
	deliver(&w, "a", &d);
	assert_int_equal(w.script.sent, 1);
	assert_int_equal(d.result, SINK_DOWN); /* a question that timed out stored nothing */
	w.script.bodies[1] = "404 page not found";
	w.script.results[1] = SINK_MISCONFIGURED;
	w.script.statuses[1] = 404;
	deliver(&w, "a", &d);
	assert_int_equal(w.script.sent, 3);
	assert_false(w.script.proto[2]);
	end(&w);
}

static void refused(const char *text, const char *families, const char *want)
{
	struct world w;
	struct delivery d;

	begin(&w, TARGET_TEXT, "http://gateway");
	w.script.results[0] = SINK_REFUSED;
	w.script.bodies[0] = text;
	deliver(&w, families, &d);
	assert_text(d.rejected, want);
	assert_int_equal(d.result, *want ? SINK_OK : SINK_REFUSED);
	assert_int_equal(w.script.sent, *want ? 2 : 1);
	if (*want) {
		/* The next cycle leaves them out by itself. */
		deliver(&w, families, &d);
		assert_int_equal(w.script.sent, 3);
		assert_int_equal(d.rejected.n, 0);
		assert_int_equal(w.metrics.dropped[DROP_REJECTED], 1);
	}
	end(&w);
}

/* The words of Pushgateway 1.5.1. */
static void test_refused_families(void **state)
{
	(void)state;
	refused("pushed metrics are invalid or inconsistent with existing metrics: collected "
		"metric "
		"\"a\" { label:<name:\"instance\" value:\"b\" > gauge:<value:1 > } is not a "
		"COUNTER",
		"a b", "a");
	refused("pushed metrics are invalid or inconsistent with existing metrics: collected "
		"metric "
		"named \"h_sum\" collides with previously collected histogram named \"h\"",
		"h_sum x", "h_sum");
	refused("pushed metrics are invalid or inconsistent with existing metrics: gathered metric "
		"family go_goroutines has type COUNTER but should have GAUGE",
		"go_goroutines x", "go_goroutines");
	refused("text format parsing error in line 1: something else", "a b", "");
	refused("collected metric \"of_somebody_else\" is not a COUNTER", "a b", "");
	refused("", "a b", "");
}

/* Thousands of bytes of names are kept whole: a cut name would keep a good family out. */
static void test_many_refused(void **state)
{
	_cleanup_buf_ struct buf names = { 0 }, text = { 0 }, want = { 0 };
	struct delivery d;
	struct world w;

	(void)state;
	begin(&w, TARGET_TEXT, "http://gateway");
	for (int i = 0; i < 300; i++) {
		buf_printf(&names, "refused_family_with_a_long_name_%03d ", i);
		buf_printf(&text,
			   "* collected metric \"refused_family_with_a_long_name_%03d\" {} is\n",
			   i);
	}
	buf_str(&want, (struct str){ names.p, names.n - 1 });
	buf_cstr(&names, "good");
	buf_char(&names, '\0');
	buf_char(&text, '\0');
	w.script.results[0] = SINK_REFUSED;
	w.script.bodies[0] = text.p;
	deliver(&w, names.p, &d);
	assert_int_equal(d.result, SINK_OK);
	assert_int_equal(d.rejected.n, want.n);
	assert_true(str_eq(d.rejected, buf_view(&want)));

	/* And in the next cycle each of them is still known, so that it costs one request. */
	deliver(&w, names.p, &d);
	assert_int_equal(d.result, SINK_OK);
	assert_int_equal(d.rejected.n, 0);
	for (const struct family *f = w.metrics.first; f; f = f->next)
		assert_int_equal(f->series, str_eq(f->name, STR("good")));
	assert_int_equal(w.script.sent, 3);
	end(&w);
}

static void test_refusals_end(void **state)
{
	struct world w;
	struct delivery d;

	(void)state;
	begin(&w, TARGET_TEXT, "http://gateway");
	for (size_t i = 0; i < 8; i++) {
		static const char *const texts[] = {
			"collected metric \"a\" is", "collected metric \"b\" is",
			"collected metric \"c\" is", "collected metric \"d\" is",
			"collected metric \"e\" is", "collected metric \"f\" is",
			"collected metric \"g\" is", "collected metric \"h\" is",
		};

		w.script.results[i] = SINK_REFUSED;
		w.script.bodies[i] = texts[i];
	}
	deliver(&w, "a b c d e f g h i", &d);
	assert_int_equal(d.result, SINK_REFUSED);
	assert_true(w.script.sent < 8);
	end(&w);
}

/* A clock that was set back must not keep a family out for years. */
static void test_rejections_expire(void **state)
{
	struct world w;
	struct delivery d;
	struct str key;

	(void)state;
	begin(&w, TARGET_TEXT, "http://gateway");
	w.script.results[0] = SINK_REFUSED;
	w.script.bodies[0] = "collected metric \"a\" is";
	deliver(&w, "a b", &d);
	key = arena_printf(&w.scratch, "%.*s.rejected_until", STR_ARG(w.target.key));
	state_set_u64(&w.state, key, (uint64_t)time(NULL) + 86400);
	deliver(&w, "a b", &d);
	assert_int_equal(w.metrics.dropped[DROP_REJECTED], 0);
	end(&w);
}

static void test_gzip_rule(void **state)
{
	static const struct {
		const char *url;
		enum target_compression compression;
		bool want;
	} cases[] = {
		{ "http://gateway:9091", TARGET_GZIP_AUTO, true },
		{ "http://127.0.0.1:9091", TARGET_GZIP_AUTO, false },
		{ "http://localhost:9091", TARGET_GZIP_AUTO, false },
		{ "http://[::1]:9091", TARGET_GZIP_AUTO, false },
		{ "http://127.0.0.1:9091", TARGET_GZIP_ALWAYS, true },
		{ "http://gateway:9091", TARGET_GZIP_NEVER, false },
		{ "stdout:", TARGET_GZIP_ALWAYS, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct target_conf conf = {
			.sink = { .url = str_of(cases[i].url) },
			.group = { .job = STR("j") },
			.compression = cases[i].compression,
			.timeout_ns = 1,
		};
		struct state memory = { 0 };
		struct target target;
		struct str why;

		assert_int_equal(target_open(&target, &conf, &memory, &why), 0);
		assert_int_equal(target.gzip, cases[i].want);
		target_close(&target);
	}
}

/* Who waited for the processor all the time that there was has it written all the same. */
static void test_a_file_is_never_late(void **state)
{
	struct target_conf conf = { .group = { .job = STR("j") }, .format = TARGET_TEXT };
	struct world w = { 0 };
	struct delivery d;
	char path[64], url[80];
	int dir = unit_dir(path);
	struct str why;

	(void)state;
	(void)snprintf(url, sizeof(url), "file://%s/out", path);
	conf.sink.url = str_of(url);
	assert_int_equal(target_open(&w.target, &conf, &w.state, &why), 0);
	metrics_init(&w.metrics, (struct metrics_limits){ 0 });
	deliver(&w, "a", &d);
	assert_int_equal(d.result, SINK_OK);
	assert_int_equal(faccessat(dir, "out", F_OK, 0), 0);
	target_close(&w.target);
	metrics_release(&w.metrics);
	state_release(&w.state);
	arena_release(&w.scratch);
	unit_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_rule),
		cmocka_unit_test(test_saved_before_sending),
		cmocka_unit_test(test_format_is_asked_once),
		cmocka_unit_test(test_204_means_text),
		cmocka_unit_test(test_probe_failure_is_the_result),
		cmocka_unit_test(test_refused_families),
		cmocka_unit_test(test_many_refused),
		cmocka_unit_test(test_refusals_end),
		cmocka_unit_test(test_rejections_expire),
		cmocka_unit_test(test_gzip_rule),
		cmocka_unit_test(test_a_file_is_never_late),
	};

	return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
