/* SPDX-License-Identifier: Apache-2.0 */
/* Exposition text as programs write it, through the gate, and out again. */
#include "unit.h"

#include "encode/encoder.h"
#include "metric/feed.h"

static struct str grouping[] = { { "job", 3 }, { "instance", 8 } };

struct world {
	struct arena arena;
	struct metrics metrics;
	struct feed_report report;
	struct buf out;
};

static struct str feed(struct world *w, const char *text)
{
	*w = (struct world){ 0 };
	metrics_init(&w->metrics, (struct metrics_limits){ .series_per_family = 100 });
	metrics_set_grouping(&w->metrics, 2, grouping);
	feed_text(&w->metrics, str_of(text), STR("file.prom"), &w->arena, &w->report);
	encoder_text.encode(&w->metrics, &w->out);
	return buf_view(&w->out);
}

static void end(struct world *w)
{
	buf_release(&w->out);
	metrics_release(&w->metrics);
	arena_release(&w->arena);
}

/* What goes in, comes out like `want`, without a complaint. */
static void sound(const char *text, const char *want)
{
	struct world w;

	assert_text(feed(&w, text), want);
	assert_int_equal(w.report.bad + w.report.dropped + w.report.n, 0);
	end(&w);
}

/* One complaint, which is `message`; the rest comes out like `want`. */
static void flawed(const char *text, const char *message, const char *want)
{
	struct world w;

	assert_text(feed(&w, text), want);
	assert_int_equal(w.report.n, 1);
	assert_text(w.report.messages[0], message);
	end(&w);
}

static void test_plain(void **state)
{
	(void)state;
	sound("", "");
	sound("\n# a comment\n#\n", "");
	sound("a 1\n", "# TYPE a untyped\na 1\n");
	sound("a 1", "# TYPE a untyped\na 1\n");
	sound("\xef\xbb\xbf"
	      "a 1\r\n\r\n",
	      "# TYPE a untyped\na 1\n");
	sound("  a \t 1 \t\n", "# TYPE a untyped\na 1\n");
	sound("a{} +Inf\nb NaN\nc -1e-3\n",
	      "# TYPE a untyped\na +Inf\n# TYPE b untyped\nb NaN\n# TYPE c untyped\nc -0.001\n");
	sound("# HELP a A \\\\ and \\n.\n# TYPE a gauge\na{x=\"q\\\"b\\\\n\\n\",} 2\n",
	      "# HELP a A \\\\ and \\n.\n# TYPE a gauge\na{x=\"q\\\"b\\\\n\\n\"} 2\n");
	sound("a { b = \"c\" , d=\"\" } 3\n", "# TYPE a untyped\na{b=\"c\",d=\"\"} 3\n");
}

/* Two texts into one set, as of two files; `want` is all that comes out. */
static void both(const char *first, const char *second, size_t messages, const char *want)
{
	struct feed_report report;
	struct world w;

	feed(&w, first);
	feed_text(&w.metrics, str_of(second), STR("second.prom"), &w.arena, &report);
	buf_reset(&w.out);
	encoder_text.encode(&w.metrics, &w.out);
	assert_text(buf_view(&w.out), want);
	assert_int_equal(report.n, messages);
	end(&w);
}

/* Who writes no TYPE does not contradict who does. */
static void test_two_files(void **state)
{
	(void)state;
	both("# TYPE a gauge\na{x=\"1\"} 1\n", "a{x=\"2\"} 2\n", 0,
	     "# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 2\n");
	both("a{x=\"1\"} 1\n", "# TYPE a gauge\na{x=\"2\"} 2\n", 0,
	     "# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 2\n");
	both("# TYPE a gauge\na{x=\"1\"} 1\n", "# TYPE a counter\na{x=\"2\"} 2\n", 1,
	     "# TYPE a gauge\na{x=\"1\"} 1\n");
	both("a 1\n", "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\n", 1,
	     "# TYPE a untyped\na 1\n");
	both("# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\n", "a 1\na_count 1\n", 2,
	     "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n");
}

/* Late and repeated headers, scattered families: the gateway takes none of these. */
static void test_headers(void **state)
{
	(void)state;
	sound("a{x=\"1\"} 1\nb 5\n# TYPE a counter\n# HELP a H.\na{x=\"2\"} 2\n# TYPE a counter\n",
	      "# HELP a H.\n# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 2\n# TYPE b untyped\nb 5\n");
	flawed("# TYPE a counter\na 1\n# TYPE a gauge\n",
	       "file.prom:3: a: has another TYPE further up, which counts",
	       "# TYPE a counter\na 1\n");
	sound("# TYPE a Counter\na 1\n", "# TYPE a counter\na 1\n");
	flawed("# TYPE a tree\na 1\n", "file.prom:1: an unknown TYPE", "# TYPE a untyped\na 1\n");
}

