# SPDX-License-Identifier: Apache-2.0
"""All hosts: who is there, what is wrong, who works and who is full."""
from .kit import (BLUE, FULLNESS, GREEN, GREY, NONE, ORANGE, PRESSURE, RED, board, board_link,
                  column, graph, hosts, limits, link, mirrored, rate, row, sel, stat, table, total,
                  words)
from .terms import (AGE, CPU_BUSY, CPUS, DISK, LOAD, MEMORY_USED, PRESSURE_WORST, SILENT,
                    SPACE_USED, UPTIME, WATTS, WIRE)

HOST = board_link("Open this host", "host", ("instance", "__field.labels.instance"))
HOST_CELLS = [board_link(title, name, ("instance", "__value.raw")) for title, name in (
    ("Open this host", "host"), ("Its processes", "processes"), ("Its containers", "containers"),
    ("Its kernel", "kernel"))]
FIRING = sel("ALERTS", alertstate="firing")


def none_is_zero(expr):
    return f"({expr}) or vector(0)"


def by_host(title, about, unit, expr, **more):
    return graph(title, about, unit, (expr, "{{instance}}"), links=[HOST], w=8, **more)


overview = row(
    "Overview",
    stat("Hosts that push", "Hosts whose last push said that they are running. Fewer than there "
         "should be: see the tile beside it.", "short",
         none_is_zero(f'count({sel("peekpush_running")} == 1)')),
    stat("Silent hosts", "Hosts that should push and have not for three of their own intervals: "
         "crashed, cut off, or unable to reach the gateway. An orderly stop is not counted.",
         "short", none_is_zero(f"count({SILENT})"), thresholds=NONE),
    stat("Firing alerts", "Alerts of any severity that fire for the hosts chosen. Needs the rules "
         "of conf/prometheus.", "short", none_is_zero(f"count({FIRING})"),
         thresholds=limits((1, ORANGE))),
    stat("Failed units", "Units of systemd that have failed, on all hosts together.", "short",
         none_is_zero(f'sum({sel("node_systemd_units", state="failed")})'), thresholds=NONE),
    stat("CPU busy", "Mean over all CPUs of all hosts. Lasting values above 80 % leave no room for "
         "peaks.", "percentunit", f"sum(({CPU_BUSY}) * on (instance) {CPUS}) / sum({CPUS})",
         thresholds=FULLNESS, low=0, high=1),
    stat("Memory used", "Of the memory of all hosts together, what could not be given to a program "
         "without swapping.", "percentunit",
         f'1 - sum({sel("node_memory_MemAvailable_bytes")}) / '
         f'sum({sel("node_memory_MemTotal_bytes")})', thresholds=FULLNESS, low=0, high=1),
    stat("Power", "What all hosts with a sensor consume together. Hosts without one are not in it.",
         "watt", f"sum({WATTS})", decimals=0),
    stat("Killed for memory", "Processes that the kernel killed for want of memory within the time "
         "shown. Each one is a failure somewhere.", "short",
         f'round(sum(increase({sel("node_vmstat_oom_kill")}[$__range])))', thresholds=NONE,
         spark=False),
)

inventory = row(
    "Hosts",
    table(
        "Hosts", "A line for each host; a click on its name opens it. Red is what needs a look: "
        "pushes that stay out, a full disk or memory, tasks that wait, failed units.",
        {"instance": ("Host", link(*HOST_CELLS))},
        [
            column("State", f'max by (instance) ({sel("peekpush_running")})', "short", w=90,
                   mappings=words({0: ("stopped", GREY), 1: ("running", GREEN)}),
                   cell="color-text"),
            column("Last push", f"max by (instance) ({AGE})", "s", w=95, decimals=0,
                   thresholds=limits((60, ORANGE), (300, RED))),
            column("Up for", f"max by (instance) ({UPTIME})", "s", w=95, decimals=0),
            column("CPUs", CPUS, "short", w=65),
            column("CPU", CPU_BUSY, "percentunit", thresholds=FULLNESS, cell="gauge", low=0,
                   high=1),
            column("Load per CPU", f"max by (instance) ({LOAD})", "short", w=110, decimals=2,
                   thresholds=limits((1, ORANGE), (2, RED))),
            column("Memory", f"max by (instance) ({MEMORY_USED})", "percentunit",
                   thresholds=FULLNESS, cell="gauge", low=0, high=1),
            column("Fullest disk", f"max by (instance) ({SPACE_USED})", "percentunit",
                   thresholds=FULLNESS, cell="gauge", low=0, high=1),
            column("Waiting", PRESSURE_WORST, "percentunit", w=85, decimals=1, thresholds=PRESSURE),
            column("Received", total("instance", rate("node_network_receive_bytes_total",
                                                      device=WIRE)), "Bps", w=100),
            column("Sent", total("instance", rate("node_network_transmit_bytes_total",
                                                  device=WIRE)), "Bps", w=100),
            column("Power", WATTS, "watt", w=85, decimals=1),
            column("Failed units", total("instance", sel("node_systemd_units",
                                                         state="failed")), "short", w=100,
                   thresholds=NONE),
            column("Alerts", f"count by (instance) ({FIRING})", "short", w=70,
                   thresholds=limits((1, ORANGE))),
        ], h=9, sort="Host"),
)

