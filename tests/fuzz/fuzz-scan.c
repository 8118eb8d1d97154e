/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exposition text. What feed_text() let in is sound: written as text and read again, nobody has
 * anything to say of it, and it is the same text.
 * runner: -runs=35000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "encode/encoder.h"
#include "metric/feed.h"
#include "metric/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Reads all items; each of their bytes is there to be read. Returns how many have `kind`. */
static uint32_t walk(struct str text, struct arena *arena, uint32_t *ret_bad)
{
	struct scan_item item;
	struct scan scan;
	uint32_t line = 0, samples = 0, bad = 0;
	uint64_t touched = 0;

	scan_begin(&scan, text, arena);
	while (scan_next(&scan, &item)) {
		must(item.line > line && item.text.n > 0);
		line = item.line;
		samples += item.kind == SCAN_SAMPLE;
		bad += item.kind == SCAN_BAD;
		must((item.kind == SCAN_BAD) == (item.why != NULL));
		touched += str_hash(item.text) + str_hash(item.name) + str_hash(item.help);
		must(item.kind == SCAN_BAD || item.name.n > 0);
		for (size_t i = 0; i < item.n; i++)
			touched += str_hash(item.labels[i].name) + str_hash(item.labels[i].value);
	}
	must(touched || !line);
	*ret_bad = bad;
	return samples;
}

static void pass(struct str text, struct arena *arena, struct buf *out, struct feed_report *report)
{
	static struct str grouping[] = { { "job", 3 } };
	struct metrics metrics;

	metrics_init(&metrics, (struct metrics_limits){ 0 });
	metrics_set_grouping(&metrics, ARRAY_SIZE(grouping), grouping);
	feed_text(&metrics, text, STR("x.prom"), arena, report);
	encoder_text.encode(&metrics, out);
	metrics_release(&metrics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str text = { (const char *)data, size };
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf first = { 0 }, second = { 0 };
	struct feed_report report;
	uint32_t samples, bad;

	samples = walk(text, &arena, &bad);
	pass(text, &arena, &first, &report);
	must(report.samples == samples && report.bad == bad);
	must(report.n > 0 || report.bad + report.dropped == 0);
	must(!first.err);
	pass(buf_view(&first), &arena, &second, &report);
	must(report.n + report.bad + report.dropped + report.timestamps + report.exemplars == 0);
	must(str_eq(buf_view(&first), buf_view(&second)));
	return 0;
}
