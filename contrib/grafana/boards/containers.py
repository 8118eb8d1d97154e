# SPDX-License-Identifier: Apache-2.0
"""Containers, with the names of cAdvisor: which ones use a host, and one by itself."""
from .kit import (GREEN, GREY, INSTANCE, NONE, ORANGE, RANGE, RED, YELLOW, board, board_link, color,
                  column, graph, hosts, like, limits, link, mirrored, rate, row, sel, stat, table,
                  top, variable, words)

# Everything that is no container has no name; in Kubernetes the name is an id.
CHOSEN = {"name": "~$name", "pod": "~$pod"}
BY = "instance, pod, container, name"
WHO = "{{pod}} {{container}} {{name}} · {{instance}}"
# A container of a pod is known by the pod and its own name, and not by the runtime's number.
PLAINLY = 'label_replace({}, "name", "", "pod", ".+")'
# Devices that stand on others would be counted twice.
DISK = {"device": "!~/dev/(dm-|md|loop|ram|zram).*"}


def of(what, **labels):
    return sel("container_" + what, **CHOSEN, **labels)


def flow(what, **labels):
    return rate("container_" + what, **CHOSEN, **labels)


def each(expr, how="sum"):
    return f"{how} by ({BY}) ({PLAINLY.format(expr)})"


def first(title, about, unit, metric, gauge=False, more=(), **look):
    """The ten containers that had the most of it."""
    labels = look.pop("labels", {})
    return graph(title, about, unit, (top(10, BY, "container_" + metric, gauge=gauge, wrap=PLAINLY,
                                          **CHOSEN, **labels), WHO), *more, legend="table", **look)


QUOTA = f'{of("spec_cpu_quota")} / ({of("spec_cpu_period")} > 0)'
LIMITED = f'({of("spec_memory_limit_bytes")} > 0)'
THROTTLED = (f'{each(flow("cpu_cfs_throttled_periods_total"))} / '
             f'({each(flow("cpu_cfs_periods_total"))} > 0)')
OF_LIMIT = f'{of("memory_working_set_bytes")} / {LIMITED}'
# A new container of the same name is a restart as well.
STARTS = (f'changes(max by ({BY}) ({PLAINLY.format(of("start_time_seconds"))})'
          "[$__range:$__interval])")

overview = row(
    "Overview",
    stat("Containers", "Containers that there are now.", "short",
         f'count({each(of("last_seen"), "group")})', low=0),
    stat("CPUs in use", "CPU time that they take, in CPUs.", "short",
         f'sum({flow("cpu_usage_seconds_total")})', low=0, decimals=2),
    stat("Memory", "Memory that they need (working set), all together.", "bytes",
         f'sum({of("memory_working_set_bytes")})', low=0, decimals=1),
    stat("Power", "What they have caused beyond the idle power of their hosts. Needs a meter "
         "(docs/energy.md).", "watt", f'sum({flow("energy_joules_total")})', low=0, decimals=1),
    stat("Throttled", "Containers that had to wait for their CPU quota in more than a quarter of "
         "its periods. They are slower than they could be.", "short",
         f"count({THROTTLED} > 0.25) or vector(0)", thresholds=limits((1, ORANGE))),
    stat("Near their limit", "Containers that need more than 90 % of the memory that they may "
         "have. The next step is the OOM killer.", "short", f"count({OF_LIMIT} > 0.9) or vector(0)",
         thresholds=limits((1, RED))),
    stat("Killed for memory", "Processes in containers that were killed for want of memory in the "
         "time shown.", "short",
         f'round(sum(increase({of("oom_events_total")}{RANGE})))', thresholds=NONE, spark=False),
    stat("Restarts", "How often containers were started again in the time shown.", "short",
         f"sum({STARTS})", thresholds=limits((1, YELLOW), (5, RED)), spark=False),
)

HOST_CELL = board_link("Open this host", "host", ("instance", "__value.raw"))
ONLY_CELL = board_link("Only this container", "containers", ("name", "__value.raw"),
                       ("instance", "__data.fields.Host"))
