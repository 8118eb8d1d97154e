/* SPDX-License-Identifier: Apache-2.0 */
/* How a dump is asked for and taken apart, for those who read over netlink. */
#pragma once

#include "host/netlink.h"

/* The kernel fills messages of up to 32 KiB for a reader that has room for them. */
enum { BUFFER_SIZE = 32 << 10 };

struct netlink {
	int fd, protocol; /* NETLINK_ROUTE is 0 */
	uint32_t sequence;
	uint64_t cycle; /* of the links below */
	int result;
	struct arena arena;
	struct link *links;
	size_t n_links;
	char buffer[BUFFER_SIZE];
};

/* A growing array in an arena. */
struct rows {
	struct arena *arena;
	void *p;
	size_t n, cap, size;
};

struct dump {
	uint16_t type; /* RTM_GET* */
	const void *body;
	size_t body_size;
	bool (*take)(struct rows *rows, struct str payload);
	struct rows *rows;
};

/* Room for one more row, which the caller counts. */
void *netlink_next_row(struct rows *rows);

/* Each takes its part off the front; false when it is cut short. */
bool netlink_take_attribute(struct str *rest, uint16_t *ret_type, struct str *ret_value);
bool netlink_take_body(struct str *payload, void *body, size_t size);

/* As much of a number as there is. */
void netlink_copy(void *to, size_t size, struct str value);
uint64_t netlink_number(struct str value);
/* Up to its NUL. */
struct str netlink_text(struct arena *arena, struct str value);

struct netlink *netlink_get(struct host *host);
/* 0, 1 when the answer may not be whole, or -errno. */
int netlink_dump(struct netlink *nl, const struct dump *dump);
/* The same over a socket of its own, of another protocol than rtnetlink. */
int netlink_dump_once(int protocol, const struct dump *dump);
