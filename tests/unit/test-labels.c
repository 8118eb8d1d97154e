/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "metric/metrics.h"

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

static void test_text(void **state)
{
	struct metrics *m = *state;
	const struct labels *l;

	assert_text(metrics_no_labels(m)->text, "");
	assert_int_equal(metrics_no_labels(m)->n, 0);
	l = METRIC_LABELS(m, { STR("b"), STR("2") }, { STR("a"), STR("1") }, { STR("c"), STR("") });
	assert_text(l->text, "a=\"1\",b=\"2\",c=\"\"");
	assert_int_equal(l->n, 3);
	assert_text(l->v[0].name, "a");
	assert_text(l->v[2].value, "");
	l = METRIC_LABELS(m, { STR("a"), { 0 } });
	assert_text(l->text, "a=\"\"");
	l = METRIC_LABELS(m, { STR("path"), STR("C:\\x \"y\"\nz\t{},=#") });
	assert_text(l->text, "path=\"C:\\\\x \\\"y\\\"\\nz\t{},=#\"");
	/* The value itself stays as it was: other encodings escape nothing. */
	assert_text(l->v[0].value, "C:\\x \"y\"\nz\t{},=#");
}

static void test_utf8(void **state)
{
	static const struct {
		struct str given;
		const char *kept;
	} cases[] = {
		{ { "caf\xc3\xa9", 5 }, "caf\xc3\xa9" },
		{ { "caf\xe9", 4 }, "caf\xef\xbf\xbd" },
		{ { "\xff\xfe", 2 }, "\xef\xbf\xbd\xef\xbf\xbd" },
		{ { "a\xe2\x82"
		    "b",
		    4 },
		  "a\xef\xbf\xbd\xef\xbf\xbd"
		  "b" },
		{ { "\xed\xa0\x80", 3 }, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ { "\xf0\x9f\x98\x80", 4 }, "\xf0\x9f\x98\x80" },
		{ { "\xf0\x9f\x98", 3 }, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	};
	struct metrics *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct labels *l = METRIC_LABELS(m, { STR("a"), cases[i].given });

		assert_text(l->v[0].value, cases[i].kept);
		assert_true(str_utf8_valid(l->text));
	}
	/* NUL is a character like any other, to Prometheus too. */
	const struct labels *l = METRIC_LABELS(m, { STR("a"), { "x\0y", 3 } });

	assert_int_equal(l->v[0].value.n, 3);
	assert_int_equal(l->text.n, 7);
}

static void test_long(void **state)
{
	enum { LONG = 64 * 1024 };
	struct metrics *m = *state;
	char *value = malloc(LONG);
	const struct labels *l;

	assert_non_null(value);
	memset(value, 'v', LONG);
	l = METRIC_LABELS(m, { STR("a"), { value, LONG } });
	assert_int_equal(l->v[0].value.n, LONG);
	assert_int_equal(l->text.n, LONG + 4);
	assert_ptr_equal(METRIC_LABELS(m, { STR("a"), { value, LONG } }), l);
	assert_ptr_not_equal(METRIC_LABELS(m, { STR("a"), { value, LONG - 1 } }), l);
	/* The worst that escaping and repairing make of it. */
	memset(value, '\n', LONG);
	l = METRIC_LABELS(m, { STR("a"), { value, LONG } });
	assert_int_equal(l->text.n, 2 * LONG + 4);
	memset(value, 0xff, LONG);
	l = METRIC_LABELS(m, { STR("a"), { value, LONG } });
	assert_int_equal(l->v[0].value.n, 3 * LONG);
	assert_true(str_utf8_valid(l->v[0].value));
	free(value);
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "",    "1a",       "a-b",      "a b", "a:b",
					   "__a", "__name__", "\xc3\xa9", "a\"", "a=" };
	static const struct metric_desc gauge = { "g", "Help.", METRIC_GAUGE };
	struct metrics *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(label_name_valid(str_of(bad[i])));
		assert_null(METRIC_LABELS(m, { str_of(bad[i]), STR("v") }));
		assert_null(
			METRIC_LABELS(m, { STR("good"), STR("v") }, { str_of(bad[i]), STR("v") }));
	}
	assert_true(label_name_valid(STR("_a")) && label_name_valid(STR("a__b9")));
	assert_null(METRIC_LABELS(m, { STR("a"), STR("1") }, { STR("b"), STR("1") },
				  { STR("a"), STR("2") }));
	assert_int_equal(m->labels, 0);
	family_add(metrics_family(m, &gauge), NULL, 1);
	assert_int_equal(m->dropped[DROP_NAME], 1);
	assert_text(m->dropped_example[DROP_NAME], "g{?}");
	assert_int_equal(m->series, 0);
}

