/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Free memory by the size of its pieces. Source: /proc/buddyinfo (mm/vmstat.c); the column is the
 * order, a piece is 2^order pages.
 */
#include "collect/collector.h"

#include <errno.h>

static int run(struct collect *c)
{
	static const struct metric_desc desc = {
		"node_buddyinfo_blocks",
		"Free pieces of memory by size, the power of two that they have in pages.",
		METRIC_GAUGE,
	};
	struct str text, line, node, zone, word;
	int r = collect_read(c, HOST_PROC, "buddyinfo", &text), result = r;
	struct family *f = metrics_family(c->out, &desc);
	size_t found = 0;

	while (r == 0 && str_line(&text, &line)) {
		char size[NUM_TEXT_MAX];
		uint64_t order = 0, blocks;

		if (!str_trim(line).n)
			continue;
		found++;
		if (!str_word(&line, &word) || !str_cut(&line, ',', &node) ||
		    !str_word(&line, &word) || !str_word(&line, &zone)) {
			result = collect_fail(c, -EBADMSG, "/proc/buddyinfo: line %zu", found);
			continue;
		}
		for (; num_take_u64(&line, &blocks); order++)
			family_add(f,
				   METRIC_LABELS(
					   c->out, { STR("node"), str_trim(node) },
					   { STR("zone"), zone },
					   { STR("size"), { size, num_print_u64(size, order) } }),
				   (double)blocks);
		if (str_trim(line).n)
			result = collect_fail(c, -EBADMSG, "/proc/buddyinfo: line %zu", found);
	}
	return r < 0 || found ? result : collect_fail(c, -EBADMSG, "/proc/buddyinfo is empty");
}

const struct collector collector_buddyinfo = {
	.name = "buddyinfo",
	.help = "free memory by the size of its pieces",
	.reads = "/proc/buddyinfo",
	.run = run,
};
