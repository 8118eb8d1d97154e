/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of collectors. A word here that has no collector_WORD does not link. They run in this
 * order: from cgroup on there may be very many series, which must not keep out the host's own where
 * series are limited.
 */
#include "collect/collector.h"

#define COLLECTORS(X)          \
	X(arp)                 \
	X(bcache)              \
	X(bcachefs)            \
	X(bonding)             \
	X(btrfs)               \
	X(buddyinfo)           \
	X(cgroups)             \
	X(conntrack)           \
	X(cpu)                 \
	X(cpu_vulnerabilities) \
	X(cpufreq)             \
	X(diskstats)           \
	X(dmi)                 \
	X(dmmultipath)         \
	X(drbd)                \
	X(drm)                 \
	X(edac)                \
	X(energy)              \
	X(entropy)             \
	X(ethtool)             \
	X(fibrechannel)        \
	X(filefd)              \
	X(filesystem)          \
	X(hwmon)               \
	X(infiniband)          \
	X(interrupts)          \
	X(ipvs)                \
	X(kernel_hung)         \
	X(ksmd)                \
	X(lnstat)              \
	X(loadavg)             \
	X(logind)              \
	X(machine)             \
	X(mdadm)               \
	X(meminfo)             \
	X(meminfo_numa)        \
	X(mountstats)          \
	X(netclass)            \
	X(netdev)              \
	X(netstat)             \
	X(network_route)       \
	X(nfs)                 \
	X(nfsd)                \
	X(nvidia)              \
	X(nvme)                \
	X(nvmesubsystem)       \
	X(os)                  \
	X(pcidevice)           \
	X(perf)                \
	X(powersupplyclass)    \
	X(pressure)            \
	X(processes)           \
	X(qdisc)               \
	X(rapl)                \
	X(schedstat)           \
	X(selinux)             \
	X(slabinfo)            \
	X(sockstat)            \
	X(softirqs)            \
	X(softnet)             \
	X(stat)                \
	X(swap)                \
	X(sysctl)              \
	X(systemd)             \
	X(tapestats)           \
	X(tcpstat)             \
	X(thermal_zone)        \
	X(time)                \
	X(timex)               \
	X(udp_queues)          \
	X(uname)               \
	X(vmstat)              \
	X(watchdog)            \
	X(wifi)                \
	X(xfrm)                \
	X(xfs)                 \
	X(zfs)                 \
	X(zoneinfo)            \
	X(cgroup)              \
	X(ebpf)                \
	X(namedprocess)        \
	X(process)             \
	X(scaphandre)          \
	X(exec)                \
	X(scrape)              \
	X(textfile)            \
	X(self) /* last: it counts what the others had dropped */

#define DECLARE(name) extern const struct collector collector_##name;
COLLECTORS(DECLARE)

#define POINT(name) &collector_##name,
const struct collector *const collector_registry[] = { COLLECTORS(POINT) };

static const struct opt filter_opts[] = {
	METRICS_FILTER_OPTS(struct collector_filter, filter),
	{ 0 },
};

#define FILTER(name)                                     \
	{                                                \
		.path = "collectors." #name,             \
		.help = "what is wanted of it",          \
		.opts = filter_opts,                     \
		.size = sizeof(struct collector_filter), \
		.quiet = true,                           \
	},
const struct opt_section collector_filters[] = { COLLECTORS(FILTER) };

size_t collector_count(void)
{
	return ARRAY_SIZE(collector_registry);
}
