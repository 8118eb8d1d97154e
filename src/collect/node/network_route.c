/* SPDX-License-Identifier: Apache-2.0 */
/* Unicast routes of all tables. Source: RTM_GETROUTE. A route of several tables is told once. */
#include <linux/rtnetlink.h>

#include "base/ip.h"
#include "collect/collector.h"
#include "host/netlink.h"
#include "host/routes.h"

static const struct labels *make_labels(struct collect *c, const struct route *r,
					const struct hop *hop, struct str device)
{
	struct arena *arena = c->scratch;
	struct str destination = STR("default"), weight = STR("");

	if (r->prefix_length)
		destination =
			arena_printf(arena, "%.*s/%u", STR_ARG(ip_text(r->destination, arena)),
				     r->prefix_length);
	if (hop->weight)
		weight = arena_printf(arena, "%u", hop->weight);
	return METRIC_LABELS(c->out, { STR("dest"), destination }, { STR("device"), device },
			     { STR("gw"), ip_text(hop->gateway, arena) },
			     { STR("priority"), arena_printf(arena, "%u", r->priority) },
			     { STR("proto"), route_protocol_name(r->protocol) },
			     { STR("src"), ip_text(r->source, arena) }, { STR("weight"), weight });
}

static int run(struct collect *c)
{
	static const struct metric_desc info = { "node_network_route_info",
						 "A route of the kernel's; always 1.",
						 METRIC_GAUGE };
	static const struct metric_desc count = { "node_network_routes",
						  "Routes that go out by a device.", METRIC_GAUGE };
	struct merged *infos = NULL, *counts = NULL;
	const struct link *links;
	struct route *routes;
	size_t n, n_links, n_hops = 0, n_infos;
	int r = collect_needs_live(c, HOST_PROC);

	if (r == 0)
		r = netlink_links(c->host, &links, &n_links);
	if (r == 0)
		r = netlink_routes(c->host, c->scratch, &routes, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		n_hops += routes[i].type == RTN_UNICAST ? routes[i].n_hops : 0;
	if (r < 0 || !n_hops)
		return r;
	infos = arena_zalloc(c->scratch, n_hops, sizeof(*infos));
	counts = arena_zalloc(c->scratch, n_hops, sizeof(*counts));
	n_hops = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; routes[i].type == RTN_UNICAST && k < routes[i].n_hops; k++) {
			const struct hop *hop = &routes[i].hops[k];
			struct str device = netlink_link_name(links, n_links, hop->index);

			infos[n_hops].labels = make_labels(c, &routes[i], hop, device);
			counts[n_hops++] =
				(struct merged){ METRIC_LABELS(c->out, { STR("device"), device }),
						 { 1 } };
		}
	n_infos = collect_merge(infos, n_hops);
	for (size_t i = 0; i < n_infos; i++)
		family_add(metrics_family(c->out, &info), infos[i].labels, 1);
	n_hops = collect_merge(counts, n_hops);
	for (size_t i = 0; i < n_hops; i++)
		family_add(metrics_family(c->out, &count), counts[i].labels, counts[i].v[0]);
	return 0;
}

const struct collector collector_network_route = {
	.name = "network_route",
	.help = "routes, and how many each device has",
	.reads = "netlink RTM_GETROUTE",
	.live_only = "netlink RTM_GETROUTE",
	.run = run,
};
