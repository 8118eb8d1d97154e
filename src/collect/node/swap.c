/* SPDX-License-Identifier: Apache-2.0 */
/* Swap areas, each by itself. Source: /proc/swaps (mm/swapfile.c), in KiB; blanks are \040. */
#include "collect/collector.h"

#include <errno.h>

static int run(struct collect *c)
{
	static const struct metric_desc descs[] = {
		{ "node_swap_size_bytes", "Size of the swap area.", METRIC_GAUGE },
		{ "node_swap_used_bytes", "Used part of the swap area.", METRIC_GAUGE },
		{ "node_swap_priority", "Priority of the swap area; the highest is filled first.",
		  METRIC_GAUGE },
	};
	struct str text, line, device, type;
	int r = collect_read(c, HOST_PROC, "swaps", &text);

	if (r < 0)
		return r;
	if (!str_line(&text, &line) || !str_starts(line, STR("Filename")))
		return collect_fail(c, -EBADMSG, "/proc/swaps does not begin with its heading");
	for (size_t at = 2; str_line(&text, &line); at++) {
		int64_t v[ARRAY_SIZE(descs)];

		if (!str_word(&line, &device) || !str_word(&line, &type) ||
		    !num_take_i64(&line, &v[0]) || !num_take_i64(&line, &v[1]) ||
		    !num_take_i64(&line, &v[2])) {
			r = collect_fail(c, -EBADMSG, "/proc/swaps: line %zu is no swap area", at);
			continue;
		}

		const struct labels *labels = METRIC_LABELS(c->out, { STR("device"), device },
							    { STR("swap_type"), type });

		for (size_t i = 0; i < ARRAY_SIZE(descs); i++)
			family_add(metrics_family(c->out, &descs[i]), labels,
				   i < 2 ? (double)v[i] * 1024 : (double)v[i]);
	}
	return r;
}

const struct collector collector_swap = {
	.name = "swap",
	.help = "swap areas, each by itself",
	.reads = "/proc/swaps",
	.run = run,
};
