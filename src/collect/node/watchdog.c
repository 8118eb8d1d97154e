/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchdog timers. Source: /sys/class/watchdog (drivers/watchdog/watchdog_dev.c, with
 * CONFIG_WATCHDOG_SYSFS). What a driver cannot tell, as the time that is left, has no file.
 */
#include "collect/collector.h"

#define ROW(at, name, help) ROW_GAUGE(at, "node_watchdog_" name, help, 0)

static int add_watchdog(struct collect *c, int dir, struct str name, void *arg)
{
	static const struct metric_desc info = {
		"node_watchdog_info",
		"What the watchdog says of itself; always 1.",
		METRIC_GAUGE,
	};
	static const struct text_row texts[] = {
		{ "identity", "identity" },
		{ "options", "options" },
		{ "state", "state" },
		{ "status", "status" },
		{ "pretimeout_governor", "pretimeout_governor" },
	};
	static const struct table_row rows[] = {
		ROW("access_cs0", "access_cs0", "Whether the flash's first half is used."),
		ROW("bootstatus", "bootstatus", "Why the host was booted last, as bits."),
		ROW("fw_version", "fw_version", "The version of its firmware."),
		ROW("nowayout", "nowayout", "Whether it cannot be stopped once it runs."),
		ROW("pretimeout", "pretimeout_seconds", "How long before its end it warns."),
		ROW("timeleft", "timeleft_seconds", "Time left until it resets the host."),
		ROW("timeout", "timeout_seconds",
		    "Time within which it wants to hear of somebody."),
	};
	const struct labels *labels = METRIC_LABELS(c->out, { STR("name"), name });

	(void)arg;
	(void)collect_attrs(c, dir, labels, rows, ARRAY_SIZE(rows));
	collect_info(c, dir, &info, labels, texts, ARRAY_SIZE(texts));
	return 0;
}

static int run(struct collect *c)
{
	_cleanup_fd_ int dir = host_open_dir(c->host, HOST_SYS, "class/watchdog");

	return dir < 0 ? collect_explain(c, dir, HOST_SYS, "class/watchdog")
		       : collect_each_in(c, dir, ".", add_watchdog, NULL);
}

const struct collector collector_watchdog = {
	.name = "watchdog",
	.help = "watchdog timers",
	.reads = "/sys/class/watchdog/*",
	.on = true,
	.run = run,
};
