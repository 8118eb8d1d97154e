/* SPDX-License-Identifier: Apache-2.0 */
/* What Go's regexp does with the same words, and what PCRE2 must not do beyond it. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/opt.h"

#define WHOLE (REGEX_WHOLE | REGEX_GROUPS)

/* A string literal, whatever bytes it has, as a slice. */
#define BYTES(literal)                               \
	{                                            \
		("" literal), sizeof("" literal) - 1 \
	}

static struct regex *compile(struct str text, int flags)
{
	struct arena arena = { 0 };
	struct regex *regex = NULL;
	struct str why;

	if (regex_compile(text, flags, &arena, &regex, &why) < 0)
		fail_msg("%.*s: %.*s", STR_ARG(text), STR_ARG(why));
	arena_release(&arena);
	return regex;
}

static void test_whole(void **state)
{
	static const struct {
		const char *regex;
		struct str text;
		bool whole, found; /* has to match all, or anything */
	} rows[] = {
		/* Alternatives are anchored as a whole, and the first that leads to the end counts.
		 */
		{ "a|b", BYTES("a"), true, true },
		{ "a|b", BYTES("b"), true, true },
		{ "a|b", BYTES("ab"), false, true },
		{ "a|ab", BYTES("ab"), true, true },
		{ "(a|ab)(c|bcd)", BYTES("abcd"), true, true },
		{ "|a", BYTES("a"), true, true },
		{ "", BYTES(""), true, true },
		{ "", BYTES("a"), false, true },
		{ "^a$", BYTES("a"), true, true },
		{ "^a", BYTES("ba"), false, false },
		{ "a$", BYTES("ba"), false, true },
		/* A line end is a byte like others. */
		{ "a", BYTES("a\n"), false, true },
		{ "a$", BYTES("a\n"), false, false },
		{ "a.b", BYTES("a\nb"), true, true },
		{ "(?-s:a.b)", BYTES("a\nb"), false, false },
		{ "(?m)a$", BYTES("a\nb"), false, true },
		{ "(?m)^b", BYTES("a\nb"), false, true },
		/* So is NUL. */
		{ "a.b", BYTES("a\0b"), true, true },
		{ "a\\x00b", BYTES("a\0b"), true, true },
		{ "a", BYTES("a\0b"), false, true },
		{ "b", BYTES("a\0b"), false, true },
		/* What users bring along. */
		{ "(?:ab)+", BYTES("abab"), true, true },
		{ "(?i)AbC", BYTES("aBc"), true, true },
		{ "a(?i:b)c", BYTES("aBc"), true, true },
		{ "a(?i:b)c", BYTES("aBC"), false, false },
		{ "\\w+\\s\\d{2}", BYTES("a_9 42"), true, true },
		{ "\\W\\S\\D", BYTES(" ab"), true, true },
		{ "\\bfoo\\b", BYTES("a foo b"), false, true },
		{ "\\bfoo\\b", BYTES("afoo"), false, false },
		{ "\\Afoo\\z", BYTES("foo"), true, true },
		{ "[[:alpha:]]+[[:^digit:]][]a]", BYTES("ab_]"), true, true },
		{ "[[:word:]\\]\\d]+", BYTES("a]1"), true, true },
		{ "\\Qa.b\\E.", BYTES("a.bc"), true, true },
		{ "\\Qa.b", BYTES("xa.b"), false, true },
		{ "\\Q\\1(*\\E", BYTES("\\1(*"), true, true },
		{ "a{,2}", BYTES("a{,2}"), true, true },
		{ "a{2,3}", BYTES("aaa"), true, true },
		{ "a+?b*?c??", BYTES("aab"), true, true },
		{ "\\x41\\x{e4}", BYTES("A\xc3\xa4"), true, true },
		/* Characters, not bytes; classes that know ASCII only, and those that know all. */
		{ "...", BYTES("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), true, true },
		{ "[\xc3\xa4\xc3\xb6]", BYTES("\xc3\xb6"), true, true },
		{ "\\pL+", BYTES("a\xc3\xa4"), true, true },
		{ "\\p{Greek}\\P{Greek}", BYTES("\xce\xb1z"), true, true },
		{ "(?i)\xc3\x84", BYTES("\xc3\xa4"), true, true },
		{ "\\w", BYTES("\xc3\xa4"), false, false },
		/* Bytes that are no character are one each, and equal to none but U+FFFD. */
		{ ".*", BYTES("a\xff\xfe"), true, true },
		{ "a..", BYTES("a\xff\xfe"), true, true },
		{ "a[^b]c", BYTES("a\xc3\x63"), true, true },
		{ "a\\x{fffd}c", BYTES("a\xed\xa0\x80\x63"), false, false },
		{ "a\\x{fffd}{3}c", BYTES("a\xed\xa0\x80\x63"), true, true },
		{ "\\x{ff}", BYTES("\xff"), false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int flags = 0; flags <= WHOLE; flags++) {
			struct regex *regex = compile(str_of(rows[i].regex), flags);
			bool want = flags & REGEX_WHOLE ? rows[i].whole : rows[i].found;

			if (regex_match(regex, rows[i].text) != want)
				fail_msg("%s, %d: %d is wrong", rows[i].regex, flags, !want);
			assert_false(regex_gave_up(regex));
			regex_free(regex);
		}
	regex_free(NULL);
}

static void test_nothing(void **state)
{
	struct regex *regex = compile(STR("()(a)?"), WHOLE);
	struct regex_groups groups;

	(void)state;
	assert_true(regex_match(regex, (struct str){ 0 }));
	assert_true(regex_find(regex, (struct str){ 0 }, &groups));
	assert_int_equal(groups.n, 3);
	assert_non_null(groups.v[1].p);
	assert_int_equal(groups.v[1].n, 0);
	assert_null(groups.v[2].p);
	regex_free(regex);
	assert_false(regex_gave_up(NULL));
}

static void expands(const char *text, int flags, struct str subject, const char *template,
		    const char *want)
{
	struct regex *regex = compile(str_of(text), flags);
	struct regex_groups groups;
	struct buf out = { 0 };

	assert_string_equal(regex_text(regex).p, text);
	assert_true(regex_find(regex, subject, &groups));
	assert_int_equal(groups.n, regex_n_groups(regex) + 1);
	for (size_t i = 0; i < groups.n; i++)
		if (groups.v[i].p)
			assert_true(groups.v[i].p >= subject.p &&
				    groups.v[i].p + groups.v[i].n <= subject.p + subject.n);
	regex_expand(regex, str_of(template), &groups, &out);
	assert_text(buf_view(&out), want);
	buf_release(&out);
	regex_free(regex);
}

static void test_groups(void **state)
{
	struct regex_groups groups = { 2, { STR("all"), STR("one") } };
	struct regex *regex;
	struct buf out = { 0 };

	(void)state;
	expands("(.*)-(.*)", WHOLE, STR("a-b-c"), "$2:$1:$0", "c:a-b:a-b-c");
	expands("(.*?)-(.*)", WHOLE, STR("a-b-c"), "$2:$1", "b-c:a");
	expands("(a|ab)(c|bcd)(d*)", 0 | REGEX_GROUPS, STR("abcd"), "$1 $2 $3", "a bcd ");
	expands("(?P<first>\\w+) (?<second>\\w+)", WHOLE, STR("x y"), "$second/${first}z/$2",
		"y/xz/y");
	/* The longest name counts; one that there is not is nothing; no name at all stays. */
	expands("(?P<a>.)(.)", WHOLE, STR("xy"), "$1x|${1}x|$a_|${a}_|$3|${b}|$01", "|xx||x_|||");
	expands("(.)", WHOLE, STR("x"), "$|$$1|${1|${}|$-1|$$$1$", "$|$1|${1|${}|$-1|$x$");
	expands("(x)?(y)?", WHOLE, STR("y"), "<$1$2>", "<y>");
	/* Found somewhere: what stands before it is no part of it. */
	expands("(b+)(c)", REGEX_GROUPS, STR("abbcbc"), "$0 $1 $2", "bbc bb c");
	expands("b|(c)", REGEX_GROUPS, STR("ac"), "$0 $1", "c c");
	/* Bytes that are no characters move nothing. */
	expands("(.)b(.*)", REGEX_GROUPS, STR("\xff\xfe\xc3\xa4\x62\xffz"), "$1|$2|$0",
		"\xc3\xa4|\xffz|\xc3\xa4\x62\xffz");
	regex_expand(NULL, STR("$1 $0 $x"), &groups, &out);
	assert_text(buf_view(&out), "one all ");
	buf_release(&out);
	regex = compile(STR("(?P<a>.)(.)(?P<bb>.)"), REGEX_GROUPS);
	assert_text(regex_name(regex, 1), "a");
	assert_text(regex_name(regex, 2), "");
	assert_text(regex_name(regex, 3), "bb");
	assert_text(regex_name(regex, 4), "");
	regex_free(regex);
	/* Where groups are not wanted there may be any number of them. */
	regex = compile(STR("(a)(?P<b>b)"), REGEX_WHOLE);
	assert_int_equal(regex_n_groups(regex), 1);
	regex_free(regex);
}

static void refuses(struct str text, int flags, const char *want)
{
	struct arena arena = { 0 };
	struct regex *regex = NULL;
	struct str why = STR("");

	if (regex_compile(text, flags, &arena, &regex, &why) != -EINVAL)
		fail_msg("%.*s is taken", STR_ARG(text));
	assert_null(regex);
	assert_part(why, want);
	arena_release(&arena);
}

static void test_refused(void **state)
{
	static const struct {
		const char *regex, *why;
	} rows[] = {
		{ "(", "not a regular expression: missing closing parenthesis at offset 1, behind "
		       "\"(\"" },
		{ ")", "unmatched closing parenthesis at offset 0" },
		{ "a)|(b", "unmatched closing parenthesis at offset 1, behind \"a\"" },
		{ "[a", "missing terminating ] for character class at offset 2" },
		{ "a\\", "\\ at end of pattern at offset 2" },
		{ "*", "quantifier does not follow a repeatable item" },
		{ "a**", "quantifier does not follow a repeatable item" },
		{ "a{3,2}", "numbers out of order in {} quantifier" },
		{ "[b-a]", "range out of order in character class" },
		{ "[[:nope:]]", "unknown POSIX class name" },
		{ "\\p{Nope}", "unknown property" },
		{ "(?P<a>.)(?P<a>.)", "two named subpatterns have the same name" },
		{ "\xff", "UTF-8 error" },
		/* What PCRE2 has and RE2 has not. */
		{ "(a)\\1", "RE2 has no \\1 at offset 3, behind \"(a)\"" },
		{ "(a)\\9", "RE2 has no \\9" },
		{ "(?P<x>a)(?P=x)", "RE2 has no (?P= at offset 8" },
		{ "(?P<x>a)\\k<x>", "RE2 has no \\k" },
		{ "(a)\\g{1}", "RE2 has no \\g" },
		{ "a(?=b)", "RE2 has no (?=b at offset 1" },
		{ "a(?!b)", "RE2 has no (?!b" },
		{ "(?<=a)b", "RE2 has no (?<=" },
		{ "(?<!a)b", "RE2 has no (?<!" },
		{ "(?>a)", "RE2 has no (?>a" },
		{ "a(?R)?", "RE2 has no (?R)" },
		{ "(a(?1)?)", "RE2 has no (?1)" },
		{ "(?&x)", "RE2 has no (?&x" },
		{ "(?P>x)", "RE2 has no (?P>" },
		{ "(?C1)a", "RE2 has no (?C1" },
		{ "(?#a)", "RE2 has no (?#a" },
		{ "(?|a|b)", "RE2 has no (?|a" },
		{ "(?'x'a)", "RE2 has no (?'x" },
		{ "(?(1)a|b)", "RE2 has no (?(1" },
		{ "(?x)a", "RE2 has no (?x)" },
		{ "(?^)a", "RE2 has no (?^)" },
		{ "(?i", "RE2 has no (?i" },
		{ "(*UCP)a", "RE2 has no (*UC at offset 0" },
		{ "(*LIMIT_MATCH=9)a", "RE2 has no (*LI" },
		{ "a(*COMMIT)b", "RE2 has no (*CO" },
		{ "(*atomic:a)", "RE2 has no (*at" },
		{ "\\C", "RE2 has no \\C" },
		{ "\\K", "RE2 has no \\K" },
		{ "\\R", "RE2 has no \\R" },
		{ "\\X", "RE2 has no \\X" },
		{ "\\G", "RE2 has no \\G" },
		{ "\\Z", "RE2 has no \\Z" },
		{ "\\h", "RE2 has no \\h" },
		{ "[\\Q]\\E]", "RE2 has no \\Q at offset 1" },
		/* ... also behind what only looks as if it hid it. */
		{ "[]](a)\\1", "RE2 has no \\1" },
		{ "[^]](a)\\1", "RE2 has no \\1" },
		{ "[[:alpha:]](a)\\1", "RE2 has no \\1" },
		{ "[[:alpha](a)\\1", "RE2 has no \\1" },
		{ "[\\]](a)\\1", "RE2 has no \\1" },
		{ "\\\\(a)\\1", "RE2 has no \\1" },
		{ "\\Q[\\E(a)\\1", "RE2 has no \\1" },
		{ "\\Q[\\E\\Q\\E(?=b)", "RE2 has no (?=b" },
	};
	static char many[REGEX_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int flags = 0; flags <= WHOLE; flags++)
			refuses(str_of(rows[i].regex), flags, rows[i].why);
	refuses((struct str)BYTES("a\0b"), 0, "not text without NUL bytes");
	/* A long way to the mistake is cut in front, between two characters. */
	refuses(STR("abcdefgh\xc3\xa4"
		    "0123456789012345678901234567890("),
		WHOLE, "at offset 42, behind \"0123456789012345678901234567890(\"");
	memset(many, 'a', sizeof(many) - 1);
	refuses(str_of(many), WHOLE, "longer than 8192 bytes");
	refuses(STR("(((a{1,1000}){1,1000}){1,1000})"), WHOLE, "regular expression is too large");
	memset(many, '(', 300);
	memset(many + 300, ')', 300);
	many[600] = '\0';
	refuses(str_of(many), WHOLE, "parentheses are too deeply nested");
	for (size_t i = 0; i < 64; i++)
		memcpy(many + 3 * i, "(a)", 3);
	many[192] = '\0';
	refuses(str_of(many), WHOLE, "more than 63 groups");
	regex_free(compile(str_of(many), REGEX_WHOLE));
	many[189] = '\0';
	regex_free(compile(str_of(many), WHOLE));
	many[1] = 'a';
	memset(many, 'a', REGEX_MAX);
	many[REGEX_MAX] = '\0';
	regex_free(compile(str_of(many), WHOLE));
}

/* Such an expression takes 2^n steps for n bytes. */
static void test_limits(void **state)
{
	static const char *const evil[] = { "(a+)+b", "(a|aa)+b", "(a*)*b" };
	char *big = malloc(1 << 20);
	struct regex_groups groups;
	struct str text = { big, 200 };

	(void)state;
	assert_non_null(big);
	memset(big, 'a', 1 << 20);
	big[199] = 'c';
	big[150] = 'b';
	for (size_t i = 0; i < ARRAY_SIZE(evil); i++)
		for (int flags = 0; flags <= WHOLE; flags++) {
			struct regex *regex = compile(str_of(evil[i]), flags);
			bool found = regex_match(regex, text);

			/* Found at the b, but not to the end; told once for each time. */
			assert_int_equal(found, !(flags & REGEX_WHOLE));
			assert_int_equal(regex_gave_up(regex), !found);
			assert_false(regex_gave_up(regex));
			assert_true(regex_match(regex, STR("aab")));
			assert_false(regex_gave_up(regex));
			regex_free(regex);
		}

	/* A thousand hostile texts end soon, and what comes behind them is matched again. */
	struct regex *regex = compile(STR("(a+)+b"), WHOLE);

	for (size_t i = 0; i < 1000; i++)
		assert_false(regex_match(regex, text));
	assert_true(regex_gave_up(regex));
	assert_true(regex_find(regex, STR("aaaaaaaab"), &groups));
	regex_free(regex);

	/* Deep, not long: memory has a bound, too. */
	regex = compile(STR("(?:(a)|b)*"), WHOLE);
	assert_false(regex_match(regex, (struct str){ big + 200, 1 << 19 }));
	assert_true(regex_gave_up(regex));
	assert_true(regex_find(regex, (struct str){ big, 100 }, &groups));
	regex_free(regex);

	/* Few steps, each through the rest of the text: it takes tenths of a second, but not often.
	 */
	regex = compile(STR("-f\\s+[^:]*:"), 0);
	for (size_t i = 0; i < 32768; i++)
		big[i] = "-f "[i % 3];
	for (size_t i = 0; i < 50; i++)
		assert_false(regex_match(regex, (struct str){ big, 32768 }));
	assert_true(regex_gave_up(regex));
	assert_true(regex_match(regex, STR("-f x:")));
	memset(big, 'a', 32768);
	regex_free(regex);

	/* What is only long is no trouble. */
	regex = compile(STR(".*c"), WHOLE);
	assert_false(regex_match(regex, (struct str){ big, 1 << 20 }));
	assert_false(regex_gave_up(regex));
	big[(1 << 20) - 1] = 'c';
	assert_true(regex_match(regex, (struct str){ big, 1 << 20 }));
	regex_free(regex);
	free(big);
}

static void count(struct regex *regex, void *arg)
{
	(void)regex;
	++*(size_t *)arg;
}

/* Those of a section are found, in its groups, too. */
static void test_each(void **state)
{
	struct values {
		struct opt_regex one;
		struct opt_groups groups;
		struct opt_regex none;
	} v = { .one.compiled = compile(STR("a"), WHOLE) };
	struct opt_regex inner[2] = { { .compiled = v.one.compiled } };
	static const struct opt inner_opts[] = {
		{ .name = "x", .type = OPT_REGEX },
		{ 0 },
	};
	static const struct opt_section group = {
		.path = "g",
		.opts = inner_opts,
		.size = sizeof(struct opt_regex),
	};
	static const struct opt opts[] = {
		{ .name = "a", .type = OPT_REGEX, .offset = offsetof(struct values, one) },
		{ .name = "b",
		  .type = OPT_GROUPS,
		  .offset = offsetof(struct values, groups),
		  .group = &group },
		{ .name = "c", .type = OPT_REGEX, .offset = offsetof(struct values, none) },
		{ 0 },
	};
	const struct opt_section section = { .path = "s", .opts = opts, .size = sizeof(v) };
	size_t n = 0;

	(void)state;
	v.groups = (struct opt_groups){ .n = 2, .v = inner };
	opt_each_regex(&section, &v, count, &n);
	assert_int_equal(n, 2);
	regex_free(v.one.compiled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),  cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_groups), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_each),
	};

	return cmocka_run_group_tests_name("regex", tests, NULL, NULL);
}
