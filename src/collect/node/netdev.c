/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic and errors of network devices. Source: rtnl_link_stats64, added up to the columns of
 * net/dev as dev_seq_printf_stats() does it (net/core/net-procfs.c); net/dev itself, which
 * lacks receive_nohandler, for another tree and where netlink is refused.
 */
#include "collect/collector.h"

#include <arpa/inet.h>
#include <fcntl.h>

#include "collect/node/device_filter.h"
#include "host/net_dev.h"
#include "host/netlink.h"

struct netdev_conf {
	struct device_filter devices;
	bool address_info, detailed, ifalias;
};

enum form {
	PLAIN = 1,
	EACH = 2,      /* each of the kernel's counters by itself */
	FILE_EACH = 4, /* what node_exporter makes of that without netlink */
	COLUMN = PLAIN | FILE_EACH,
	TOTAL = EACH | FILE_EACH,
	ALWAYS = PLAIN | EACH | FILE_EACH,
};

#define AT(member) (offsetof(struct rtnl_link_stats64, member) / sizeof(uint64_t) + 1)
#define ROW(form, name, text, ...)                                              \
	{                                                                       \
		form, { __VA_ARGS__ },                                          \
		{                                                               \
			"node_network_" name "_total", text ".", METRIC_COUNTER \
		}                                                               \
	}

/* In the order of net/dev, and then what it lacks. */
static const struct statistic {
	uint8_t forms;
	uint8_t parts[4]; /* of which it is the sum; 0: no more */
	struct metric_desc desc;
} statistics[] = {
	/* clang-format off */
	ROW(ALWAYS, "receive_bytes", "Bytes received", AT(rx_bytes)),
	ROW(ALWAYS, "receive_packets", "Packets received", AT(rx_packets)),
	ROW(PLAIN, "receive_errs", "Receive errors of all kinds", AT(rx_errors)),
	ROW(PLAIN, "receive_drop", "Packets received but dropped, missed ones included",
	    AT(rx_dropped), AT(rx_missed_errors)),
	ROW(COLUMN, "receive_fifo", "Receive errors from a full device queue", AT(rx_fifo_errors)),
	ROW(COLUMN, "receive_frame", "Receive errors of length, overrun, CRC or alignment",
	    AT(rx_length_errors), AT(rx_over_errors), AT(rx_crc_errors), AT(rx_frame_errors)),
	ROW(ALWAYS, "receive_compressed", "Compressed packets received", AT(rx_compressed)),
	ROW(COLUMN, "receive_multicast", "Multicast packets received", AT(multicast)),
	ROW(ALWAYS, "transmit_bytes", "Bytes sent", AT(tx_bytes)),
	ROW(ALWAYS, "transmit_packets", "Packets sent", AT(tx_packets)),
	ROW(PLAIN, "transmit_errs", "Transmit errors of all kinds", AT(tx_errors)),
	ROW(PLAIN, "transmit_drop", "Packets dropped on their way out", AT(tx_dropped)),
	ROW(COLUMN, "transmit_fifo", "Transmit errors from an empty device queue",
	    AT(tx_fifo_errors)),
	ROW(COLUMN, "transmit_colls", "Collisions while sending", AT(collisions)),
	ROW(COLUMN, "transmit_carrier",
	    "Transmit errors from a lost carrier, aborts, heartbeat or window",
	    AT(tx_carrier_errors), AT(tx_aborted_errors), AT(tx_window_errors),
	    AT(tx_heartbeat_errors)),
	ROW(ALWAYS, "transmit_compressed", "Compressed packets sent", AT(tx_compressed)),
	ROW(ALWAYS, "receive_nohandler", "Packets received by an inactive device and discarded",
	    AT(rx_nohandler)),
	ROW(TOTAL, "receive_errors", "Receive errors of all kinds", AT(rx_errors)),
	ROW(TOTAL, "receive_dropped", "Packets received but dropped", AT(rx_dropped)),
	ROW(EACH, "receive_missed_errors", "Packets lost for lack of room", AT(rx_missed_errors)),
	ROW(EACH, "receive_fifo_errors", "Errors from a full queue", AT(rx_fifo_errors)),
	ROW(EACH, "receive_length_errors", "Packets of a wrong length", AT(rx_length_errors)),
	ROW(EACH, "receive_over_errors", "Errors from overflow", AT(rx_over_errors)),
	ROW(EACH, "receive_crc_errors", "Packets with a wrong checksum", AT(rx_crc_errors)),
	ROW(EACH, "receive_frame_errors", "Packets with a wrong alignment", AT(rx_frame_errors)),
	ROW(EACH, "multicast", "Multicast packets received", AT(multicast)),
	ROW(TOTAL, "transmit_errors", "Transmit errors of all kinds", AT(tx_errors)),
	ROW(TOTAL, "transmit_dropped", "Packets dropped on their way out", AT(tx_dropped)),
	ROW(EACH, "transmit_fifo_errors", "Errors from an empty queue", AT(tx_fifo_errors)),
	ROW(EACH, "collisions", "Collisions while sending", AT(collisions)),
	ROW(EACH, "transmit_carrier_errors", "Lost carriers while sending", AT(tx_carrier_errors)),
	ROW(EACH, "transmit_aborted_errors", "Transmissions given up", AT(tx_aborted_errors)),
	ROW(EACH, "transmit_window_errors", "Late collisions while sending", AT(tx_window_errors)),
	ROW(EACH, "transmit_heartbeat_errors", "Missing heartbeats", AT(tx_heartbeat_errors)),
	/* clang-format on */
};

