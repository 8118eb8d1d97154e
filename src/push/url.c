/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grouping keys in URLs. The gateway splits the path after decoding it, so that %2F cannot
 * stand for a slash in a value; its own escape, @base64, can.
 */
#include "push/url.h"

#include <errno.h>

#include "base/cleanup.h"
#include "push/visible.h"

void base64_put(struct buf *out, struct str in, const char *last_two)
{
	static const char most[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const unsigned char *p = (const unsigned char *)in.p;

	for (size_t i = 0; i < in.n; i += 3) {
		size_t left = in.n - i;
		uint32_t bits = (uint32_t)p[i] << 16;

		if (left > 1)
			bits |= (uint32_t)p[i + 1] << 8;
		if (left > 2)
			bits |= p[i + 2];
		for (size_t k = 0; k < (left < 3 ? left + 1 : 4); k++) {
			uint32_t six = bits >> (18 - 6 * k) & 63;

			buf_char(out, six < 62 ? most[six] : last_two[six - 62]);
		}
	}
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool plain(struct str value)
{
	if (str_eq(value, STR(".")) || str_eq(value, STR("..")))
		return false;
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (!letter(c) && !digit(c) && c != '.' && c != ':' && c != '-')
			return false;
	}
	return true;
}

static void put_pair(struct buf *out, struct str name, struct str value)
{
	buf_char(out, '/');
	buf_str(out, name);
	if (plain(value)) {
		buf_char(out, '/');
		buf_str(out, value);
	} else {
		buf_cstr(out, "@base64/");
		base64_put(out, value, "-_");
	}
}

static int refuse(struct arena *arena, struct str name, const char *why, struct str *ret_why)
{
	struct str shown = visible(arena, name, 100);

	*ret_why = arena_printf(arena, "grouping label \"%.*s\": %s", STR_ARG(shown), why);
	return -EINVAL;
}

static int check_value(struct str name, struct str value, struct arena *arena, struct str *ret_why)
{
	/* x="" and no x are two groups for the gateway and one series for Prometheus. */
	if (value.n == 0)
		return refuse(arena, name, "the value is empty", ret_why);
	/* The gateway takes it, and from then on refuses everybody's pushes and every scrape. */
	if (!str_utf8_valid(value))
		return refuse(arena, name, "the value is not UTF-8", ret_why);
	return 0;
}

bool group_label_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!letter(name.p[i]) && !(i && digit(name.p[i])))
			return false;
	return name.n > 0;
}

static int check_name(struct str name, struct arena *arena, struct str *ret_why)
{
	if (!group_label_name(name))
		return refuse(arena, name, "this is no label name, [a-zA-Z_][a-zA-Z0-9_]* is",
			      ret_why);
	if (str_starts(name, STR("__")))
		return refuse(arena, name, "names that begin with __ are reserved", ret_why);
	if (str_eq(name, STR("job")) || str_eq(name, STR("instance")))
		return refuse(arena, name, "this name has an option of its own", ret_why);
	return 0;
}

static int check(const struct group *group, struct arena *arena, struct str *ret_why)
{
	const struct opt_map *labels = &group->labels;
	int r = check_value(STR("job"), group->job, arena, ret_why);

	if (r == 0 && group->instance.n)
		r = check_value(STR("instance"), group->instance, arena, ret_why);
	for (size_t i = 0; i < labels->n && r == 0; i++) {
		struct str name = labels->v[i].key;

		r = check_name(name, arena, ret_why);
		if (r == 0)
			r = check_value(name, labels->v[i].value, arena, ret_why);
		for (size_t k = 0; k < i && r == 0; k++)
			if (str_eq(labels->v[k].key, name))
				r = refuse(arena, name, "it is given twice", ret_why);
	}
	return r;
}

