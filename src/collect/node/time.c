/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock, its zone and the clock sources. Sources: clock_gettime(2), and
 * kernel/time/clocksource.c for /sys/devices/system/clocksource.
 */
#include "collect/collector.h"

#include <errno.h>
#include <time.h>

static void add_clock(struct collect *c)
{
	static const struct metric_desc time_desc = { "node_time_seconds",
						      "The wall clock, in Unix time.",
						      METRIC_GAUGE };
	static const struct metric_desc zone_desc = {
		"node_time_zone_offset_seconds",
		"Offset of the local time zone from UTC.",
		METRIC_GAUGE,
	};
	struct timespec now;
	struct tm local;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	metrics_add(c->out, &time_desc, (double)now.tv_sec + (double)now.tv_nsec / 1e9);
	if (!localtime_r(&now.tv_sec, &local))
		return;
	family_add(metrics_family(c->out, &zone_desc),
		   METRIC_LABELS(c->out, { STR("time_zone"), str_of(local.tm_zone) }),
		   (double)local.tm_gmtoff);
}

/* The kernel registers one such device and always calls it clocksource0. */
static int add_sources(struct collect *c, int dir, struct str name, void *arg)
{
	static const struct metric_desc available_desc = {
		"node_time_clocksource_available_info",
		"A clock source that could be used; always 1.",
		METRIC_GAUGE,
	};
	static const struct metric_desc current_desc = {
		"node_time_clocksource_current_info",
		"The clock source in use; always 1.",
		METRIC_GAUGE,
	};
	const struct str prefix = STR("clocksource");
	const struct label device = { STR("device"), str_skip(name, prefix.n) };
	struct str text, source;
	int r;

	(void)arg;
	if (!str_starts(name, prefix))
		return 0;
	r = host_attr(dir, "available_clocksource", c->scratch, &text);
	if (r < 0 || !str_trim(text).n)
		return collect_fail(c, r < 0 ? r : -EBADMSG, "%.*s/available_clocksource %s",
				    STR_ARG(name), r < 0 ? strerror(-r) : "is empty");
	while (str_word(&text, &source))
		family_add(metrics_family(c->out, &available_desc),
			   METRIC_LABELS(c->out, device, { STR("clocksource"), source }), 1);
	r = host_attr(dir, "current_clocksource", c->scratch, &text);
	if (r < 0 || !str_trim(text).n)
		return collect_fail(c, r < 0 ? r : -EBADMSG, "%.*s/current_clocksource %s",
				    STR_ARG(name), r < 0 ? strerror(-r) : "is empty");
	family_add(metrics_family(c->out, &current_desc),
		   METRIC_LABELS(c->out, device, { STR("clocksource"), str_trim(text) }), 1);
	return 0;
}

static int run(struct collect *c)
{
	int r;

	add_clock(c);
	r = collect_each(c, HOST_SYS, "devices/system/clocksource", add_sources, NULL);
	return r == -ENODATA ? 0 : r; /* without sysfs there is still a clock */
}

const struct collector collector_time = {
	.name = "time",
	.help = "wall clock, time zone, clock sources",
	.reads = "clock_gettime(2), /sys/devices/system/clocksource/*",
	.live_only = "clock_gettime(2)",
	.on = true,
	.run = run,
};
