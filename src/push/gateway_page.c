/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page that people see in a browser has a button for each group, and behind it the labels in
 * base64, exact to the byte. It is asked where the API does not tell the groups: a metric without a
 * value of its type makes that break off, but not the page.
 *
 *	pushgateway.showDelModal({ ... }, { 'job': 'ag', 'instance': '_w' }, 'group-panel-5', event)
 */
#include "push/gateway_internal.h"

enum { LABELS_MAX = 256 };

static int six_bits(char c)
{
	static const char all[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = memchr(all, c, sizeof(all) - 1);

	return at ? (int)(at - all) : -1;
}

static struct str decode(struct str text, struct arena *arena)
{
	char *p = arena_alloc(arena, text.n + 1), *to = p;
	uint32_t bits = 0;
	int n = 0;

	for (size_t i = 0; i < text.n && six_bits(text.p[i]) >= 0; i++) {
		bits = bits << 6 | (uint32_t)six_bits(text.p[i]);
		n += 6;
		if (n >= 8) {
			n -= 8;
			*to++ = (char)(bits >> n);
		}
	}
	return str_between(p, to);
}

/* 'TEXT' off the front of what follows blanks, commas and colons. */
static bool take_quoted(struct str *rest, struct str *ret)
{
	struct str s = *rest;

	while (s.n && memchr(" ,:", s.p[0], 3))
		s = str_skip(s, 1);
	if (!str_starts(s, STR("'")))
		return false;
	s = str_skip(s, 1);
	*ret = (struct str){ s.p, str_find(s, '\'') };
	*rest = str_skip(s, ret->n + 1);
	return ret->n < s.n;
}

static bool take_group(struct gateway *g, struct str call)
{
	static const struct str second = { "}, {", 4 };
	struct gateway_group group = { .exact = true, .running = -1, .jobs = -1 };
	const char *at = memmem(call.p, call.n, second.p, second.n);
	struct label labels[LABELS_MAX];
	struct label *kept;
	struct str rest, name, value;

	if (!at)
		return false;
	rest = str_between(at + second.n, call.p + call.n);
	while (group.n < LABELS_MAX && take_quoted(&rest, &name) && take_quoted(&rest, &value))
		labels[group.n++] = (struct label){ name, decode(value, &g->arena) };
	if (!group.n)
		return false;
	kept = arena_zalloc(&g->arena, group.n, sizeof(*kept));
	memcpy(kept, labels, group.n * sizeof(*kept));
	group.labels = kept;
	g->groups = arena_grow(&g->arena, g->groups, g->n_groups, sizeof(group));
	g->groups[g->n_groups++] = group;
	return true;
}

void gateway_page(struct gateway *g, struct sink *sink, int64_t timeout_ns)
{
	static const struct str call = { "showDelModal({", 14 };
	struct sink_request request = {
		.method = SINK_GET,
		.path = STR("/"),
		.timeout_ns = timeout_ns,
		.reply_max = GATEWAY_REPLY_MAX,
	};
	struct sink_reply reply;
	struct str line;

	g->n_groups = 0;
	if (sink_send(sink, &request, NULL, &g->arena, &reply) != SINK_OK)
		return;
	while (str_line(&reply.body, &line) && g->n_groups < GATEWAY_GROUPS_MAX) {
		const char *at = line.n ? memmem(line.p, line.n, call.p, call.n) : NULL;

		if (at)
			(void)take_group(g, str_between(at, line.p + line.n));
	}
}
