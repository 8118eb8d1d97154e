/* SPDX-License-Identifier: Apache-2.0 */
/* Devices, neighbours and addresses, as rtnetlink has them. */
#include "host/netlink.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "host/netlink_internal.h"

static void take_link_attribute(struct link *link, uint16_t type, struct str value,
				struct arena *arena)
{
	switch (type) {
	case IFLA_IFNAME:
		link->name = netlink_text(arena, value);
		break;
	case IFLA_IFALIAS:
		link->alias = netlink_text(arena, value);
		break;
	case IFLA_ADDRESS:
		link->address = arena_str(arena, value);
		break;
	case IFLA_BROADCAST:
		link->broadcast = arena_str(arena, value);
		break;
	case IFLA_LINK:
		netlink_copy(&link->lower_index, sizeof(link->lower_index), value);
		break;
	case IFLA_MTU:
		netlink_copy(&link->mtu, sizeof(link->mtu), value);
		break;
	case IFLA_TXQLEN:
		netlink_copy(&link->tx_queue_len, sizeof(link->tx_queue_len), value);
		break;
	case IFLA_GROUP:
		netlink_copy(&link->group, sizeof(link->group), value);
		break;
	case IFLA_OPERSTATE:
		netlink_copy(&link->operstate, sizeof(link->operstate), value);
		break;
	case IFLA_LINKMODE:
		netlink_copy(&link->link_mode, sizeof(link->link_mode), value);
		break;
	case IFLA_CARRIER:
		netlink_copy(&link->carrier, sizeof(link->carrier), value);
		break;
	case IFLA_CARRIER_CHANGES:
		netlink_copy(&link->carrier_changes, sizeof(link->carrier_changes), value);
		break;
	case IFLA_CARRIER_UP_COUNT:
		netlink_copy(&link->carrier_up_changes, sizeof(link->carrier_up_changes), value);
		break;
	case IFLA_CARRIER_DOWN_COUNT:
		netlink_copy(&link->carrier_down_changes, sizeof(link->carrier_down_changes),
			     value);
		break;
	case IFLA_STATS64:
		netlink_copy(&link->stats, sizeof(link->stats), value);
		link->stats_size = value.n < sizeof(link->stats) ? value.n : sizeof(link->stats);
		break;
	default:
		break;
	}
}

bool netlink_parse_link(struct str payload, struct arena *arena, struct link *ret)
{
	struct ifinfomsg info;
	struct str value;
	uint16_t type;

	if (!netlink_take_body(&payload, &info, sizeof(info)))
		return false;

	/* The kernel leaves IFLA_LINK out where it would name the device itself. */
	struct link link = {
		.index = info.ifi_index,
		.lower_index = info.ifi_index,
		.type = info.ifi_type,
		.flags = info.ifi_flags,
	};

	while (netlink_take_attribute(&payload, &type, &value))
		take_link_attribute(&link, type, value, arena);
	if (!link.name.n)
		return false;
	*ret = link;
	return true;
}

bool netlink_parse_neighbour(struct str payload, struct neighbour *ret)
{
	struct ndmsg message;

	if (!netlink_take_body(&payload, &message, sizeof(message)))
		return false;
	*ret = (struct neighbour){ .index = message.ndm_ifindex, .state = message.ndm_state };
	return true;
}

bool netlink_parse_address(struct str payload, struct address *ret)
{
	struct ifaddrmsg message;
	struct str value, best = { 0 };
	uint16_t type;

	if (!netlink_take_body(&payload, &message, sizeof(message)))
		return false;
	while (netlink_take_attribute(&payload, &type, &value))
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !best.n))
			best = value;
	if (!best.n)
		return false;
	*ret = (struct address){
		.index = (int32_t)message.ifa_index,
		.family = message.ifa_family,
		.prefix_length = message.ifa_prefixlen,
	};
	netlink_copy(ret->bytes, sizeof(ret->bytes), best);
	return true;
}

static bool take_link(struct rows *rows, struct str payload)
{
	struct link link;

	/* The strings share the arena: they would end up between the array and its growth. */
	if (!netlink_parse_link(payload, rows->arena, &link))
		return false;
	*(struct link *)netlink_next_row(rows) = link;
	return true;
}

static bool take_neighbour(struct rows *rows, struct str payload)
{
	return netlink_parse_neighbour(payload, netlink_next_row(rows));
}

static bool take_address(struct rows *rows, struct str payload)
{
	return netlink_parse_address(payload, netlink_next_row(rows));
}

/* After an interrupted dump a device may stand there twice. */
static size_t drop_repeated(struct link *links, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < kept && links[k].index != links[i].index)
			k++;
		if (k == kept)
			links[kept++] = links[i];
	}
	return kept;
}

static int read_links(struct netlink *nl)
{
	const struct ifinfomsg body = { .ifi_family = AF_UNSPEC };
	struct rows rows = { .arena = &nl->arena, .size = sizeof(struct link) };
	int r;

	arena_reset(&nl->arena);
	r = netlink_dump(nl, &(struct dump){ RTM_GETLINK, &body, sizeof(body), take_link, &rows });
	nl->links = rows.p;
	nl->n_links = r == 1 ? drop_repeated(rows.p, rows.n) : rows.n;
	return r < 0 ? r : 0;
}

int netlink_links(struct host *host, const struct link **ret_links, size_t *ret_n)
{
	struct netlink *nl = netlink_get(host);

	if (!nl)
		return -ENOMEM;
	if (!host->cycle || nl->cycle != host->cycle) {
		nl->result = read_links(nl);
		nl->cycle = host->cycle;
	}
	if (nl->result < 0)
		return nl->result;
	*ret_links = nl->links;
	*ret_n = nl->n_links;
	return 0;
}

struct str netlink_link_name(const struct link *links, size_t n, int32_t index)
{
	for (size_t i = 0; i < n; i++)
		if (links[i].index == index)
			return links[i].name;
	return (struct str){ 0 };
}

int netlink_neighbours(struct host *host, uint8_t family, struct arena *arena,
		       struct neighbour **ret_neighbours, size_t *ret_n)
{
	const struct ndmsg body = { .ndm_family = family };
	struct rows rows = { .arena = arena, .size = sizeof(struct neighbour) };
	struct netlink *nl = netlink_get(host);
	int r = nl ? netlink_dump(nl, &(struct dump){ RTM_GETNEIGH, &body, sizeof(body),
						      take_neighbour, &rows })
		   : -ENOMEM;

	if (r < 0)
		return r;
	*ret_neighbours = rows.p;
	*ret_n = rows.n;
	return 0;
}

int netlink_addresses(struct host *host, struct arena *arena, struct address **ret_addresses,
		      size_t *ret_n)
{
	const struct ifaddrmsg body = { .ifa_family = AF_UNSPEC };
	struct rows rows = { .arena = arena, .size = sizeof(struct address) };
	struct netlink *nl = netlink_get(host);
	int r = nl ? netlink_dump(nl, &(struct dump){ RTM_GETADDR, &body, sizeof(body),
						      take_address, &rows })
		   : -ENOMEM;

	if (r < 0)
		return r;
	*ret_addresses = rows.p;
	*ret_n = rows.n;
	return 0;
}
