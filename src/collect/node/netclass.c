/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of network devices: state, link, speed. Source: sysfs, or netlink for what it
 * tells just so. A speed that the driver does not know is -1 Mbit/s there, and stays negative
 * here unless ignore_invalid_speed is set, as in node_exporter.
 */
#include "collect/collector.h"

#include <fcntl.h>
#include <net/if.h>

#include "collect/node/device_filter.h"
#include "host/netclass.h"

struct netclass_conf {
	struct device_filter devices;
	bool ignore_invalid_speed;
};

static const struct opt opts[] = {
	DEVICE_FILTER_OPTS(struct netclass_conf),
	{ OPT_ROW("ignore_invalid_speed", OPT_BOOL, struct netclass_conf, ignore_invalid_speed,
		  "false", NULL, "leave out the speed of a device whose driver does not know it") },
	{ 0 },
};

const struct opt_section section_collector_netclass = {
	.path = "collectors.netclass",
	.help = "properties of network devices",
	.opts = opts,
	.size = sizeof(struct netclass_conf),
};

enum {
	INFO = NETCLASS_NUMBERS,
	UP,
	N_DESCS,
};

static const struct metric_desc descs[N_DESCS] = {
	[NETCLASS_ADDR_ASSIGN_TYPE] = {
		"node_network_address_assign_type",
		"Where the address comes from: 0 the device, 1 random, 2 another device, 3 set.",
		METRIC_GAUGE,
	},
	[NETCLASS_CARRIER] = {
		"node_network_carrier",
		"1 when the device, if it is up, has a carrier.",
		METRIC_GAUGE,
	},
	[NETCLASS_CARRIER_CHANGES] = {
		"node_network_carrier_changes_total",
		"Changes of the carrier, in either direction.",
		METRIC_COUNTER,
	},
	[NETCLASS_CARRIER_UP_COUNT] = {
		"node_network_carrier_up_changes_total",
		"How often the carrier came.",
		METRIC_COUNTER,
	},
	[NETCLASS_CARRIER_DOWN_COUNT] = {
		"node_network_carrier_down_changes_total",
		"How often the carrier went.",
		METRIC_COUNTER,
	},
	[NETCLASS_DEV_ID] = {
		"node_network_device_id",
		"Tells devices apart that share one address.",
		METRIC_GAUGE,
	},
	[NETCLASS_DORMANT] = {
		"node_network_dormant",
		"1 when the device, if it is up, waits for something before it passes traffic.",
		METRIC_GAUGE,
	},
	[NETCLASS_FLAGS] = {
		"node_network_flags",
		"Flags of the device (IFF_UP is 1), as a number.",
		METRIC_GAUGE,
	},
	[NETCLASS_IFINDEX] = {
		"node_network_iface_id",
		"Index of the device.",
		METRIC_GAUGE,
	},
	[NETCLASS_IFLINK] = {
		"node_network_iface_link",
		"Index of the device that this one stands on or is paired with, else its own.",
		METRIC_GAUGE,
	},
	[NETCLASS_LINK_MODE] = {
		"node_network_iface_link_mode",
		"0 when the device is up by itself, 1 when a daemon has to say so.",
		METRIC_GAUGE,
	},
	[NETCLASS_MTU] = {
		"node_network_mtu_bytes",
		"Largest packet that the device takes.",
		METRIC_GAUGE,
	},
	[NETCLASS_NETDEV_GROUP] = {
		"node_network_net_dev_group",
		"Group that the administrator put the device into.",
		METRIC_GAUGE,
	},
	[NETCLASS_NAME_ASSIGN_TYPE] = {
		"node_network_name_assign_type",
		"Where the name comes from: 1 enumerated, 2 predictable, 3 user, 4 renamed.",
		METRIC_GAUGE,
	},
	[NETCLASS_SPEED] = {
		"node_network_speed_bytes",
		"Speed of the link in bytes per second; negative when the driver does not know.",
		METRIC_GAUGE,
	},
	[NETCLASS_TX_QUEUE_LEN] = {
		"node_network_transmit_queue_length",
		"Packets that may wait for the device.",
		METRIC_GAUGE,
	},
	[NETCLASS_TYPE] = {
		"node_network_protocol_type",
		"Kind of link, as ARP numbers them (1 is Ethernet).",
		METRIC_GAUGE,
	},
	[INFO] = {
		"node_network_info",
		"What is not a number about a network device; always 1.",
		METRIC_GAUGE,
	},
	[UP] = {
		"node_network_up",
		"1 when the operational state is up.",
		METRIC_GAUGE,
	},
};

