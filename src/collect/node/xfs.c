/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of each XFS file system. Source: /sys/fs/xfs/DEV/stats/stats (fs/xfs/xfs_stats.c):
 * lines of a word and numbers. The kernel counts most of them in 32 bits.
 */
#include "collect/collector.h"

#include <errno.h>

#define COUNTER(line, column_, name, help) \
	ROW_COUNTER(line, "node_xfs_" name "_total", help, .column = column_)

static const struct table_row rows[] = {
	COUNTER("extent_alloc", 0, "extent_allocation_extents_allocated", "Extents allocated."),
	COUNTER("extent_alloc", 1, "extent_allocation_blocks_allocated", "Blocks allocated."),
	COUNTER("extent_alloc", 2, "extent_allocation_extents_freed", "Extents freed."),
	COUNTER("extent_alloc", 3, "extent_allocation_blocks_freed", "Blocks freed."),
	COUNTER("abt", 0, "allocation_btree_lookups", "Lookups in the trees of free space."),
	COUNTER("abt", 1, "allocation_btree_compares", "Compares in the trees of free space."),
	COUNTER("abt", 2, "allocation_btree_records_inserted",
		"Records put into the trees of free space."),
	COUNTER("abt", 3, "allocation_btree_records_deleted",
		"Records taken out of the trees of free space."),
	COUNTER("blk_map", 0, "block_mapping_reads", "Block maps read."),
	COUNTER("blk_map", 1, "block_mapping_writes", "Block maps written."),
	COUNTER("blk_map", 2, "block_mapping_unmaps", "Blocks unmapped."),
	COUNTER("blk_map", 3, "block_mapping_extent_list_insertions",
		"Extents put into the lists of files."),
	COUNTER("blk_map", 4, "block_mapping_extent_list_deletions",
		"Extents taken out of the lists of files."),
	COUNTER("blk_map", 5, "block_mapping_extent_list_lookups",
		"Lookups in the extent lists of files."),
	COUNTER("blk_map", 6, "block_mapping_extent_list_compares",
		"Compares in the extent lists of files."),
	COUNTER("bmbt", 0, "block_map_btree_lookups", "Lookups in the block map trees."),
	COUNTER("bmbt", 1, "block_map_btree_compares", "Compares in the block map trees."),
	COUNTER("bmbt", 2, "block_map_btree_records_inserted",
		"Records put into the block map trees."),
	COUNTER("bmbt", 3, "block_map_btree_records_deleted",
		"Records taken out of the block map trees."),
	COUNTER("dir", 0, "directory_operation_lookup",
		"Names looked up that the kernel's cache did not have."),
	COUNTER("dir", 1, "directory_operation_create", "Directory entries made."),
	COUNTER("dir", 2, "directory_operation_remove", "Directory entries removed."),
	COUNTER("dir", 3, "directory_operation_getdents", "Reads of directories."),
	COUNTER("ig", 0, "inode_operation_attempts", "Inodes asked for."),
	COUNTER("ig", 1, "inode_operation_found", "Inodes found in the cache."),
	COUNTER("ig", 2, "inode_operation_recycled",
		"Inodes found in the cache on their way out of it."),
	COUNTER("ig", 3, "inode_operation_missed", "Inodes not found in the cache."),
	COUNTER("ig", 4, "inode_operation_duplicates",
		"Inodes that another process put into the cache at the same time."),
	COUNTER("ig", 5, "inode_operation_reclaims", "Inodes taken out of the cache."),
	COUNTER("ig", 6, "inode_operation_attribute_changes", "Changes of inode attributes."),
	COUNTER("rw", 0, "write_calls", "Calls of write(2) and its like."),
	COUNTER("rw", 1, "read_calls", "Calls of read(2) and its like."),
	COUNTER("vnodes", 0, "vnode_active", "Inodes in use."),
	COUNTER("vnodes", 1, "vnode_allocate", "Inodes allocated in memory."),
	COUNTER("vnodes", 2, "vnode_get", "Inodes taken into use."),
	COUNTER("vnodes", 3, "vnode_hold", "References taken to inodes."),
	COUNTER("vnodes", 4, "vnode_release", "References to inodes given back."),
	COUNTER("vnodes", 5, "vnode_reclaim", "Inodes reclaimed."),
	COUNTER("vnodes", 6, "vnode_remove", "Inodes removed from memory."),
};

static int add_filesystem(struct collect *c, int dir, struct str name, void *arg)
{
	struct str path = arena_printf(c->scratch, "/sys/fs/xfs/%.*s/stats/stats", STR_ARG(name));
	struct str text;
	bool *found = arg;

	if (host_attr(dir, "stats/stats", c->scratch, &text) < 0)
		return 0;
	*found = true;
	return collect_known_lines(c, path.p, text, METRIC_LABELS(c->out, { STR("device"), name }),
				   rows, ARRAY_SIZE(rows));
}

static int run(struct collect *c)
{
	bool found = false;
	int r = collect_each(c, HOST_SYS, "fs/xfs", add_filesystem, &found);

	/* Not even the directory is there without its module. */
	return (r < 0 && r != -ENODATA) || found
		       ? r
		       : collect_fail(c, 0, "no XFS file system is mounted");
}

const struct collector collector_xfs = {
	.name = "xfs",
	.help = "counters of XFS file systems",
	.reads = "/sys/fs/xfs/*/stats/stats",
	.on = true,
	.run = run,
};
