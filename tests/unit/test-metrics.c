/* SPDX-License-Identifier: Apache-2.0 */
/* The gate: what a gateway would refuse stays out, one sample at a time, and is counted. */
#include <malloc.h>
#include <math.h>

#include "unit.h"

#include "encode/encoder.h"

static const struct metric_desc gauge = { "g", "A gauge.", METRIC_GAUGE };
static const struct metric_desc counter = { "c_total", "A counter.", METRIC_COUNTER };
static const struct metric_desc whole = { "h", "A histogram.", METRIC_HISTOGRAM };

static const struct histogram_bucket buckets[] = { { 1, 1 }, { 5, 3 } };
static const struct histogram histogram = { .sum = 9, .count = 4, .n = 2, .buckets = buckets };

static int setup(void **state)
{
	struct metrics *m = malloc(sizeof(*m));

	assert_non_null(m);
	metrics_init(m, (struct metrics_limits){ 0 });
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct metrics *m = *state;

	metrics_release(m);
	free(m);
	return 0;
}

/* Everything dropped is of this reason, so many times. */
static void assert_dropped(const struct metrics *m, enum drop_reason reason, uint64_t n)
{
	for (int i = 0; i < DROP_REASONS; i++)
		assert_int_equal(m->dropped[i], i == (int)reason ? n : 0);
}

static struct family *family(struct metrics *m, const char *name, enum metric_type type)
{
	return metrics_family_named(m, str_of(name), STR("Help."), type);
}

static const struct labels *label(struct metrics *m, const char *name, const char *value)
{
	return METRIC_LABELS(m, { str_of(name), str_of(value) });
}

static void test_add(void **state)
{
	struct metrics *m = *state;
	struct family *f = metrics_family(m, &gauge);
	const struct labels *a = label(m, "l", "a");

	family_add(f, a, 1);
	family_add(f, label(m, "l", "b"), 2);
	metrics_add(m, &gauge, 3);
	metrics_add(m, &counter, 4);
	assert_ptr_equal(metrics_family(m, &gauge), f);
	assert_ptr_equal(metrics_find(m, STR("g")), f);
	assert_null(metrics_find(m, STR("nothing")));
	assert_ptr_equal(label(m, "l", "a"), a);
	assert_ptr_equal(metrics_no_labels(m), metrics_no_labels(m));
	assert_int_equal(m->series, 4);
	assert_int_equal(f->series, 3);
	assert_dropped(m, DROP_DUPLICATE, 0);
	assert_ptr_equal(m->first, f);
	assert_text(f->next->name, "c_total");
}

static void test_duplicates(void **state)
{
	struct metrics *m = *state;
	struct family *f = metrics_family(m, &gauge);

	family_add(f, label(m, "l", "a"), 1);
	family_add(f, label(m, "l", "a"), 2);
	assert_dropped(m, DROP_DUPLICATE, 1);
	assert_text(m->dropped_example[DROP_DUPLICATE], "g{l=\"a\"}");
	assert_true(f->first->samples[0].value == 1);

	/* The order of labels makes no other set. */
	family_add(f, METRIC_LABELS(m, { STR("x"), STR("1") }, { STR("a"), STR("2") }), 1);
	family_add(f, METRIC_LABELS(m, { STR("a"), STR("2") }, { STR("x"), STR("1") }), 1);
	assert_dropped(m, DROP_DUPLICATE, 2);
	assert_text(m->dropped_example[DROP_DUPLICATE], "g{l=\"a\"}");
	/* Nor do values that are repaired to the same. */
	family_add(f, label(m, "l", "\xff"), 1);
	family_add(f, label(m, "l", "\xfe"), 1);
	family_add(f, label(m, "l", "\xef\xbf\xbd"), 1);
	assert_dropped(m, DROP_DUPLICATE, 4);
	/* What looks alike when written is not the same. */
	family_add(f, METRIC_LABELS(m, { STR("a"), STR("b\",c=\"d") }), 1);
	family_add(f, METRIC_LABELS(m, { STR("a"), STR("b") }, { STR("c"), STR("d") }), 1);
	assert_dropped(m, DROP_DUPLICATE, 4);
	metrics_add(m, &gauge, 1);
	metrics_add(m, &gauge, 1);
	assert_dropped(m, DROP_DUPLICATE, 5);
	assert_int_equal(m->series, 6);
	/* The same labels in another family are another series. */
	family_add(metrics_family(m, &counter), label(m, "l", "a"), 1);
	assert_int_equal(m->series, 7);
}