static void test_timestamps(void **state)
{
	struct world w;

	(void)state;
	assert_text(feed(&w, "a 1 1700000000000\nb 2 1700000000.5\nc 3 # {t=\"x\"} 1 2\n"),
		    "# TYPE a untyped\na 1\n# TYPE b untyped\nb 2\n# TYPE c untyped\nc 3\n");
	assert_int_equal(w.report.timestamps, 2);
	assert_int_equal(w.report.exemplars, 1);
	assert_int_equal(w.report.n, 0);
	end(&w);
}

static void test_openmetrics(void **state)
{
	(void)state;
	sound("# TYPE a counter\n# HELP a H.\n# UNIT a seconds\na_total 1\na_created 17.5\n"
	      "# TYPE b info\nb_info{v=\"1\"} 1\n# TYPE c unknown\nc 1\n# EOF\nnot read\n",
	      "# HELP a_total H.\n# TYPE a_total counter\na_total 1\n"
	      "# HELP a_created H.\n# TYPE a_created gauge\na_created 17.5\n"
	      "# TYPE b_info gauge\nb_info{v=\"1\"} 1\n# TYPE c untyped\nc 1\n");
	/* The other suffixes lend nothing, and a type of one's own is worth more. */
	sound("# TYPE a gauge\na 1\na_total 2\na_created 3\n# TYPE b counter\nb_total 1\n"
	      "# TYPE b_created counter\nb_created 4\n",
	      "# TYPE a gauge\na 1\n# TYPE a_total untyped\na_total 2\n"
	      "# TYPE a_created untyped\na_created 3\n# TYPE b_total counter\nb_total 1\n"
	      "# TYPE b_created counter\nb_created 4\n");
	sound("# HELP a Say \\\"a\\\", or \\a.\n# TYPE a stateset\na{a=\"on\"} 1\n"
	      "# TYPE g gaugehistogram\ng_bucket{le=\"+Inf\"} 4.5\ng_gcount 4.5\ng_gsum 1\n# EOF\n",
	      "# HELP a Say \"a\", or \\\\a.\n# TYPE a gauge\na{a=\"on\"} 1\n"
	      "# TYPE g_bucket untyped\ng_bucket{le=\"+Inf\"} 4.5\n"
	      "# TYPE g_gcount untyped\ng_gcount 4.5\n# TYPE g_gsum untyped\ng_gsum 1\n");
	sound("# TYPE h histogram\nh_bucket{le=\"1.0\"} 1 # {id=\"7\"} 0.5 1.0\n"
	      "h_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum 3\nh_created 1.5\n# EOF",
	      "# TYPE h_created gauge\nh_created 1.5\n"
	      "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\n"
	      "h_count 2\n");
}

