/* SPDX-License-Identifier: Apache-2.0 */
/* Open files of the whole system. Source: fs/file_table.c; the middle number is always 0. */
#include "collect/collector.h"

#include <errno.h>

static int run(struct collect *c)
{
	static const struct metric_desc allocated_desc = {
		"node_filefd_allocated", "Files that are open in the whole system.", METRIC_GAUGE
	};
	static const struct metric_desc maximum_desc = {
		"node_filefd_maximum", "Files that may be open in the whole system.", METRIC_GAUGE
	};
	uint64_t allocated, unused, maximum;
	struct str text;
	int r = collect_read(c, HOST_PROC, "sys/fs/file-nr", &text);

	if (r < 0)
		return r;
	if (!num_take_u64(&text, &allocated) || !num_take_u64(&text, &unused) ||
	    !num_take_u64(&text, &maximum))
		return collect_fail(c, -EBADMSG, "/proc/sys/fs/file-nr: not three numbers");
	metrics_add(c->out, &allocated_desc, (double)allocated);
	metrics_add(c->out, &maximum_desc, (double)maximum);
	return 0;
}

const struct collector collector_filefd = {
	.name = "filefd",
	.help = "open files and their limit",
	.reads = "/proc/sys/fs/file-nr",
	.on = true,
	.run = run,
};
