/* SPDX-License-Identifier: Apache-2.0 */
/* Filters and limits of sources, and that those series are kept which were there before. */
#include <errno.h>

#include "unit.h"

#include "base/buf.h"
#include "base/conf.h"
#include "encode/encoder.h"
#include "metric/feed.h"
#include "metric/places.h"
#include "metric/source.h"

struct conf_struct {
	struct metrics_filter filter;
};

static const struct opt opts[] = {
	METRICS_FILTER_OPTS(struct conf_struct, filter),
	{ 0 },
};

static const struct opt_section section = {
	.path = "f",
	.opts = opts,
	.size = sizeof(struct conf_struct),
};

struct world {
	struct metrics metrics;
	struct places_book book;
	struct conf *conf;
	struct metrics_filter filter;
	struct metrics_source source, other;
	struct arena arena;
	struct buf out;
	bool filtered;
};

static int setup(void **state)
{
	static const struct opt_section *const sections[] = { &section, NULL };
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->conf = conf_new(sections);
	w->source.name = STR("flood");
	w->other.name = STR("other");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	metrics_filter_close(&w->filter);
	metrics_release(&w->metrics);
	places_release(&w->book);
	conf_free(w->conf);
	arena_release(&w->arena);
	buf_release(&w->out);
	free(w);
	return 0;
}

static void set(struct world *w, const char *key, const char *value)
{
	const struct conf_struct *conf;

	assert_int_equal(
		conf_set(w->conf, arena_printf(&w->arena, "f.%s", key), str_of(value), "test"), 0);
	conf = conf_get(w->conf, &section);
	metrics_filter_close(&w->filter);
	w->filtered = metrics_filter_open(&conf->filter, &w->arena, &w->filter);
	w->source.filter = w->filtered ? &w->filter : NULL;
}

static void feed(struct world *w, struct metrics_source *source, const char *text)
{
	struct feed_report report;

	metrics_enter(&w->metrics, source);
	feed_text(&w->metrics, str_of(text), STR("file"), &w->arena, &report);
	metrics_leave(&w->metrics);
}

/* Samples without their comments. */
static struct str exposition(struct world *w)
{
	struct str text, line, all = { 0 };

	buf_reset(&w->out);
	encoder_text.encode(&w->metrics, &w->out);
	text = buf_view(&w->out);
	while (str_line(&text, &line))
		if (!str_starts(line, STR("#")))
			all = ARENA_CONCAT(&w->arena, all, line, STR("\n"));
	return all;
}

/* A cycle of the source alone. */
static struct str cycle(struct world *w, const char *text)
{
	metrics_reset(&w->metrics);
	feed(w, &w->source, text);
	return exposition(w);
}

static const char mixed[] = "# TYPE h histogram\n"
			    "h_bucket{pod=\"a\",le=\"1\"} 1\nh_bucket{pod=\"a\",le=\"+Inf\"} 2\n"
			    "h_sum{pod=\"a\"} 3\nh_count{pod=\"a\"} 2\n"
			    "h_bucket{pod=\"b\",le=\"1\"} 5\nh_bucket{pod=\"b\",le=\"+Inf\"} 6\n"
			    "h_sum{pod=\"b\"} 7\nh_count{pod=\"b\"} 6\n"
			    "# TYPE g gauge\ng{pod=\"a\",x=\"1\"} 1\ng{pod=\"b\",x=\"1\"} 2\ng 3\n"
			    "# TYPE g_other gauge\ng_other 4\n";

static void test_nothing(void **state)
{
	struct world *w = *state;

	set(w, "metrics_include", "");
	assert_false(w->filtered);
	(void)cycle(w, mixed);
	assert_int_equal(w->metrics.series, 6);
	assert_null(w->metrics.reduced);
	assert_null(w->metrics.offenders);
}

static void test_families(void **state)
{
	struct world *w = *state;

	set(w, "metrics_exclude", "g|h");
	assert_text(cycle(w, mixed), "g_other 4\n");
	set(w, "metrics_include", "g");
	assert_text(cycle(w, mixed), "g{pod=\"a\",x=\"1\"} 1\ng{pod=\"b\",x=\"1\"} 2\ng 3\n");
	/* Wanted so: nothing was dropped. */
	for (int i = 0; i < DROP_REASONS; i++)
		assert_int_equal(w->metrics.dropped[i], 0);
	/* What one source does not want is another's as if nobody else had it: of any type. */
	set(w, "metrics_include", "nothing");
	assert_text(cycle(w, mixed), "");
	feed(w, &w->other, "# TYPE g counter\ng 5\n# TYPE h gauge\nh 6\nh_sum 7\n");
	assert_text(exposition(w), "g 5\nh 6\nh_sum 7\n");
	feed(w, &w->source, mixed);
	assert_text(exposition(w), "g 5\nh 6\nh_sum 7\n");
	assert_int_equal(w->metrics.dropped[DROP_TYPE], 0);
}