static void test_types(void **state)
{
	struct metrics *m = *state;
	struct family *other;

	metrics_add(m, &gauge, 1);
	other = family(m, "g", METRIC_COUNTER);
	assert_non_null(other);
	family_add(other, metrics_no_labels(m), 2);
	family_add(family(m, "g", METRIC_UNTYPED), label(m, "a", "b"), 2);
	assert_dropped(m, DROP_TYPE, 2);
	assert_text(m->dropped_example[DROP_TYPE], "g{}");
	assert_int_equal(m->series, 1);
	assert_int_equal(metrics_find(m, STR("g"))->type, METRIC_GAUGE);
	metrics_add(m, &gauge, 1);
	assert_int_equal(m->dropped[DROP_DUPLICATE], 1);
}

/* A value for a histogram, or the reverse, would be read as a pointer later. */
static void test_kinds(void **state)
{
	struct metrics *m = *state;

	family_add(metrics_family(m, &whole), metrics_no_labels(m), 1);
	family_add_histogram(metrics_family(m, &gauge), metrics_no_labels(m), &histogram);
	assert_dropped(m, DROP_TYPE, 2);
	assert_int_equal(m->series, 0);
	family_add_histogram(metrics_family(m, &whole), metrics_no_labels(m), &histogram);
	assert_int_equal(m->series, 1);
	assert_int_equal(m->first->first->samples[0].histogram->count, 4);
}

static void test_parts(void **state)
{
	struct metrics *m = *state;
	static const char *const parts[] = { "h_sum", "h_count", "h_bucket" };

	for (size_t i = 0; i < 3; i++) {
		/* The part first: the histogram has to go. */
		family_add(family(m, parts[i], METRIC_GAUGE), metrics_no_labels(m), 1);
		family_add_histogram(metrics_family(m, &whole), metrics_no_labels(m), &histogram);
		assert_dropped(m, DROP_TYPE, 1);
		assert_int_equal(m->series, 1);
		/* One that is not there disturbs nobody. */
		family_add(family(m, parts[(i + 1) % 3], METRIC_GAUGE), metrics_no_labels(m), 1);
		assert_int_equal(m->series, 2);
		metrics_reset(m);

		/* The histogram first: the part has to go. */
		family_add_histogram(metrics_family(m, &whole), metrics_no_labels(m), &histogram);
		family_add(family(m, parts[i], METRIC_GAUGE), metrics_no_labels(m), 1);
		assert_dropped(m, DROP_TYPE, 1);
		assert_int_equal(m->series, 1);
		metrics_reset(m);

		/* A refused part is no reason to refuse the histogram. */
		family(m, parts[i], METRIC_GAUGE)->refused = DROP_REJECTED;
		family_add_histogram(metrics_family(m, &whole), metrics_no_labels(m), &histogram);
		assert_int_equal(m->series, 1);
		metrics_reset(m);
	}
	/* Beside a gauge these are names like any other. */
	metrics_add(m, &gauge, 1);
	family_add(family(m, "g_sum", METRIC_GAUGE), metrics_no_labels(m), 1);
	family_add(family(m, "g_count", METRIC_COUNTER), metrics_no_labels(m), 1);
	family_add(family(m, "_sum", METRIC_GAUGE), metrics_no_labels(m), 1);
	assert_int_equal(m->series, 4);
	assert_dropped(m, DROP_TYPE, 0);
}

