/* SPDX-License-Identifier: Apache-2.0 */
/* What rtnetlink tells of the way out: routes, and the queues of devices. */
#pragma once

#include "host/host.h"

struct hop {
	int32_t index;      /* of the device; 0: none */
	uint32_t weight;    /* of several hops; 0: there is but one */
	struct str gateway; /* raw bytes, empty where the destination is on the link */
};

struct route {
	uint8_t family, prefix_length, type, protocol; /* RTN_*, RTPROT_* */
	uint32_t priority;
	struct str source, destination; /* raw bytes or empty */
	size_t n_hops;
	struct hop *hops;
};

struct qdisc {
	int32_t index;
	uint32_t parent; /* TC_H_ROOT: the device's own */
	struct str kind;
	uint64_t bytes, packets;
	uint32_t drops, requeues, overlimits, queue_length, backlog;
};

/* "kernel", "static" and so on; "unknown" for a number of others. */
struct str route_protocol_name(uint8_t protocol);

/* All tables of all families. 0 or -errno. */
int netlink_routes(struct host *host, struct arena *arena, struct route **ret_routes,
		   size_t *ret_n);
int netlink_qdiscs(struct host *host, struct arena *arena, struct qdisc **ret_qdiscs,
		   size_t *ret_n);

/* For tests: the payload of one RTM_NEWROUTE or RTM_NEWQDISC. False when it is cut short. */
bool netlink_parse_route(struct str payload, struct arena *arena, struct route *ret);
bool netlink_parse_qdisc(struct str payload, struct arena *arena, struct qdisc *ret);
