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
static int add_sources(struct collect *c)
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
	static const struct label device = { { "device", 6 }, { "0", 1 } };
	struct family *f = metrics_family(c->out, &available_desc);
	struct str text, source;
	int r = collect_read(c, HOST_SYS,
			     "devices/system/clocksource/clocksource0/available_clocksource",
			     &text);

	if (r == -ENODATA) /* without sysfs there is still a clock */
		return 0;
	if (r < 0)
		return r;
	if (!str_trim(text).n)
		return collect_fail(c, -EBADMSG, "available_clocksource is empty");
	while (str_word(&text, &source))
		family_add(f, METRIC_LABELS(c->out, device, { STR("clocksource"), source }), 1);
	r = collect_read(c, HOST_SYS, "devices/system/clocksource/clocksource0/current_clocksource",
			 &text);
	if (r < 0)
		return r;
	source = str_trim(text);
	if (!source.n)
		return collect_fail(c, -EBADMSG, "current_clocksource is empty");
	family_add(metrics_family(c->out, &current_desc),
		   METRIC_LABELS(c->out, device, { STR("clocksource"), source }), 1);
	return 0;
}

static int run(struct collect *c)
{
	add_clock(c);
	return add_sources(c);
}

const struct collector collector_time = {
	.name = "time",
	.help = "wall clock, time zone, clock sources",
	.reads = "clock_gettime(2), /sys/devices/system/clocksource/clocksource0/*",
	.live_only = "clock_gettime(2)",
	.on = true,
	.run = run,
};