struct output {
	struct collect *c;
	struct family *families[N_DESCS];
};

static void add(struct output *out, unsigned desc, const struct labels *labels, double value)
{
	if (!out->families[desc])
		out->families[desc] = metrics_family(out->c->out, &descs[desc]);
	family_add(out->families[desc], labels, value);
}

static void add_device(struct output *out, const struct netclass_device *d)
{
	const struct netclass_conf *conf = out->c->conf;
	const struct labels *labels = METRIC_LABELS(out->c->out, { STR("device"), d->name });
	struct str adminstate = STR("unknown");

	if (d->has & 1u << NETCLASS_FLAGS)
		adminstate = d->numbers[NETCLASS_FLAGS] & IFF_UP ? STR("up") : STR("down");
	add(out, UP, labels, str_eq(d->operstate, STR("up")));
	add(out, INFO,
	    METRIC_LABELS(out->c->out, { STR("device"), d->name }, { STR("address"), d->address },
			  { STR("broadcast"), d->broadcast }, { STR("duplex"), d->duplex },
			  { STR("operstate"), d->operstate }, { STR("adminstate"), adminstate },
			  { STR("ifalias"), d->ifalias }),
	    1);
	for (unsigned i = 0; i < NETCLASS_NUMBERS; i++) {
		double value = (double)d->numbers[i];

		if (!(d->has & 1u << i))
			continue;
		if (i == NETCLASS_SPEED) {
			if (value < 0 && conf->ignore_invalid_speed)
				continue;
			value *= 1000 * 1000 / 8; /* from Mbit/s */
		}
		add(out, i, labels, value);
	}
}

static int run_netlink(struct collect *c)
{
	const struct netclass_conf *conf = c->conf;
	struct output out = { .c = c };
	const struct link *links;
	size_t n_links, n = 0;
	int r = netlink_links(c->host, &links, &n_links);

	if (r < 0)
		return r;

	struct netclass_device *devices = arena_zalloc(c->scratch, n_links, sizeof(*devices));

	for (size_t i = 0; i < n_links; i++)
		if (device_wanted(&conf->devices, links[i].name))
			netclass_from_link(&links[i], c->scratch, &devices[n++]);
	r = netclass_complete(c->host, c->self, devices, n, n_links, c->scratch);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		add_device(&out, &devices[i]);
	return 0;
}

static int run_sysfs(struct collect *c)
{
	const struct netclass_conf *conf = c->conf;
	struct output out = { .c = c };
	struct str *names;
	size_t n;
	int r = collect_list(c, HOST_SYS, "class/net", &names, &n);
	_cleanup_fd_ int class_dir = host_open_dir(c->host, HOST_SYS, "class/net");

	if (r < 0 || class_dir < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		struct netclass_device device;
		/* Not a directory: bonding_masters. Not there: just gone. */
		_cleanup_fd_ int dir =
			openat(class_dir, names[i].p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0 || !device_wanted(&conf->devices, names[i]))
			continue;
		netclass_from_sysfs(dir, names[i], c->scratch, &device);
		add_device(&out, &device);
	}
	return 0;
}

static int run(struct collect *c)
{
	if (host_is_live(c->host, HOST_SYS) && run_netlink(c) == 0)
		return 0;
	return run_sysfs(c);
}

static void close_files(struct collect *c)
{
	netclass_files_close(c->self);
}

const struct collector collector_netclass = {
	.name = "netclass",
	.help = "state, link and speed of network devices",
	.reads = "/sys/class/net/*; netlink RTM_GETLINK",
	.on = true,
	.section = &section_collector_netclass,
	.self_size = sizeof(struct netclass_files),
	.run = run,
	.close = close_files,
};