/* Each name is asked once in a cycle, however often it comes. */
static void test_families_many(void **state)
{
	struct world *w = *state;
	struct family *barred, *wanted;

	set(w, "metrics_exclude", "family_1.*");
	metrics_enter(&w->metrics, &w->source);
	for (unsigned i = 0; i < 2000; i++) {
		struct str name = arena_printf(&w->arena, "family_%u", i);

		family_add(metrics_family_named(&w->metrics, name, STR(""), METRIC_GAUGE),
			   metrics_no_labels(&w->metrics), i);
	}
	barred = metrics_family_named(&w->metrics, STR("family_1"), STR(""), METRIC_GAUGE);
	assert_ptr_equal(metrics_family_named(&w->metrics, STR("family_1"), STR(""), METRIC_GAUGE),
			 barred);
	wanted = metrics_family_named(&w->metrics, STR("family_2"), STR(""), METRIC_GAUGE);
	assert_ptr_equal(metrics_find(&w->metrics, STR("family_2")), wanted);
	assert_null(metrics_find(&w->metrics, STR("family_1")));
	metrics_leave(&w->metrics);
	assert_int_equal(w->metrics.series, 2000 - 1111);
}

static void test_labels_drop(void **state)
{
	struct world *w = *state;

	set(w, "labels_drop", "pod");
	/* Histograms are not mixed: the first is kept whole. */
	assert_text(cycle(w, mixed), "g{x=\"1\"} 1\ng 3\ng_other 4\nh_bucket{le=\"1\"} 1\n"
				     "h_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n");
	assert_int_equal(w->source.dropped[DROP_EQUAL], 2);
	assert_int_equal(w->metrics.dropped[DROP_EQUAL], 2);
	assert_int_equal(w->metrics.dropped[DROP_DUPLICATE], 0);
	/* It is named as it came. */
	assert_text(w->source.example[DROP_EQUAL], "g{pod=\"b\",x=\"1\"}");
	assert_ptr_equal(w->metrics.offenders, &w->source);
	/* Two of them, and one that is there without. */
	set(w, "labels_drop", "pod,x");
	(void)cycle(w, mixed);
	assert_int_equal(w->source.dropped[DROP_EQUAL], 3);
	assert_int_equal(w->metrics.dropped[DROP_DUPLICATE], 0);
	/* Another source keeps its labels. */
	feed(w, &w->other, "g{pod=\"a\",x=\"1\"} 8\n");
	assert_int_equal(metrics_find(&w->metrics, STR("g"))->series, 2);
}

/* A flood that comes down to little is no flood. */
static void test_labels_drop_limit(void **state)
{
	struct world *w = *state;

	set(w, "labels_drop", "id");
	set(w, "series", "1");
	assert_text(cycle(w, "a{id=\"1\"} 1\na{id=\"2\"} 2\na{id=\"3\"} 3\n"), "a 1\n");
	assert_int_equal(w->source.dropped[DROP_EQUAL], 2);
	assert_int_equal(w->source.dropped[DROP_LIMIT], 0);
}

static void test_label_values(void **state)
{
	struct world *w = *state;

	set(w, "labels_exclude.pod", "[b-z]");
	assert_text(cycle(w, mixed), "g{pod=\"a\",x=\"1\"} 1\ng 3\ng_other 4\n"
				     "h_bucket{pod=\"a\",le=\"1\"} 1\n"
				     "h_bucket{pod=\"a\",le=\"+Inf\"} 2\n"
				     "h_sum{pod=\"a\"} 3\nh_count{pod=\"a\"} 2\n");
	/* What does not have the label is not touched. */
	set(w, "labels_include.x", "2");
	set(w, "labels_exclude.pod", "a");
	assert_text(cycle(w, mixed), "g 3\ng_other 4\nh_bucket{pod=\"b\",le=\"1\"} 5\n"
				     "h_bucket{pod=\"b\",le=\"+Inf\"} 6\n"
				     "h_sum{pod=\"b\"} 7\nh_count{pod=\"b\"} 6\n");
	for (int i = 0; i < DROP_REASONS; i++)
		assert_int_equal(w->metrics.dropped[i], 0);
	assert_int_equal(conf_set(w->conf, STR("f.labels_exclude.pod"), STR("("), "test"), -EINVAL);
}