static void test_histograms(void **state)
{
	static const char sound_one[] =
		"# HELP h H.\n# TYPE h histogram\n"
		"h_bucket{x=\"1\",le=\"0.5\"} 1\nh_bucket{x=\"1\",le=\"+Inf\"} 3\n"
		"h_sum{x=\"1\"} 2.5\nh_count{x=\"1\"} 3\n";

	(void)state;
	sound(sound_one, sound_one);
	/* In any order, of two label sets. */
	sound("h_count{x=\"1\"} 3\nh_bucket{le=\"+Inf\",x=\"1\"} 3\nh_sum{x=\"2\"} 0\n"
	      "h_bucket{x=\"2\",le=\"+Inf\"} 0\nh_sum{x=\"1\"} 2.5\nh_bucket{x=\"1\",le=\".5\"} 1\n"
	      "# TYPE h histogram\n",
	      "# TYPE h histogram\nh_bucket{x=\"1\",le=\"0.5\"} 1\nh_bucket{x=\"1\",le=\"+Inf\"} "
	      "3\n"
	      "h_sum{x=\"1\"} 2.5\nh_count{x=\"1\"} 3\nh_bucket{x=\"2\",le=\"+Inf\"} 0\n"
	      "h_sum{x=\"2\"} 0\nh_count{x=\"2\"} 0\n");
	sound("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 2\nh_count 3\n",
	      "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum 2\n"
	      "h_count 3\n");
	flawed("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\na 1\n",
	       "file.prom:2: h: this histogram has no +Inf bucket", "# TYPE a untyped\na 1\n");
	flawed("# TYPE h histogram\nh_bucket{le=\"1\"} 4\nh_sum 1\nh_count 3\n",
	       "file.prom:2: h: this histogram is not cumulative", "");
	flawed("# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\n",
	       "file.prom:2: h: this histogram is not cumulative", "");
	flawed("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n",
	       "file.prom:2: h: this histogram's _count differs from its +Inf bucket", "");
	flawed("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1.5\nh_sum 1\n",
	       "file.prom:2: h: this histogram has a bucket that is no count", "");
	flawed("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_bucket{le=\"Inf\"} 1\nh_sum 1\n",
	       "file.prom:2: h: this histogram has a bucket twice", "");
	flawed("# TYPE h histogram\nh_bucket{le=\"x\"} 1\n",
	       "file.prom:2: h_bucket: a bucket needs one le that is a number", "");
	flawed("# TYPE h histogram\nh_bucket{le=\"NaN\"} 1\n",
	       "file.prom:2: h_bucket: a bucket needs one le that is a number", "");
	flawed("# TYPE h histogram\nh_bucket{le=\"1\",le=\"2\"} 1\n",
	       "file.prom:2: h_bucket: a bucket needs one le that is a number", "");
	flawed("# TYPE h histogram\nh 1\n",
	       "file.prom:2: h: a histogram has no sample of its bare name", "");
	/* Python's client has no sum below negative bounds, and no count of what declines. */
	sound("# TYPE h histogram\nh_bucket{le=\"-1\"} 1\nh_bucket{le=\"+Inf\"} 3\n",
	      "# TYPE h histogram\nh_bucket{le=\"-1\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum NaN\n"
	      "h_count 3\n");
	/* Without a type the parts are samples like others. */
	sound("h_bucket{le=\"1\"} 1\n", "# TYPE h_bucket untyped\nh_bucket{le=\"1\"} 1\n");
}

static void test_summaries(void **state)
{
	static const char sound_one[] = "# TYPE s summary\ns{x=\"1\",quantile=\"0.5\"} 1.5\n"
					"s{x=\"1\",quantile=\"0.9\"} NaN\ns_sum{x=\"1\"} 7\n"
					"s_count{x=\"1\"} 3\n";

	(void)state;
	sound(sound_one, sound_one);
	sound("# TYPE s summary\ns_count 0\ns_sum 0\n", "# TYPE s summary\ns_sum 0\ns_count 0\n");
	flawed("# TYPE s summary\ns{quantile=\"2\"} 1\ns_sum 1\ns_count 1\n",
	       "file.prom:2: s: this summary has a quantile outside of 0 to 1", "");
	flawed("# TYPE s summary\ns{quantile=\"1\"} 1\ns_sum 1\n",
	       "file.prom:2: s: this summary has no _count", "");
	/* Dropwizard's exporter has no sum. */
	sound("# TYPE s summary\ns{quantile=\"1\"} 1\ns_count 1\n",
	      "# TYPE s summary\ns{quantile=\"1\"} 1\ns_sum NaN\ns_count 1\n");
	flawed("# TYPE s summary\ns 1\n",
	       "file.prom:2: s: this sample of a summary needs one quantile that is a number", "");
}

/* What the gate keeps out is named with its line, and costs nothing else. */
static void test_gate(void **state)
{
	(void)state;
	flawed("a 1\nb 2\na 3\n", "file.prom:3: a: the same series a second time",
	       "# TYPE a untyped\na 1\n# TYPE b untyped\nb 2\n");
	flawed("push_time_seconds 1\na 1\n",
	       "file.prom:1: push_time_seconds: a name that the Pushgateway keeps for itself",
	       "# TYPE a untyped\na 1\n");
	flawed("9a 1\na 1\n", "file.prom:1: 9a: an illegal metric or label name, or a label twice",
	       "# TYPE a untyped\na 1\n");
	flawed("a{b=\"1\",b=\"2\"} 1\n",
	       "file.prom:1: a: an illegal metric or label name, or a label twice", "");
	flawed("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\n# TYPE h_sum gauge\n",
	       "file.prom:2: h: it, or its _sum, _count or _bucket, has another type already",
	       "# TYPE h_sum gauge\nh_sum 1\n");
	/* The group's own labels are kept under another name, as Prometheus does it. */
	sound("a{job=\"x\"} 1\n", "# TYPE a untyped\na{exported_job=\"x\"} 1\n");
	sound("a{x=\"\xff\"} 1\n", "# TYPE a untyped\na{x=\"\xef\xbf\xbd\"} 1\n");
}

