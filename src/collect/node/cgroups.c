/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controllers of control groups. Source: /proc/cgroups (kernel/cgroup/cgroup-v1.c), which lacks
 * those that only version 2 has.
 */
#include "collect/collector.h"

static int run(struct collect *c)
{
	static const struct table_row rows[] = {
		ROW_GAUGE("", "node_cgroups_cgroups", "Control groups that the controller has.",
			  .column = 1),
		ROW_GAUGE("", "node_cgroups_enabled", "Whether the controller can be used.",
			  .column = 2),
	};
	struct str text;
	int r = collect_read(c, HOST_PROC, "cgroups", &text);

	return r < 0 ? r
		     : collect_named_lines(c, "/proc/cgroups", text, "subsys_name", NULL, rows,
					   ARRAY_SIZE(rows));
}

const struct collector collector_cgroups = {
	.name = "cgroups",
	.help = "controllers of control groups",
	.reads = "/proc/cgroups",
	.run = run,
};
