/* SPDX-License-Identifier: Apache-2.0 */
/* How many TCP sockets there are in each state, and what waits in them (inet_diag). */
#pragma once

#include "base/str.h"

enum { TCP_STATES = 16 };

struct tcp_sockets {
	uint64_t sockets;            /* in all */
	uint64_t states[TCP_STATES]; /* by TCP_ESTABLISHED and so on */
	uint64_t received_bytes, sent_bytes;
};

/* IPv4 and IPv6 of this network namespace. 0 or -errno. */
int sock_diag_tcp(struct tcp_sockets *ret);

/* For tests: adds one message's payload. False when it is cut short. */
bool sock_diag_parse(struct str payload, struct tcp_sockets *sockets);
