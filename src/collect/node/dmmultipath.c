/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks with several paths, as the device mapper has them. Source: /sys/block/dm-N; the state of a
 * path is that of its SCSI ("running") or NVMe ("live") device.
 */
#include "collect/collector.h"

#include <fcntl.h>

enum { INFO, ACTIVE, SIZE, PATHS, PATHS_ACTIVE, PATHS_FAILED, STATE, N_DESCS };

/* clang-format off */
#define GAUGE(name, help) { "node_dmmultipath_" name, help, METRIC_GAUGE }

static const struct metric_desc descs[N_DESCS] = {
	[INFO] = GAUGE("device_info", "A disk with several paths; always 1."),
	[ACTIVE] = GAUGE("device_active", "0 while the device is suspended."),
	[SIZE] = GAUGE("device_size_bytes", "Size of the device."),
	[PATHS] = GAUGE("device_paths", "Paths to the device."),
	[PATHS_ACTIVE] = GAUGE("device_paths_active", "Paths that work."),
	[PATHS_FAILED] = GAUGE("device_paths_failed", "Paths that do not."),
	[STATE] = GAUGE("path_state", "What the kernel says of the path's device; always 1."),
};
/* clang-format on */

static void add(struct collect *c, int desc, const struct labels *labels, double value)
{
	family_add(metrics_family(c->out, &descs[desc]), labels, value);
}

static void add_paths(struct collect *c, int dir, struct label device, const struct labels *labels)
{
	_cleanup_fd_ int slaves = openat(dir, "slaves", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int block = host_open_dir(c->host, HOST_SYS, "block");
	struct str *names;
	size_t n = 0, active = 0;

	if (slaves >= 0 && host_list_dir(slaves, c->scratch, &names, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		struct str file = ARENA_CONCAT(c->scratch, names[i], STR("/device/state"));
		struct str state = STR("unknown");

		if (host_attr(slaves, file.p, c->scratch, &state) < 0)
			(void)host_attr(block, file.p, c->scratch, &state);
		active += str_eq(state, STR("running")) || str_eq(state, STR("live"));
		add(c, STATE,
		    METRIC_LABELS(c->out, device, { STR("path"), names[i] },
				  { STR("state"), state }),
		    1);
	}
	add(c, PATHS, labels, (double)n);
	add(c, PATHS_ACTIVE, labels, (double)active);
	add(c, PATHS_FAILED, labels, (double)(n - active));
}

static int add_device(struct collect *c, int dir, struct str sysfs_name, void *arg)
{
	struct label device = { STR("device"), STR("") };
	const struct labels *labels;
	struct str uuid;
	uint64_t value;

	(void)arg;
	if (!str_starts(sysfs_name, STR("dm-")) ||
	    host_attr(dir, "dm/uuid", c->scratch, &uuid) < 0 || !str_starts(uuid, STR("mpath-")) ||
	    host_attr(dir, "dm/name", c->scratch, &device.value) < 0)
		return 0;
	labels = METRIC_LABELS(c->out, device, { STR("sysfs_name"), sysfs_name });
	add(c, INFO, collect_labels_and(c, labels, STR("uuid"), uuid), 1);
	if (host_attr_u64(dir, "dm/suspended", &value) == 0)
		add(c, ACTIVE, labels, value != 1);
	if (host_attr_u64(dir, "size", &value) == 0)
		add(c, SIZE, labels, (double)value * 512);
	add_paths(c, dir, device, labels);
	return 0;
}

static int run(struct collect *c)
{
	return collect_each(c, HOST_SYS, "block", add_device, NULL);
}

const struct collector collector_dmmultipath = {
	.name = "dmmultipath",
	.help = "disks with several paths (dm-multipath)",
	.reads = "/sys/block/dm-*",
	.on = true,
	.run = run,
};