static const struct metric_desc address_desc = {
	"node_network_address_info",
	"An address of a device, its prefix length and its reach; always 1.",
	METRIC_GAUGE,
};

static const struct opt opts[] = {
	DEVICE_FILTER_OPTS(struct netdev_conf),
	{ OPT_ROW("address_info", OPT_BOOL, struct netdev_conf, address_info, "false", NULL,
		  "tell the addresses of devices too, in node_network_address_info") },
	{ OPT_ROW("enable_detailed_metrics", OPT_BOOL, struct netdev_conf, detailed, "false", NULL,
		  "tell each kind of error by itself; some names are others then") },
	{ OPT_ROW("label_ifalias", OPT_BOOL, struct netdev_conf, ifalias, "false", NULL,
		  "add what the administrator calls a device, as the label ifalias") },
	{ 0 },
};

const struct opt_section section_collector_netdev = {
	.path = "collectors.netdev",
	.help = "traffic and errors of network devices",
	.opts = opts,
	.size = sizeof(struct netdev_conf),
};

static const struct labels *labels_of(struct collect *c, const struct link *link, bool live)
{
	const struct netdev_conf *conf = c->conf;
	struct str alias = str_trim(link->alias);

	if (!conf->ifalias)
		return METRIC_LABELS(c->out, { STR("device"), link->name });
	if (!live) {
		_cleanup_fd_ int class_dir = host_open_dir(c->host, HOST_SYS, "class/net");
		_cleanup_fd_ int dir = openat(class_dir, arena_str(c->scratch, link->name).p,
					      O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		(void)host_attr(dir, "ifalias", c->scratch, &alias);
	}
	return METRIC_LABELS(c->out, { STR("device"), link->name }, { STR("ifalias"), alias });
}

static void add_link(struct collect *c, const struct link *link, bool live)
{
	const struct netdev_conf *conf = c->conf;
	const struct labels *labels = labels_of(c, link, live);
	/* Before 4.6 the struct ended with tx_compressed. */
	size_t known = link->stats_size / sizeof(uint64_t);
	enum form form = !conf->detailed ? PLAIN : live ? EACH : FILE_EACH;
	uint64_t values[sizeof(link->stats) / sizeof(uint64_t)];

	memcpy(values, &link->stats, sizeof(values));
	for (size_t i = 0; i < ARRAY_SIZE(statistics); i++) {
		const struct statistic *s = &statistics[i];
		uint64_t sum = 0;

		if (!(s->forms & form) || s->parts[0] > known)
			continue;
		for (size_t j = 0; j < ARRAY_SIZE(s->parts) && s->parts[j]; j++)
			sum += values[s->parts[j] - 1];
		family_add(metrics_family(c->out, &s->desc), labels, (double)sum);
	}
}

/* node_exporter's words: what never leaves the link, loopback included; the rest is global. */
static struct str scope_of(const struct address *a)
{
	const uint8_t *b = a->bytes;
	static const uint8_t zero[16], loopback[16] = { [15] = 1 };

	if (a->family == AF_INET) {
		if (b[0] == 127 || (b[0] == 169 && b[1] == 254) ||
		    (b[0] == 224 && b[1] == 0 && b[2] == 0))
			return STR("link-local");
		if ((b[0] & 0xf0) == 0xe0 || memcmp(b, zero, 4) == 0)
			return STR("");
		return STR("global");
	}
	if (memcmp(b, loopback, 16) == 0 || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) ||
	    (b[0] == 0xff && (b[1] & 0x0f) == 2))
		return STR("link-local");
	if (b[0] == 0xff && (b[1] & 0x0f) == 1)
		return STR("interface-local");
	return b[0] == 0xff || memcmp(b, zero, 16) == 0 ? STR("") : STR("global");
}

