/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump of many devices takes several reads, and the kernel marks it when something changed
 * between them (NLM_F_DUMP_INTR): then one may be missing or told twice. It is asked again,
 * once; a host that changes all the time gets what the second answer holds.
 */
#include "host/netlink.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The kernel fills messages of up to 32 KiB for a reader that has room for them. */
enum { BUFFER_SIZE = 32 << 10, TIMEOUT_SECONDS = 2 };

struct netlink {
	int fd;
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

static void *next_row(struct rows *rows)
{
	if (rows->n == rows->cap) {
		size_t cap = rows->cap ? rows->cap * 2 : 32;

		rows->p = arena_resize(rows->arena, rows->p, rows->cap * rows->size,
				       cap * rows->size);
		rows->cap = cap;
	}
	return (char *)rows->p + rows->n * rows->size;
}

/* Lengths are the kernel's, aligned to 4; memcpy, because a slice may start anywhere. */
static bool take_padded(struct str *rest, size_t size, size_t header, struct str *ret_body)
{
	if (size < header || size > rest->n)
		return false;
	*ret_body = (struct str){ rest->p + header, size - header };
	*rest = str_skip(*rest, NLMSG_ALIGN(size));
	return true;
}

static bool take_message(struct str *rest, struct nlmsghdr *ret_header, struct str *ret_payload)
{
	if (rest->n < sizeof(*ret_header))
		return false;
	memcpy(ret_header, rest->p, sizeof(*ret_header));
	return take_padded(rest, ret_header->nlmsg_len, NLMSG_HDRLEN, ret_payload);
}

static bool take_attribute(struct str *rest, uint16_t *ret_type, struct str *ret_value)
{
	struct rtattr header;

	if (rest->n < sizeof(header))
		return false;
	memcpy(&header, rest->p, sizeof(header));
	*ret_type = header.rta_type & NLA_TYPE_MASK;
	return take_padded(rest, header.rta_len, sizeof(header), ret_value);
}

static bool take_body(struct str *payload, void *body, size_t size)
{
	if (payload->n < size)
		return false;
	memcpy(body, payload->p, size);
	*payload = str_skip(*payload, NLMSG_ALIGN(size));
	return true;
}

/* As much of a number as there is. */
static void copy_value(void *to, size_t size, struct str value)
{
	memset(to, 0, size);
	memcpy(to, value.p, value.n < size ? value.n : size);
}

static struct str copy_text(struct arena *arena, struct str value)
{
	return arena_str(arena, (struct str){ value.p, str_find(value, '\0') });
}

static void take_link_attribute(struct link *link, uint16_t type, struct str value,
				struct arena *arena)
{
	switch (type) {
	case IFLA_IFNAME:
		link->name = copy_text(arena, value);
		break;
	case IFLA_IFALIAS:
		link->alias = copy_text(arena, value);
		break;
	case IFLA_ADDRESS:
		link->address = arena_str(arena, value);
		break;
	case IFLA_BROADCAST:
		link->broadcast = arena_str(arena, value);
		break;
	case IFLA_LINK:
		copy_value(&link->lower_index, sizeof(link->lower_index), value);
		break;
	case IFLA_MTU:
		copy_value(&link->mtu, sizeof(link->mtu), value);
		break;
	case IFLA_TXQLEN:
		copy_value(&link->tx_queue_len, sizeof(link->tx_queue_len), value);
		break;
	case IFLA_GROUP:
		copy_value(&link->group, sizeof(link->group), value);
		break;
	case IFLA_OPERSTATE:
		copy_value(&link->operstate, sizeof(link->operstate), value);
		break;
	case IFLA_LINKMODE:
		copy_value(&link->link_mode, sizeof(link->link_mode), value);
		break;
	case IFLA_CARRIER:
		copy_value(&link->carrier, sizeof(link->carrier), value);
		break;
	case IFLA_CARRIER_CHANGES:
		copy_value(&link->carrier_changes, sizeof(link->carrier_changes), value);
		break;
	case IFLA_CARRIER_UP_COUNT:
		copy_value(&link->carrier_up_changes, sizeof(link->carrier_up_changes), value);
		break;
	case IFLA_CARRIER_DOWN_COUNT:
		copy_value(&link->carrier_down_changes, sizeof(link->carrier_down_changes), value);
		break;
	case IFLA_STATS64:
		copy_value(&link->stats, sizeof(link->stats), value);
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

	if (!take_body(&payload, &info, sizeof(info)))
		return false;

	/* The kernel leaves IFLA_LINK out where it would name the device itself. */
	struct link link = {
		.index = info.ifi_index,
		.lower_index = info.ifi_index,
		.type = info.ifi_type,
		.flags = info.ifi_flags,
	};

	while (take_attribute(&payload, &type, &value))
		take_link_attribute(&link, type, value, arena);
	if (!link.name.n)
		return false;
	*ret = link;
	return true;
}

bool netlink_parse_neighbour(struct str payload, struct neighbour *ret)
{
	struct ndmsg message;

	if (!take_body(&payload, &message, sizeof(message)))
		return false;
	*ret = (struct neighbour){ .index = message.ndm_ifindex, .state = message.ndm_state };
	return true;
}

bool netlink_parse_address(struct str payload, struct address *ret)
{
	struct ifaddrmsg message;
	struct str value, best = { 0 };
	uint16_t type;

	if (!take_body(&payload, &message, sizeof(message)))
		return false;
	while (take_attribute(&payload, &type, &value))
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !best.n))
			best = value;
	if (!best.n)
		return false;
	*ret = (struct address){
		.index = (int32_t)message.ifa_index,
		.family = message.ifa_family,
		.prefix_length = message.ifa_prefixlen,
	};
	copy_value(ret->bytes, sizeof(ret->bytes), best);
	return true;
}

