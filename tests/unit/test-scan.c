/* SPDX-License-Identifier: Apache-2.0 */
/* The parser alone: which items come, of which lines, and what is in them. */
#include "unit.h"

#include <math.h>

#include "base/buf.h"
#include "metric/scan.h"

struct world {
	struct arena arena;
	struct scan scan;
	struct scan_item item;
};

static void begin(struct world *w, struct str text)
{
	*w = (struct world){ 0 };
	scan_begin(&w->scan, text, &w->arena);
}

static void next(struct world *w, enum scan_kind kind, uint32_t line, const char *name)
{
	assert_true(scan_next(&w->scan, &w->item));
	assert_int_equal(w->item.kind, kind);
	assert_int_equal(w->item.line, line);
	if (name)
		assert_text(w->item.name, name);
}

/* It is over, and stays so. */
static void end(struct world *w)
{
	assert_false(scan_next(&w->scan, &w->item));
	assert_false(scan_next(&w->scan, &w->item));
	arena_release(&w->arena);
}

static void test_items(void **state)
{
	struct world w;

	(void)state;
	begin(&w, STR("# HELP a One \\\\ two\\nthree\n# TYPE a gauge\n# a comment\n\n \t\n"
		      "a{x=\"1\",y=\"a\\\"\\\\\\n\"} 2.5\n  a 7  "));
	next(&w, SCAN_HELP, 1, "a");
	assert_text(w.item.help, "One \\ two\nthree");
	next(&w, SCAN_TYPE, 2, "a");
	assert_int_equal(w.item.type, METRIC_GAUGE);
	next(&w, SCAN_SAMPLE, 6, "a");
	assert_int_equal(w.item.n, 2);
	assert_text(w.item.labels[0].name, "x");
	assert_text(w.item.labels[0].value, "1");
	assert_text(w.item.labels[1].name, "y");
	assert_text(w.item.labels[1].value, "a\"\\\n");
	assert_true(w.item.value >= 2.5 && w.item.value <= 2.5);
	assert_text(w.item.text, "a{x=\"1\",y=\"a\\\"\\\\\\n\"} 2.5");
	assert_false(w.item.timestamp || w.item.exemplar);
	next(&w, SCAN_SAMPLE, 7, "a");
	assert_int_equal(w.item.n, 0);
	assert_true(w.item.value >= 7 && w.item.value <= 7);
	end(&w);
}

/* What is not escaped is not copied. */
static void test_borrowed(void **state)
{
	const struct str text = STR("# HELP a plain\na{x=\"plain\"} 1\n");
	struct world w;

	(void)state;
	begin(&w, text);
	next(&w, SCAN_HELP, 1, "a");
	assert_ptr_equal(w.item.help.p, text.p + 9);
	next(&w, SCAN_SAMPLE, 2, "a");
	assert_ptr_equal(w.item.labels[0].value.p, text.p + 20);
	end(&w);
}

