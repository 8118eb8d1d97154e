/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices on PCI: what they are, and how fast they are linked. Source: /sys/bus/pci/devices
 * (drivers/pci/pci-sysfs.c); each is a link, and before its last part stands the bridge above it.
 * What a device has no file for is -1 (its link) or 0 (the rest), as node_exporter has it.
 */
#include "collect/collector.h"

#include "host/pci.h"

struct pcidevice_conf {
	bool names;
	struct str ids;
};

static const struct opt pcidevice_opts[] = {
	{ OPT_ROW("names", OPT_BOOL, struct pcidevice_conf, names, "false", NULL,
		  "labels with the names of vendor, device and class, too") },
	{ OPT_ROW("idsfile", OPT_STRING, struct pcidevice_conf, ids, "", "FILE",
		  "the list of these names, pci.ids, where it is not at a usual place") },
	{ 0 },
};

static const struct opt_section section_collector_pcidevice = {
	.path = "collectors.pcidevice",
	.help = "devices on PCI",
	.opts = pcidevice_opts,
	.size = sizeof(struct pcidevice_conf),
};

#define PCI(file, name, help) ROW_GAUGE(file, "node_pcidevice_" name, help, 0)

/* "8.0 GT/s PCIe", "16", and "Unknown" where there is no link. */
static double number_of(struct collect *c, int dir, const struct table_row *row, double absent)
{
	struct str text;
	double value;

	if (host_attr(dir, row->at, c->scratch, &text) < 0 || !num_take_f64(&text, &value))
		return absent;
	return row->scale != 0 ? value * row->scale : value;
}

static void add_power_state(struct collect *c, int dir, const struct labels *labels)
{
	static const struct metric_desc desc = {
		"node_pcidevice_power_state",
		"1 for the state of power that the device is in.",
		METRIC_GAUGE,
	};
	static const char *const states[] = {
		"D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error",
	};
	struct str now;

	if (host_attr(dir, "power_state", c->scratch, &now) < 0 || !now.n)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		family_add(metrics_family(c->out, &desc),
			   collect_labels_and(c, labels, STR("state"), str_of(states[i])),
			   str_eq(now, str_of(states[i])));
}

struct walk {
	int devices;
	struct str ids;
};

static int add_device(struct collect *c, int dir, struct str name, void *arg)
{
	static const struct table_row links[] = {
		PCI("current_link_width", "current_link_width", "Lanes in use."),
		PCI("max_link_width", "max_link_width", "Lanes there are."),
		ROW_GAUGE("current_link_speed", "node_pcidevice_current_link_transfers_per_second",
			  "Transfers a second on each lane now.", .scale = 1e9),
		ROW_GAUGE("max_link_speed", "node_pcidevice_max_link_transfers_per_second",
			  "Transfers a second on each lane at most.", .scale = 1e9),
	};
	static const struct table_row flags[] = {
		PCI("d3cold_allowed", "d3cold_allowed", "Whether its power may be cut off."),
		PCI("sriov_drivers_autoprobe", "sriov_drivers_autoprobe",
		    "Whether its virtual functions get drivers by themselves."),
		PCI("sriov_numvfs", "sriov_numvfs", "Virtual functions there are."),
		PCI("sriov_totalvfs", "sriov_totalvfs", "Virtual functions there may be."),
		PCI("sriov_vf_total_msix", "sriov_vf_total_msix",
		    "Interrupt vectors for all virtual functions."),
	};
	static const struct metric_desc node_desc = { "node_pcidevice_numa_node",
						      "The node that the device is attached to.",
						      METRIC_GAUGE };
	static const struct metric_desc info = {
		"node_pcidevice_info",
		"What the device is, and what it is behind (* at the root); always 1.",
		METRIC_GAUGE,
	};
	static const struct text_row texts[] = {
		{ "class", "class_id" },
		{ "vendor", "vendor_id" },
		{ "device", "device_id" },
		{ "subsystem_vendor", "subsystem_vendor_id" },
		{ "subsystem_device", "subsystem_device_id" },
		{ "revision", "revision" },
	};
	struct pci_device names = { 0 };
	struct pci_location at, parent;
	struct str path;
	const struct pcidevice_conf *conf = c->conf;
	const struct walk *walk = arg;
	int64_t node;

	if (host_link(walk->devices, name.p, c->scratch, &path) < 0 || !pci_location(name, &at))
		return 0;
	parent = pci_parent(path);
	if (conf->names)
		names = pci_names(walk->ids, dir, c->scratch);

	const struct label labels_of[] = {
		{ STR("segment"), at.segment },
		{ STR("bus"), at.bus },
		{ STR("device"), at.device },
		{ STR("function"), at.function },
		{ STR("parent_segment"), parent.segment },
		{ STR("parent_bus"), parent.bus },
		{ STR("parent_device"), parent.device },
		{ STR("parent_function"), parent.function },
		{ STR("vendor_name"), names.vendor },
		{ STR("device_name"), names.device },
		{ STR("subsystem_vendor_name"), names.subsystem_vendor },
		{ STR("subsystem_device_name"), names.subsystem_device },
		{ STR("class_name"), names.class },
	};
	const struct labels *labels = metrics_labels(c->out, 4, labels_of);

	const struct labels *all = metrics_labels(c->out, conf->names ? 13 : 8, labels_of);

	collect_info(c, dir, &info, all, texts, ARRAY_SIZE(texts));
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		family_add(metrics_family(c->out, &links[i].desc), labels,
			   number_of(c, dir, &links[i], -1));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		family_add(metrics_family(c->out, &flags[i].desc), labels,
			   number_of(c, dir, &flags[i], 0));
	add_power_state(c, dir, labels);
	if (host_attr_i64(dir, "numa_node", &node) == 0 && node != -1)
		family_add(metrics_family(c->out, &node_desc), labels, (double)node);
	return 0;
}

static int run(struct collect *c)
{
	const struct pcidevice_conf *conf = c->conf;
	_cleanup_fd_ int devices = host_open_dir(c->host, HOST_SYS, "bus/pci/devices");
	struct walk walk = { .devices = devices };
	int r = 0;

	if (devices < 0)
		return collect_explain(c, devices, HOST_SYS, "bus/pci/devices");
	if (conf->names)
		r = pci_ids_read(c->host, conf->ids.n ? conf->ids.p : "", c->scratch, &walk.ids);
	if (r < 0)
		collect_note(c, STR("pci.ids"), "%s: %s", conf->ids.n ? conf->ids.p : "pci.ids",
			     strerror(-r));
	return collect_each_in(c, devices, ".", add_device, &walk);
}

const struct collector collector_pcidevice = {
	.name = "pcidevice",
	.help = "devices on PCI: what they are, and their links",
	.reads = "/sys/bus/pci/devices/*",
	.section = &section_collector_pcidevice,
	.run = run,
};