/* The gate renames what the grouping key owns; filters mean the name as it came. */
static void test_grouping(void **state)
{
	struct world *w = *state;
	static struct str names[] = { { "instance", 8 } };

	metrics_set_grouping(&w->metrics, 1, names);
	set(w, "labels_drop", "y");
	assert_text(cycle(w, "a{instance=\"x\",y=\"1\"} 1\n"), "a{exported_instance=\"x\"} 1\n");
	set(w, "labels_drop", "instance");
	assert_text(cycle(w, "a{instance=\"x\",z=\"1\"} 1\n"), "a{z=\"1\"} 1\n");
	set(w, "labels_exclude.instance", "x");
	assert_text(cycle(w, "a{instance=\"x\",y=\"1\"} 1\n"), "");
}

/* What a Pushgateway gives back of what was pushed from here, also by way of another host. */
static void test_echo(void **state)
{
	struct world *w = *state;
	static struct str names[] = { { "job", 3 }, { "instance", 8 } };
	static struct str values[] = { { "j", 1 }, { "i", 1 } };

	metrics_set_grouping(&w->metrics, 2, names);
	assert_text(cycle(w, "a{job=\"j\",instance=\"i\"} 1\n"),
		    "a{exported_instance=\"i\",exported_job=\"j\"} 1\n");
	metrics_set_group(&w->metrics, values);
	assert_text(cycle(w, "a{instance=\"i\",job=\"j\"} 1\na{job=\"j\"} 2\n"
			     "a{job=\"j\",instance=\"k\"} 3\n"
			     "a{job=\"x\",instance=\"i\"} 4\n"),
		    "a{exported_job=\"j\"} 2\n"
		    "a{exported_instance=\"k\",exported_job=\"j\"} 3\n"
		    "a{exported_instance=\"i\",exported_job=\"x\"} 4\n");
	assert_text(cycle(w, "a{instance=\"k\",job=\"j\",exported_job=\"j\","
			     "exported_instance=\"i\"} 1\nb 1\n"),
		    "b 1\n");
}

static void test_own_names(void **state)
{
	struct world *w = *state;

	assert_text(cycle(w, "peekpush_running 0\npeekpush_job_info 1\n"
			     "# TYPE peekpush_x histogram\npeekpush_x_bucket{le=\"+Inf\"} 1\n"
			     "peekpush_x_count 1\npeekpush_x_sum 1\n"),
		    "peekpush_job_info 1\n");
	assert_int_equal(w->metrics.dropped[DROP_RESERVED], 2);
	set(w, "metrics_exclude", "peekpush_.*");
	assert_text(cycle(w, "peekpush_running 0\npeekpush_job_info 1\n"), "");
	assert_int_equal(w->metrics.dropped[DROP_RESERVED], 0);
}

static void test_within(void **state)
{
	struct world *w = *state;
	const struct metrics_filter two = { .series = 2 };

	set(w, "metrics_exclude", "b");
	set(w, "series", "3");
	for (int i = 0; i < 2; i++) {
		metrics_reset(&w->metrics);
		metrics_enter(&w->metrics, &w->source);
		for (const char *name = "xyz"; *name; name++) {
			struct feed_report report;
			struct str text = arena_printf(&w->arena,
						       "b 1\na{f=\"%c\"} 1\nc{f=\"%c\"} 1\n"
						       "d{f=\"%c\"} 1\n",
						       *name, *name, *name);

			metrics_enter_part(&w->metrics, (struct str){ name, 1 }, &two);
			feed_text(&w->metrics, text, STR("f"), &w->arena, &report);
			metrics_leave(&w->metrics);
		}
		metrics_leave(&w->metrics);
		assert_text(exposition(w), "a{f=\"x\"} 1\na{f=\"y\"} 1\nc{f=\"x\"} 1\n");
		assert_int_equal(w->source.dropped[DROP_LIMIT], 6);
		assert_int_equal(w->source.over, 5);
		assert_text(w->source.example[DROP_LIMIT], "d{f=\"x\"}");
	}
}

static const char *some(struct world *w, const char *order)
{
	struct str text = { 0 };

	for (; *order; order++)
		text = ARENA_CONCAT(&w->arena, text, STR("s{n=\""), ((struct str){ order, 1 }),
				    STR("\"} 1\n"));
	return arena_cstr(&w->arena, text);
}

/* The labels of what is kept, sorted. */
static const char *kept(struct world *w)
{
	const struct family *f = metrics_find(&w->metrics, STR("s"));
	char *to = arena_zalloc(&w->arena, 64, 1);

	for (const struct block *b = f ? f->first : NULL; b; b = b->next)
		for (uint32_t i = 0; i < b->n; i++)
			to[strlen(to)] = b->samples[i].labels->v[0].value.p[0];
	for (size_t i = 0; to[i]; i++)
		for (size_t k = i; k && to[k - 1] > to[k]; k--) {
			char c = to[k];

			to[k] = to[k - 1];
			to[k - 1] = c;
		}
	return to;
}