/* A summary has the parts of a histogram but for the buckets, and its own label. */
static void test_summaries(void **state)
{
	static const struct summary summary = { .sum = 9, .count = 4 };
	static const char *const parts[] = { "s_sum", "s_count" };
	struct metrics *m = *state;

	for (size_t i = 0; i < 2; i++) {
		family_add(family(m, parts[i], METRIC_GAUGE), metrics_no_labels(m), 1);
		family_add_summary(family(m, "s", METRIC_SUMMARY), metrics_no_labels(m), &summary);
		assert_dropped(m, DROP_TYPE, 1);
		metrics_reset(m);
		family_add_summary(family(m, "s", METRIC_SUMMARY), metrics_no_labels(m), &summary);
		family_add(family(m, parts[i], METRIC_GAUGE), metrics_no_labels(m), 1);
		assert_dropped(m, DROP_TYPE, 1);
		assert_int_equal(m->series, 1);
		metrics_reset(m);
	}
	family_add_summary(family(m, "s", METRIC_SUMMARY), metrics_no_labels(m), &summary);
	family_add(family(m, "s_bucket", METRIC_GAUGE), metrics_no_labels(m), 1);
	family_add_summary(family(m, "s", METRIC_SUMMARY), label(m, "le", "1"), &summary);
	family_add_histogram(metrics_family(m, &whole), label(m, "quantile", "1"), &histogram);
	assert_int_equal(m->series, 4);
	assert_dropped(m, DROP_NAME, 0);
	family_add_summary(family(m, "s", METRIC_SUMMARY), label(m, "quantile", "1"), &summary);
	family_add_histogram(metrics_family(m, &whole), label(m, "le", "1"), &histogram);
	assert_dropped(m, DROP_NAME, 2);
	metrics_reset(m);
	family_add(family(m, "s", METRIC_SUMMARY), metrics_no_labels(m), 1);
	family_add_histogram(family(m, "s", METRIC_SUMMARY), metrics_no_labels(m), &histogram);
	family_add_summary(metrics_family(m, &whole), metrics_no_labels(m), &summary);
	assert_dropped(m, DROP_TYPE, 3);
}

/* Names beyond any fixed buffer are told apart by their ends. */
static void test_long_names(void **state)
{
	struct metrics *m = *state;
	char *name = malloc(70010);

	assert_non_null(name);
	memset(name, 'n', 70000);
	name[70000] = '\0';
	family_add_histogram(family(m, name, METRIC_HISTOGRAM), metrics_no_labels(m), &histogram);
	(void)stpcpy(name + 70000, "_sum");
	family_add(family(m, name, METRIC_GAUGE), metrics_no_labels(m), 1);
	assert_dropped(m, DROP_TYPE, 1);
	(void)stpcpy(name + 70000, "_max");
	family_add(family(m, name, METRIC_GAUGE), metrics_no_labels(m), 1);
	assert_dropped(m, DROP_TYPE, 1);
	assert_int_equal(m->series, 2);
	metrics_reset(m);
	(void)stpcpy(name + 70000, "_count");
	family_add(family(m, name, METRIC_GAUGE), metrics_no_labels(m), 1);
	name[70000] = '\0';
	family_add_histogram(family(m, name, METRIC_HISTOGRAM), metrics_no_labels(m), &histogram);
	assert_dropped(m, DROP_TYPE, 1);
	free(name);
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "A", "_", ":", "a1", "a:b_c9", "__x" };
	static const char *const bad[] = { "",    "1",   "1a",       "a-b", "a b", "a.b",
					   "a\n", "a{}", "\xc3\xa9", "a@",  "a[",  "a`" };
	struct metrics *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(metric_name_valid(str_of(good[i])));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(metric_name_valid(str_of(bad[i])));
		family_add(family(m, bad[i], METRIC_GAUGE), metrics_no_labels(m), 1);
	}
	assert_dropped(m, DROP_NAME, ARRAY_SIZE(bad));
	assert_int_equal(m->series, 0);
	assert_false(metric_name_valid((struct str){ 0 }));
	assert_false(metric_name_valid((struct str){ "a\0", 2 }));
}

