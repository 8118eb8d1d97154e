/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of `peekpush metric`. Input: a byte that says what is done, then a text. What comes out
 * has no bad line, and a gauge that is set again changes nothing more.
 * runner: -runs=250000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "metric/amend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum metric_type types[] = { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };
	static const struct str names[] = { { "h", 1 }, { "h_sum", 5 }, { "x_total", 7 } };
	static const struct label labels[] = { { { "z", 1 }, { "\"\n\\", 3 } },
					       { { "a", 1 }, { "1", 1 } } };
	static const double bounds[] = { -1, 0.5, 10 };
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf first = { 0 }, second = { 0 };
	struct amend_report report;

	if (!size)
		return 0;

	const struct amend a = {
		.type = types[data[0] % 3],
		.name = names[data[0] / 3 % 3],
		.help = data[0] & 16 ? STR("A \\ help\ntext.") : (struct str){ 0 },
		.n = data[0] >> 5 & 2,
		.labels = labels,
		.value = 0.75,
		.n_bounds = ARRAY_SIZE(bounds),
		.bounds = bounds,
		.insist = data[0] & 128,
	};
	const struct str text = { (const char *)data + 1, size - 1 };

	if (amend_text(text, &a, &arena, &first, &report) < 0) {
		must(report.why.n > 0 && first.n == 0);
		return 0;
	}
	must(first.err || first.n > 0);
	must(amend_text(buf_view(&first), &a, &arena, &second, &report) == 0);
	must(report.lost == 0);
	must(a.type != METRIC_GAUGE || str_eq(buf_view(&first), buf_view(&second)));
	return 0;
}
