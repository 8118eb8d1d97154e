/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "unit.h"

#include "metric/amend.h"

struct world {
	struct arena arena;
	struct buf out;
	struct amend_report report;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct world));
	assert_non_null(*state);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	arena_release(&w->arena);
	buf_release(&w->out);
	free(w);
	return 0;
}

static int amend(struct world *w, const char *text, const struct amend *a)
{
	buf_reset(&w->out);
	return amend_text(str_of(text), a, &w->arena, &w->out, &w->report);
}

static void assert_amend(struct world *w, const char *text, const struct amend *a, const char *want)
{
	assert_int_equal(amend(w, text, a), 0);
	assert_text(buf_view(&w->out), want);
	assert_int_equal(w->report.lost, 0);
}

static void assert_refused(struct world *w, const char *text, const struct amend *a,
			   const char *why)
{
	assert_int_equal(amend(w, text, a), -EINVAL);
	assert_text(w->report.why, why);
	assert_int_equal(w->out.n, 0);
}

static void test_gauge(void **state)
{
	static const struct label two[] = { { { "b", 1 }, { "2", 1 } },
					    { { "a", 1 }, { "1", 1 } } };
	struct world *w = *state;
	struct amend a = { .type = METRIC_GAUGE, .name = STR("x"), .value = -0.25 };

	assert_amend(w, "", &a, "# TYPE x gauge\nx -0.25\n");
	assert_amend(w, "# TYPE x gauge\nx 7", &a, "# TYPE x gauge\nx -0.25\n");
	assert_amend(w, "# TYPE x gauge\nx{a=\"\"} 7\n", &a, "# TYPE x gauge\nx -0.25\n");
	assert_amend(w, "# TYPE x gauge\nx{a=\"1\"} 7\n", &a,
		     "# TYPE x gauge\nx{a=\"1\"} 7\nx -0.25\n");
	a.n = 2;
	a.labels = two;
	/* The same set in another order is the same series. */
	assert_amend(w, "# TYPE x gauge\nx{b=\"2\",a=\"1\"} 7\nx{a=\"1\",b=\"3\"} 8\n", &a,
		     "# TYPE x gauge\nx{a=\"1\",b=\"2\"} -0.25\nx{a=\"1\",b=\"3\"} 8\n");
	a.value = (double)INFINITY;
	a.help = STR("One.\nTwo \\ \"three\".");
	assert_amend(w, "# TYPE x gauge\n", &a,
		     "# HELP x One.\\nTwo \\\\ \"three\".\n# TYPE x gauge\nx{a=\"1\",b=\"2\"} "
		     "+Inf\n");
	a.help = (struct str){ 0 };
	assert_amend(w, "# HELP x Stays.\n", &a,
		     "# HELP x Stays.\n# TYPE x gauge\nx{a=\"1\",b=\"2\"} +Inf\n");
}

static void test_counter(void **state)
{
	static const struct label odd[] = { { { "a", 1 }, { "\"\\\n\xc3\xa9", 5 } } };
	struct world *w = *state;
	struct amend a = { .type = METRIC_COUNTER, .name = STR("x_total"), .value = 2 };

	assert_amend(w, "", &a, "# TYPE x_total counter\nx_total 2\n");
	assert_amend(w, "# TYPE x_total counter\nx_total 40\n", &a,
		     "# TYPE x_total counter\nx_total 42\n");
	assert_amend(w, "# TYPE x_total counter\nx_total 9007199254740990\n", &a,
		     "# TYPE x_total counter\nx_total 9007199254740992\n");
	a.n = 1;
	a.labels = odd;
	assert_amend(w, "# TYPE x_total counter\nx_total{a=\"\\\"\\\\\\n\xc3\xa9\"} 1\n", &a,
		     "# TYPE x_total counter\nx_total{a=\"\\\"\\\\\\n\xc3\xa9\"} 3\n");
}

