/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Size of the ARP table. Source: the kernel's neighbour table; net/arp for another tree, which
 * leaves out what needs no resolving (NUD_NOARP) and so do we.
 */
#include "collect/collector.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <sys/socket.h>

#include "collect/node/device_filter.h"
#include "host/netlink.h"

struct arp_conf {
	struct device_filter devices;
};

static const struct opt opts[] = {
	DEVICE_FILTER_OPTS(struct arp_conf),
	{ 0 },
};

const struct opt_section section_collector_arp = {
	.path = "collectors.arp",
	.help = "size of the ARP table",
	.opts = opts,
	.size = sizeof(struct arp_conf),
};

static const struct metric_desc desc = {
	"node_arp_entries",
	"Entries of the ARP table by device, resolved or not.",
	METRIC_GAUGE,
};

struct count {
	struct str device;
	uint64_t entries;
};

static void add_counts(struct collect *c, const struct count *counts, size_t n)
{
	const struct arp_conf *conf = c->conf;

	for (size_t i = 0; i < n; i++)
		if (counts[i].entries && device_wanted(&conf->devices, counts[i].device))
			family_add(metrics_family(c->out, &desc),
				   METRIC_LABELS(c->out, { STR("device"), counts[i].device }),
				   (double)counts[i].entries);
}

static int run_netlink(struct collect *c)
{
	const struct link *links;
	struct neighbour *neighbours;
	size_t n_links, n, at = 0;
	int r = netlink_links(c->host, &links, &n_links);

	if (r == 0)
		r = netlink_neighbours(c->host, AF_INET, c->scratch, &neighbours, &n);
	if (r < 0)
		return r;

	struct count *counts = arena_zalloc(c->scratch, n_links, sizeof(*counts));

	for (size_t i = 0; i < n_links; i++)
		counts[i].device = links[i].name;
	for (size_t i = 0; i < n; i++) {
		if (neighbours[i].state & NUD_NOARP)
			continue;
		/* Neighbours of one device tend to come together. */
		if (at == n_links || links[at].index != neighbours[i].index)
			for (at = 0; at < n_links; at++)
				if (links[at].index == neighbours[i].index)
					break;
		if (at < n_links)
			counts[at].entries++;
	}
	add_counts(c, counts, n_links);
	return 0;
}

/* "IP address, HW type, Flags, HW address, Mask, Device" without blanks in any of them. */
static bool parse_line(struct str line, struct str *ret_device)
{
	for (int i = 0; i < 6; i++)
		if (!str_word(&line, ret_device))
			return false;
	return !str_trim(line).n;
}

static int run_file(struct collect *c)
{
	struct str text, line, device;
	struct count *counts = NULL;
	size_t n = 0, cap = 0, number = 0, bad = 0;
	int r = collect_read(c, HOST_PROC, "net/arp", &text);

	if (r < 0)
		return r;
	while (str_line(&text, &line)) {
		size_t at = 0;

		if (++number == 1 || !str_trim(line).n)
			continue;
		if (!parse_line(line, &device)) {
			bad = bad ? bad : number;
			continue;
		}
		while (at < n && !str_eq(counts[at].device, device))
			at++;
		if (at == cap) {
			counts = arena_resize(c->scratch, counts, cap * sizeof(*counts),
					      (cap * 2 + 16) * sizeof(*counts));
			cap = cap * 2 + 16;
		}
		if (at == n)
			counts[n++] = (struct count){ .device = device };
		counts[at].entries++;
	}
	add_counts(c, counts, n);
	if (!number)
		return collect_fail(c, -EBADMSG, "/proc/net/arp: there is no heading");
	return bad ? collect_fail(c, -EBADMSG, "/proc/net/arp: line %zu has not six columns", bad)
		   : 0;
}

static int run(struct collect *c)
{
	if (host_is_live(c->host, HOST_PROC) && run_netlink(c) == 0)
		return 0;
	return run_file(c);
}

const struct collector collector_arp = {
	.name = "arp",
	.help = "size of the ARP table",
	.reads = "netlink RTM_GETNEIGH; /proc/net/arp",
	.on = true,
	.section = &section_collector_arp,
	.run = run,
};