static void test_types(void **state)
{
	static const struct {
		const char *word;
		enum metric_type type;
	} rows[] = {
		{ "counter", METRIC_COUNTER },
		{ "gauge", METRIC_GAUGE },
		{ "histogram", METRIC_HISTOGRAM },
		{ "summary", METRIC_SUMMARY },
		{ "untyped", METRIC_UNTYPED },
		{ "unknown", METRIC_UNTYPED },
		{ "info", METRIC_GAUGE },
		{ "stateset", METRIC_GAUGE },
		{ "gaugehistogram", METRIC_UNTYPED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct arena arena = { 0 };
		struct world w;

		begin(&w, arena_printf(&arena, "#TYPE\ta  %s \r\n", rows[i].word));
		next(&w, SCAN_TYPE, 1, "a");
		assert_int_equal(w.item.type, rows[i].type);
		end(&w);
		arena_release(&arena);
	}
}

static void test_values(void **state)
{
	struct world w;

	(void)state;
	begin(&w, STR("a NaN\na +Inf\na -inf\na 1e3\na\t-0x\na 1_0\na \na{}4\na 0x10\na 1e999\n"));
	next(&w, SCAN_SAMPLE, 1, "a");
	assert_true(isnan(w.item.value));
	next(&w, SCAN_SAMPLE, 2, "a");
	assert_true(isinf(w.item.value) && w.item.value > 0);
	next(&w, SCAN_SAMPLE, 3, "a");
	assert_true(isinf(w.item.value) && w.item.value < 0);
	next(&w, SCAN_SAMPLE, 4, "a");
	assert_true(w.item.value >= 1000 && w.item.value <= 1000);
	next(&w, SCAN_BAD, 5, NULL);
	assert_string_equal(w.item.why, "the value is no number");
	next(&w, SCAN_BAD, 6, NULL);
	next(&w, SCAN_BAD, 7, NULL);
	assert_string_equal(w.item.why, "there is no value");
	next(&w, SCAN_SAMPLE, 8, "a");
	assert_true(w.item.value >= 4 && w.item.value <= 4);
	next(&w, SCAN_BAD, 9, NULL);
	next(&w, SCAN_BAD, 10, NULL);
	end(&w);
}

static void test_behind_the_value(void **state)
{
	struct world w;

	(void)state;
	begin(&w, STR("a 1 1700000000000\na 1 17.5\na 1 # {t=\"}\"} 2\na 1 -5 # {} 2 3.5\n"
		      "a 1 x\na 1 2 3\n"));
	next(&w, SCAN_SAMPLE, 1, "a");
	assert_true(w.item.timestamp && !w.item.exemplar);
	next(&w, SCAN_SAMPLE, 2, "a");
	assert_true(w.item.timestamp && !w.item.exemplar);
	next(&w, SCAN_SAMPLE, 3, "a");
	assert_true(!w.item.timestamp && w.item.exemplar);
	next(&w, SCAN_SAMPLE, 4, "a");
	assert_true(w.item.timestamp && w.item.exemplar);
	next(&w, SCAN_BAD, 5, NULL);
	next(&w, SCAN_BAD, 6, NULL);
	end(&w);
}

/* A mark at the front, line ends of any kind, and what comes after the end. */
static void test_edges(void **state)
{
	struct world w;

	(void)state;
	begin(&w, (struct str){ NULL, 0 });
	end(&w);
	begin(&w, STR("\xef\xbb\xbf"));
	end(&w);
	begin(&w, STR("\xef\xbb\xbf# TYPE a gauge\r\na 1\r\n\r\r\n \xef\xbb\xbfz 1\n"));
	next(&w, SCAN_TYPE, 1, "a");
	next(&w, SCAN_SAMPLE, 2, "a");
	next(&w, SCAN_BAD, 4, NULL);
	end(&w);
	begin(&w, STR("a 1\n# EOF and more\n#EOF\nb 1\n"));
	next(&w, SCAN_SAMPLE, 1, "a");
	end(&w);
	begin(&w, STR("# UNIT a seconds\n# eof\n# HELPER a\n#TYPES a gauge\n#\na 1"));
	next(&w, SCAN_SAMPLE, 6, "a");
	end(&w);
	begin(&w, STR("a\0b 1\na{x=\"\0\"} 1\n"));
	next(&w, SCAN_BAD, 1, NULL);
	next(&w, SCAN_SAMPLE, 2, "a");
	assert_int_equal(w.item.labels[0].value.n, 1);
	end(&w);
	begin(&w, STR("# HELP a\n# HELP b \n# HELP c   two blanks more\n"));
	next(&w, SCAN_HELP, 1, "a");
	assert_int_equal(w.item.help.n, 0);
	next(&w, SCAN_HELP, 2, "b");
	assert_int_equal(w.item.help.n, 0);
	next(&w, SCAN_HELP, 3, "c");
	assert_text(w.item.help, "  two blanks more");
	end(&w);
}

static void test_many_labels(void **state)
{
	struct buf text = { 0 };
	struct world w;

	(void)state;
	for (int more = 0; more < 2; more++) {
		buf_cstr(&text, "a{");
		for (int i = 0; i < SCAN_LABELS_MAX + more; i++) {
			buf_char(&text, 'l');
			buf_u64(&text, (uint64_t)i);
			buf_cstr(&text, "=\"v\",");
		}
		buf_cstr(&text, "} 1\n");
	}
	buf_cstr(&text, "b 1\n");
	begin(&w, buf_view(&text));
	next(&w, SCAN_SAMPLE, 1, "a");
	assert_int_equal(w.item.n, SCAN_LABELS_MAX);
	assert_text(w.item.labels[SCAN_LABELS_MAX - 1].name, "l511");
	next(&w, SCAN_BAD, 2, NULL);
	assert_string_equal(w.item.why, "too many labels");
	next(&w, SCAN_SAMPLE, 3, "b");
	end(&w);
	buf_release(&text);
}

/* The first pass of two sees what is said of names, and minds nothing else. */
static void test_headers(void **state)
{
	struct world w;

	(void)state;
	begin(&w, STR("a 1\n# HELP a H.\nbad line\n# TYPE a tree\n# TYPE a gauge\n# EOF\n# TYPE b "
		      "gauge\n"));
	assert_true(scan_next_header(&w.scan, &w.item));
	assert_int_equal(w.item.kind, SCAN_HELP);
	assert_int_equal(w.item.line, 2);
	assert_true(scan_next_header(&w.scan, &w.item));
	assert_int_equal(w.item.kind, SCAN_TYPE);
	assert_int_equal(w.item.line, 5);
	assert_false(scan_next_header(&w.scan, &w.item));
	end(&w);
}

/* Every text that is cut short is read to its end without reading on; ASan watches. */
static void test_cut(void **state)
{
	static const char text[] =
		"# HELP a b\\\\\n# TYPE a gauge\na{b=\"c\\\"\",d=\"\"} 1 2 # {} 3\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		char *copy = malloc(n + !n);
		struct world w;

		assert_non_null(copy);
		memcpy(copy, text, n);
		begin(&w, (struct str){ copy, n });
		while (scan_next(&w.scan, &w.item))
			assert_true(w.item.line <= 3);
		end(&w);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items),   cmocka_unit_test(test_borrowed),
		cmocka_unit_test(test_types),   cmocka_unit_test(test_values),
		cmocka_unit_test(test_edges),   cmocka_unit_test(test_behind_the_value),
		cmocka_unit_test(test_cut),     cmocka_unit_test(test_many_labels),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
