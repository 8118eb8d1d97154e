/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic and errors of network devices. Source: rtnl_link_stats64, added up to the columns of
 * net/dev as dev_seq_printf_stats() does it (net/core/net-procfs.c); net/dev itself, which
 * lacks receive_nohandler, for another tree and where netlink is refused.
 */
#include "collect/collector.h"

#include <arpa/inet.h>
#include <errno.h>

#include "collect/node/device_filter.h"
#include "host/netlink.h"

struct netdev_conf {
	struct device_filter devices;
	bool address_info;
};

/* In the order of net/dev, and then what it lacks. */
enum {
	RX_BYTES,
	RX_PACKETS,
	RX_ERRS,
	RX_DROP,
	RX_FIFO,
	RX_FRAME,
	RX_COMPRESSED,
	RX_MULTICAST,
	TX_BYTES,
	TX_PACKETS,
	TX_ERRS,
	TX_DROP,
	TX_FIFO,
	TX_COLLS,
	TX_CARRIER,
	TX_COMPRESSED,
	N_COLUMNS,
	RX_NOHANDLER = N_COLUMNS,
	N_VALUES,
};

#define DESC(name, text)                                                \
	{                                                               \
		"node_network_" name "_total", text ".", METRIC_COUNTER \
	}

static const struct metric_desc descs[N_VALUES] = {
	[RX_BYTES] = DESC("receive_bytes", "Bytes received"),
	[RX_PACKETS] = DESC("receive_packets", "Packets received"),
	[RX_ERRS] = DESC("receive_errs", "Receive errors of all kinds"),
	[RX_DROP] = DESC("receive_drop", "Packets received but dropped, missed ones included"),
	[RX_FIFO] = DESC("receive_fifo", "Receive errors from a full device queue"),
	[RX_FRAME] = DESC("receive_frame", "Receive errors of length, overrun, CRC or alignment"),
	[RX_COMPRESSED] = DESC("receive_compressed", "Compressed packets received"),
	[RX_MULTICAST] = DESC("receive_multicast", "Multicast packets received"),
	[TX_BYTES] = DESC("transmit_bytes", "Bytes sent"),
	[TX_PACKETS] = DESC("transmit_packets", "Packets sent"),
	[TX_ERRS] = DESC("transmit_errs", "Transmit errors of all kinds"),
	[TX_DROP] = DESC("transmit_drop", "Packets dropped on their way out"),
	[TX_FIFO] = DESC("transmit_fifo", "Transmit errors from an empty device queue"),
	[TX_COLLS] = DESC("transmit_colls", "Collisions while sending"),
	[TX_CARRIER] = DESC("transmit_carrier",
			    "Transmit errors from a lost carrier, aborts, heartbeat or window"),
	[TX_COMPRESSED] = DESC("transmit_compressed", "Compressed packets sent"),
	[RX_NOHANDLER] =
		DESC("receive_nohandler", "Packets received by an inactive device and discarded"),
};

static const struct metric_desc address_desc = {
	"node_network_address_info",
	"An address of a device, its prefix length and its reach; always 1.",
	METRIC_GAUGE,
};

static const struct opt opts[] = {
	DEVICE_FILTER_OPTS(struct netdev_conf),
	{
		.name = "address_info",
		.type = OPT_BOOL,
		.offset = offsetof(struct netdev_conf, address_info),
		.preset = "false",
		.help = "tell the addresses of devices too, in node_network_address_info",
	},
	{ 0 },
};

const struct opt_section section_collector_netdev = {
	.path = "collectors.netdev",
	.help = "traffic and errors of network devices",
	.opts = opts,
	.size = sizeof(struct netdev_conf),
};

struct output {
	struct collect *c;
	struct family *families[N_VALUES];
};

static void add_device(struct output *out, struct str name, const uint64_t *values, size_t n)
{
	const struct labels *labels = METRIC_LABELS(out->c->out, { STR("device"), name });

	for (size_t i = 0; i < n; i++) {
		if (!out->families[i])
			out->families[i] = metrics_family(out->c->out, &descs[i]);
		family_add(out->families[i], labels, (double)values[i]);
	}
}

