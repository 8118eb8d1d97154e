#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds our exposition against node_exporter's of the same host, one TAP line a collector.

usage: compare-exposition.py [--exact] [--exceptions FILE] [--version VERSION]
                              [--without LABEL,...] COLLECTOR,... ROUND...

ROUND is a directory with `before`, `ours` and `after`: node_exporter, us, node_exporter again.
A value of ours has to lie between the two of node_exporter; what moves in both directions gets
the slack of VOLATILE. A collector passes when it is clean in one round, because devices come and
go and some figures jump; what is wrong is wrong in all rounds. With --exact (files that do not
change) every value has to be equal. --without takes labels off, those of a Pushgateway's group.
--exceptions names a file of lines "VERSIONS TREE COLLECTOR PATTERN": what is said of the round in
the directory TREE (*: any) and matches is no problem; an exception that excuses nothing is one.
VERSIONS are those of node_exporter that it is for: <1.9, >=1.9 or *. --version says which one it is
(1.5 if not), and so what it does not know yet.
"""
import argparse
import math
import os
import re
import sys

# Which family belongs to which collector: the longest prefix wins.
PREFIXES = {
    "arp": ["node_arp_"],
    "bcache": ["node_bcache_"],
    "bcachefs": ["node_bcachefs_"],
    "bonding": ["node_bonding_"],
    "btrfs": ["node_btrfs_"],
    "buddyinfo": ["node_buddyinfo_"],
    "cgroup": ["cadvisor_", "container_", "machine_"],
    "cgroups": ["node_cgroups_"],
    "conntrack": ["node_nf_conntrack_"],
    "cpu": ["node_cpu_"],
    "cpu_vulnerabilities": ["node_cpu_vulnerabilities_"],
    "cpufreq": ["node_cpu_frequency_max_", "node_cpu_frequency_min_", "node_cpu_scaling_"],
    "diskstats": ["node_disk_"],
    "dmi": ["node_dmi_"],
    "dmmultipath": ["node_dmmultipath_"],
    "drbd": ["node_drbd_"],
    "drm": ["node_drm_"],
    "edac": ["node_edac_"],
    "entropy": ["node_entropy_"],
    "ethtool": ["node_ethtool_", "node_network_advertised_speed_", "node_network_asymmetricpause_",
                "node_network_autonegotiate", "node_network_pause_",
                "node_network_supported_"],
    "fibrechannel": ["node_fibrechannel_"],
    "filefd": ["node_filefd_"],
    "filesystem": ["node_filesystem_"],
    "hwmon": ["node_hwmon_"],
    "infiniband": ["node_infiniband_"],
    "interrupts": ["node_interrupts_"],
    "ipvs": ["node_ipvs_"],
    "kernel_hung": ["node_kernel_hung_"],
    "ksmd": ["node_ksmd_"],
    "lnstat": ["node_lnstat_"],
    "loadavg": ["node_load1", "node_load5", "node_load15"],
    "logind": ["node_logind_"],
    "mdadm": ["node_md_"],
    "meminfo": ["node_memory_"],
    "meminfo_numa": ["node_memory_numa_"],
    "mountstats": ["node_mountstats_"],
    "netclass": ["node_network_", "node_network_transmit_queue_length"],
    "netdev": ["node_network_receive_", "node_network_transmit_", "node_network_address_info",
               "node_network_collisions_total", "node_network_multicast_total"],
    "netstat": ["node_netstat_"],
    "network_route": ["node_network_route_info", "node_network_routes"],
    "nfs": ["node_nfs_"],
    "nfsd": ["node_nfsd_"],
    "nvme": ["node_nvme_"],
    "nvmesubsystem": ["node_nvmesubsystem_"],
    "os": ["node_os_"],
    "pcidevice": ["node_pcidevice_"],
    "perf": ["node_perf_"],
    "powersupplyclass": ["node_power_supply_"],
    "pressure": ["node_pressure_"],
    "processes": ["node_processes_"],
    "qdisc": ["node_qdisc_"],
    "rapl": ["node_rapl_"],
    "schedstat": ["node_schedstat_"],
    "selinux": ["node_selinux_"],
    "slabinfo": ["node_slabinfo_"],
    "sockstat": ["node_sockstat_"],
    "softirqs": ["node_softirqs_functions_"],
    "softnet": ["node_softnet_"],
    "stat": ["node_boot_time_", "node_context_switches_", "node_forks_", "node_intr_",
             "node_procs_", "node_softirqs_"],
    "swap": ["node_swap_"],
    "sysctl": ["node_sysctl_"],
    "tapestats": ["node_tape_"],
    "tcpstat": ["node_tcp_connection_states"],
    "thermal_zone": ["node_cooling_device_", "node_thermal_zone_"],
    "time": ["node_time_"],
    "timex": ["node_timex_"],
    "udp_queues": ["node_udp_queues"],
    "uname": ["node_uname_"],
    "vmstat": ["node_vmstat_"],
    "watchdog": ["node_watchdog_"],
    "wifi": ["node_wifi_"],
    "xfrm": ["node_xfrm_"],
    "xfs": ["node_xfs_"],
    "zfs": ["node_zfs_"],
    "zoneinfo": ["node_zoneinfo_"],
}

# Others' own doings, and ours.
IGNORED = re.compile(r"node_scrape_collector_|node_exporter_|go_|process_|promhttp_|push_|"
                     r"pushgateway_|peekpush_|container_|machine_|cadvisor_|DCGM_")

# Families with the version of node_exporter that told of them first; older ones lack them.
NEW_FAMILIES = [
    (r"node_btrfs_(commit_seconds_total|commits_total|last_commit_seconds|max_commit_seconds)",
     "1.8"),
    (r"node_cpu_isolated", "1.6"),
    (r"node_cpu_online", "1.9"),
    (r"node_cpu_scaling_governor", "1.6"),
    (r"node_filesystem_mount_info", "1.8"),
    (r"node_filesystem_purgeable_bytes", "1.10"),
    (r"node_edac_channel_.*", "1.12"),
    (r"node_memory_Zswap(ped)?_bytes", "1.10"),
    (r"node_md_(degraded|raid_disks)", "1.10"),
    (r"node_infiniband_(duplicate|implied|lifespan|local_ack|np|out_of|packet|req|resp|rnr|roce|rp|"
     r"rx)_.*", "1.10"),
    (r"node_ksmd_general_profit_bytes", "1.12"),
    (r"node_netstat_TcpExt_(TCPOFOQueue|TCPRcvQDrop)", "1.6"),
    (r"node_nvme_namespace_.*", "1.10"),
    (r"node_os_support_end_timestamp_seconds", "1.6"),
    (r"node_pressure_irq_stalled_seconds_total", "1.8"),
    (r"node_softnet_(backlog_len|cpu_collision_total|flow_limit_count_total|received_rps_total)",
     "1.6"),
    (r"node_zfs_dbuf_.*", "1.6"),
]

# Families that were told of before that version only.
OLD_FAMILIES = [
    (r"node_memory_(Balloon|File(HugePages|PmdMapped)|GPU(Active|Reclaim)|Hugetlb|KReclaimable|"
     r"SecPageTables|ShadowCallStack|Unaccepted)_bytes", "1.8"),
]

# Labels as NEW_FAMILIES; taken off ours before comparing with an older one.
NEW_LABELS = [
    (r"node_filesystem_.*", "device_error", "1.8"),
    (r"node_disk_info", "rotational", "1.8"),
    (r"node_nvme_info", "cntlid", "1.10"),
    (r"node_network_info", "adminstate", "1.8"),
]

# Gauges that move both ways: (absolute, relative) slack around what node_exporter saw.
VOLATILE = [
    (r"node_load1|node_load5|node_load15", (0.5, 0)),
    (r"node_memory_(Hugepagesize|MemTotal|SwapTotal|VmallocTotal|HugePages).*", (0, 0)),
    # What we ourselves ask for while we run is in it, and under a sanitizer that is much.
    (r"node_memory_Committed_AS_bytes", (256 << 20, 0.1)),
    (r"node_memory_.*_bytes", (64 << 20, 0.05)),
    (r"node_filesystem_(avail|free)_bytes", (64 << 20, 0.01)),
    (r"node_filesystem_files(_free)?", (2000, 0.01)),
    (r"node_filefd_allocated", (300, 0.1)),
    (r"node_procs_(running|blocked)", (50, 0)),
    (r"node_entropy_available_bits", (256, 0)),
    (r"node_nf_conntrack_entries", (200, 0)),
    (r"node_sockstat_.*", (200, 0.2)),
    (r"node_netstat_Tcp_CurrEstab", (200, 0)),
    (r"node_udp_queues", (1 << 20, 0)),
    # They are connected to themselves while they are asked.
    (r"node_tcp_connection_states", (1 << 16, 0)),
    (r"node_disk_io_now", (64, 0)),
    (r"node_arp_entries", (16, 0)),
    (r"node_timex_(offset|maxerror|estimated_error|frequency_adjustment).*", (1, 0)),
    (r"node_(hwmon|thermal|power|cpu_scaling_frequency_hertz|cooling_device_cur).*", (0, 0.3)),
    (r"node_softnet_backlog_len", (1000, 0)),
    (r"container_memory_(.*_bytes|cache|rss|kernel_usage|mapped_file|swap)", (64 << 20, 0.1)),
    (r"container_fs_io_current", (64, 0)),
]
# What moves although the files do not change.
MOVING = ("node_filesystem_", "node_time_seconds")
# Two roundings of the same figure, such as microseconds made seconds.
ROUNDING = 1e-12

SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)",?')


class Exposition:
    def __init__(self, path, without, version):
        self.types, self.helps, self.values = {}, {}, {}
        self.without, self.version = set(without), version
        with open(path, encoding="utf-8") as file:
            for line in file.read().split("\n"):
                self.add(line)

    def add(self, line):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            self.types[name] = kind
        elif line.startswith("# HELP "):
            _, _, name, *text = line.split(" ", 3)
            self.helps[name] = "".join(text)
        elif line and not line.startswith("#"):
            match = SAMPLE.match(line)
            if not match:
                raise ValueError(f"no sample: {line!r}")
            # For Prometheus an empty label is no label.
            labels = {name: value for name, value in LABEL.findall(match[2] or "")
                      if value and name not in self.without}
            for pattern, new, since in NEW_LABELS:
                if number(since) > self.version and re.fullmatch(pattern, match[1]):
                    labels.pop(new, None)
            series = self.values.setdefault(match[1], {})
            key = tuple(sorted(labels.items()))
            if key in series:
                raise ValueError(f"twice: {line!r}")
            series[key] = float(match[3])

    def families(self, collector):
        return {name for name in self.types if collector_of(name) == collector}


def number(version):
    """1.11.1 is newer than 1.9."""
    return tuple(int(part) for part in version.split(".")[:2])


def meant(versions, version):
    if versions == "*":
        return True
    match = re.fullmatch(r"(<|>=)([\d.]+)", versions)
    return (version < number(match[2])) == (match[1] == "<")


def collector_of(family):
    if IGNORED.match(family):
        return None
    fitting = [(len(prefix), name) for name, prefixes in PREFIXES.items() for prefix in prefixes
               if family.startswith(prefix)]
    return max(fitting)[1] if fitting else "unknown"


def text_of(family, labels):
    return family + "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}"


def slack_of(family, value):
    for pattern, (absolute, relative) in VOLATILE:
        if re.fullmatch(pattern, family):
            return max(absolute, relative * abs(value))
    return 0


def right(family, before, ours, after, exact):
    """Ours lies between theirs; NaN and infinities are equal to themselves."""
    if ours in (before, after) or (math.isnan(ours) and math.isnan(before)):
        return True
    slack = ROUNDING * abs(ours)
    if not exact:
        slack = max(slack, slack_of(family, ours))
    return min(before, after) - slack <= ours <= max(before, after) + slack


def unlike(table, family, version):
    """Whether that version is older than the one the table has for the family."""
    return any(re.fullmatch(pattern, family) and number(since) > version
               for pattern, since in table)


def compare_family(family, before, ours, after, exact):
    mine = ours.values.get(family, {})
    first, second = before.values.get(family, {}), after.values.get(family, {})
    if before.types[family] != ours.types[family]:
        yield f"{family} is a {ours.types[family]}, has to be a {before.types[family]}"
    for labels in first.keys() & second.keys() - mine.keys():
        yield f"missing: {text_of(family, labels)}"
    for labels in mine.keys() - first.keys() - second.keys():
        yield f"not theirs: {text_of(family, labels)}"
    for labels in mine.keys() & first.keys() & second.keys():
        if not right(family, first[labels], mine[labels], second[labels],
                     exact and not family.startswith(MOVING)):
            yield (f"{text_of(family, labels)} is {mine[labels]!r}, they had {first[labels]!r} "
                   f"and {second[labels]!r}")


def compare(collector, before, ours, after, exact):
    """What is wrong with one collector in one round, and how many series agree."""
    theirs, mine = before.families(collector), ours.families(collector)
    problems = [f"missing family: {family}" for family in sorted(theirs - mine)
                if not unlike(OLD_FAMILIES, family, before.version)]
    problems += [f"family of ours alone: {family}" for family in sorted(mine - theirs)
                 if not unlike(NEW_FAMILIES, family, before.version)]
    problems += [f"no help: {family}" for family in sorted(mine)
                 if not ours.helps.get(family, "").strip()]
    series = 0
    for family in sorted(theirs & mine & after.families(collector)):
        problems += compare_family(family, before, ours, after, exact)
        series += len(ours.values.get(family, {}))
    return problems, series


def success(exposition, collector):
    values = exposition.values.get("node_scrape_collector_success", {})
    return values.get((("collector", collector),))


class Exceptions:
    """What may differ in a round, and which of that did. `fails` as the pattern: node_exporter
    fails where we do not, or gives up in the midst, so that what it lacks is no problem."""

    def __init__(self, path, tree, version):
        self.rows = []
        with open(path, encoding="utf-8") as file:
            for line in file.read().splitlines():
                if not line or line.startswith("#"):
                    continue
                versions, name, collector, pattern = line.split(None, 3)
                if name in ("*", tree) and meant(versions, version):
                    self.rows.append([collector, pattern, name == "*"])

    def excuses(self, collector, problem):
        found = False
        for row in self.rows:
            pattern = (r"success is .*|family of ours alone: .*|not theirs: .*"
                       if row[1] == "fails" else row[1])
            if row[0] == collector and re.fullmatch(pattern, problem):
                row[2] = found = True
        return found

    def idle(self, collector):
        return [f"no exception needed: {pattern}" for name, pattern, used in self.rows
                if name == collector and not used]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--exceptions")
    parser.add_argument("--version", type=number, default=number("1.5"))
    parser.add_argument("--without", type=lambda text: text.split(","), default=[])
    parser.add_argument("collectors")
    parser.add_argument("rounds", nargs="+")
    args = parser.parse_args()
    rounds = [[Exposition(os.path.join(path, name), args.without, args.version)
               for name in ("before", "ours", "after")] for path in args.rounds]
    collectors = args.collectors.split(",") + ["unknown"]
    excused = None
    if args.exceptions:
        tree = os.path.basename(os.path.abspath(args.rounds[0]))
        excused = Exceptions(args.exceptions, tree, args.version)
    failed = 0
    for place, collector in enumerate(collectors, 1):
        for before, ours, after in rounds:
            problems, series = compare(collector, before, ours, after, args.exact)
            if collector != "unknown" and success(ours, collector) != success(before, collector):
                problems.append(f"success is {success(ours, collector)}, theirs "
                                f"{success(before, collector)}")
            if excused:
                problems = [problem for problem in problems
                            if not excused.excuses(collector, problem)]
                problems += excused.idle(collector)
            if not problems:
                break
        print(f"{'not ' if problems else ''}ok {place} - {collector}: {series} series as theirs")
        for problem in problems[:40]:
            print(f"# {problem}")
        if len(problems) > 40:
            print(f"# and {len(problems) - 40} more")
        failed += bool(problems)
    print(f"1..{len(collectors)}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
