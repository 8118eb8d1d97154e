/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches of bcache and the disks behind them. Source: /sys/fs/bcache/UUID (drivers/md/bcache/
 * sysfs.c), where sizes are rounded for people. priority_stats sorts every bucket of the cache in
 * the kernel each time it is read.
 */
#include "collect/collector.h"

#include <errno.h>

struct bcache_conf {
	bool priority_stats;
};

static const struct opt bcache_opts[] = {
	{ OPT_ROW("priority_stats", OPT_BOOL, struct bcache_conf, priority_stats, "false", NULL,
		  "what of a cache is unused and metadata; costs much where it is large") },
	{ 0 },
};

static const struct opt_section section_collector_bcache = {
	.path = "collectors.bcache",
	.help = "bcache",
	.opts = bcache_opts,
	.size = sizeof(struct bcache_conf),
};

/* What a kernel does not tell counts as 0, as node_exporter has it. */
#define GAUGE(at, name, help, ...)                                                         \
	ROW_GAUGE(at, "node_bcache_" name, help, .form = ROW_SIZE_BCACHE, .or_zero = true, \
		  __VA_ARGS__)
#define COUNTER(at, name, help)                                                      \
	ROW_COUNTER(at, "node_bcache_" name "_total", help, .form = ROW_SIZE_BCACHE, \
		    .or_zero = true)

/* clang-format off */
static const struct table_row set_rows[] = {
	GAUGE("average_key_size", "average_key_size_sectors", "Data behind a key of the tree."),
	GAUGE("btree_cache_size", "btree_cache_size_bytes", "Memory of the cache of tree nodes."),
	GAUGE("cache_available_percent", "cache_available_percent", "Part without dirty data."),
	GAUGE("congested", "congested", "How congested the cache is."),
	GAUGE("root_usage_percent", "root_usage_percent", "Part of the root node in use."),
	GAUGE("tree_depth", "tree_depth", "Depth of the tree."),
	GAUGE("internal/active_journal_entries", "active_journal_entries",
	      "Journal entries that the tree has not yet."),
	GAUGE("internal/btree_nodes", "btree_nodes", "Nodes of the tree."),
	/* The file says microseconds; the value is node_exporter's, to be one with its history. */
	GAUGE("internal/btree_read_average_duration_us", "btree_read_average_duration_seconds",
	      "Average time to read a node of the tree, as node_exporter has it.", .scale = 1e-9,
	      .multiply = true),
	COUNTER("internal/cache_read_races", "cache_read_races",
		"Reads from the cache whose bucket was reused meanwhile."),
};
static const struct table_row backing_rows[] = {
	GAUGE("dirty_data", "dirty_data_bytes", "Data in the cache that the disk lacks."),
	COUNTER("stats_total/bypassed", "bypassed_bytes", "Data that went past the cache."),
	COUNTER("stats_total/cache_hits", "cache_hits", "Requests that the cache served."),
	COUNTER("stats_total/cache_misses", "cache_misses", "Requests that it could not serve."),
	COUNTER("stats_total/cache_bypass_hits", "cache_bypass_hits",
		"Hits of requests that were meant to go past the cache."),
	COUNTER("stats_total/cache_bypass_misses", "cache_bypass_misses",
		"Misses of requests that were meant to go past the cache."),
	COUNTER("stats_total/cache_miss_collisions", "cache_miss_collisions",
		"Misses whose data a write had put into the cache meanwhile."),
};
/* Kernels since 5.14 no longer count them; node_exporter leaves out a 0. */
static const struct table_row readahead_row =
	COUNTER("stats_total/cache_readaheads", "cache_readaheads", "Reads ahead of a request.");
/* Which lines there are changed with Linux 4.15. */
static const struct table_row writeback_rows[] = {
	GAUGE("target", "dirty_target_bytes", "Dirty data that the writeback aims at."),
	GAUGE("rate", "writeback_rate", "Writeback in bytes per second."),
	GAUGE("proportional", "writeback_rate_proportional_term", "Proportional part of the rate."),
	GAUGE("integral", "writeback_rate_integral_term", "Integral part of the rate."),
	GAUGE("change", "writeback_change", "Last change of the rate."),
};
static const struct table_row cache_rows[] = {
	GAUGE("io_errors", "io_errors", "Errors of the cache device, decaying with time."),
	COUNTER("metadata_written", "metadata_written_bytes", "Metadata written to the cache."),
	COUNTER("written", "written_bytes", "Data written to the cache."),
};
static const struct table_row priority_rows[] = {
	GAUGE("Unused", "priority_stats_unused_percent", "Part of the cache that holds no data."),
	GAUGE("Metadata", "priority_stats_metadata_percent", "Part of the cache that is metadata."),
};
/* clang-format on */

static int add_lines(struct collect *c, int dir, struct str device, struct str file,
		     const struct labels *labels, const struct table_row *rows, size_t n)
{
	const char *path = ARENA_CONCAT(c->scratch, device, STR("/"), file).p;
	struct str text;

	if (host_attr(dir, file.p, c->scratch, &text) < 0)
		return 0;
	return collect_lines(c, path, text, labels, rows, n);
}

static bool is_numbered(struct str name, struct str word)
{
	struct str rest = str_skip(name, word.n);

	return str_starts(name, word) && rest.n && rest.p[0] >= '0' && rest.p[0] <= '9';
}

static int add_device(struct collect *c, int dir, struct str name, void *arg)
{
	const struct bcache_conf *conf = c->conf;
	const struct labels *const *set = arg, *labels;
	uint64_t readaheads;

	if (is_numbered(name, STR("bdev"))) {
		labels = collect_labels_and(c, *set, STR("backing_device"), name);
		(void)collect_attrs(c, dir, labels, backing_rows, ARRAY_SIZE(backing_rows));
		if (host_attr_u64(dir, readahead_row.at, &readaheads) == 0 && readaheads)
			(void)collect_attrs(c, dir, labels, &readahead_row, 1);
		return add_lines(c, dir, name, STR("writeback_rate_debug"), labels, writeback_rows,
				 ARRAY_SIZE(writeback_rows));
	}
	if (is_numbered(name, STR("cache"))) {
		labels = collect_labels_and(c, *set, STR("cache_device"), name);
		(void)collect_attrs(c, dir, labels, cache_rows, ARRAY_SIZE(cache_rows));
		if (conf->priority_stats)
			return add_lines(c, dir, name, STR("priority_stats"), labels, priority_rows,
					 ARRAY_SIZE(priority_rows));
	}
	return 0;
}

static int add_set(struct collect *c, int dir, struct str name, void *arg)
{
	const struct labels *labels = METRIC_LABELS(c->out, { STR("uuid"), name });

	(void)arg;
	if (str_find(name, '-') == name.n)
		return 0;
	(void)collect_attrs(c, dir, labels, set_rows, ARRAY_SIZE(set_rows));
	return collect_each_in(c, dir, ".", add_device, &labels);
}

static int run(struct collect *c)
{
	int r = collect_each(c, HOST_SYS, "fs/bcache", add_set, NULL);

	return r == -ENODATA ? 0 : r;
}

const struct collector collector_bcache = {
	.name = "bcache",
	.help = "block devices cached by bcache",
	.reads = "/sys/fs/bcache/*",
	.on = true,
	.section = &section_collector_bcache,
	.run = run,
};