int group_path(const struct group *group, struct buf *out, struct arena *arena, struct str *ret_why)
{
	int r = check(group, arena, ret_why);

	if (r < 0)
		return r;
	buf_cstr(out, "/metrics");
	put_pair(out, STR("job"), group->job);
	if (group->instance.n)
		put_pair(out, STR("instance"), group->instance);
	for (size_t i = 0; i < group->labels.n; i++)
		put_pair(out, group->labels.v[i].key, group->labels.v[i].value);
	if (out->err)
		*ret_why = STR("the grouping labels are too long");
	return out->err;
}

static bool base64_like(struct str value)
{
	while (str_ends(value, STR("=")))
		value.n--;
	for (size_t i = 0; i < value.n; i++)
		if (!letter(value.p[i]) && !digit(value.p[i]) && value.p[i] != '-')
			return false;
	return true;
}

static int put_item(struct str item, struct buf *out, struct arena *arena, struct str *ret_why)
{
	struct str name = { item.p, str_find(item, '=') }, value = str_skip(item, name.n + 1);
	bool coded = str_ends(name, STR("@base64"));

	name.n -= coded ? 7 : 0;
	if (str_find(item, '=') == item.n || !group_label_name(name))
		return refuse(arena, item, "this is not NAME=VALUE", ret_why);
	if (coded && !base64_like(value))
		return refuse(arena, name, "the value is not base64 of the alphabet of URLs",
			      ret_why);
	while (coded && str_ends(value, STR("=")))
		value.n--;
	if (!coded && value.n) {
		put_pair(out, name, value);
		return 0;
	}
	/* Without the = an empty value would be a path that ends in a slash. */
	buf_char(out, '/');
	buf_str(out, name);
	buf_cstr(out, "@base64/");
	buf_str(out, value);
	if (!value.n)
		buf_char(out, '=');
	return 0;
}

int group_path_items(const struct str *items, size_t n, struct buf *out, struct arena *arena,
		     struct str *ret_why)
{
	buf_cstr(out, "/metrics");
	for (size_t i = 0; i < n; i++) {
		int r = put_item(items[i], out, arena, ret_why);

		if (r < 0)
			return r;
	}
	if (out->err)
		*ret_why = STR("the grouping labels are too long");
	return out->err;
}

static uint32_t code_point(struct str bytes, size_t n)
{
	uint32_t code = (unsigned char)bytes.p[0];

	if (n > 1)
		code &= 0x7fU >> n;
	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)bytes.p[i] & 0x3f);
	return code;
}

struct str group_escaped_name(struct str name, struct arena *arena)
{
	_cleanup_buf_ struct buf out = { 0 };
	size_t n;

	if (group_label_name(name) && !str_starts(name, STR("U__")))
		return name;
	buf_cstr(&out, "U__");
	for (; name.n && (n = str_utf8_char(name)) > 0; name = str_skip(name, n)) {
		char c = name.p[0];

		if (c == '_')
			buf_cstr(&out, "__");
		else if (letter(c) || (digit(c) && out.n > 3))
			buf_char(&out, c);
		else
			buf_printf(&out, "_%x_", code_point(name, n));
	}
	return arena_str(arena, buf_view(&out));
}

void group_put_item(struct buf *out, struct str name, struct str value)
{
	bool bare = value.n == 0 || plain(value);

	buf_str(out, name);
	buf_cstr(out, bare ? "=" : "@base64=");
	if (bare)
		buf_str(out, value);
	else
		base64_put(out, value, "-_");
}

struct str group_text(const struct group *group, struct arena *arena)
{
	struct str job = visible(arena, group->job, 100), text;

	text = arena_printf(arena, "job=%.*s", STR_ARG(job));
	if (group->instance.n) {
		struct str instance = visible(arena, group->instance, 100);

		text = arena_printf(arena, "%.*s instance=%.*s", STR_ARG(text), STR_ARG(instance));
	}
	for (size_t i = 0; i < group->labels.n; i++) {
		struct str name = visible(arena, group->labels.v[i].key, 100);
		struct str value = visible(arena, group->labels.v[i].value, 100);

		text = arena_printf(arena, "%.*s %.*s=%.*s", STR_ARG(text), STR_ARG(name),
				    STR_ARG(value));
	}
	return text;
}