static void test_reserved(void **state)
{
	static const char *const names[] = { "push_time_seconds", "push_failure_time_seconds",
					     "pushgateway_build_info", "promhttp_x",
					     "promhttp_metric_handler_requests_total" };
	struct metrics *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		family_add(family(m, names[i], METRIC_GAUGE), metrics_no_labels(m), 1);
	assert_dropped(m, DROP_RESERVED, ARRAY_SIZE(names));
	family_add(family(m, "push_time", METRIC_GAUGE), metrics_no_labels(m), 1);
	family_add(family(m, "process_open_fds", METRIC_GAUGE), metrics_no_labels(m), 1);
	assert_int_equal(m->series, 2);
	/* The gateway has these, too, and takes others of the same type. */
	family_add(family(m, "promhttp_metric_handler_requests_in_flight", METRIC_GAUGE),
		   metrics_no_labels(m), 1);
	family_add(family(m, "promhttp_metric_handler_errors_total", METRIC_COUNTER),
		   metrics_no_labels(m), 1);
	assert_int_equal(m->series, 4);
}

static void test_limits(void **state)
{
	struct metrics *m = *state;
	char value[16];

	m->limits = (struct metrics_limits){ .series = 10, .series_per_family = 6 };
	for (int i = 0; i < 8; i++) {
		(void)snprintf(value, sizeof(value), "%d", i);
		family_add(metrics_family(m, &gauge), label(m, "i", value), i);
	}
	assert_dropped(m, DROP_LIMIT, 2);
	assert_text(m->dropped_example[DROP_LIMIT], "g{i=\"6\"}");
	for (int i = 0; i < 8; i++) {
		(void)snprintf(value, sizeof(value), "%d", i);
		family_add(metrics_family(m, &counter), label(m, "i", value), i);
	}
	assert_dropped(m, DROP_LIMIT, 2 + 4);
	assert_int_equal(m->series, 10);
	metrics_reset(m);
	assert_int_equal(m->series, 0);
	assert_dropped(m, DROP_LIMIT, 0);
	assert_int_equal(m->dropped_example[DROP_LIMIT].n, 0);
	metrics_add(m, &gauge, 1);
	assert_int_equal(m->series, 1);
}

static void test_reject(void **state)
{
	struct metrics *m = *state;
	struct family *f = metrics_family(m, &gauge);
	char value[32];

	/* More than the first table of pairs holds, again and again. */
	for (int round = 0; round < 5; round++) {
		struct family *some;

		(void)snprintf(value, sizeof(value), "family%d", round);
		some = family(m, value, METRIC_GAUGE);
		for (int i = 0; i < 5000; i++) {
			(void)snprintf(value, sizeof(value), "%d", i);
			family_add(some, label(m, "i", value), i);
		}
		assert_int_equal(m->series, 5000);
		metrics_reject(m, some);
		assert_int_equal(m->series, 0);
		assert_int_equal(some->series, 0);
		assert_dropped(m, DROP_REJECTED, (uint64_t)(round + 1) * 5000);
		family_add(some, metrics_no_labels(m), 1);
		assert_int_equal(some->series, 0);
		m->dropped[DROP_REJECTED]--;
	}
	assert_text(m->dropped_example[DROP_REJECTED], "family0{i=\"0\"}");
	metrics_reject(m, f);
	metrics_add(m, &counter, 1);
	assert_int_equal(m->series, 1);

	/* What is refused by one receiver in one cycle may be fine in the next. */
	metrics_reset(m);
	family_add(family(m, "family0", METRIC_GAUGE), metrics_no_labels(m), 1);
	assert_int_equal(m->series, 1);
}

