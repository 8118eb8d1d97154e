/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "unit.h"

#include "base/conf_internal.h"
#include "base/opt.h"

struct values {
	struct str string;
	bool flag;
	int64_t number, span;
	double real;
	uint64_t size;
	int choice;
	struct opt_list list;
	struct opt_map map;
	struct opt_regex regex;
};

enum {
	STRING,
	BOOL,
	INT,
	BOUNDED,
	NUMBER,
	SIZE,
	DURATION,
	BOUNDED_SPAN,
	SPAN_OR_WORD,
	CHOICE,
	LIST,
	MAP,
	REGEX
};

#define ROW(kind, field) .name = #field, .type = kind, .offset = offsetof(struct values, field)

static const struct opt opts[] = {
	[STRING] = { ROW(OPT_STRING, string) },
	[BOOL] = { ROW(OPT_BOOL, flag) },
	[INT] = { ROW(OPT_INT, number) },
	[BOUNDED] = { ROW(OPT_INT, number), .min = -3, .max = 9 },
	[NUMBER] = { ROW(OPT_NUMBER, real), .max = 100 },
	[SIZE] = { ROW(OPT_SIZE, size) },
	[DURATION] = { ROW(OPT_DURATION, span) },
	[BOUNDED_SPAN] = { ROW(OPT_DURATION, span), .min = 1000000, .max = 90000000000 },
	[SPAN_OR_WORD] = { ROW(OPT_DURATION, span), .choices = "auto" },
	[CHOICE] = { ROW(OPT_CHOICE, choice), .choices = "auto|text|protobuf" },
	[LIST] = { ROW(OPT_LIST, list) },
	[MAP] = { ROW(OPT_MAP, map) },
	[REGEX] = { ROW(OPT_REGEX, regex) },
	{ 0 },
};

static const struct opt_section section = {
	.path = "test",
	.opts = opts,
	.size = sizeof(struct values),
};

struct world {
	struct values values;
	struct arena arena;
	struct str why;
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

	opt_release(&section, &w->values);
	arena_release(&w->arena);
	free(w);
	return 0;
}

static int parse(struct world *w, int row, const char *text, bool fresh)
{
	w->why = (struct str){ 0 };
	return opt_parse(&opts[row], &w->values, str_of(text), fresh, &w->arena, &w->why);
}

static struct str print(struct world *w, int row)
{
	return opt_print(&opts[row], &w->values, &w->arena);
}

/* Takes `text`, and prints it as `shown`, which in turn is taken and printed alike. */
static void check(struct world *w, int row, const char *text, const char *shown)
{
	if (parse(w, row, text, true) < 0)
		fail_msg("\"%s\": %.*s", text, STR_ARG(w->why));
	assert_text(print(w, row), shown);
	if (row == MAP)
		return;
	assert_int_equal(parse(w, row, shown, true), 0);
	assert_text(print(w, row), shown);
}

/* Refuses `text` with `why` in the reason, and leaves the value as it was. */
static void refuse(struct world *w, int row, const char *text, const char *why)
{
	struct str before = print(w, row);

	if (parse(w, row, text, true) != -EINVAL)
		fail_msg("\"%s\" was not refused", text);
	assert_part(w->why, why);
	assert_true(w->why.n < 4500);
	if (row != LIST && row != MAP)
		assert_true(str_eq(print(w, row), before));
}

