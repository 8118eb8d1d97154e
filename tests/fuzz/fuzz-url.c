/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grouping keys and base URLs. What is accepted must keep its promises: a path splits back
 * into the very labels it was made of, and no message contains more than one clean line.
 * Input: pieces that end with NUL: base URL, job, instance, then names and values by turns.
 * runner: -runs=400000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "push/endpoint.h"
#include "push/url.h"
#include "push/visible.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct str decode(struct str text, struct arena *arena)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char *to = arena_alloc(arena, text.n + 1);
	uint32_t bits = 0, have = 0;
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		const char *digit = strchr(digits, text.p[i]);

		must(digit && text.p[i]);
		bits = bits << 6 | (uint32_t)(digit - digits);
		have += 6;
		if (have >= 8)
			to[n++] = (char)(bits >> (have -= 8) & 255);
	}
	must(have < 6 && (bits & ((1u << have) - 1)) == 0);
	return (struct str){ to, n };
}

static void must_take(struct str *path, struct str name, struct str value, struct arena *arena)
{
	struct str got_name, got_value;

	must(str_cut(path, '/', &got_name) && str_cut(path, '/', &got_value));
	if (str_ends(got_name, STR("@base64"))) {
		got_name.n -= STR("@base64").n;
		got_value = decode(got_value, arena);
	}
	must(str_eq(got_name, name) && str_eq(got_value, value));
}

static void must_be_clean(struct str line)
{
	must(str_utf8_valid(line));
	for (size_t i = 0; i < line.n; i++)
		must((unsigned char)line.p[i] >= ' ' && line.p[i] != 0x7f);
}

static void try_group(const struct group *group, struct arena *arena)
{
	_cleanup_buf_ struct buf out = { 0 };
	struct str why = { 0 }, path;

	must_be_clean(group_text(group, arena));
	if (group_path(group, &out, arena, &why) < 0) {
		must(why.n > 0 && out.n == 0);
		must_be_clean(why);
		return;
	}
	path = buf_view(&out);
	must(str_starts(path, STR("/metrics/")));
	path = str_skip(path, STR("/metrics/").n);
	must_take(&path, STR("job"), group->job, arena);
	if (group->instance.n)
		must_take(&path, STR("instance"), group->instance, arena);
	for (size_t i = 0; i < group->labels.n; i++)
		must_take(&path, group->labels.v[i].key, group->labels.v[i].value, arena);
	must(path.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str rest = { (const char *)data, size }, url = { 0 }, why = { 0 };
	struct opt_pair pairs[16] = { 0 };
	struct group group = { .labels = { 0, pairs } };
	struct endpoint endpoint;

	must_be_clean(visible(&arena, rest, 100));
	must(visible(&arena, rest, 100).n <= 100);
	(void)str_cut(&rest, '\0', &url);
	(void)str_cut(&rest, '\0', &group.job);
	(void)str_cut(&rest, '\0', &group.instance);
	while (group.labels.n < ARRAY_SIZE(pairs) &&
	       str_cut(&rest, '\0', &pairs[group.labels.n].key)) {
		(void)str_cut(&rest, '\0', &pairs[group.labels.n].value);
		group.labels.n++;
	}
	try_group(&group, &arena);
	if (endpoint_parse(url, &arena, &endpoint, &why) < 0)
		must_be_clean(why);
	else
		must(str_find(endpoint.base, '@') == endpoint.base.n &&
		     str_starts(endpoint.base, STR("http")) && endpoint.where.n > 0);
	return 0;
}
