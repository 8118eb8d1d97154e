/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory by zone of each node. Source: /proc/zoneinfo (mm/vmstat.c). Since Linux 4.8 what is
 * counted by node stands once, in the first zone of each; it is told of with that zone.
 */
#include "collect/collector.h"

#include <errno.h>

#define PAGES(at, name, help) ROW_GAUGE(at, "node_zoneinfo_" name "_pages", help, 0)
#define TOTAL(at, help) ROW_COUNTER(at, "node_zoneinfo_" at "_total", help, 0)

static const struct table_row rows[] = {
	PAGES("high", "high", "Free pages at which reclaim goes to sleep."),
	PAGES("low", "low", "Free pages at which reclaim is woken."),
	PAGES("managed", "managed", "Pages that the allocator has."),
	PAGES("min", "min", "Free pages that are kept for who must not fail."),
	PAGES("nr_active_anon", "nr_active_anon", "Anonymous pages used lately."),
	PAGES("nr_active_file", "nr_active_file", "Pages of files used lately."),
	PAGES("nr_anon_pages", "nr_anon", "Anonymous pages that are mapped."),
	ROW_GAUGE("nr_anon_transparent_hugepages", "node_zoneinfo_nr_anon_transparent_hugepages",
		  "Transparent huge pages that are anonymous.", 0),
	TOTAL("nr_dirtied", "Pages that were made dirty."),
	PAGES("nr_dirty", "nr_dirty", "Pages that wait to be written."),
	PAGES("nr_file_pages", "nr_file", "Pages of files."),
	PAGES("nr_free_pages", "nr_free", "Free pages."),
	PAGES("nr_inactive_anon", "nr_inactive_anon", "Anonymous pages not used lately."),
	PAGES("nr_inactive_file", "nr_inactive_file", "Pages of files not used lately."),
	PAGES("nr_isolated_anon", "nr_isolated_anon", "Anonymous pages taken out to be reclaimed."),
	PAGES("nr_isolated_file", "nr_isolated_file", "Pages of files taken out to be reclaimed."),
	ROW_GAUGE("nr_kernel_stack", "node_zoneinfo_nr_kernel_stacks",
		  "Stacks of tasks; kibibytes of them since Linux 4.9.", 0),
	PAGES("nr_mapped", "nr_mapped", "Pages of files that are mapped."),
	PAGES("nr_mlock_stack", "nr_mlock_stack", "Locked pages found while reclaiming."),
	PAGES("nr_shmem", "nr_shmem", "Pages of shared memory and tmpfs."),
	PAGES("nr_slab_reclaimable", "nr_slab_reclaimable", "Slab pages that can be reclaimed."),
	PAGES("nr_slab_unreclaimable", "nr_slab_unreclaimable", "Slab pages that cannot."),
	PAGES("nr_unevictable", "nr_unevictable", "Pages that cannot be reclaimed."),
	PAGES("nr_writeback", "nr_writeback", "Pages that are being written."),
	TOTAL("nr_written", "Pages that were written."),
	TOTAL("numa_foreign", "Pages meant for here that another node had to give."),
	TOTAL("numa_hit", "Pages given to who meant this node."),
	TOTAL("numa_interleave", "Pages given to who takes nodes in turn, as meant."),
	TOTAL("numa_local", "Pages given to who ran here."),
	TOTAL("numa_miss", "Pages given to who meant another node."),
	TOTAL("numa_other", "Pages given to who ran on another node."),
	PAGES("present", "present", "Pages that are there."),
	PAGES("scanned", "scanned", "Pages looked at since the last reclaim."),
	PAGES("spanned", "spanned", "Pages from the first to the last, with holes."),
};

/* "        protection: (0, 2957, 7862)" */
static void add_protection(struct collect *c, struct str text, const struct labels *labels)
{
	struct str line, word;
	uint64_t value;

	while (str_line(&text, &line)) {
		if (!str_word(&line, &word) || !str_eq(word, STR("protection:")))
			continue;
		line = str_skip(str_trim(line), 1);
		for (int i = 0; num_take_u64(&line, &value); i++, line = str_skip(line, 1))
			family_add(collect_familyf(c, METRIC_GAUGE,
						   "Pages of the zone kept from who may do with "
						   "the zone of this number.",
						   "node_zoneinfo_protection_%d", i),
				   labels, (double)value);
	}
}

/* The text from here to the next line of the kind "Node 0, zone   Normal". */
static struct str take_zone(struct str *text)
{
	const char *next = text->n ? memmem(text->p, text->n, "\nNode ", 6) : NULL;
	struct str zone = next ? str_between(text->p, next + 1) : *text;

	*text = str_skip(*text, zone.n);
	return zone;
}

static int run(struct collect *c)
{
	struct str text, line, word, node, name;
	size_t found = 0;
	int r = collect_read(c, HOST_PROC, "zoneinfo", &text), result = r;

	while (r == 0 && text.n) {
		struct str zone = take_zone(&text);
		const struct labels *labels;
		const char *end;

		if (!str_line(&zone, &line) || !str_word(&line, &word) ||
		    !str_cut(&line, ',', &node) || !str_word(&line, &word) ||
		    !str_word(&line, &name))
			return collect_fail(c, -EBADMSG, "/proc/zoneinfo: no zone is named");
		/* Each CPU's lists have a "high:", too. */
		end = zone.n ? memmem(zone.p, zone.n, "\n  pagesets", 11) : NULL;
		if (end)
			zone = str_between(zone.p, end);
		found++;
		labels = METRIC_LABELS(c->out, { STR("node"), str_trim(node) },
				       { STR("zone"), name });
		r = collect_lines(c, "/proc/zoneinfo", zone, labels, rows, ARRAY_SIZE(rows));
		result = r < 0 ? r : result;
		r = 0;
		add_protection(c, zone, labels);
	}
	return r < 0 || found ? result : collect_fail(c, -EBADMSG, "/proc/zoneinfo is empty");
}

const struct collector collector_zoneinfo = {
	.name = "zoneinfo",
	.help = "memory by zone of each node",
	.reads = "/proc/zoneinfo",
	.run = run,
};
