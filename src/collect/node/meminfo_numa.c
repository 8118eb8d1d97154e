/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of each node, under the kernel's names. Source: /sys/devices/system/node/node*
 * (drivers/base/node.c). Lines of meminfo with a unit are kibibytes; numastat counts pages.
 */
#include "collect/collector.h"

#include <errno.h>

/* "Node 0 Active(anon):   5300 kB", or "numa_hit 5300". */
static int add_file(struct collect *c, int dir, const char *file, struct str node,
		    enum metric_type type)
{
	struct str text, line, key, skip, unit;
	int r = 0;

	if (host_attr(dir, file, c->scratch, &text) < 0)
		return 0;
	while (str_line(&text, &line)) {
		uint64_t value;

		if (str_starts(line, STR("Node ")))
			(void)(str_word(&line, &skip) && str_word(&line, &skip));
		if (!str_word(&line, &key))
			continue;
		if (!num_take_u64(&line, &value)) {
			r = collect_fail(c, -EBADMSG, "node%.*s/%s: %.*s has no number",
					 STR_ARG(node), file, STR_ARG(key));
			continue;
		}

		if (str_ends(key, STR(":")))
			key.n--;

		bool bytes = str_word(&line, &unit) && str_eq(unit, STR("kB"));
		struct str help = ARENA_CONCAT(c->scratch, key, STR(" of a node's "), str_of(file),
					       bytes ? STR(", in bytes.") : STR("."));

		/* Active(anon) becomes Active_anon. */
		if (str_ends(key, STR(")")))
			key.n--;
		family_add(collect_familyf(c, type, help.p, "node_memory_numa_%.*s%s", STR_ARG(key),
					   type == METRIC_COUNTER ? "_total" : ""),
			   METRIC_LABELS(c->out, { STR("node"), node }),
			   (double)value * (bytes ? 1024 : 1));
	}
	return r;
}

static int add_node(struct collect *c, int dir, struct str name, void *arg)
{
	struct str node = str_skip(name, 4);
	uint64_t number;
	int r, result;

	(void)arg;
	if (!str_starts(name, STR("node")) || num_u64(node, &number) < 0)
		return 0;
	result = add_file(c, dir, "meminfo", node, METRIC_GAUGE);
	r = add_file(c, dir, "numastat", node, METRIC_COUNTER);
	return r < 0 ? r : result;
}

static int run(struct collect *c)
{
	_cleanup_fd_ int dir = host_open_dir(c->host, HOST_SYS, "devices/system/node");

	return dir < 0 ? collect_fail(c, 0, "the kernel knows no NUMA node")
		       : collect_each_in(c, dir, ".", add_node, NULL);
}

const struct collector collector_meminfo_numa = {
	.name = "meminfo_numa",
	.help = "memory of each NUMA node, as the kernel names it",
	.reads = "/sys/devices/system/node/node*/{meminfo,numastat}",
	.run = run,
};
