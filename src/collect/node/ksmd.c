/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merging of equal pages. Source: /sys/kernel/mm/ksm (mm/ksm.c); general_profit, which may be
 * negative, is there since Linux 6.1.
 */
#include "collect/collector.h"

#include <errno.h>

#define KSM(at, name, help) ROW_GAUGE(at, "node_ksmd_" name, help, 0)

static int run(struct collect *c)
{
	static const struct table_row rows[] = {
		ROW_COUNTER("full_scans", "node_ksmd_full_scans_total",
			    "How often all mergeable memory was scanned.", 0),
		KSM("general_profit", "general_profit_bytes",
		    "Memory saved, less what that costs."),
		KSM("merge_across_nodes", "merge_across_nodes", "Whether nodes share pages."),
		KSM("pages_shared", "pages_shared", "Pages that stand for several."),
		KSM("pages_sharing", "pages_sharing", "Pages that were saved."),
		KSM("pages_to_scan", "pages_to_scan", "Pages to look at before each sleep."),
		KSM("pages_unshared", "pages_unshared", "Pages that were equal to no other."),
		KSM("pages_volatile", "pages_volatile", "Pages that change too fast to merge."),
		KSM("run", "run", "Whether it runs: 0 not, 1 it does, 2 all is taken apart."),
		ROW_GAUGE("sleep_millisecs", "node_ksmd_sleep_seconds",
			  "How long it sleeps between scans.", .scale = 1e-3),
	};
	_cleanup_fd_ int dir = host_open_dir(c->host, HOST_SYS, "kernel/mm/ksm");

	if (dir < 0)
		return collect_explain(c, dir, HOST_SYS, "kernel/mm/ksm");
	if (!collect_attrs(c, dir, metrics_no_labels(c->out), rows, ARRAY_SIZE(rows)))
		return collect_fail(c, -EBADMSG, "/sys/kernel/mm/ksm: no numbers");
	return 0;
}

const struct collector collector_ksmd = {
	.name = "ksmd",
	.help = "the merging of equal pages",
	.reads = "/sys/kernel/mm/ksm/*",
	.run = run,
};