listing = row(
    "Containers",
    table("Containers", "A line for each container, busiest first. A click on its name chooses it "
          "for all panels.",
          {"name": ("Container", link(ONLY_CELL)), "pod": ("Pod", {}), "container": ("in pod", {}),
           "instance": ("Host", link(HOST_CELL))},
          [column("CPUs", each(flow("cpu_usage_seconds_total")), decimals=3, w=80),
           column("Quota", each(QUOTA, "max"), decimals=2, w=75),
           column("Throttled", THROTTLED, "percentunit", decimals=1, w=90,
                  thresholds=limits((0.1, YELLOW), (0.25, ORANGE), (0.5, RED))),
           column("Memory", each(of("memory_working_set_bytes")), "bytes", w=95),
           column("Of limit", each(OF_LIMIT, "max"), "percentunit", cell="gauge", low=0, high=1,
                  thresholds=limits((0.8, ORANGE), (0.9, RED)), decimals=1),
           column("Received", each(flow("network_receive_bytes_total")), "Bps", w=95),
           column("Sent", each(flow("network_transmit_bytes_total")), "Bps", w=95),
           column("Read", each(flow("fs_reads_bytes_total", **DISK)), "Bps", w=95),
           column("Written", each(flow("fs_writes_bytes_total", **DISK)), "Bps", w=95),
           column("Power", each(flow("energy_joules_total")), "watt", decimals=2, w=80),
           column("Up for", f'time() - {each(of("start_time_seconds"), "max")}', "s", decimals=0,
                  w=90),
           column("Restarts", STARTS, w=80, thresholds=limits((1, YELLOW), (5, RED))),
           column("Health", each(of("health_state"), "max"), w=85, cell="color-text",
                  mappings=words({-1: ("none", GREY), 0: ("bad", RED), 1: ("good", GREEN)}))],
          h=9, sort="-CPUs"),
)

use = row(
    "CPU and memory",
    first("CPU", "CPUs that a container uses, of the ten that used most in the time shown.",
          "short", "cpu_usage_seconds_total"),
    first("Memory", "Memory that a container cannot do without (working set). A line that only "
          "rises ends at the limit.", "bytes", "memory_working_set_bytes", gauge=True),
    graph("Throttled", "Share of the periods of its CPU quota in which a container had to stop and "
          "wait. Above 25 % give it more, or its threads fewer.", "percentunit", (THROTTLED, WHO),
          w=8, high=1, thresholds=limits((0.25, ORANGE), (0.5, RED))),
    graph("Memory, of the limit", "Working set as a share of the limit, of containers that have "
          "one. At 100 % somebody in it is killed.", "percentunit", (each(OF_LIMIT, "max"), WHO),
          w=8, high=1, thresholds=limits((0.8, ORANGE), (0.9, RED))),
    graph("OOM kills and limits hit", "Processes killed for want of memory, and how often memory "
          "had to be reclaimed because of the limit.", "short",
          (each(f'increase({of("oom_events_total")}[$__rate_interval])'), "killed: " + WHO),
          (each(f'increase({of("memory_failcnt")}[$__rate_interval])'), "limit hit: " + WHO), w=8,
          overrides=[like("^killed", custom__drawStyle="bars", color=color(RED))]),
)

network = row(
    "Network and disk",
    graph("Network of each container", "Received above, sent below the axis. A container in the "
          "host's network has no line: the kernel does not keep it apart.", "Bps",
          (each(flow("network_receive_bytes_total")), WHO + " received"),
          (each(flow("network_transmit_bytes_total")), WHO + " sent"), low=None,
          overrides=[mirrored("sent$")]),
    graph("Read and written by each container", "Read above, written below the axis; what a cache "
          "served is not in it. Needs the I/O controller (docs/containers.md).", "Bps",
          (each(flow("fs_reads_bytes_total", **DISK)), WHO + " read"),
          (each(flow("fs_writes_bytes_total", **DISK)), WHO + " written"), low=None,
          overrides=[mirrored("written$")]),
    graph("Packets", "Packets in a second. Many small ones cost more CPU time than few large ones.",
          "pps", (each(flow("network_receive_packets_total")), WHO + " received"),
          (each(flow("network_transmit_packets_total")), WHO + " sent"), low=None, w=8,
          overrides=[mirrored("sent$")]),
    graph("Network errors and drops", "Packets damaged or without room, in a second. There should "
          "be none.", "pps",
          (each(f'{flow("network_receive_errors_total")} + '
                f'{flow("network_transmit_errors_total")}'), WHO + " errors"),
          (each(f'{flow("network_receive_packets_dropped_total")} + '
                f'{flow("network_transmit_packets_dropped_total")}'), WHO + " drops"), w=8,
          thresholds=limits((1, ORANGE))),
    graph("Disk requests", "Reads above, writes below the axis, in a second.", "iops",
          (each(flow("fs_reads_total", **DISK)), WHO + " reads"),
          (each(flow("fs_writes_total", **DISK)), WHO + " writes"), low=None, w=8,
          overrides=[mirrored("writes$")]),
)