/* What the change is not about stays, in its order; what is no exposition goes, and is told. */
static void test_others(void **state)
{
	struct world *w = *state;
	const struct amend a = { .type = METRIC_COUNTER, .name = STR("m"), .value = 1 };
	const char *all = "# HELP s A summary.\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 3\n"
			  "s_count 2\nplain 1\n# TYPE m counter\nm 5\n# TYPE h histogram\n"
			  "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n";
	const char *after = "# HELP s A summary.\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum "
			    "3\ns_count 2\nplain 1\n# TYPE m counter\nm 6\n# TYPE h histogram\n"
			    "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n";

	assert_amend(w, all, &a, after);
	assert_int_equal(amend(w, "x 1\nwhat is this\n\n# note\ny 2\n{}\n", &a), 0);
	assert_text(buf_view(&w->out), "x 1\ny 2\n# TYPE m counter\nm 1\n");
	assert_int_equal(w->report.lost, 2);
	assert_true(str_starts(w->report.lost_text, STR("2: ")));

	assert_int_equal(amend(w, "# TYPE h histogram\nh_sum 4\n# TYPE h gauge\n", &a), 0);
	assert_text(buf_view(&w->out), "# TYPE h histogram\nh_sum 4\n# TYPE m counter\nm 1\n");
	assert_int_equal(w->report.lost, 1);
	assert_text(w->report.lost_text, "3: the metric has another type already");

	/* A type behind its lines, or behind what it would make parts of it. */
	assert_int_equal(amend(w, "h 2\nh_bucket 1\n# TYPE h histogram\n", &a), 0);
	assert_text(buf_view(&w->out), "h 2\nh_bucket 1\n# TYPE m counter\nm 1\n");
	assert_int_equal(w->report.lost, 1);
	assert_text(w->report.lost_text, "3: the type comes too late");
	assert_int_equal(amend(w, "# HELP h H.\nh_sum 1\n# TYPE h summary\n", &a), 0);
	assert_text(buf_view(&w->out), "# HELP h H.\nh_sum 1\n# TYPE m counter\nm 1\n");
	assert_int_equal(amend(w, "# HELP h H.\nh_sum 1\n# TYPE h gauge\nh 1\n", &a), 0);
	assert_text(buf_view(&w->out),
		    "# HELP h H.\n# TYPE h gauge\nh 1\nh_sum 1\n# TYPE m counter\nm 1\n");
}

static void test_clashes(void **state)
{
	static const double bounds[] = { 1 };
	struct world *w = *state;
	struct amend a = { .type = METRIC_COUNTER, .name = STR("x"), .value = 1 };

	assert_refused(w, "# TYPE x gauge\nx 1\n", &a,
		       "x is a gauge there, and cannot become a counter");
	assert_refused(w, "x 1\n", &a,
		       "x is a metric without a type there, and cannot become a counter");
	/* A type that nothing has is no claim to the name. */
	assert_amend(w, "# TYPE x gauge\n", &a, "# TYPE x counter\nx 1\n");
	a.type = METRIC_GAUGE;
	assert_refused(w, "# TYPE x counter\nx 1\n", &a,
		       "x is a counter there, and cannot become a gauge");
	a.name = STR("h_sum");
	assert_refused(w, "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n", &a,
		       "h_sum is a part of the histogram h there, and cannot become a gauge");
	assert_amend(w, "# TYPE h gauge\nh 1\n", &a,
		     "# TYPE h gauge\nh 1\n# TYPE h_sum gauge\nh_sum 1\n");
	a = (struct amend){ .type = METRIC_HISTOGRAM,
			    .name = STR("h"),
			    .value = 1,
			    .n_bounds = 1,
			    .bounds = bounds };
	assert_refused(w, "# TYPE h_count gauge\nh_count 1\n", &a,
		       "h_count is a gauge there, which a histogram h would need for itself");
}

#define NEW_BUCKETS(one, ten, inf)                                                               \
	"# TYPE h histogram\nh_bucket{le=\"1\"} " one "\nh_bucket{le=\"10\"} " ten "\nh_bucket{" \
	"le=\"+Inf\"} " inf "\n"

