/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wall clock, its zone and the clock sources. Sources: clock_gettime(2), and
 * kernel/time/clocksource.c for /sys/devices/system/clocksource.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>
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

static void add_sources(struct collect *c, int dir, struct str device)
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
	struct family *f = metrics_family(c->out, &available_desc);
	struct str available, current, source;

	if (host_attr(dir, "available_clocksource", c->scratch, &available) < 0 ||
	    host_attr(dir, "current_clocksource", c->scratch, &current) < 0)
		return;
	while (str_word(&available, &source))
		family_add(f,
			   METRIC_LABELS(c->out, { STR("device"), device },
					 { STR("clocksource"), source }),
			   1);
	family_add(
		metrics_family(c->out, &current_desc),
		METRIC_LABELS(c->out, { STR("device"), device }, { STR("clocksource"), current }),
		1);
}

static int run(struct collect *c)
{
	static const struct str prefix = { "clocksource", 11 };
	_cleanup_fd_ int all = host_open_dir(c->host, HOST_SYS, "devices/system/clocksource");
	struct str *names;
	size_t n;

	add_clock(c);

	int r = collect_list(c, HOST_SYS, "devices/system/clocksource", &names, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (!str_starts(names[i], prefix))
			continue;

		_cleanup_fd_ int dir = openat(all, names[i].p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0)
			add_sources(c, dir, str_skip(names[i], prefix.n));
	}
	return 0;
}

const struct collector collector_time = {
	.name = "time",
	.help = "wall clock, time zone, clock sources",
	.reads = "clock_gettime(2), /sys/devices/system/clocksource/*",
	.live_only = "clock_gettime(2)",
	.on = true,
	.run = run,
};
