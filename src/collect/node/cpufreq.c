/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU frequencies. Source: drivers/cpufreq/cpufreq.c; the files hold kilohertz, or words where
 * a driver does not know.
 */
#include "collect/collector.h"

#include <fcntl.h>

static const struct attr_row rows[] = {
	{ "cpuinfo_cur_freq",
	  { "node_cpu_frequency_hertz", "Frequency that the hardware reports.", METRIC_GAUGE },
	  1000 },
	{ "cpuinfo_min_freq",
	  { "node_cpu_frequency_min_hertz", "Lowest frequency of the hardware.", METRIC_GAUGE },
	  1000 },
	{ "cpuinfo_max_freq",
	  { "node_cpu_frequency_max_hertz", "Highest frequency of the hardware.", METRIC_GAUGE },
	  1000 },
	{ "scaling_cur_freq",
	  { "node_cpu_scaling_frequency_hertz", "Frequency that the governor has set.",
	    METRIC_GAUGE },
	  1000 },
	{ "scaling_min_freq",
	  { "node_cpu_scaling_frequency_min_hertz", "Lowest frequency the governor may set.",
	    METRIC_GAUGE },
	  1000 },
	{ "scaling_max_freq",
	  { "node_cpu_scaling_frequency_max_hertz", "Highest frequency the governor may set.",
	    METRIC_GAUGE },
	  1000 },
};

static void add_governors(struct collect *c, int dir, struct str cpu)
{
	static const struct metric_desc desc = {
		"node_cpu_scaling_governor",
		"1 for the governor in force, 0 for the others that are available.",
		METRIC_GAUGE,
	};
	struct family *f = metrics_family(c->out, &desc);
	struct str current, available, governor;

	if (host_attr(dir, "scaling_governor", c->scratch, &current) < 0 ||
	    host_attr(dir, "scaling_available_governors", c->scratch, &available) < 0)
		return;
	while (str_word(&available, &governor))
		family_add(
			f,
			METRIC_LABELS(c->out, { STR("cpu"), cpu }, { STR("governor"), governor }),
			str_eq(governor, current));
}

/*
 * From 4.13 to 5.17 scaling_cur_freq of a busy cpu sleeps for 10 ms, unless the cpu was measured
 * within the last second. Opening cpuinfo measures them all at once, and sleeps once
 * (arch/x86/kernel/cpu/aperfmperf.c, arch_freq_prepare_all).
 */
static void measure_all(const struct host *host)
{
	_cleanup_fd_ int fd =
		openat(host->dir[HOST_PROC], "cpuinfo", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	(void)fd;
}

static int run(struct collect *c)
{
	_cleanup_fd_ int cpus = host_open_dir(c->host, HOST_SYS, "devices/system/cpu");
	struct str *names;
	size_t n, found = 0;
	int r = collect_list(c, HOST_SYS, "devices/system/cpu", &names, &n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		struct str number = str_skip(names[i], 3);
		uint64_t ignored;

		if (!str_starts(names[i], STR("cpu")) || num_u64(number, &ignored) < 0)
			continue;

		_cleanup_fd_ int dir =
			openat(cpus, ARENA_CONCAT(c->scratch, names[i], STR("/cpufreq")).p,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0)
			continue;
		if (!found)
			measure_all(c->host);
		found += collect_attrs(c, dir, METRIC_LABELS(c->out, { STR("cpu"), number }), rows,
				       ARRAY_SIZE(rows));
		add_governors(c, dir, number);
	}
	return found ? 0
		     : collect_fail(c, 0,
				    "no /sys/devices/system/cpu/cpu*/cpufreq: the kernel scales "
				    "no frequencies here");
}

const struct collector collector_cpufreq = {
	.name = "cpufreq",
	.help = "CPU frequencies and governors",
	.reads = "/sys/devices/system/cpu/cpu*/cpufreq/*",
	.on = true,
	.run = run,
};