inside = row(
    "What the memory and time of the chosen ones are",
    graph("Memory of the chosen containers", "Of all that are chosen above, best of one: anonymous "
          "memory (rss), page cache, kernel, swap, and the limit. Cache goes when memory is short; "
          "rss at the limit is the end.", "bytes",
          (f'sum({of("memory_rss")})', "rss"), (f'sum({of("memory_cache")})', "cache"),
          (f'sum({of("memory_kernel_usage")})', "kernel"), (f'sum({of("memory_swap")})', "swap"),
          (f"sum({LIMITED})", "limit"), stack=True, w=8,
          overrides=[like("^limit$", color=color(RED), custom__fillOpacity=0,
                          custom__stacking={"mode": "none", "group": "A"},
                          custom__lineStyle={"fill": "dash", "dash": [6, 6]})]),
    graph("CPU of the chosen containers", "User and system time, in CPUs, and what the quotas "
          "allow together. Much system time: many small calls, or faults.", "short",
          (f'sum({flow("cpu_user_seconds_total")})', "user"),
          (f'sum({flow("cpu_system_seconds_total")})', "system"), (f"sum({QUOTA})", "quota"),
          stack=True, w=8,
          overrides=[like("^quota$", color=color(RED), custom__fillOpacity=0,
                          custom__stacking={"mode": "none", "group": "A"},
                          custom__lineStyle={"fill": "dash", "dash": [6, 6]})]),
    graph("Page faults of the chosen containers", "Minor ones are new memory, major ones wait for "
          "a disk. Hundreds of major ones a second: memory does not suffice.", "ops",
          (f'sum by (failure_type) ({flow("memory_failures_total", scope="hierarchy")})',
           "{{failure_type}}"), w=8),
    graph("Processes and threads", "Tasks in each container, and the limit; needs "
          "`collectors.cgroup.processes`. At the limit fork() fails.", "short",
          (each(of("threads")), "threads: " + WHO), (each(of("processes")), "processes: " + WHO),
          w=8),
    graph("Waiting", "Share of time in which a task of a container waited for CPU, memory or disk "
          "(cgroup v2).", "percentunit",
          (each(flow("pressure_cpu_waiting_seconds_total")), "CPU: " + WHO),
          (each(flow("pressure_memory_waiting_seconds_total")), "memory: " + WHO),
          (each(flow("pressure_io_waiting_seconds_total")), "disk: " + WHO), w=8,
          thresholds=limits((0.1, YELLOW), (0.5, RED))),
    graph("Space of writable layers", "What containers have written into their own layer; needs "
          "`collectors.cgroup.disk_usage`. It belongs in a volume.", "bytes",
          (each(of("fs_usage_bytes")), WHO), w=8),
)

energy = row(
    "Energy",
    first("Power of each container", "What a container has caused beyond the idle power of its "
          "host, of the ten with most (docs/energy.md).", "watt", "energy_joules_total",
          stack=True),
    table("Energy of each container", "What each has consumed in the time shown, with memory and "
          "GPU where they are measured.",
          {"name": ("Container", {}), "pod": ("Pod", {}), "container": ("in pod", {}),
           "instance": ("Host", {})},
          [column("Energy", each(f'increase({of("energy_joules_total")}{RANGE})'), "joule",
                  decimals=1),
           column("Power", each(flow("energy_joules_total")), "watt", decimals=2),
           column("per CPU second", f'{each(flow("energy_joules_total"))} / '
                  f'({each(flow("cpu_usage_seconds_total"))} > 0)', "joule", decimals=2)],
          w=12, h=8, sort="-Energy"),
)

UNIT = {"id": "~/(system|user)[.]slice/[^/]+[.](service|slice|scope)", "name": ""}
units = row(
    "Units of systemd",
    graph("CPU of units", "The ten units with most CPU time that are no containers.", "short",
          (top(10, "instance, id", "container_cpu_usage_seconds_total", **UNIT),
           "{{id}} · {{instance}}"), w=8, legend="table"),
    graph("Memory of units", "The ten units with the largest working set.", "bytes",
          (top(10, "instance, id", "container_memory_working_set_bytes", gauge=True, **UNIT),
           "{{id}} · {{instance}}"), w=8, legend="table"),
    graph("Power of units", "The ten units that have caused most beyond idle.", "watt",
          (top(10, "instance, id", "container_energy_joules_total", **UNIT),
           "{{id}} · {{instance}}"), w=8, legend="table"),
)

BOARD = board("Containers", "Containers of Docker, Podman, containerd and Kubernetes, and units: "
              "CPU, memory, network, disk, limits, energy.",
              [hosts(of="container_last_seen"),
               variable("pod", "Pod", f"label_values(container_last_seen{{{INSTANCE}}}, pod)"),
               variable("name", "Container", "label_values(container_last_seen"
                        f'{{{INSTANCE}, pod=~"$pod", name!=""}}, name)', every=".+")],
              [overview, listing, use, network, inside, energy, units])
