/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump of many devices takes several reads, and the kernel marks it when something changed
 * between them (NLM_F_DUMP_INTR): then one may be missing or told twice. It is asked again,
 * once; a host that changes all the time gets what the second answer holds.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/netlink_internal.h"

enum { TIMEOUT_SECONDS = 2 };

void *netlink_next_row(struct rows *rows)
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

bool netlink_take_attribute(struct str *rest, uint16_t *ret_type, struct str *ret_value)
{
	struct rtattr header;

	if (rest->n < sizeof(header))
		return false;
	memcpy(&header, rest->p, sizeof(header));
	*ret_type = header.rta_type & NLA_TYPE_MASK;
	return take_padded(rest, header.rta_len, sizeof(header), ret_value);
}

bool netlink_take_body(struct str *payload, void *body, size_t size)
{
	if (payload->n < size)
		return false;
	memcpy(body, payload->p, size);
	*payload = str_skip(*payload, NLMSG_ALIGN(size));
	return true;
}

void netlink_copy(void *to, size_t size, struct str value)
{
	memset(to, 0, size);
	memcpy(to, value.p, value.n < size ? value.n : size);
}

uint64_t netlink_number(struct str value)
{
	uint8_t byte;
	uint16_t half;
	uint32_t word;
	uint64_t number;

	/* The kernel's own order of bytes. */
	switch (value.n) {
	case 1:
		netlink_copy(&byte, sizeof(byte), value);
		return byte;
	case 2:
		netlink_copy(&half, sizeof(half), value);
		return half;
	case 4:
		netlink_copy(&word, sizeof(word), value);
		return word;
	default:
		netlink_copy(&number, sizeof(number), value);
		return number;
	}
}

struct str netlink_text(struct arena *arena, struct str value)
{
	return arena_str(arena, (struct str){ value.p, str_find(value, '\0') });
}

static int open_socket(int protocol)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_SECONDS };
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

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

	netlink_copy(&error, sizeof(error), payload);
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

struct netlink *netlink_get(struct host *host)
{
	if (!host->netlink) {
		host->netlink = calloc(1, sizeof(*host->netlink));
		if (host->netlink)
			host->netlink->fd = -1;
	}
	return host->netlink;
}

int netlink_dump(struct netlink *nl, const struct dump *dump)
{
	int r = 1;

	if (nl->fd < 0)
		nl->fd = open_socket(nl->protocol);
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

int netlink_dump_once(int protocol, const struct dump *dump)
{
	struct netlink *nl = calloc(1, sizeof(*nl));
	int r = -ENOMEM;

	if (nl) {
		nl->fd = -1;
		nl->protocol = protocol;
		r = netlink_dump(nl, dump);
	}
	netlink_free(nl);
	return r;
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
