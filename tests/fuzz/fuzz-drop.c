/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of the drop-box: whatever stands in it, what is taken from it is safe to push.
 * runner: -runs=200000
 */
#include <stdlib.h>

#include "encode/encoder.h"
#include "metric/feed.h"
#include "push/drop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str grouping[] = { STR("job"), STR("instance"), STR("user") };
	struct arena arena = { 0 };
	struct feed_report report;
	struct metrics metrics;
	struct buf out = { 0 };
	struct drop drop;
	struct str why;

	metrics_init(&metrics, (struct metrics_limits){ .series = 1000 });
	metrics_set_grouping(&metrics, 3, grouping);
	if (drop_parse((struct str){ (const char *)data, size }, &arena, &drop, &why) == 0) {
		if (drop.group.labels.n > DROP_LABELS_MAX)
			abort();
		feed_text(&metrics, drop.text, STR("drop"), &arena, &report);
		encoder_text.encode(&metrics, &out);
		if (!str_utf8_valid(buf_view(&out)) || metrics.series > 1000)
			abort();
	}
	metrics_release(&metrics);
	arena_release(&arena);
	buf_release(&out);
	return 0;
}