static int run_addresses(struct collect *c, const struct link *links, size_t n_links)
{
	const struct netdev_conf *conf = c->conf;
	struct family *family = metrics_family(c->out, &address_desc);
	struct address *addresses;
	size_t n;
	int r = netlink_addresses(c->host, c->scratch, &addresses, &n);

	if (r < 0)
		return collect_fail(c, r, "netlink: addresses: %s", strerror(-r));
	for (size_t i = 0; i < n; i++) {
		const struct address *a = &addresses[i];
		struct str name = netlink_link_name(links, n_links, a->index);
		char text[INET6_ADDRSTRLEN];

		if (!name.n || !device_wanted(&conf->devices, name) ||
		    !inet_ntop(a->family, a->bytes, text, sizeof(text)))
			continue;
		family_add(family,
			   METRIC_LABELS(c->out, { STR("device"), name },
					 { STR("address"), str_of(text) },
					 { STR("netmask"),
					   arena_printf(c->scratch, "%d", a->prefix_length) },
					 { STR("scope"), scope_of(a) }),
			   1);
	}
	return 0;
}

/* The file has all but one column. */
static int read_file(struct collect *c, const struct link **ret_links, size_t *ret_n)
{
	struct str text;
	size_t bad;
	int r = collect_read(c, HOST_PROC, "net/dev", &text);

	*ret_n = 0;
	if (r < 0)
		return r;
	r = net_dev_parse(text, c->scratch, ret_links, ret_n, &bad);
	return r < 0 ? collect_fail(c, r, "/proc/net/dev: line %zu is not %s", bad,
				    bad > 2 ? "a device and its numbers" : "a heading")
		     : 0;
}

static int run(struct collect *c)
{
	const struct netdev_conf *conf = c->conf;
	const struct link *links;
	size_t n;
	/* A sandbox may refuse netlink. */
	bool live = host_is_live(c->host, HOST_PROC) && netlink_links(c->host, &links, &n) == 0;
	int r = live ? 0 : read_file(c, &links, &n);

	for (size_t i = 0; i < n; i++)
		if (links[i].stats_size && device_wanted(&conf->devices, links[i].name))
			add_link(c, &links[i], live);
	return live && conf->address_info ? run_addresses(c, links, n) : r;
}

const struct collector collector_netdev = {
	.name = "netdev",
	.help = "traffic and errors of network devices",
	.reads = "netlink RTM_GETLINK; /proc/net/dev",
	.live_only = "receive_nohandler and addresses (netlink)",
	.on = true,
	.section = &section_collector_netdev,
	.run = run,
};