/* A family in many blocks, a set in a table that grows: everything is found again, in order. */
static void test_many(void **state)
{
	struct metrics *m = *state;
	struct family *f = metrics_family(m, &gauge);
	char value[16];
	unsigned i = 0;

	for (unsigned k = 0; k < 10000; k++) {
		(void)snprintf(value, sizeof(value), "%u", k);
		family_add(f, label(m, "device", value), k);
		(void)snprintf(value, sizeof(value), "family_%u", k);
		family_add(family(m, value, METRIC_COUNTER), metrics_no_labels(m), k);
	}
	assert_int_equal(m->series, 20000);
	assert_int_equal(m->families, 10001);
	for (const struct block *b = f->first; b; b = b->next)
		for (uint32_t n = 0; n < b->n; n++, i++) {
			(void)snprintf(value, sizeof(value), "%u", i);
			assert_true(b->samples[n].value == i);
			assert_text(b->samples[n].labels->v[0].value, value);
			assert_ptr_equal(b->samples[n].labels, label(m, "device", value));
		}
	assert_int_equal(i, 10000);
	for (unsigned k = 0; k < 10000; k += 99) {
		(void)snprintf(value, sizeof(value), "family_%u", k);
		assert_true(metrics_find(m, str_of(value))->first->samples[0].value == k);
		(void)snprintf(value, sizeof(value), "%u", k);
		family_add(f, label(m, "device", value), k);
	}
	assert_dropped(m, DROP_DUPLICATE, 102);
}

static void one_cycle(struct metrics *m, struct buf *out)
{
	char value[16];

	metrics_reset(m);
	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(value, sizeof(value), "%u", i);
		family_add(metrics_family(m, &gauge), label(m, "i", value), i);
		family_add(metrics_family(m, &counter), label(m, "i", i % 3 ? value : "\xff"), i);
		(void)snprintf(value, sizeof(value), "f%u", i % 300);
		family_add(family(m, value, METRIC_UNTYPED), metrics_no_labels(m), i);
	}
	family_add_histogram(metrics_family(m, &whole), metrics_no_labels(m), &histogram);
	metrics_add(m, &(const struct metric_desc){ "1bad", "", METRIC_GAUGE }, 1);
	buf_reset(out);
	encoder_text.encode(m, out);
	assert_int_equal(out->err, 0);
}

/* Each cycle says the same as the first; from the third on without asking for memory. */
static void test_reuse(void **state)
{
	struct metrics *m = *state;
	struct buf first = { 0 }, out = { 0 };
	uint64_t dropped[DROP_REASONS];
	const void *chunk = NULL;
	size_t used = 0;

	one_cycle(m, &first);
	memcpy(dropped, m->dropped, sizeof(dropped));
	for (int i = 0; i < 20; i++) {
		struct mallinfo2 info;

		one_cycle(m, &out);
		assert_int_equal(out.n, first.n);
		assert_memory_equal(out.p, first.p, first.n);
		assert_memory_equal(m->dropped, dropped, sizeof(dropped));
		info = mallinfo2();
		if (i == 2) {
			used = info.uordblks + info.hblkhd;
			chunk = m->arena.chunks;
		} else if (i > 2) {
			assert_int_equal(info.uordblks + info.hblkhd, used);
			assert_ptr_equal(m->arena.chunks, chunk);
		}
	}
	buf_release(&first);
	buf_release(&out);
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(metric_type_name(METRIC_COUNTER), "counter");
	assert_string_equal(metric_type_name(METRIC_HISTOGRAM), "histogram");
	assert_string_equal(metric_type_name(METRIC_SUMMARY), "summary");
	for (int i = 0; i < DROP_REASONS; i++)
		assert_true(label_name_valid(str_of(drop_reason_name((enum drop_reason)i))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add, setup, teardown),
		cmocka_unit_test_setup_teardown(test_duplicates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_summaries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reject, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reuse, setup, teardown),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
