/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "unit.h"

#include "push/endpoint.h"
#include "push/url.h"
#include "push/visible.h"

static struct group group(const char *job, const char *instance, size_t n, struct opt_pair *v)
{
	return (struct group){ str_of(job), str_of(instance), { n, v } };
}

static void assert_path(const struct group *g, const char *wanted)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	struct str why;

	buf_char(&out, '>');
	assert_int_equal(group_path(g, &out, &arena, &why), 0);
	buf_char(&out, '\0');
	assert_string_equal(out.p + 1, wanted);
}

static void test_plain(void **state)
{
	struct opt_pair zone[] = { { STR("zone"), STR("eu-1") }, { STR("_a0"), STR("A.b:c_d") } };
	struct group g = group("node", "", 0, NULL);

	(void)state;
	assert_path(&g, "/metrics/job/node");
	g = group("node", "h.example:9100", 2, zone);
	assert_path(&g, "/metrics/job/node/instance/h.example:9100/zone/eu-1/_a0/A.b:c_d");
}

static void test_base64(void **state)
{
	static const struct {
		const char *value, *wanted;
	} cases[] = {
		{ ".", "@base64/Lg" },     { "..", "@base64/Li4" },
		{ "...", "/..." },         { "a b", "@base64/YSBi" },
		{ "a/b", "@base64/YS9i" }, { "+", "@base64/Kw" },
		{ "\n", "@base64/Cg" },    { "%", "@base64/JQ" },
		{ "=", "@base64/PQ" },     { "\xc3\xbf\xc3\xbe", "@base64/w7_Dvg" },
		{ "?&>", "@base64/PyY-" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct group g = group(cases[i].value, "", 0, NULL);

		assert_path(&g, arena_printf(&arena, "/metrics/job%s", cases[i].wanted).p);
	}
}

static void test_base64_of_nul_and_padding(void **state)
{
	_cleanup_buf_ struct buf out = { 0 };

	(void)state;
	base64_put(&out, (struct str){ "\0\xff", 2 }, "+/");
	buf_char(&out, '|');
	base64_put(&out, (struct str){ 0 }, "+/");
	buf_char(&out, '|');
	base64_put(&out, STR("\xfb\xff\xfe"), "+/");
	assert_true(str_eq(buf_view(&out), STR("AP8||+//+")));
}

static void test_refused_groups(void **state)
{
	static const struct {
		struct str job, instance, name, value;
		const char *wanted;
	} cases[] = {
		{ STR(""), STR("i"), STR("x"), STR("v"), "\"job\": the value is empty" },
		{ STR("j\xff"), STR("i"), STR("x"), STR("v"), "\"job\": the value is not UTF-8" },
		{ STR("j"), STR("\xe9"), STR("x"), STR("v"), "\"instance\": the value is not" },
		{ STR("j"), STR("i"), STR("x"), STR(""), "\"x\": the value is empty" },
		{ STR("j"), STR("i"), STR("x"), STR("\xc0\xaf"), "\"x\": the value is not UTF-8" },
		{ STR("j"), STR("i"), STR(""), STR("v"), "no label name" },
		{ STR("j"), STR("i"), STR("1a"), STR("v"), "\"1a\": this is no label name" },
		{ STR("j"), STR("i"), STR("a-b"), STR("v"), "no label name" },
		{ STR("j"), STR("i"), STR("a@base64"), STR("v"), "no label name" },
		{ STR("j"), STR("i"), STR("a\nb"), STR("v"), "\"a\\nb\": this is no" },
		{ STR("j"), STR("i"), STR("__name__"), STR("v"), "reserved" },
		{ STR("j"), STR("i"), STR("job"), STR("v"), "option of its own" },
		{ STR("j"), STR("i"), STR("instance"), STR("v"), "option of its own" },
		{ STR("j"), STR("i"), STR("first"), STR("v"), "\"first\": it is given twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		_cleanup_buf_ struct buf out = { 0 };
		struct opt_pair labels[] = { { STR("first"), STR("1") },
					     { cases[i].name, cases[i].value } };
		struct group g = { cases[i].job, cases[i].instance, { 2, labels } };
		struct str why = { 0 };

		assert_int_equal(group_path(&g, &out, &arena, &why), -EINVAL);
		assert_int_equal(out.n, 0);
		if (!memmem(why.p, why.n, cases[i].wanted, strlen(cases[i].wanted)))
			fail_msg("%zu: %.*s", i, STR_ARG(why));
	}
}

static void test_group_text(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct opt_pair labels[] = { { STR("zone"), STR("a\nb\x1b[1m") },
				     { STR("city"), STR("K\xc3\xb6ln") } };
	struct group g = group("j", "", 2, labels);

	(void)state;
	assert_true(
		str_eq(group_text(&g, &arena), STR("job=j zone=a\\nb\\x1b[1m city=K\xc3\xb6ln")));
	g.instance = STR("h");
	g.labels.n = 0;
	assert_true(str_eq(group_text(&g, &arena), STR("job=j instance=h")));
}

static void test_visible(void **state)
{
	static const struct {
		struct str text;
		size_t max;
		const char *wanted;
	} cases[] = {
		{ STR(""), 10, "" },
		{ STR("plain \xe2\x82\xac"), 50, "plain \xe2\x82\xac" },
		{ STR("a\tb\rc\x7f"), 50, "a\\tb\\x0dc\\x7f" },
		{ STR("\xc2\x85\xe2\x80\xa8\xe2\x81\xa6"), 50,
		  "\\xc2\\x85\\xe2\\x80\\xa8\\xe2\\x81\\xa6" },
		{ STR("\xff\xc3"), 50, "\\xff\\xc3" },
		{ STR("0123456789"), 10, "0123456789" },
		{ STR("0123456789a"), 10, "0123456..." },
		{ STR("012345\xc3\xa9\xc3\xa9\xc3\xa9"), 10, "012345..." },
		{ STR("012345\n\n\n"), 10, "012345..." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct str shown = visible(&arena, cases[i].text, cases[i].max);

		assert_string_equal(shown.p, cases[i].wanted);
		assert_int_equal(shown.n, strlen(cases[i].wanted));
	}
}

static void test_endpoints(void **state)
{
	static const struct {
		const char *url, *base, *where;
	} cases[] = {
		{ "http://gw", "http://gw:80", "gw:80" },
		{ "https://gw/", "https://gw:443", "gw:443" },
		{ "http://127.0.0.1:9091", "http://127.0.0.1:9091", "127.0.0.1:9091" },
		{ "http://[::1]:9091/a/", "http://[::1]:9091/a", "[::1]:9091" },
		{ "http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]:80", "[fe80::1%25eth0]:80" },
		{ "http://vm:8428/api/v1/import/prometheus",
		  "http://vm:8428/api/v1/import/prometheus", "vm:8428" },
		{ "http://k\xc3\xb6ln:1//", "http://k\xc3\xb6ln:1", "k\xc3\xb6ln:1" },
		{ "https://a_b.c-d:65535", "https://a_b.c-d:65535", "a_b.c-d:65535" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct str why = { 0 };
		struct endpoint endpoint;

		assert_int_equal(endpoint_parse(str_of(cases[i].url), &arena, &endpoint, &why), 0);
		assert_string_equal(endpoint.base.p, cases[i].base);
		assert_string_equal(endpoint.where.p, cases[i].where);
	}
}

static void test_refused_endpoints(void **state)
{
	static const struct {
		struct str url;
		const char *wanted;
	} cases[] = {
		{ STR("http:gw"), "followed by //" },
		{ STR("http://"), "host name" },
		{ STR("http:///path"), "host name" },
		{ STR("http://:9091"), "host name" },
		{ STR("http://a b"), "blanks" },
		{ STR("http://gw/a b"), "blanks" },
		{ STR("http://gw/\n"), "blanks" },
		{ STR("http://gw\0.example"), "blanks" },
		{ STR("http://gw\\x"), "blanks" },
		{ STR("http://g,w"), "host name" },
		{ STR("http://[::1"), "host name" },
		{ STR("http://[]:1"), "host name" },
		{ STR("http://[::1]x"), "host name" },
		{ STR("http://gw:"), "port" },
		{ STR("http://gw:0"), "port" },
		{ STR("http://gw:65536"), "port" },
		{ STR("http://gw:99999999999999999999"), "port" },
		{ STR("http://gw:80a"), "port" },
		{ STR("http://gw:+80"), "port" },
		{ STR("http://me:hunter2@gw"), "push.user" },
		{ STR("http://gw/me:hunter2@x"), "push.user" },
		{ STR("http://gw/?hunter2"), "query" },
		{ STR("http://gw#hunter2"), "fragment" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct str why = { 0 };
		struct endpoint endpoint;

		assert_int_equal(endpoint_parse(cases[i].url, &arena, &endpoint, &why), -EINVAL);
		if (!memmem(why.p, why.n, cases[i].wanted, strlen(cases[i].wanted)) ||
		    memmem(why.p, why.n, "hunter2", 7))
			fail_msg("%s: %.*s", cases[i].url.p, STR_ARG(why));
	}
}

/* What group_put_item() writes is read as the same path; what it cannot have written is refused. */
static void test_items(void **state)
{
	static const struct {
		struct str value;
		const char *item, *path;
	} cases[] = {
		{ STR("a.b:1-2_C"), "x=a.b:1-2_C", "/metrics/x/a.b:1-2_C" },
		{ STR(""), "x=", "/metrics/x@base64/=" },
		{ STR("."), "x@base64=Lg", "/metrics/x@base64/Lg" },
		{ STR("\xff\xfe,"), "x@base64=__4s", "/metrics/x@base64/__4s" },
		{ STR("a b"), "x@base64=YSBi", "/metrics/x@base64/YSBi" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		_cleanup_buf_ struct buf item = { 0 }, path = { 0 };
		struct str why = { 0 }, view;

		group_put_item(&item, STR("x"), cases[i].value);
		view = buf_view(&item);
		assert_text(view, cases[i].item);
		assert_int_equal(group_path_items(&view, 1, &path, &arena, &why), 0);
		assert_text(buf_view(&path), cases[i].path);
	}
}

/* As prometheus/common writes them, and a colon, too, which it would leave as it is. */
static void test_escaped_names(void **state)
{
	static const struct {
		struct str name;
		const char *escaped;
	} cases[] = {
		{ STR("zone"), "zone" },
		{ STR("_Zone_1"), "_Zone_1" },
		{ STR("zone.x"), "U__zone_2e_x" },
		{ STR("a_b c"), "U__a__b_20_c" },
		{ STR("a:b"), "U__a_3a_b" },
		{ STR("0a0"), "U___30_a0" },
		{ STR("U__zone_2e_x"), "U__U____zone__2e__x" },
		{ STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "U___e9__20ac__1f600_" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct str escaped = group_escaped_name(cases[i].name, &arena);

		assert_text(escaped, cases[i].escaped);
		assert_true(group_label_name(escaped));
	}
}

static void test_refused_items(void **state)
{
	static const struct str items[] = {
		STR(""),
		STR("x"),
		STR("=a"),
		STR("1x=a"),
		STR("x y=a"),
		STR("x-y=a"),
		STR("@base64=YQ"),
		STR("x@base64=a+b"),
		STR("x@base64=a/b"),
		STR("x@base64=a b"),
		STR("x@base32=aa"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		_cleanup_buf_ struct buf path = { 0 };
		struct str why = { 0 };

		if (group_path_items(&items[i], 1, &path, &arena, &why) != -EINVAL || !why.n)
			fail_msg("%s is taken", items[i].p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_of_nul_and_padding),
		cmocka_unit_test(test_refused_groups),
		cmocka_unit_test(test_group_text),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_escaped_names),
		cmocka_unit_test(test_refused_items),
		cmocka_unit_test(test_visible),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_refused_endpoints),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
