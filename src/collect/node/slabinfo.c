/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's caches of objects. Source: /proc/slabinfo (mm/slab_common.c), for root alone. */
#include "collect/collector.h"

#define SLAB(n, name, help) ROW_GAUGE("", "node_slabinfo_" name, help, .column = (n))

struct slabinfo_conf {
	struct name_filter slabs;
};

static const struct opt slabinfo_opts[] = {
	NAME_FILTER_OPTS(struct slabinfo_conf, slabs, "slabs_include", "slabs_exclude", "caches"),
	{ 0 },
};

static const struct opt_section section_collector_slabinfo = {
	.path = "collectors.slabinfo",
	.help = "the kernel's caches of objects",
	.opts = slabinfo_opts,
	.size = sizeof(struct slabinfo_conf),
};

static int run(struct collect *c)
{
	static const struct table_row rows[] = {
		SLAB(0, "active_objects", "Objects in use."),
		SLAB(1, "objects", "Objects that there are."),
		SLAB(2, "object_size_bytes", "Size of an object."),
		SLAB(3, "objects_per_slab", "Objects in a slab."),
		SLAB(4, "pages_per_slab", "Pages of a slab."),
	};
	const struct slabinfo_conf *conf = c->conf;
	struct str text, version;
	int r = collect_read(c, HOST_PROC, "slabinfo", &text);

	if (r < 0)
		return r;
	(void)str_line(&text, &version);
	return collect_named_lines(c, "/proc/slabinfo", text, "slab", &conf->slabs, rows,
				   ARRAY_SIZE(rows));
}

const struct collector collector_slabinfo = {
	.name = "slabinfo",
	.help = "the kernel's caches of objects",
	.reads = "/proc/slabinfo",
	.section = &section_collector_slabinfo,
	.run = run,
};
