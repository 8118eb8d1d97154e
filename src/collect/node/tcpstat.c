/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sockets by state. Source: NETLINK_SOCK_DIAG, which is cheaper than net/tcp for many. */
#include "host/sock_diag.h"

#include <errno.h>

#include "collect/collector.h"

static int run(struct collect *c)
{
	static const struct metric_desc desc = { "node_tcp_connection_states",
						 "TCP sockets by state, and bytes that wait.",
						 METRIC_GAUGE };
	static const char *const names[TCP_STATES] = {
		[1] = "established", "syn_sent",  "syn_recv", "fin_wait1",
		"fin_wait2",         "time_wait", "close",    "close_wait",
		"last_ack",          "listen",    "closing",
	};
	struct family *f = metrics_family(c->out, &desc);
	struct tcp_sockets tcp;
	int r = collect_needs_live(c, HOST_PROC);

	if (r == 0)
		r = sock_diag_tcp(&tcp);
	if (r < 0 || !tcp.sockets)
		return r == -ENOENT ? collect_fail(c, r, "the kernel has no tcp_diag") : r;
	for (size_t i = 0; i < TCP_STATES; i++)
		if (tcp.states[i])
			family_add(
				f,
				METRIC_LABELS(c->out, { STR("state"), names[i] ? str_of(names[i])
									       : STR("unknown") }),
				(double)tcp.states[i]);
	family_add(f, METRIC_LABELS(c->out, { STR("state"), STR("rx_queued_bytes") }),
		   (double)tcp.received_bytes);
	family_add(f, METRIC_LABELS(c->out, { STR("state"), STR("tx_queued_bytes") }),
		   (double)tcp.sent_bytes);
	return 0;
}

const struct collector collector_tcpstat = {
	.name = "tcpstat",
	.help = "TCP sockets by state",
	.reads = "netlink NETLINK_SOCK_DIAG",
	.live_only = "netlink NETLINK_SOCK_DIAG",
	.run = run,
};
