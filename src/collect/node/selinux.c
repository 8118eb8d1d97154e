/* SPDX-License-Identifier: Apache-2.0 */
/* Whether SELinux is on, and how. Sources: security/selinux/selinuxfs.c, /etc/selinux/config. */
#include "collect/collector.h"

#include <errno.h>

static const struct metric_desc enabled_desc = { "node_selinux_enabled",
						 "1 when SELinux is enabled in the kernel.",
						 METRIC_GAUGE };
static const struct metric_desc config_desc = {
	"node_selinux_config_mode",
	"Configured mode: 1 enforcing, 0 permissive, -1 disabled.",
	METRIC_GAUGE,
};
static const struct metric_desc current_desc = {
	"node_selinux_current_mode",
	"Mode in force: 1 enforcing, 0 permissive.",
	METRIC_GAUGE,
};

/* SELINUX=enforcing, the last of such lines wins; anything else counts as disabled. */
static int config_mode(struct collect *c)
{
	struct str text, line, key;
	int mode = -1;

	if (host_read(c->host, HOST_ROOT, "etc/selinux/config", c->scratch, &text) < 0)
		return -1;
	while (str_line(&text, &line)) {
		if (!str_cut(&line, '=', &key) || !str_eq(str_trim(key), STR("SELINUX")))
			continue;
		line = str_trim(line);
		mode = str_eq(line, STR("enforcing"))    ? 1
		       : str_eq(line, STR("permissive")) ? 0
							 : -1;
	}
	return mode;
}

static int run(struct collect *c)
{
	struct str text;
	uint64_t enforce;
	int r = host_read(c->host, HOST_SYS, "fs/selinux/enforce", c->scratch, &text);

	if (r == -ENOENT || r == -ENOTDIR) {
		metrics_add(c->out, &enabled_desc, 0);
		return 0;
	}
	if (r < 0)
		return collect_fail(c, r, "/sys/fs/selinux/enforce: %s", strerror(-r));
	if (num_u64(str_trim(text), &enforce) < 0)
		return collect_fail(c, -EBADMSG, "/sys/fs/selinux/enforce: not a number");
	metrics_add(c->out, &enabled_desc, 1);
	metrics_add(c->out, &config_desc, config_mode(c));
	metrics_add(c->out, &current_desc, enforce != 0);
	return 0;
}

const struct collector collector_selinux = {
	.name = "selinux",
	.help = "whether SELinux is on, and in which mode",
	.reads = "/sys/fs/selinux/enforce, /etc/selinux/config",
	.on = true,
	.run = run,
};
