/* SPDX-License-Identifier: Apache-2.0 */
/* Queues in front of network devices: of each device the outermost. Source: RTM_GETQDISC. */
#include <linux/pkt_sched.h>

#include "collect/collector.h"
#include "collect/node/device_filter.h"
#include "host/netlink.h"
#include "host/routes.h"

struct qdisc_conf {
	struct device_filter devices;
};

static const struct opt opts[] = {
	DEVICE_FILTER_OPTS(struct qdisc_conf),
	{ 0 },
};

const struct opt_section section_collector_qdisc = {
	.path = "collectors.qdisc",
	.help = "queues in front of network devices",
	.opts = opts,
	.size = sizeof(struct qdisc_conf),
};

static const struct metric_desc descs[] = {
	{ "node_qdisc_bytes_total", "Bytes sent.", METRIC_COUNTER },
	{ "node_qdisc_packets_total", "Packets sent.", METRIC_COUNTER },
	{ "node_qdisc_drops_total", "Packets dropped.", METRIC_COUNTER },
	{ "node_qdisc_requeues_total", "Packets put back into the queue.", METRIC_COUNTER },
	{ "node_qdisc_overlimits_total", "Packets over the limit.", METRIC_COUNTER },
	{ "node_qdisc_current_queue_length", "Packets that wait.", METRIC_GAUGE },
	{ "node_qdisc_backlog", "Bytes that wait.", METRIC_GAUGE },
};

static int run(struct collect *c)
{
	const struct qdisc_conf *conf = c->conf;
	const struct link *links;
	struct qdisc *q;
	size_t n, n_links;
	int r = collect_needs_live(c, HOST_PROC);

	if (r == 0)
		r = netlink_links(c->host, &links, &n_links);
	if (r == 0)
		r = netlink_qdiscs(c->host, c->scratch, &q, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		struct str device = netlink_link_name(links, n_links, q[i].index);
		const double values[] = {
			(double)q[i].bytes,    (double)q[i].packets,    q[i].drops,
			(double)q[i].requeues, (double)q[i].overlimits, q[i].queue_length,
			(double)q[i].backlog,
		};

		if ((q[i].parent && q[i].parent != TC_H_ROOT) || !device.n ||
		    !device_wanted(&conf->devices, device))
			continue;

		const struct labels *labels = METRIC_LABELS(c->out, { STR("device"), device },
							    { STR("kind"), q[i].kind });

		for (size_t k = 0; k < ARRAY_SIZE(descs); k++)
			family_add(metrics_family(c->out, &descs[k]), labels, values[k]);
	}
	return 0;
}

const struct collector collector_qdisc = {
	.name = "qdisc",
	.help = "queues in front of network devices",
	.reads = "netlink RTM_GETQDISC",
	.live_only = "netlink RTM_GETQDISC",
	.section = &section_collector_qdisc,
	.run = run,
};
