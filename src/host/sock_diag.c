/* SPDX-License-Identifier: Apache-2.0 */
/* net/ipv4/inet_diag.c */
#include "host/sock_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "host/netlink_internal.h"

/* TCP_ESTABLISHED to TCP_CLOSING; who has just sent a SYN comes with SYN_RECV. */
enum { ALL_STATES = 0xfff };

bool sock_diag_parse(struct str payload, struct tcp_sockets *sockets)
{
	struct inet_diag_msg message;

	if (!netlink_take_body(&payload, &message, sizeof(message)))
		return false;
	sockets->sockets++;
	if (message.idiag_state < TCP_STATES)
		sockets->states[message.idiag_state]++;
	sockets->received_bytes += message.idiag_rqueue;
	sockets->sent_bytes += message.idiag_wqueue;
	return true;
}

static bool take_socket(struct rows *rows, struct str payload)
{
	/* It was asked again: what came before does not count. */
	if (rows->n == 0)
		memset(rows->p, 0, sizeof(struct tcp_sockets));
	return sock_diag_parse(payload, rows->p);
}

int sock_diag_tcp(struct tcp_sockets *ret)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct tcp_sockets sum = { 0 };

	for (size_t i = 0; i < sizeof(families); i++) {
		const struct inet_diag_req_v2 body = {
			.sdiag_family = families[i],
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = ALL_STATES,
		};
		struct tcp_sockets one = { 0 };
		struct rows rows = { .p = &one };
		int r = netlink_dump_once(NETLINK_SOCK_DIAG,
					  &(struct dump){ SOCK_DIAG_BY_FAMILY, &body, sizeof(body),
							  take_socket, &rows });

		/* A kernel without IPv6. */
		if (r == -ENOENT && families[i] == AF_INET6)
			continue;
		if (r < 0)
			return r;
		sum.sockets += one.sockets;
		sum.received_bytes += one.received_bytes;
		sum.sent_bytes += one.sent_bytes;
		for (size_t k = 0; k < TCP_STATES; k++)
			sum.states[k] += one.states[k];
	}
	*ret = sum;
	return 0;
}