static void test_scalars(void **state)
{
	struct world *w = *state;
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0" };

	check(w, STRING, "", "");
	check(w, STRING, "a b\n\xff", "a b\n\xff");
	assert_int_equal(w->values.string.p[w->values.string.n], '\0');
	for (size_t i = 0; i < 4; i++) {
		check(w, BOOL, yes[i], "true");
		check(w, BOOL, no[i], "false");
	}
	check(w, INT, "-9223372036854775808", "-9223372036854775808");
	check(w, INT, "007", "7");
	check(w, BOUNDED, "-3", "-3");
	check(w, BOUNDED, "9", "9");
	check(w, NUMBER, "0.35", "0.35");
	check(w, NUMBER, "1e2", "100");
	check(w, NUMBER, "-0", "0");
	check(w, SIZE, "64k", "65536");
	check(w, SIZE, "18446744073709551615", "18446744073709551615");
	check(w, CHOICE, "auto", "auto");
	check(w, CHOICE, "protobuf", "protobuf");
	assert_int_equal(w->values.choice, 2);
	check(w, DURATION, "0", "0");
	check(w, DURATION, "90s", "90s");
	check(w, DURATION, "60s", "1m");
	check(w, DURATION, "48h", "2d");
	check(w, DURATION, "1500ms", "1500ms");
	check(w, DURATION, "0.5us", "500ns");
	check(w, DURATION, "9007199254740993ns", "9007199254740993ns");
	check(w, DURATION, "9223372036854775807ns", "9223372036854775807ns");
	check(w, SPAN_OR_WORD, "3s", "3s");
	check(w, SPAN_OR_WORD, "auto", "auto");
	assert_int_equal(w->values.span, -1);
	check(w, BOUNDED_SPAN, "1ms", "1ms");
	check(w, BOUNDED_SPAN, "90s", "90s");
}

static void test_refused(void **state)
{
	struct world *w = *state;

	check(w, BOOL, "true", "true");
	refuse(w, BOOL, "", "true or false");
	refuse(w, BOOL, "True", "\"True\" is not true or false");
	refuse(w, BOOL, "2", "true or false");
	check(w, INT, "5", "5");
	refuse(w, INT, "", "a whole number");
	refuse(w, INT, "1.5", "a whole number");
	refuse(w, INT, "9223372036854775808", "a whole number");
	refuse(w, INT, " 1", "a whole number");
	refuse(w, BOUNDED, "-4", "-4 is not between -3 and 9");
	refuse(w, BOUNDED, "10", "10 is not between -3 and 9");
	refuse(w, NUMBER, "100.5", "100.5 is more than 100");
	refuse(w, NUMBER, "-1", "a number from 0 on");
	refuse(w, NUMBER, "NaN", "a number from 0 on");
	refuse(w, NUMBER, "Inf", "a number from 0 on");
	refuse(w, NUMBER, "5 W", "a number from 0 on");
	refuse(w, SIZE, "1.5M", "a size such as");
	refuse(w, SIZE, "18446744073709551616", "a size such as");
	check(w, DURATION, "15s", "15s");
	refuse(w, DURATION, "15", "15 has no unit (did you mean 15s?)");
	refuse(w, DURATION, "1.5", "1.5 has no unit (did you mean 1.5s?)");
	refuse(w, DURATION, "-5", "a time span such as");
	refuse(w, DURATION, "NaN", "a time span such as");
	refuse(w, DURATION, "soon", "a time span such as");
	refuse(w, DURATION, "", "a time span such as");
	refuse(w, DURATION, "auto", "a time span such as");
	check(w, SPAN_OR_WORD, "auto", "auto");
	refuse(w, SPAN_OR_WORD, "aut", "auto or a time span such as");
	refuse(w, BOUNDED_SPAN, "999us", "999us is not between 1ms and 90s");
	refuse(w, BOUNDED_SPAN, "91s", "91s is not between 1ms and 90s");
	refuse(w, CHOICE, "", "one of auto|text|protobuf");
	refuse(w, CHOICE, "tex", "\"tex\" is not one of auto|text|protobuf");
	refuse(w, CHOICE, "text|protobuf", "one of");
	assert_int_equal(opt_parse(&opts[STRING], &w->values, (struct str){ "a\0b", 3 }, true,
				   &w->arena, &w->why),
			 -EINVAL);
}

static void test_long_values(void **state)
{
	struct world *w = *state;
	char *big = malloc(1000001);

	assert_non_null(big);
	memset(big, 'x', 1000000);
	big[1000000] = '\0';
	for (int row = BOOL; row <= CHOICE; row++)
		refuse(w, row, big, "\"xxxxx");
	memset(big, '7', 1000000);
	refuse(w, DURATION, big, "a time span");
	memset(big, '(', 1000000);
	refuse(w, REGEX, big, "longer than 8192 bytes");
	memset(big, 's', 1000000);
	assert_int_equal(parse(w, STRING, big, true), 0);
	assert_int_equal(print(w, STRING).n, 1000000);
	assert_int_equal(parse(w, LIST, big, true), 0);
	assert_int_equal(print(w, LIST).n, 1000000);
	big[500000] = '=';
	assert_int_equal(parse(w, MAP, big, true), 0);
	assert_true(str_eq(print(w, MAP), str_of(big)));
	free(big);
}