static void test_bad_lines(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
		{ "a", "there is no value" },
		{ "a b", "the value is no number" },
		{ "a 0x1", "the value is no number" },
		{ "a 1 x", "what stands behind the value is no timestamp" },
		{ "a 1 2 3", "there is too much behind the value" },
		{ "a{b} 1", "there is no = behind a label name" },
		{ "a{b=c} 1", "a label value is not in quotes" },
		{ "a{b=\"c} 1", "a label value is not in quotes" },
		{ "a{b=\"c\\\"} 1", "a label value is not in quotes" },
		{ "a{b=\"c\\", "a label value is not in quotes" },
		{ "a{b=\"c\" d=\"e\"} 1", "there is neither , nor } behind a label value" },
		{ "a{,} 1", "a label name is missing" },
		{ "a{b=\"c\",", "a label name is missing" },
		{ "\x01 1", "there is no metric name" },
		{ "{} 1", "there is no metric name" },
		{ "a\xc3\xa4 1", "a character that no metric name has" },
		{ "a-b 1", "a character that no metric name has" },
		{ "# TYPE", "TYPE without a metric name" },
		{ "# TYPE a", "TYPE without a type" },
		{ "# TYPE a gauge x", "there is too much behind the TYPE" },
		{ "# HELP", "HELP without a metric name" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct arena arena = { 0 };
		struct str text = arena_printf(&arena, "x 1\n%s\ny 2\n", rows[i].line);
		struct str want = arena_printf(&arena, "file.prom:2: %s", rows[i].why);

		flawed(text.p, want.p, "# TYPE x untyped\nx 1\n# TYPE y untyped\ny 2\n");
		arena_release(&arena);
	}
}

/* A page of complaints is no use: the first few, and how many in all. */
static void test_many_bad(void **state)
{
	struct buf text = { 0 };
	struct world w;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_cstr(&text, "?\n");
	buf_cstr(&text, "good 1\n");
	buf_char(&text, '\0');
	assert_text(feed(&w, text.p), "# TYPE good untyped\ngood 1\n");
	assert_int_equal(w.report.n, FEED_MESSAGES_MAX);
	assert_int_equal(w.report.bad, 1000);
	end(&w);
	buf_release(&text);
}

/* What exceeds the limits is counted as the gate counts, whichever way it comes. */
static void test_limits(void **state)
{
	struct world w = { 0 };

	(void)state;
	metrics_init(&w.metrics, (struct metrics_limits){ .series = 2 });
	feed_text(&w.metrics,
		  STR("a 1\nb 1\nc 1\nd 1\na{x=\"1\"} 1\n# TYPE h histogram\n"
		      "h_bucket{le=\"+Inf\"} 1\nh_sum 1\n# TYPE s summary\ns_sum 1\ns_count 1\n"),
		  STR("f"), &w.arena, &w.report);
	encoder_text.encode(&w.metrics, &w.out);
	assert_text(buf_view(&w.out), "# TYPE a untyped\na 1\n# TYPE b untyped\nb 1\n");
	assert_int_equal(w.report.dropped, 5);
	assert_int_equal(w.metrics.dropped[DROP_LIMIT], 5);
	assert_text(w.metrics.dropped_example[DROP_LIMIT], "c{}");
	/* A flood is told once. */
	assert_int_equal(w.report.n, 1);
	assert_text(w.report.messages[0], "f:3: c: more series than the limits allow");
	end(&w);

	/* A family that is full leaves room for others. */
	w = (struct world){ 0 };
	metrics_init(&w.metrics, (struct metrics_limits){ .series_per_family = 1 });
	feed_text(&w.metrics, STR("a 1\na{x=\"1\"} 1\nb 1\n"), STR("f"), &w.arena, &w.report);
	encoder_text.encode(&w.metrics, &w.out);
	assert_text(buf_view(&w.out), "# TYPE a untyped\na 1\n# TYPE b untyped\nb 1\n");
	assert_int_equal(w.report.dropped, 1);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),      cmocka_unit_test(test_headers),
		cmocka_unit_test(test_timestamps), cmocka_unit_test(test_openmetrics),
		cmocka_unit_test(test_histograms), cmocka_unit_test(test_summaries),
		cmocka_unit_test(test_gate),       cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_many_bad),   cmocka_unit_test(test_two_files),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
