#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds our exposition against node_exporter 1.5's of the same host, one TAP line a collector.

usage: compare-exposition.py [--exact] [--without LABEL,...] COLLECTOR,... ROUND...

ROUND is a directory with `before`, `ours` and `after`: node_exporter, us, node_exporter again.
A value of ours has to lie between the two of node_exporter; what moves in both directions gets
the slack of VOLATILE. A collector passes when it is clean in one round, because devices come and
go and some figures jump; what is wrong is wrong in all rounds. With --exact (files that do not
change) every value has to be equal. --without takes labels off, those of a Pushgateway's group.
"""
import argparse
import math
import os
import re
import sys

# Which family belongs to which collector: the longest prefix wins.
PREFIXES = {
    "arp": ["node_arp_"],
    "cgroup": ["cadvisor_", "container_", "machine_"],
    "conntrack": ["node_nf_conntrack_"],
    "cpu": ["node_cpu_"],
    "cpufreq": ["node_cpu_frequency_max_", "node_cpu_frequency_min_", "node_cpu_scaling_"],
    "diskstats": ["node_disk_"],
    "dmi": ["node_dmi_"],
    "drm": ["node_drm_"],
    "edac": ["node_edac_"],
    "entropy": ["node_entropy_"],
    "filefd": ["node_filefd_"],
    "filesystem": ["node_filesystem_"],
    "hwmon": ["node_hwmon_"],
    "loadavg": ["node_load1", "node_load5", "node_load15"],
    "mdadm": ["node_md_"],
    "meminfo": ["node_memory_"],
    "netclass": ["node_network_", "node_network_transmit_queue_length"],
    "netdev": ["node_network_receive_", "node_network_transmit_", "node_network_address_info"],
    "netstat": ["node_netstat_"],
    "nvme": ["node_nvme_"],
    "os": ["node_os_"],
    "powersupplyclass": ["node_power_supply_"],
    "pressure": ["node_pressure_"],
    "rapl": ["node_rapl_"],
    "schedstat": ["node_schedstat_"],
    "selinux": ["node_selinux_"],
    "sockstat": ["node_sockstat_"],
    "softnet": ["node_softnet_"],
    "stat": ["node_boot_time_", "node_context_switches_", "node_forks_", "node_intr_",
             "node_procs_", "node_softirqs_"],
    "thermal_zone": ["node_cooling_device_", "node_thermal_zone_"],
    "time": ["node_time_"],
    "timex": ["node_timex_"],
    "udp_queues": ["node_udp_queues"],
    "uname": ["node_uname_"],
    "vmstat": ["node_vmstat_"],
    "xfs": ["node_xfs_"],
}

# Others' own doings, and ours.
IGNORED = re.compile(r"node_scrape_collector_|node_exporter_|go_|process_|promhttp_|push_|"
                     r"pushgateway_|peekpush_|container_|machine_|cadvisor_|DCGM_")

# Families that only one side has, with the reason. Everything else has to be on both.
ONLY_OURS = [
    (r"node_cpu_isolated", "new in node_exporter 1.6"),
    (r"node_cpu_online", "new in node_exporter 1.9"),
    (r"node_cpu_scaling_governor", "new in node_exporter 1.6"),
    (r"node_filesystem_mount_info", "new in node_exporter 1.8"),
    (r"node_netstat_TcpExt_(TCPOFOQueue|TCPRcvQDrop)", "new in node_exporter 1.6"),
    (r"node_nvme_namespace_.*", "new in node_exporter 1.10"),
    (r"node_os_support_end_timestamp_seconds", "new in node_exporter 1.6"),
    (r"node_pressure_irq_stalled_seconds_total", "new in node_exporter 1.8"),
    (r"node_softnet_(backlog_len|cpu_collision_total|flow_limit_count_total|received_rps_total)",
     "new in node_exporter 1.6"),
]
ONLY_THEIRS = []

# Labels that node_exporter got after 1.5; taken off ours before comparing.
NEW_LABELS = {
    r"node_filesystem_.*": ["device_error"],
    r"node_disk_info": ["rotational"],
    r"node_nvme_info": ["cntlid"],
    r"node_network_info": ["adminstate"],
}

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
    (r"node_disk_io_now", (64, 0)),
    (r"node_arp_entries", (16, 0)),
    (r"node_timex_(offset|maxerror|estimated_error|frequency_adjustment).*", (1, 0)),
    (r"node_(hwmon|thermal|power|cpu_scaling_frequency_hertz|cooling_device_cur).*", (0, 0.3)),
    (r"node_softnet_backlog_len", (1000, 0)),
    (r"container_memory_(.*_bytes|cache|rss|kernel_usage|mapped_file|swap)", (64 << 20, 0.1)),
    (r"container_fs_io_current", (64, 0)),
]
# Two roundings of the same figure, such as microseconds made seconds.
ROUNDING = 1e-12

SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)",?')


class Exposition:
    def __init__(self, path, without):
        self.types, self.helps, self.values = {}, {}, {}
        self.without = set(without)
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
            for pattern, new in NEW_LABELS.items():
                if re.fullmatch(pattern, match[1]):
                    labels = {name: value for name, value in labels.items() if name not in new}
            series = self.values.setdefault(match[1], {})
            key = tuple(sorted(labels.items()))
            if key in series:
                raise ValueError(f"twice: {line!r}")
            series[key] = float(match[3])

    def families(self, collector):
        return {name for name in self.types if collector_of(name) == collector}


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


def allowed(table, family):
    return any(re.fullmatch(pattern, family) for pattern, _ in table)


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
        if not right(family, first[labels], mine[labels], second[labels], exact):
            yield (f"{text_of(family, labels)} is {mine[labels]!r}, they had {first[labels]!r} "
                   f"and {second[labels]!r}")


def compare(collector, before, ours, after, exact):
    """What is wrong with one collector in one round, and how many series agree."""
    theirs, mine = before.families(collector), ours.families(collector)
    problems = [f"missing family: {family}" for family in sorted(theirs - mine)
                if not allowed(ONLY_THEIRS, family)]
    problems += [f"family of ours alone: {family}" for family in sorted(mine - theirs)
                 if not allowed(ONLY_OURS, family)]
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--without", type=lambda text: text.split(","), default=[])
    parser.add_argument("collectors")
    parser.add_argument("rounds", nargs="+")
    args = parser.parse_args()
    rounds = [[Exposition(os.path.join(path, name), args.without)
               for name in ("before", "ours", "after")] for path in args.rounds]
    collectors = args.collectors.split(",") + ["unknown"]
    failed = 0
    for number, collector in enumerate(collectors, 1):
        for before, ours, after in rounds:
            problems, series = compare(collector, before, ours, after, args.exact)
            if collector != "unknown" and success(ours, collector) != success(before, collector):
                problems.append(f"success is {success(ours, collector)}, theirs "
                                f"{success(before, collector)}")
            if not problems:
                break
        print(f"{'not ' if problems else ''}ok {number} - {collector}: {series} series as theirs")
        for problem in problems[:20]:
            print(f"# {problem}")
        if len(problems) > 20:
            print(f"# and {len(problems) - 20} more")
        failed += bool(problems)
    print(f"1..{len(collectors)}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