/* The worst for a compiler that recurses: it must be done with them, whatever it says. */
static void test_deep_regex(void **state)
{
	static const char *const pieces[] = { "(", "a*", "a?", "(a", "a|", "[a", "((a)|" };
	struct world *w = *state;
	char text[REGEX_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		size_t n = strlen(pieces[i]);

		for (size_t at = 0; at + n <= REGEX_MAX; at += n) {
			memcpy(text + at, pieces[i], n);
			text[at + n] = '\0';
		}
		(void)parse(w, REGEX, text, true);
	}
	memset(text, 'a', REGEX_MAX + 1);
	text[REGEX_MAX + 1] = '\0';
	assert_int_equal(parse(w, REGEX, text, true), -EINVAL);
}

static void test_list(void **state)
{
	struct world *w = *state;

	check(w, LIST, "", "");
	check(w, LIST, "a", "a");
	check(w, LIST, " a , b,,c ,", "a,b,c");
	assert_int_equal(w->values.list.n, 3);
	assert_int_equal(parse(w, LIST, "d,-e", false), 0);
	assert_text(print(w, LIST), "a,b,c,d,-e");
	assert_int_equal(parse(w, LIST, "", false), 0);
	assert_int_equal(w->values.list.n, 5);
	assert_int_equal(parse(w, LIST, "", true), 0);
	assert_int_equal(w->values.list.n, 0);
}

/* Ten thousand items one at a time: no more memory than they need, and no more of them. */
static void test_many_items(void **state)
{
	struct world *w = *state;
	char text[32];

	for (int i = 0; i < OPT_ITEMS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "k%d=%d", i, i);
		assert_int_equal(parse(w, LIST, text, false), 0);
		assert_int_equal(parse(w, MAP, text, false), 0);
	}
	assert_int_equal(w->values.list.n, OPT_ITEMS_MAX);
	assert_int_equal(w->values.map.n, OPT_ITEMS_MAX);
	assert_text(w->values.list.v[0], "k0=0");
	assert_text(w->values.list.v[9999], "k9999=9999");
	assert_text(opt_map_get(&w->values.map, STR("k5000")), "5000");
	assert_true(w->arena.total < 4 << 20);
	assert_int_equal(parse(w, LIST, "one more", false), -EINVAL);
	assert_part(w->why, "more than 10000 items");
	assert_int_equal(parse(w, MAP, "one=more", false), -EINVAL);
	assert_part(w->why, "more than 10000 items");
	assert_int_equal(parse(w, MAP, "k7=changed", false), 0);
	assert_text(opt_map_get(&w->values.map, STR("k7")), "changed");

	/* Longer than any fixed buffer, and whole. */
	struct str all = print(w, LIST);

	assert_true(str_starts(all, STR("k0=0,k1=1,")));
	assert_true(str_ends(all, STR(",k9999=9999")));
	assert_int_equal(all.p[all.n], '\0');
}

static void test_map(void **state)
{
	struct world *w = *state;

	check(w, MAP, "", "");
	check(w, MAP, "a=1", "a=1");
	assert_int_equal(parse(w, MAP, "b=x=y, z", false), 0);
	assert_int_equal(parse(w, MAP, "c=", false), 0);
	assert_text(print(w, MAP), "a=1,b=x=y, z,c=");
	assert_int_equal(parse(w, MAP, "a=2", false), 0);
	assert_text(print(w, MAP), "a=2,b=x=y, z,c=");
	assert_text(opt_map_get(&w->values.map, STR("b")), "x=y, z");
	assert_int_equal(opt_map_get(&w->values.map, STR("none")).n, 0);
	assert_int_equal(opt_map_get(&w->values.map, STR("")).n, 0);
	refuse(w, MAP, "novalue", "\"novalue\" is not of the form KEY=VALUE");
	refuse(w, MAP, "=v", "of the form KEY=VALUE");
	assert_int_equal(parse(w, MAP, "only=this", true), 0);
	assert_text(print(w, MAP), "only=this");
}

