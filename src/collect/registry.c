/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of collectors. A word here that has no collector_WORD does not link. They run in this
 * order: from cgroup on there may be very many series, which must not keep out the host's own where
 * series are limited.
 */
#include "collect/collector.h"

#define COLLECTORS(X)       \
	X(arp)              \
	X(conntrack)        \
	X(cpu)              \
	X(cpufreq)          \
	X(diskstats)        \
	X(dmi)              \
	X(drm)              \
	X(edac)             \
	X(energy)           \
	X(entropy)          \
	X(filefd)           \
	X(filesystem)       \
	X(hwmon)            \
	X(loadavg)          \
	X(machine)          \
	X(mdadm)            \
	X(meminfo)          \
	X(netclass)         \
	X(netdev)           \
	X(netstat)          \
	X(nvidia)           \
	X(nvme)             \
	X(os)               \
	X(powersupplyclass) \
	X(pressure)         \
	X(rapl)             \
	X(schedstat)        \
	X(selinux)          \
	X(sockstat)         \
	X(softnet)          \
	X(stat)             \
	X(systemd)          \
	X(thermal_zone)     \
	X(time)             \
	X(timex)            \
	X(udp_queues)       \
	X(uname)            \
	X(vmstat)           \
	X(xfs)              \
	X(cgroup)           \
	X(ebpf)             \
	X(namedprocess)     \
	X(process)          \
	X(scaphandre)       \
	X(textfile)         \
	X(self) /* last: it counts what the others had dropped */

#define DECLARE(name) extern const struct collector collector_##name;
COLLECTORS(DECLARE)

#define POINT(name) &collector_##name,
const struct collector *const collector_registry[] = { COLLECTORS(POINT) };

size_t collector_count(void)
{
	return ARRAY_SIZE(collector_registry);
}
