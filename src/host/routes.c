/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/ipv4/fib_semantics.c, net/ipv6/route.c, net/sched/sch_api.c. A queue's figures come twice: as
 * TCA_STATS2 and, for old readers, as TCA_STATS, which has no requeues.
 */
#include "host/routes.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "host/netlink_internal.h"

/* Since Linux 4.20; 64 bits for packets. */
enum { STATS_PKT64 = 8 };

/* By number, as include/uapi/linux/rtnetlink.h has them. */
struct str route_protocol_name(uint8_t protocol)
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {
		{ 0, "unspec" },  { 1, "redirect" }, { 2, "kernel" },    { 3, "boot" },
		{ 4, "static" },  { 8, "gated" },    { 9, "ra" },        { 10, "mrt" },
		{ 11, "zebra" },  { 12, "bird" },    { 13, "dnrouted" }, { 14, "xorp" },
		{ 15, "ntk" },    { 16, "dhcp" },    { 17, "mrouted" },  { 42, "babel" },
		{ 186, "bgp" },   { 187, "isis" },   { 188, "ospf" },    { 189, "rip" },
		{ 192, "eigrp" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == protocol)
			return str_of(names[i].name);
	return STR("unknown");
}

static void add_hop(struct route *route, struct arena *arena, struct hop hop)
{
	route->hops = arena_grow(arena, route->hops, route->n_hops, sizeof(hop));
	route->hops[route->n_hops++] = hop;
}

static void take_hops(struct route *route, struct str value, struct arena *arena)
{
	struct rtnexthop header;
	struct str attributes, inner;
	uint16_t type;

	while (value.n >= sizeof(header)) {
		struct hop hop;

		memcpy(&header, value.p, sizeof(header));
		if (header.rtnh_len < sizeof(header) || header.rtnh_len > value.n)
			return;
		attributes =
			(struct str){ value.p + sizeof(header), header.rtnh_len - sizeof(header) };
		hop = (struct hop){ .index = header.rtnh_ifindex, .weight = header.rtnh_hops + 1u };
		while (netlink_take_attribute(&attributes, &type, &inner))
			if (type == RTA_GATEWAY)
				hop.gateway = arena_str(arena, inner);
		add_hop(route, arena, hop);
		value = str_skip(value, RTNH_ALIGN(header.rtnh_len));
	}
}

bool netlink_parse_route(struct str payload, struct arena *arena, struct route *ret)
{
	struct hop only = { 0 };
	struct rtmsg message;
	struct str value;
	uint16_t type;

	if (!netlink_take_body(&payload, &message, sizeof(message)))
		return false;
	*ret = (struct route){
		.family = message.rtm_family,
		.prefix_length = message.rtm_dst_len,
		.type = message.rtm_type,
		.protocol = message.rtm_protocol,
	};
	while (netlink_take_attribute(&payload, &type, &value)) {
		switch (type) {
		case RTA_DST:
			ret->destination = arena_str(arena, value);
			break;
		case RTA_PREFSRC:
			ret->source = arena_str(arena, value);
			break;
		case RTA_GATEWAY:
			only.gateway = arena_str(arena, value);
			break;
		case RTA_OIF:
			only.index = (int32_t)netlink_number(value);
			break;
		case RTA_PRIORITY:
			ret->priority = (uint32_t)netlink_number(value);
			break;
		case RTA_MULTIPATH:
			take_hops(ret, value, arena);
			break;
		default:
			break;
		}
	}
	if (!ret->n_hops)
		add_hop(ret, arena, only);
	return true;
}

static void take_stats(struct qdisc *q, struct str value)
{
	struct gnet_stats_basic basic;
	struct gnet_stats_queue queue;
	struct str inner;
	uint16_t type;

	while (netlink_take_attribute(&value, &type, &inner)) {
		switch (type) {
		case TCA_STATS_BASIC:
			netlink_copy(&basic, sizeof(basic), inner);
			q->bytes = basic.bytes;
			if (!q->packets)
				q->packets = basic.packets;
			break;
		case STATS_PKT64:
			q->packets = netlink_number(inner);
			break;
		case TCA_STATS_QUEUE:
			netlink_copy(&queue, sizeof(queue), inner);
			q->queue_length = queue.qlen;
			q->backlog = queue.backlog;
			q->drops = queue.drops;
			q->requeues = queue.requeues;
			q->overlimits = queue.overlimits;
			break;
		default:
			break;
		}
	}
}

bool netlink_parse_qdisc(struct str payload, struct arena *arena, struct qdisc *ret)
{
	struct tcmsg message;
	struct tc_stats old;
	struct str value;
	uint16_t type;
	bool stats2 = false;

	if (!netlink_take_body(&payload, &message, sizeof(message)))
		return false;
	*ret = (struct qdisc){ .index = message.tcm_ifindex, .parent = message.tcm_parent };
	while (netlink_take_attribute(&payload, &type, &value)) {
		if (type == TCA_KIND) {
			ret->kind = netlink_text(arena, value);
		} else if (type == TCA_STATS2) {
			stats2 = true;
			take_stats(ret, value);
		} else if (type == TCA_STATS && !stats2) {
			netlink_copy(&old, sizeof(old), value);
			ret->bytes = old.bytes;
			ret->packets = old.packets;
			ret->drops = old.drops;
			ret->overlimits = old.overlimits;
			ret->queue_length = old.qlen;
			ret->backlog = old.backlog;
		}
	}
	return ret->kind.n;
}

/* What the parsers put into the arena must not come between the array and its growth. */
static bool take_route(struct rows *rows, struct str payload)
{
	struct route route;

	if (!netlink_parse_route(payload, rows->arena, &route))
		return false;
	*(struct route *)netlink_next_row(rows) = route;
	return true;
}

static bool take_qdisc(struct rows *rows, struct str payload)
{
	struct qdisc qdisc;

	if (!netlink_parse_qdisc(payload, rows->arena, &qdisc))
		return false;
	*(struct qdisc *)netlink_next_row(rows) = qdisc;
	return true;
}

int netlink_routes(struct host *host, struct arena *arena, struct route **ret_routes, size_t *ret_n)
{
	const struct rtmsg body = { .rtm_family = AF_UNSPEC };
	struct rows rows = { .arena = arena, .size = sizeof(struct route) };
	struct netlink *nl = netlink_get(host);
	int r = nl ? netlink_dump(nl, &(struct dump){ RTM_GETROUTE, &body, sizeof(body), take_route,
						      &rows })
		   : -ENOMEM;

	if (r < 0)
		return r;
	*ret_routes = rows.p;
	*ret_n = rows.n;
	return 0;
}

int netlink_qdiscs(struct host *host, struct arena *arena, struct qdisc **ret_qdiscs, size_t *ret_n)
{
	const struct tcmsg body = { .tcm_family = AF_UNSPEC };
	struct rows rows = { .arena = arena, .size = sizeof(struct qdisc) };
	struct netlink *nl = netlink_get(host);
	int r = nl ? netlink_dump(nl, &(struct dump){ RTM_GETQDISC, &body, sizeof(body), take_qdisc,
						      &rows })
		   : -ENOMEM;

	if (r < 0)
		return r;
	*ret_qdiscs = rows.p;
	*ret_n = rows.n;
	return 0;
}
