/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "unit.h"

#include "encode/encoder.h"

#define INF ((double)INFINITY)

struct world {
	struct metrics metrics;
	struct buf out;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	metrics_init(&w->metrics, (struct metrics_limits){ 0 });
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	metrics_release(&w->metrics);
	buf_release(&w->out);
	free(w);
	return 0;
}

static struct str encode(struct world *w)
{
	buf_reset(&w->out);
	encoder_text.encode(&w->metrics, &w->out);
	assert_int_equal(w->out.err, 0);
	return buf_view(&w->out);
}

static void add(struct world *w, const char *name, const char *help, enum metric_type type,
		double value)
{
	struct metrics *m = &w->metrics;

	family_add(metrics_family_named(m, str_of(name), str_of(help), type), metrics_no_labels(m),
		   value);
}

static void test_families(void **state)
{
	struct world *w = *state;
	struct metrics *m = &w->metrics;
	struct family *f;

	assert_text(encode(w), "");
	add(w, "a_total", "Counts.", METRIC_COUNTER, 1);
	f = metrics_family_named(m, STR("b"), STR("Twice."), METRIC_GAUGE);
	family_add(f, METRIC_LABELS(m, { STR("x"), STR("1") }, { STR("e"), STR("") }), 0.5);
	(void)metrics_family_named(m, STR("unused"), STR("No sample, no header."), METRIC_GAUGE);
	add(w, "c", "", METRIC_UNTYPED, 3);
	/* Later, and yet with its family. */
	family_add(f, METRIC_LABELS(m, { STR("x"), STR("a\"\\\nb") }), -1e300);
	assert_text(encode(w), "# HELP a_total Counts.\n"
			       "# TYPE a_total counter\n"
			       "a_total 1\n"
			       "# HELP b Twice.\n"
			       "# TYPE b gauge\n"
			       "b{e=\"\",x=\"1\"} 0.5\n"
			       "b{x=\"a\\\"\\\\\\nb\"} -1e+300\n"
			       "# TYPE c untyped\n"
			       "c 3\n");
	metrics_reject(m, f);
	assert_text(encode(w), "# HELP a_total Counts.\n"
			       "# TYPE a_total counter\n"
			       "a_total 1\n"
			       "# TYPE c untyped\n"
			       "c 3\n");
}

static void test_help(void **state)
{
	struct world *w = *state;

	add(w, "a", "back\\slash, \"quotes\", two\nlines", METRIC_GAUGE, 1);
	add(w, "b", "caf\xc3\xa9 latin \xe9 cut \xe2\x82", METRIC_GAUGE, 1);
	assert_text(encode(w),
		    "# HELP a back\\\\slash, \"quotes\", two\\nlines\n"
		    "# TYPE a gauge\n"
		    "a 1\n"
		    "# HELP b caf\xc3\xa9 latin \xef\xbf\xbd cut \xef\xbf\xbd\xef\xbf\xbd\n"
		    "# TYPE b gauge\n"
		    "b 1\n");
}

static void test_values(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0, "a 0\n" },
		{ INF, "a +Inf\n" },
		{ -INF, "a -Inf\n" },
		{ 1700000000.25, "a 1700000000.25\n" },
		{ 18446744073709551615.0, "a 1.8446744073709552e+19\n" },
		{ 5e-324, "a 5e-324\n" },
		{ -1.7976931348623157e308, "a -1.7976931348623157e+308\n" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		metrics_reset(&w->metrics);
		add(w, "a", "", METRIC_GAUGE, cases[i].value);
		assert_true(str_ends(encode(w), str_of(cases[i].text)));
	}
	metrics_reset(&w->metrics);
	add(w, "a", "", METRIC_GAUGE, -(double)NAN);
	assert_text(encode(w), "# TYPE a gauge\na NaN\n");
}

static void add_histogram(struct world *w, const struct labels *labels, const struct histogram *h)
{
	struct metrics *m = &w->metrics;

	family_add_histogram(metrics_family_named(m, STR("h"), STR(""), METRIC_HISTOGRAM), labels,
			     h);
}

static void test_histograms(void **state)
{
	static const struct histogram_bucket finite[] = { { 0.005, 1 }, { 2.5, 3 } };
	static const struct histogram_bucket closed[] = { { -INF, 0 }, { 1, 2 }, { INF, 4 } };
	static const struct histogram a = { 7.5, 4, 2, finite };
	static const struct histogram b = { -1, UINT64_MAX, 3, closed };
	static const struct histogram none = { (double)NAN, 0, 0, NULL };
	struct world *w = *state;
	struct metrics *m = &w->metrics;

	add_histogram(w, metrics_no_labels(m), &a);
	add_histogram(w, METRIC_LABELS(m, { STR("z"), STR("1") }), &b);
	add_histogram(w, METRIC_LABELS(m, { STR("z"), STR("2") }), &none);
	assert_text(encode(w), "# TYPE h histogram\n"
			       "h_bucket{le=\"0.005\"} 1\n"
			       "h_bucket{le=\"2.5\"} 3\n"
			       "h_bucket{le=\"+Inf\"} 4\n"
			       "h_sum 7.5\n"
			       "h_count 4\n"
			       "h_bucket{z=\"1\",le=\"-Inf\"} 0\n"
			       "h_bucket{z=\"1\",le=\"1\"} 2\n"
			       "h_bucket{z=\"1\",le=\"+Inf\"} 18446744073709551615\n"
			       "h_sum{z=\"1\"} -1\n"
			       "h_count{z=\"1\"} 1.8446744073709552e+19\n"
			       "h_bucket{z=\"2\",le=\"+Inf\"} 0\n"
			       "h_sum{z=\"2\"} NaN\n"
			       "h_count{z=\"2\"} 0\n");
	/* A label le of its own would make two of them. */
	metrics_reset(m);
	add_histogram(w, METRIC_LABELS(m, { STR("le"), STR("1") }), &a);
	assert_text(encode(w), "");
	assert_int_equal(m->dropped[DROP_NAME], 1);
}

static void test_large(void **state)
{
	enum { LONG = 64 * 1024 };
	struct world *w = *state;
	struct metrics *m = &w->metrics;
	char *value = malloc(LONG);
	struct str text;

	assert_non_null(value);
	memset(value, '"', LONG);
	family_add(metrics_family_named(m, STR("a"), STR(""), METRIC_GAUGE),
		   METRIC_LABELS(m, { STR("l"), { value, LONG } }), 1);
	text = encode(w);
	assert_int_equal(text.n, 15 + 2 * LONG + 10);
	assert_true(str_ends(text, STR("\\\"\\\"\"} 1\n")));
	free(value);

	/* Over the maximum: an error, never a part that looks whole. */
	w->out.max = 1000;
	buf_reset(&w->out);
	encoder_text.encode(m, &w->out);
	assert_int_equal(w->out.err, -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_families, setup, teardown),
		cmocka_unit_test_setup_teardown(test_help, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_histograms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