problems = row(
    "Problems",
    table(
        "Firing alerts", "What the rules of conf/prometheus find wrong, and for how long. "
        "docs/alerts.md says what each means and what to do first.",
        {"alertname": ("Alert", {}), "severity": ("Severity", {
            "mappings": words({"critical": ("critical", RED), "warning": ("warning", ORANGE),
                               "info": ("info", BLUE)}),
            "custom__cellOptions": {"type": "color-text"}, "custom__width": 100}),
         "instance": ("Host", {}), "job": ("Job", {})},
        [column("For", f"max by (alertname, severity, instance, job) (time() - "
                f"{sel('ALERTS_FOR_STATE')}) and on (alertname, severity, instance, job) "
                f"{FIRING}", "s", w=110, decimals=0)],
        w=12, h=8, sort="Severity", nothing="Nothing fires."),
    graph("Alerts over time", "How many alerts fired, by severity. A curve that jumps up and down "
          "is a threshold too near to the usual.", "short",
          (f"count by (severity) ({FIRING}) or label_replace(vector(0), \"severity\", \"none\", "
           "\"\", \"\")", "{{severity}}"), w=12, stack=True, decimals=0, soft=3),
)

work = row(
    "Work",
    by_host("CPU busy", "Share of all CPUs of a host that did something. A host at 100 % for long "
            "has work waiting: see pressure.", "percentunit", CPU_BUSY, high=1,
            thresholds=FULLNESS),
    by_host("Memory used", "What is not available to programs. Above 90 % swapping or the OOM "
            "killer is near.", "percentunit", f"max by (instance) ({MEMORY_USED})", high=1,
            thresholds=FULLNESS),
    by_host("Waiting for CPU, memory or disk", "The worst of the three kinds of pressure: the "
            "share of time in which at least one task was held up. Load says how many run, this "
            "says who suffers.", "percentunit", PRESSURE_WORST, thresholds=PRESSURE),
    by_host("Power", "What the host consumes, by the best meter that it has (docs/energy.md).",
            "watt", WATTS, stack=True),
    by_host("Fullest file system", "Of the file systems of a host the fullest one. What goes up "
            "without coming down again will be full some day.", "percentunit",
            f"max by (instance) ({SPACE_USED})", high=1, thresholds=FULLNESS),
    by_host("Load per CPU", "Tasks that run or wait, by the number of CPUs. Above 1 somebody "
            "waits.", "short", f"max by (instance) ({LOAD})",
            thresholds=limits((1, ORANGE), (2, RED))),
    graph("Network", "What hosts receive (above) and send (below), without traffic that stays "
          "inside of them.", "Bps",
          (total("instance", rate("node_network_receive_bytes_total", device=WIRE)),
           "{{instance}} received"),
          (total("instance", rate("node_network_transmit_bytes_total", device=WIRE)),
           "{{instance}} sent"), low=None, overrides=[mirrored("sent$")]),
    graph("Disks", "What hosts read (above) and write (below), whole disks only.", "Bps",
          (total("instance", rate("node_disk_read_bytes_total", device=DISK)),
           "{{instance}} read"),
          (total("instance", rate("node_disk_written_bytes_total", device=DISK)),
           "{{instance}} written"), low=None, overrides=[mirrored("written$")]),
)

BOARD = board("Hosts", "All hosts that push: who is there, what is wrong, who works and who is "
              "full.", [hosts()], [overview, inventory, problems, work])