static void add_link(struct output *out, const struct link *link)
{
	const struct rtnl_link_stats64 *s = &link->stats;
	const uint64_t values[N_VALUES] = {
		[RX_BYTES] = s->rx_bytes,
		[RX_PACKETS] = s->rx_packets,
		[RX_ERRS] = s->rx_errors,
		[RX_DROP] = s->rx_dropped + s->rx_missed_errors,
		[RX_FIFO] = s->rx_fifo_errors,
		[RX_FRAME] = s->rx_length_errors + s->rx_over_errors + s->rx_crc_errors +
			     s->rx_frame_errors,
		[RX_COMPRESSED] = s->rx_compressed,
		[RX_MULTICAST] = s->multicast,
		[TX_BYTES] = s->tx_bytes,
		[TX_PACKETS] = s->tx_packets,
		[TX_ERRS] = s->tx_errors,
		[TX_DROP] = s->tx_dropped,
		[TX_FIFO] = s->tx_fifo_errors,
		[TX_COLLS] = s->collisions,
		[TX_CARRIER] = s->tx_carrier_errors + s->tx_aborted_errors + s->tx_window_errors +
			       s->tx_heartbeat_errors,
		[TX_COMPRESSED] = s->tx_compressed,
		[RX_NOHANDLER] = s->rx_nohandler,
	};
	/* Before 4.6 the struct ended with tx_compressed. */
	bool nohandler = link->stats_size >=
			 offsetof(struct rtnl_link_stats64, rx_nohandler) + sizeof(s->rx_nohandler);

	add_device(out, link->name, values, nohandler ? N_VALUES : N_COLUMNS);
}

/* "  eth0: 1 2 ...": a name may hold anything but a slash, a colon and blanks. */
static bool parse_line(struct str line, struct str *ret_name, uint64_t values[N_COLUMNS])
{
	if (!str_cut(&line, ':', ret_name) || !str_trim(*ret_name).n)
		return false;
	*ret_name = str_trim(*ret_name);
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (!num_take_u64(&line, &values[i]))
			return false;
	return true;
}

static int run_file(struct output *out, const struct netdev_conf *conf)
{
	struct str text, line, name;
	uint64_t values[N_COLUMNS];
	size_t number = 0, bad = 0;
	int r = collect_read(out->c, HOST_PROC, "net/dev", &text);

	if (r < 0)
		return r;
	while (str_line(&text, &line)) {
		/* Two lines of headings, with bars between receive and transmit. */
		if (++number <= 2 || !str_trim(line).n)
			continue;
		if (!parse_line(line, &name, values))
			bad = bad ? bad : number;
		else if (device_wanted(&conf->devices, name))
			add_device(out, name, values, N_COLUMNS);
	}
	if (number < 2)
		return collect_fail(out->c, -EBADMSG, "/proc/net/dev: there are no headings");
	return bad ? collect_fail(out->c, -EBADMSG,
				  "/proc/net/dev: line %zu is not a device and %d numbers", bad,
				  N_COLUMNS)
		   : 0;
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

static struct str name_of(const struct link *links, size_t n, int32_t index)
{
	for (size_t i = 0; i < n; i++)
		if (links[i].index == index)
			return links[i].name;
	return STR("");
}

static int run_addresses(struct collect *c, const struct link *links, size_t n_links)
{
	struct family *family = metrics_family(c->out, &address_desc);
	struct address *addresses;
	size_t n;
	int r = netlink_addresses(c->host, c->scratch, &addresses, &n);

	if (r < 0)
		return collect_fail(c, r, "netlink: addresses: %s", strerror(-r));
	for (size_t i = 0; i < n; i++) {
		const struct address *a = &addresses[i];
		struct str name = name_of(links, n_links, a->index);
		char text[INET6_ADDRSTRLEN];

		if (!name.n || !inet_ntop(a->family, a->bytes, text, sizeof(text)))
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

static int run(struct collect *c)
{
	const struct netdev_conf *conf = c->conf;
	struct output out = { .c = c };
	const struct link *links;
	size_t n;

	/* Where a sandbox refuses netlink, the file has all but one column. */
	if (!host_is_live(c->host, HOST_PROC) || netlink_links(c->host, &links, &n) < 0)
		return run_file(&out, conf);
	for (size_t i = 0; i < n; i++)
		if (links[i].stats_size && device_wanted(&conf->devices, links[i].name))
			add_link(&out, &links[i]);
	return conf->address_info ? run_addresses(c, links, n) : 0;
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
