/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection tracking. Source: net/netfilter/nf_conntrack_standalone.c. The statistics are one
 * line of hexadecimal columns for each cpu; kernels have renamed and dropped columns, so they
 * are found by the names in the first line. The first one is the number of all entries, which in
 * another container's /proc is the only way to it: sys/net tells of the reader's own namespace.
 */
#include "collect/collector.h"

#include <errno.h>
#include <unistd.h>

static const struct metric_desc entries = { "node_nf_conntrack_entries",
					    "Connections that are tracked now.", METRIC_GAUGE };

static const struct {
	struct str column;
	struct metric_desc desc;
} rows[] = {
#define ROW(column, help)                                                     \
	{                                                                     \
		{ #column, sizeof(#column) - 1 },                             \
		{                                                             \
			"node_nf_conntrack_stat_" #column, help, METRIC_GAUGE \
		}                                                             \
	}
	ROW(found, "Entries that were found when they were looked up."),
	ROW(invalid, "Packets that could not be tracked."),
	ROW(ignore, "Packets that were tracked already."),
	ROW(insert, "Entries that were inserted."),
	ROW(insert_failed, "Entries that could not be inserted."),
	ROW(drop, "Packets dropped because an entry could not be made."),
	ROW(early_drop, "Entries thrown out to make room for new ones."),
	ROW(search_restart, "Lookups begun again because the table was resized."),
#undef ROW
};

enum { COLUMNS_MAX = 32 };

/* Whether net/stat is that of PID 1, in another /proc, and not the reader's own. */
static bool of_init(const struct collect *c)
{
	return c->host->net >= 0 && faccessat(c->host->net, "stat/nf_conntrack", F_OK, 0) == 0;
}

static int add_stats(struct collect *c)
{
	struct str text, header, line, word, names[COLUMNS_MAX];
	uint64_t sums[COLUMNS_MAX] = { 0 }, value;
	size_t columns = 0, known = 0;
	bool told = false;
	int r = host_read(c->host, HOST_PROC, "net/stat/nf_conntrack", c->scratch, &text);

	/* A kernel without CONFIG_NF_CONNTRACK_PROCFS: no success in node_exporter either. */
	if (r == -ENOENT)
		return collect_fail(c, -ENODATA, "/proc/net/stat/nf_conntrack is not there");
	if (r < 0)
		return collect_fail(c, r, "/proc/net/stat/nf_conntrack: %s", strerror(-r));
	if (!str_line(&text, &header))
		return collect_fail(c, -EBADMSG, "/proc/net/stat/nf_conntrack is empty");
	while (columns < COLUMNS_MAX && str_word(&header, &names[columns]))
		columns++;
	while (str_line(&text, &line)) {
		struct str rest = line;

		if (!told && of_init(c) && str_word(&rest, &word) && num_hex(word, &value) == 0) {
			metrics_add(c->out, &entries, (double)value);
			told = true;
		}
		for (size_t i = 0; i < columns && str_word(&line, &word); i++) {
			if (num_hex(word, &value) < 0)
				return collect_fail(
					c, -EBADMSG,
					"/proc/net/stat/nf_conntrack: %.*s is not a number",
					STR_ARG(names[i]));
			sums[i] += value;
		}
	}
	for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
		for (size_t i = 0; i < columns; i++)
			if (str_eq(names[i], rows[k].column)) {
				metrics_add(c->out, &rows[k].desc, (double)sums[i]);
				known++;
			}
	return known ? 0
		     : collect_fail(c, -EBADMSG,
				    "/proc/net/stat/nf_conntrack: none of the known columns");
}

static int run(struct collect *c)
{
	static const struct metric_desc limit = { "node_nf_conntrack_entries_limit",
						  "Connections that can be tracked.",
						  METRIC_GAUGE };
	int r = 0;

	if (!of_init(c))
		r = collect_number(c, HOST_PROC, "sys/net/netfilter/nf_conntrack_count", &entries);
	if (r == 0)
		r = collect_number(c, HOST_PROC, "sys/net/netfilter/nf_conntrack_max", &limit);
	return r < 0 ? r : add_stats(c);
}

const struct collector collector_conntrack = {
	.name = "conntrack",
	.help = "connection tracking table and events",
	.reads = "/proc/sys/net/netfilter/nf_conntrack_{count,max}, /proc/net/stat/nf_conntrack",
	.on = true,
	.run = run,
};
