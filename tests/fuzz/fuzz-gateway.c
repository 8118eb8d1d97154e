/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway answers: its groups, the complaints of /metrics, the page for browsers, with two
 * NULs between. Whatever it says, findings are about groups that there are, and the labels of each
 * group can be written as `delete --group` reads them.
 * runner: -runs=50000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "push/gateway.h"
#include "push/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct str part(struct str text, int i)
{
	for (;; i--) {
		const char *end = text.n ? memmem(text.p, text.n, "\0\0", 2) : NULL;
		struct str one = { text.p, end ? (size_t)(end - text.p) : text.n };

		if (i == 0)
			return one;
		text = end ? str_skip(text, one.n + 2) : (struct str){ 0 };
	}
}

static enum sink_result answer(struct sink *sink, const struct sink_request *request,
			       const struct sink_waiter *waiter, struct arena *arena,
			       struct sink_reply *ret)
{
	const struct str *text = sink->self;

	(void)waiter;
	*ret = (struct sink_reply){ .status = 200, .message = STR("HTTP") };
	if (str_eq(request->path, STR("/api/v1/status"))) {
		ret->body = STR("{\"data\":{\"build_information\":{\"version\":\"1\"}}}");
	} else if (str_eq(request->path, STR("/api/v1/metrics"))) {
		ret->body = arena_str(arena, part(*text, 0));
	} else if (str_eq(request->path, STR("/metrics"))) {
		ret->body = arena_str(arena, part(*text, 1));
		ret->status = ret->body.n ? 500 : 200;
	} else if (str_eq(request->path, STR("/"))) {
		ret->body = arena_str(arena, part(*text, 2));
	}
	return ret->status == 200 ? SINK_OK : SINK_DOWN;
}

static void look(const struct gateway *g, const struct gateway_findings *found)
{
	uint64_t touched = 0;

	for (size_t i = 0; i < found->n; i++) {
		const struct gateway_finding *f = &found->v[i];

		must(f->what.n > 0);
		touched += str_hash(f->what) + str_hash(f->family);
		for (size_t k = 0; k < f->n; k++)
			must(f->groups[k] < g->n_groups);
	}
	must(touched || !found->n);
}

static void spell(const struct gateway_group *group)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf item = { 0 }, path = { 0 };
	struct str why, view;

	for (uint32_t i = 0; i < group->n; i++) {
		if (!group_label_name(group->labels[i].name))
			continue;
		buf_reset(&item);
		buf_reset(&path);
		group_put_item(&item, group->labels[i].name, group->labels[i].value);
		view = buf_view(&item);
		must(str_find(view, ',') == view.n);
		must(group_path_items(&view, 1, &path, &arena, &why) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sink_type type = { .name = "fuzz", .send = answer };
	struct str text = { (const char *)data, size };
	struct sink sink = { .type = &type, .self = &text };
	struct gateway_findings found;
	struct gateway gateway;
	struct str why;

	must(gateway_read(&gateway, &sink, 1, 1, &why) == SINK_OK);
	gateway_diagnose(&gateway, 60, &found);
	look(&gateway, &found);
	for (size_t i = 0; i < gateway.n_groups; i++)
		spell(&gateway.groups[i]);
	gateway_release(&gateway);
	return 0;
}