/* More labels than the stack has room for. */
static void test_many_names(void **state)
{
	enum { N = 2000 };
	struct metrics *m = *state;
	struct label *v = calloc(N, sizeof(*v));
	char(*names)[16] = calloc(N, sizeof(*names));
	const struct labels *l;

	assert_non_null(v);
	assert_non_null(names);
	for (int i = 0; i < N; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "l%04d", (i * 7) % N);
		v[i] = (struct label){ str_of(names[i]), STR("x") };
	}
	l = metrics_labels(m, N, v);
	assert_non_null(l);
	assert_int_equal(l->n, N);
	for (int i = 1; i < N; i++)
		assert_true(str_cmp(l->v[i - 1].name, l->v[i].name) < 0);
	assert_ptr_equal(metrics_labels(m, N, v), l);
	v[5] = v[1999];
	assert_null(metrics_labels(m, N, v));
	free(v);
	free(names);
}

static void test_grouping(void **state)
{
	struct metrics *m = *state;
	struct str names[] = { STR("job"), STR("instance"), STR("exported_site"), STR("site") };

	metrics_set_grouping(m, ARRAY_SIZE(names), names);
	assert_text(METRIC_LABELS(m, { STR("job"), STR("j") }, { STR("a"), STR("b") })->text,
		    "a=\"b\",exported_job=\"j\"");
	/* Not over one that is there already, whichever comes first. */
	assert_text(
		METRIC_LABELS(m, { STR("job"), STR("1") }, { STR("exported_job"), STR("2") })->text,
		"exported_exported_job=\"1\",exported_job=\"2\"");
	assert_text(
		METRIC_LABELS(m, { STR("exported_job"), STR("2") }, { STR("job"), STR("1") })->text,
		"exported_exported_job=\"1\",exported_job=\"2\"");
	/* Nor over another grouping label. */
	assert_text(METRIC_LABELS(m, { STR("site"), STR("s") })->text,
		    "exported_exported_site=\"s\"");
	assert_text(METRIC_LABELS(m, { STR("exported_site"), STR("e") }, { STR("site"), STR("s") })
			    ->text,
		    "exported_exported_exported_site=\"s\",exported_exported_site=\"e\"");
	/* Twice is still wrong. */
	assert_null(METRIC_LABELS(m, { STR("job"), STR("1") }, { STR("job"), STR("2") }));
	assert_null(METRIC_LABELS(m, { STR("job"), STR("1") }, { STR("a"), STR("2") },
				  { STR("job"), STR("1") }));

	metrics_reset(m);
	assert_text(METRIC_LABELS(m, { STR("instance"), STR("i") })->text,
		    "exported_instance=\"i\"");
	metrics_set_grouping(m, 0, NULL);
	assert_text(METRIC_LABELS(m, { STR("job"), STR("j") })->text, "job=\"j\"");
}

/* The caller's array and texts may go as soon as the set is made. */
static void test_copies(void **state)
{
	struct metrics *m = *state;
	char name[] = "name", value[] = "value";
	struct label v[] = { { { name, 4 }, { value, 5 } }, { STR("a"), STR("b") } };
	const struct labels *l = metrics_labels(m, 2, v);

	memset(name, 'x', 4);
	memset(value, 'x', 5);
	assert_text(v[1].name, "a");
	assert_text(l->text, "a=\"b\",name=\"value\"");
	assert_text(l->v[1].name, "name");
	assert_text(l->v[1].value, "value");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_utf8, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grouping, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
	};

	return cmocka_run_group_tests_name("labels", tests, NULL, NULL);
}