static bool flood(struct world *w, const char *order)
{
	(void)cycle(w, some(w, order));
	return places_settle(&w->book, &w->metrics);
}

/* Who has a place keeps it, in whatever order they come, through a file, too. */
static void check_places(struct world *w)
{
	struct str saved;

	w->metrics.places = &w->book;
	assert_true(flood(w, "abcdef"));
	assert_string_equal(kept(w), "abc");
	assert_false(flood(w, "fedcba"));
	assert_string_equal(kept(w), "abc");
	saved = places_save(&w->book, &w->arena);
	places_load(&w->book, saved);
	w->metrics.places_all = NULL;
	assert_false(flood(w, "dcfeab"));
	assert_string_equal(kept(w), "abc");
	/* A place is free for the next cycle, and who gets it keeps it. */
	assert_true(flood(w, "fedca"));
	assert_string_equal(kept(w), "ac");
	assert_true(flood(w, "fedca"));
	assert_string_equal(kept(w), "acf");
	assert_false(flood(w, "abcdef"));
	assert_string_equal(kept(w), "acf");
	/* What is not met is forgotten. */
	assert_true(flood(w, "zy"));
	assert_string_equal(kept(w), "");
	assert_true(flood(w, "zy"));
	assert_string_equal(kept(w), "yz");
	assert_int_equal(w->book.n, 0);
	assert_false(flood(w, "edz"));
	assert_string_equal(kept(w), "dez");
}

static void test_places_source(void **state)
{
	struct world *w = *state;

	set(w, "series", "3");
	check_places(w);
}

static void test_places_all(void **state)
{
	struct world *w = *state;

	w->metrics.limits.series = 3;
	check_places(w);
}

static void test_places_family(void **state)
{
	struct world *w = *state;

	w->metrics.limits.series_per_family = 3;
	check_places(w);
}

/* What limits do not count for takes nobody's place, and keeps out nothing. */
static void test_places_free(void **state)
{
	struct world *w = *state;

	w->metrics.limits.series = 3;
	w->metrics.places = &w->book;
	w->other.free = true;
	for (int i = 0; i < 3; i++) {
		metrics_reset(&w->metrics);
		feed(w, &w->source, some(w, i == 1 ? "edcba" : "abcde"));
		feed(w, &w->other, "x 1\ny 1\nz 1\n");
		assert_string_equal(kept(w), "abc");
		assert_int_equal(w->metrics.series, 6);
		assert_int_equal(w->metrics.limits.series, 3);
		(void)places_settle(&w->book, &w->metrics);
	}
	assert_int_equal(w->book.v[0].n, 3);
}

static void test_places_junk(void **state)
{
	struct world *w = *state;
	static const char junk[] = "places1\n12345678\xff\xff\xff\xff\xff\xff\xff\xff"
				   "1234567812345678\x01";
	struct str saved;

	places_load(&w->book, STR("anything"));
	assert_int_equal(w->book.n, 0);
	for (size_t n = 0; n < sizeof(junk); n++)
		places_load(&w->book, (struct str){ junk, n });
	assert_int_equal(w->book.n, 0);
	set(w, "series", "3");
	w->metrics.places = &w->book;
	(void)flood(w, "abcdef");
	saved = places_save(&w->book, &w->arena);
	for (size_t n = 0; n <= saved.n; n++)
		places_load(&w->book, (struct str){ saved.p, n });
	assert_int_equal(w->book.n, 1);
	assert_int_equal(w->book.v[0].n, 3);
}

/* Which collectors a family comes from. */
static void test_parts(void **state)
{
	struct world *w = *state;
	const struct family_part *part;

	feed(w, &w->source, "a 1\nb 1\n");
	feed(w, &w->other, "a{x=\"1\"} 1\na{x=\"2\"} 1\n");
	part = metrics_find(&w->metrics, STR("a"))->parts;
	assert_ptr_equal(part->source, &w->other);
	assert_int_equal(part->from, 1);
	assert_ptr_equal(part->next->source, &w->source);
	assert_int_equal(part->next->from, 0);
	assert_null(part->next->next);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_families),
		TEST(test_families_many),
		TEST(test_labels_drop),
		TEST(test_labels_drop_limit),
		TEST(test_label_values),
		TEST(test_grouping),
		TEST(test_within),
		TEST(test_echo),
		TEST(test_own_names),
		TEST(test_places_source),
		TEST(test_places_all),
		TEST(test_places_family),
		TEST(test_places_free),
		TEST(test_places_junk),
		TEST(test_parts),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