static bool matches(struct world *w, const char *regex, const char *text)
{
	if (parse(w, REGEX, regex, true) < 0)
		fail_msg("%s: %.*s", regex, STR_ARG(w->why));
	return opt_regex_match(&w->values.regex, str_of(text));
}

static void test_regex(void **state)
{
	struct world *w = *state;
	char *big = malloc(100001);

	assert_non_null(big);
	check(w, REGEX, "", "");
	assert_false(matches(w, "", ""));
	check(w, REGEX, "^(ram|loop)[0-9]+$", "^(ram|loop)[0-9]+$");
	assert_true(matches(w, "ram|loop[0-9]+", "ram"));
	assert_true(matches(w, "ram|loop[0-9]+", "loop12"));
	assert_false(matches(w, "ram|loop[0-9]+", "ram1"));
	assert_false(matches(w, "ram|loop[0-9]+", "xloop1"));
	assert_false(matches(w, "a", "a\n"));
	assert_true(matches(w, ".*", ""));
	assert_true(matches(w, "[)]|[]()]x|[[:digit:])]y|\\)", ")"));
	assert_true(matches(w, "[)]|[]()]x|[[:digit:])]y|\\)", "]x"));
	assert_true(matches(w, "[^])]*", "abc"));
	memset(big, 'a', 100000);
	big[100000] = '\0';
	assert_true(matches(w, "a*", big));
	big[50000] = 'b';
	assert_false(matches(w, "a*", big));
	assert_true(opt_regex_match(&w->values.regex, (struct str){ big, 255 }));
	assert_true(opt_regex_match(&w->values.regex, (struct str){ big, 256 }));
	assert_true(opt_regex_match(&w->values.regex, (struct str){ 0 }));

	assert_true(matches(w, "kept", "kept"));
	refuse(w, REGEX, "(", "not a regular expression: ");
	refuse(w, REGEX, "[a", "not a regular expression: ");
	refuse(w, REGEX, "a\\", "not a regular expression: ");
	/* Between anchors these would be "^(a)|(b)$" and match far too much. */
	refuse(w, REGEX, "a)|(b", "not a regular expression: unmatched closing parenthesis");
	refuse(w, REGEX, "a)|(b)", "not a regular expression: unmatched closing parenthesis");
	refuse(w, REGEX, ")", "not a regular expression: unmatched closing parenthesis");
	assert_true(opt_regex_match(&w->values.regex, STR("kept")));
	free(big);
}

/* Defaults stand as text until their section is asked for: `run` must not wait for them. */
static void test_late_regex(void **state)
{
	static const struct opt rows[] = {
		{ ROW(OPT_REGEX, regex), .preset = "ab+" },
		{ 0 },
	};
	static const struct opt_section late = {
		.path = "late",
		.opts = rows,
		.size = sizeof(struct values),
	};
	static const struct opt_section *const sections[] = { &late, NULL };
	struct conf *conf = conf_new(sections);
	const struct values *values = conf_slot_of(conf, STR("late"))->data;

	(void)state;
	assert_null(values->regex.compiled);
	assert_text(values->regex.text, "ab+");
	assert_ptr_equal(conf_get(conf, &late), values);
	assert_non_null(values->regex.compiled);
	assert_text(values->regex.text, "ab+");
	assert_true(opt_regex_match(&values->regex, STR("abb")));
	assert_false(opt_regex_match(&values->regex, STR("abbc")));
	conf_free(conf);
	conf = conf_new(sections);
	values = conf_get(conf, &late);
	assert_int_equal(conf_set(conf, STR("late.regex"), STR("c"), "--set"), 0);
	assert_true(opt_regex_match(&values->regex, STR("c")));
	assert_false(opt_regex_match(&values->regex, STR("abb")));
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_scalars, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deep_regex, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_items, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map, setup, teardown),
		cmocka_unit_test_setup_teardown(test_regex, setup, teardown),
		cmocka_unit_test(test_late_regex),
	};

	return cmocka_run_group_tests_name("opt", tests, NULL, NULL);
}
