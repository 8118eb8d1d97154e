/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel tells over rtnetlink: network devices, neighbours, addresses. One question,
 * one dump, plain structs out. The socket belongs to the host and stays open in an agent.
 * Everything here speaks of the network namespace of this process, which need not be that of
 * the mounted sysfs.
 */
#pragma once

#include <linux/if_link.h>

#include "host/host.h"

struct link {
	int32_t index;
	int32_t lower_index; /* iflink: itself, or the device below, perhaps elsewhere */
	uint16_t type;       /* ARPHRD_* */
	uint32_t flags;      /* IFF_*, as ifconfig has them */
	uint32_t mtu, tx_queue_len, group;
	uint32_t carrier_changes, carrier_up_changes, carrier_down_changes;
	uint8_t operstate, link_mode, carrier;
	struct str name, alias;
	struct str address, broadcast; /* raw bytes, empty where a device has none */
	size_t stats_size;             /* how much of stats the kernel knows; 0: none */
	struct rtnl_link_stats64 stats;
};

struct neighbour {
	int32_t index;
	uint16_t state; /* NUD_* */
};

struct address {
	int32_t index;
	uint8_t family, prefix_length;
	uint8_t bytes[16];
};

/*
 * Every network device; asked for once per host->cycle, however many want to know. The array
 * lives until the first call of the next cycle. 0 or -errno.
 */
int netlink_links(struct host *host, const struct link **ret_links, size_t *ret_n);

/* The name of a device, empty where it is none of `links`. */
struct str netlink_link_name(const struct link *links, size_t n, int32_t index);

/* Neighbour entries of a family (AF_INET: the ARP table), proxied ones not among them. */
int netlink_neighbours(struct host *host, uint8_t family, struct arena *arena,
		       struct neighbour **ret_neighbours, size_t *ret_n);

/* Addresses of all devices; on a point-to-point link the near end. */
int netlink_addresses(struct host *host, struct arena *arena, struct address **ret_addresses,
		      size_t *ret_n);

struct netlink;
void netlink_free(struct netlink *netlink);

/*
 * The parsers, for tests: the payload of one RTM_NEW* message, header taken off. False when it
 * is cut short.
 */
bool netlink_parse_link(struct str payload, struct arena *arena, struct link *ret);
bool netlink_parse_neighbour(struct str payload, struct neighbour *ret);
bool netlink_parse_address(struct str payload, struct address *ret);