static bool take_link(struct rows *rows, struct str payload)
{
	struct link link;

	/* The strings share the arena: they would end up between the array and its growth. */
	if (!netlink_parse_link(payload, rows->arena, &link))
		return false;
	*(struct link *)next_row(rows) = link;
	return true;
}

static bool take_neighbour(struct rows *rows, struct str payload)
{
	return netlink_parse_neighbour(payload, next_row(rows));
}

static bool take_address(struct rows *rows, struct str payload)
{
	return netlink_parse_address(payload, next_row(rows));
}

static int open_socket(void)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_SECONDS };
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;

	int kept = fd;

	fd = -1;
	return kept;
}

static int ask(struct netlink *nl, const struct dump *dump)
{
	struct {
		struct nlmsghdr header;
		char body[64];
	} request = {
		.header = {
			.nlmsg_len = (uint32_t)NLMSG_LENGTH(dump->body_size),
			.nlmsg_type = dump->type,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++nl->sequence,
		},
	};

	memcpy(request.body, dump->body, dump->body_size);

	ssize_t n = send(nl->fd, &request, request.header.nlmsg_len, MSG_NOSIGNAL);

	return n < 0 ? -errno : 0;
}

/* One datagram from the kernel. */
static int receive(struct netlink *nl, struct str *ret)
{
	struct sockaddr_nl from;
	struct iovec iov = { .iov_base = nl->buffer, .iov_len = sizeof(nl->buffer) };

	for (;;) {
		struct msghdr message = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
		};
		ssize_t n = recvmsg(nl->fd, &message, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (message.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		if (message.msg_namelen != sizeof(from) || from.nl_pid != 0)
			continue;
		*ret = (struct str){ nl->buffer, (size_t)n };
		return 0;
	}
}

/* The error number that ends a dump: a negative int, in both kinds of last message. */
static int last_word(struct str payload, uint16_t type)
{
	int error = 0;

	copy_value(&error, sizeof(error), payload);
	if (type == NLMSG_ERROR && error >= 0)
		return -EPROTO;
	return error < 0 ? error : 0;
}

/* 1 when the dump was interrupted by a change, 0 when it is whole. */
static int answer(struct netlink *nl, const struct dump *dump)
{
	bool interrupted = false;
	struct str datagram, payload;
	struct nlmsghdr header;

	for (;;) {
		int r = receive(nl, &datagram);

		if (r < 0)
			return r;
		while (take_message(&datagram, &header, &payload)) {
			if (header.nlmsg_seq != nl->sequence)
				continue;
			interrupted |= header.nlmsg_flags & NLM_F_DUMP_INTR;
			if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
				r = last_word(payload, header.nlmsg_type);
				return r < 0 ? r : interrupted;
			}
			if (header.nlmsg_type >= NLMSG_MIN_TYPE && dump->take(dump->rows, payload))
				dump->rows->n++;
		}
	}
}

static struct netlink *get_netlink(struct host *host)
{
	if (!host->netlink) {
		host->netlink = calloc(1, sizeof(*host->netlink));
		if (host->netlink)
			host->netlink->fd = -1;
	}
	return host->netlink;
}

static int run_dump(struct netlink *nl, const struct dump *dump)
{
	int r = 1;

	if (nl->fd < 0)
		nl->fd = open_socket();
	if (nl->fd < 0)
		return nl->fd;
	for (int attempt = 0; r == 1 && attempt < 2; attempt++) {
		dump->rows->n = 0;
		r = ask(nl, dump);
		if (r == 0)
			r = answer(nl, dump);
	}
	/* Whatever else comes on a socket that failed belongs to no question any more. */
	if (r < 0) {
		(void)close(nl->fd);
		nl->fd = -1;
	}
	return r;
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
	r = run_dump(nl, &(struct dump){ RTM_GETLINK, &body, sizeof(body), take_link, &rows });
	nl->links = rows.p;
	nl->n_links = r == 1 ? drop_repeated(rows.p, rows.n) : rows.n;
	return r < 0 ? r : 0;
}

int netlink_links(struct host *host, const struct link **ret_links, size_t *ret_n)
{
	struct netlink *nl = get_netlink(host);

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

int netlink_neighbours(struct host *host, uint8_t family, struct arena *arena,
		       struct neighbour **ret_neighbours, size_t *ret_n)
{
	const struct ndmsg body = { .ndm_family = family };
	struct rows rows = { .arena = arena, .size = sizeof(struct neighbour) };
	struct netlink *nl = get_netlink(host);
	int r = nl ? run_dump(nl, &(struct dump){ RTM_GETNEIGH, &body, sizeof(body), take_neighbour,
						  &rows })
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
	struct netlink *nl = get_netlink(host);
	int r = nl ? run_dump(nl, &(struct dump){ RTM_GETADDR, &body, sizeof(body), take_address,
						  &rows })
		   : -ENOMEM;

	if (r < 0)
		return r;
	*ret_addresses = rows.p;
	*ret_n = rows.n;
	return 0;
}

void netlink_free(struct netlink *nl)
{
	if (!nl)
		return;
	if (nl->fd >= 0)
		(void)close(nl->fd);
	arena_release(&nl->arena);
	free(nl);
}