static void test_histogram(void **state)
{
	static const double bounds[] = { 1, 10 }, other[] = { 1, 11 };
	static const struct label label[] = { { { "z", 1 }, { "1", 1 } } };
	struct world *w = *state;
	struct amend a = { .type = METRIC_HISTOGRAM,
			   .name = STR("h"),
			   .value = 10,
			   .n_bounds = 2,
			   .bounds = bounds,
			   .insist = true };

	/* A bound belongs to its bucket. */
	assert_amend(w, "", &a, NEW_BUCKETS("0", "1", "1") "h_sum 10\nh_count 1\n");
	a.value = 0.5;
	assert_amend(w, NEW_BUCKETS("0", "1", "1") "h_sum 10\nh_count 1\n", &a,
		     NEW_BUCKETS("1", "2", "2") "h_sum 10.5\nh_count 2\n");
	a.value = 11;
	assert_amend(w, NEW_BUCKETS("0", "1", "1") "h_sum 10\nh_count 1\n", &a,
		     NEW_BUCKETS("0", "1", "2") "h_sum 21\nh_count 2\n");

	a.bounds = other;
	assert_refused(w, NEW_BUCKETS("0", "1", "1") "h_sum 10\nh_count 1\n", &a,
		       "the histogram h has the buckets 1,10 there, not 1,11");
	a.n_bounds = 1;
	assert_refused(w, NEW_BUCKETS("0", "1", "1") "h_sum 10\nh_count 1\n", &a,
		       "the histogram h has the buckets 1,10 there, not 1");
	/* Also for other labels: one family has one set of buckets. */
	a.n = 1;
	a.labels = label;
	assert_refused(w, NEW_BUCKETS("0", "1", "1") "h_sum 10\nh_count 1\n", &a,
		       "the histogram h has the buckets 1,10 there, not 1");
	a.insist = false;
	assert_amend(w, NEW_BUCKETS("0", "1", "1") "h_sum 10\nh_count 1\n", &a,
		     NEW_BUCKETS("0", "1", "1") "h_sum 10\nh_count 1\nh_bucket{le=\"1\",z=\"1\"} "
						"0\nh_bucket{le=\"10\",z=\"1\"} 0\nh_bucket{le="
						"\"+Inf\",z=\"1\"} 1\nh_sum{z=\"1\"} 11\nh_count{z="
						"\"1\"} 1\n");
}

static void test_damaged_histogram(void **state)
{
	static const double bounds[] = { 1 };
	static const struct label label[] = { { { "z", 1 }, { "1", 1 } } };
	static const char *const texts[] = {
		"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n",
		"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\n",
		"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 1\n",
		"# TYPE h histogram\nh_bucket{le=\"-Inf\"} 1\nh_sum 1\nh_count 1\n",
		"# TYPE h histogram\nh_bucket{le=\"x\"} 1\nh_sum 1\nh_count 1\n",
		"# TYPE h histogram\nh_sum 1\n",
	};
	struct world *w = *state;
	struct amend a = { .type = METRIC_HISTOGRAM,
			   .name = STR("h"),
			   .value = 1,
			   .n_bounds = 1,
			   .bounds = bounds };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		a.n = 0;
		assert_refused(w, texts[i], &a, "the histogram h is damaged there");
		/* Its buckets are no example for another one. */
		a.n = 1;
		a.labels = label;
		assert_int_equal(amend(w, texts[i], &a), 0);
		assert_part(buf_view(&w->out),
			    "h_bucket{le=\"1\",z=\"1\"} 1\nh_bucket{le=\"+Inf\",z=\"1\"} "
			    "1\nh_sum{z=\"1\"} 1\nh_count{z=\"1\"} 1\n");
	}
}

static void test_bounds(void **state)
{
	static const double good[] = { -1, 0, 0.5 }, falling[] = { 1, 0.5 }, twice[] = { 1, 1 },
			    endless[] = { 1, (double)INFINITY }, none[] = { (double)NAN };
	double many[AMEND_BUCKETS_MAX + 1];
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (double)i;
	assert_true(amend_bounds_valid(3, good, &why));
	assert_true(amend_bounds_valid(AMEND_BUCKETS_MAX, many, &why));
	assert_false(amend_bounds_valid(AMEND_BUCKETS_MAX + 1, many, &why));
	assert_string_equal(why, "too many bounds");
	assert_false(amend_bounds_valid(0, NULL, &why));
	assert_string_equal(why, "no bound is given");
	assert_false(amend_bounds_valid(2, falling, &why));
	assert_string_equal(why, "bounds must rise");
	assert_false(amend_bounds_valid(2, twice, &why));
	assert_false(amend_bounds_valid(2, endless, &why));
	assert_part(str_of(why), "finite");
	assert_false(amend_bounds_valid(1, none, &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gauge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clashes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_histogram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_histogram, setup, teardown),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
