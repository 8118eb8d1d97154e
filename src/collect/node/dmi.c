/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the firmware says of the machine. Source: /sys/class/dmi/id (drivers/firmware/dmi-id.c).
 * It cannot change while the system runs, so an agent reads it once. Serial numbers and the
 * UUID are for root only, and left out for others.
 */
#include "collect/collector.h"

#include <errno.h>

static const struct metric_desc desc = {
	"node_dmi_info",
	"What the firmware says of the machine; always 1.",
	METRIC_GAUGE,
};

static const struct {
	const char *file, *label;
} fields[] = {
	{ "bios_date", "bios_date" },
	{ "bios_release", "bios_release" },
	{ "bios_vendor", "bios_vendor" },
	{ "bios_version", "bios_version" },
	{ "board_asset_tag", "board_asset_tag" },
	{ "board_name", "board_name" },
	{ "board_serial", "board_serial" },
	{ "board_vendor", "board_vendor" },
	{ "board_version", "board_version" },
	{ "chassis_asset_tag", "chassis_asset_tag" },
	{ "chassis_serial", "chassis_serial" },
	{ "chassis_vendor", "chassis_vendor" },
	{ "chassis_version", "chassis_version" },
	{ "product_family", "product_family" },
	{ "product_name", "product_name" },
	{ "product_serial", "product_serial" },
	{ "product_sku", "product_sku" },
	{ "product_uuid", "product_uuid" },
	{ "product_version", "product_version" },
	{ "sys_vendor", "system_vendor" },
};

struct self {
	struct arena arena;
	bool known;
	size_t n;
	struct label labels[ARRAY_SIZE(fields)];
};

/* Asked for in each cycle until there is an answer: then it stays. */
static int learn(struct collect *c)
{
	struct self *self = c->self;
	_cleanup_fd_ int dir = host_open_dir(c->host, HOST_SYS, "class/dmi/id");
	bool refused = false;

	if (dir == -ENOENT)
		return collect_fail(c, -ENODATA, "/sys/class/dmi/id is not there");
	if (dir < 0)
		return collect_fail(c, dir, "/sys/class/dmi/id: %s", strerror(-dir));
	arena_reset(&self->arena);
	self->n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct str value;
		int r = host_attr(dir, fields[i].file, &self->arena, &value);

		if (r == -EACCES || r == -EPERM)
			refused = true;
		if (r == 0)
			self->labels[self->n++] = (struct label){ str_of(fields[i].label), value };
	}
	if (!self->n && refused)
		return collect_fail(c, -EACCES,
				    "/sys/class/dmi/id: permission denied (needs root)");
	if (!self->n)
		return collect_fail(c, -ENODATA, "/sys/class/dmi/id is empty");
	self->known = true;
	return 0;
}

static int run(struct collect *c)
{
	struct self *self = c->self;
	int r = self->known ? 0 : learn(c);

	if (r < 0)
		return r;
	family_add(metrics_family(c->out, &desc), metrics_labels(c->out, self->n, self->labels), 1);
	return 0;
}

static void close_dmi(struct collect *c)
{
	struct self *self = c->self;

	arena_release(&self->arena);
}

const struct collector collector_dmi = {
	.name = "dmi",
	.help = "what the firmware says of the machine",
	.reads = "/sys/class/dmi/id/*",
	.on = true,
	.self_size = sizeof(struct self),
	.run = run,
	.close = close_dmi,
};
