/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bonded network devices: slaves, and those whose link is up. Source: bonding_masters and
 * DEVICE/bonding/slaves of /sys/class/net; a slave hangs below its master as lower_NAME, before
 * Linux 3.18 as slave_NAME.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

static int slave_is_up(struct collect *c, int master, struct str slave, bool *ret)
{
	static const char *const prefixes[] = { "lower_", "slave_" };
	struct str status;
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes) && r == -ENOENT; i++)
		r = host_attr(master,
			      ARENA_CONCAT(c->scratch, str_of(prefixes[i]), slave,
					   STR("/bonding_slave/mii_status"))
				      .p,
			      c->scratch, &status);
	if (r == 0)
		*ret = str_eq(status, STR("up"));
	return r;
}

static int add_master(struct collect *c, int class, struct str name)
{
	static const struct metric_desc slaves_desc = { "node_bonding_slaves",
							"Slaves that a bond has.", METRIC_GAUGE };
	static const struct metric_desc active_desc = { "node_bonding_active",
							"Slaves of a bond whose link is up.",
							METRIC_GAUGE };
	_cleanup_fd_ int dir =
		openat(class, arena_cstr(c->scratch, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct labels *labels = METRIC_LABELS(c->out, { STR("master"), name });
	struct str slaves, slave = { 0 };
	double all = 0, active = 0;
	int r = dir < 0 ? -errno : host_attr(dir, "bonding/slaves", c->scratch, &slaves);

	while (r == 0 && str_word(&slaves, &slave)) {
		bool up = false;

		r = slave_is_up(c, dir, slave, &up);
		all++;
		active += up;
	}
	if (r < 0)
		return collect_fail(
			c, r == -ENOENT ? -EIO : r,
			"/sys/class/net/%.*s: slaves, or the state of slave \"%.*s\": %s",
			STR_ARG(name), STR_ARG(slave), strerror(-r));
	family_add(metrics_family(c->out, &slaves_desc), labels, all);
	family_add(metrics_family(c->out, &active_desc), labels, active);
	return 0;
}

static int run(struct collect *c)
{
	_cleanup_fd_ int class = host_open_dir(c->host, HOST_SYS, "class/net");
	struct str text, name;
	int r = collect_read(c, HOST_SYS, "class/net/bonding_masters", &text);

	if (r < 0)
		return r;
	while (str_word(&text, &name)) {
		int one = add_master(c, class, name);

		r = one < 0 ? one : r;
	}
	return r;
}

const struct collector collector_bonding = {
	.name = "bonding",
	.help = "bonded network devices and their slaves",
	.reads = "/sys/class/net/bonding_masters, .../bonding/slaves",
	.on = true,
	.run = run,
};
