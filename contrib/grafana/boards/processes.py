# SPDX-License-Identifier: Apache-2.0
"""Processes by groups of a name, and single ones: who uses the host."""
from .kit import (INSTANCE, ORANGE, RED, board, column, graph, heatmap, hosts, limits, rate, row,
                  sel, stat, table, top, total, variable)

GROUP = {"groupname": "~$group"}
P = "namedprocess_namegroup_"
BY = "instance, groupname"
WHO = "{{groupname}} · {{instance}}"
WATTS_OF = total("instance, group", rate("peekpush_process_energy_joules_total"))


def group(what, **labels):
    return sel(P + what, **GROUP, **labels)


def group_rate(what, **labels):
    return rate(P + what, **GROUP, **labels)


def first(title, about, unit, metric, gauge=False, **more):
    """The ten groups that had the most of it."""
    labels = more.pop("labels", {})
    return graph(title, about, unit, (top(10, BY, P + metric, gauge=gauge, **GROUP, **labels), WHO),
                 legend="table", **more)


overview = row(
    "Overview",
    stat("Groups", "Groups of processes that have somebody; without rules each name is one.",
         "short", f'count({group("num_procs")} > 0)', low=0),
    stat("Processes", "Processes of these groups. A number that only grows: something is started "
         "and never ends.", "short", f'sum({group("num_procs")})', low=0),
    stat("Threads", "Threads of these groups.", "short", f'sum({group("num_threads")})', low=0),
    stat("CPUs in use", "CPU time that these groups take, in CPUs.", "short",
         f'sum({group_rate("cpu_seconds_total")})', low=0, decimals=2),
    stat("Memory", "Resident memory of all processes. What several share is counted for each.",
         "bytes", f'sum({group("memory_bytes", memtype="resident")})', low=0, decimals=1),
    stat("In uninterruptible wait", "Processes that wait for a disk or a file server and cannot be "
         "killed. More than a few for long: storage hangs.", "short",
         f'sum({group("states", state="Waiting")})', thresholds=limits((3, ORANGE), (10, RED))),
    stat("Zombies", "Processes that have ended and whose parents do not ask. Many: a parent is "
         "broken.", "short", f'sum({group("states", state="Zombie")})',
         thresholds=limits((10, ORANGE), (100, RED))),
    stat("Open files, the worst", "The highest share that any process has of the files it may "
         "open. At 100 % its next open() fails.", "percentunit", f'max({group("worst_fd_ratio")})',
         low=0, high=1, thresholds=limits((0.7, ORANGE), (0.9, RED)), decimals=1),
)

ALIVE = f'group by ({BY}) ({group("num_procs")} > 0)'


def line(name, expr, *unit, **look):
    """A column, of those groups only that have somebody."""
    return column(name, f"({expr}) and {ALIVE}", *unit, **look)


groups = row(
    "Groups",
    table("Groups", "A line for each group that has processes, busiest first.",
          {"groupname": ("Group", {}), "instance": ("Host", {})},
          [line("CPUs", total(BY, group_rate("cpu_seconds_total")), decimals=3, w=80,
                thresholds=limits((1, ORANGE))),
           line("Memory", total(BY, group("memory_bytes", memtype="resident")), "bytes", w=95),
           line("Swapped", total(BY, group("memory_bytes", memtype="swapped")), "bytes", w=95),
           line("Processes", total(BY, group("num_procs")), w=95),
           line("Threads", total(BY, group("num_threads")), w=85),
           line("Read", total(BY, group_rate("read_bytes_total")), "Bps", w=100),
           line("Written", total(BY, group_rate("write_bytes_total")), "Bps", w=100),
           line("Major faults", total(BY, group_rate("major_page_faults_total")), "ops", w=105),
           line("Switches", total(BY, group_rate("context_switches_total")), "ops", w=105),
           line("Open files", total(BY, group("open_filedesc")), w=95),
           line("Of limit", f'max by ({BY}) ({group("worst_fd_ratio")})', "percentunit", w=85,
                thresholds=limits((0.7, ORANGE), (0.9, RED)), decimals=1),
           line("Oldest", f'max by ({BY}) (time() - '
                f'({group("oldest_start_time_seconds")} > 0))', "s", w=90, decimals=0),
           line("Power", total(BY, f'label_replace({WATTS_OF}, "groupname", "$1", "group", '
                '"(.*)")'), "watt", w=85, decimals=2)], h=12, sort="-CPUs"),
)

use = row(
    "Top ten",
    first("CPU", "CPUs that a group uses, of the ten that used most in the time shown. A flat line "
          "at a whole number is a thread that never rests.", "short", "cpu_seconds_total"),
    first("Memory", "Resident memory. A line that only rises is a leak.", "bytes", "memory_bytes",
          gauge=True, labels={"memtype": "resident"}),
    first("Read", "What processes read from storage. A shell shows what its commands have read, "
          "too.", "Bps", "read_bytes_total"),
    first("Written", "What processes write to storage; a cache may still hold it.", "Bps",
          "write_bytes_total"),
    first("Context switches", "How often a group's threads give up a CPU or are taken off it. Tens "
          "of thousands are threads that fight for a lock.", "ops", "context_switches_total"),
    first("Major page faults", "Pages that had to be read from disk before the program could go "
          "on. Much of it for long: memory does not suffice.", "ops", "major_page_faults_total"),
    first("Threads", "A number that only grows ends at the limit of the kernel.", "short",
          "num_threads", gauge=True),
    first("Open files", "Files, sockets and pipes that are open. A line that only rises is a leak.",
          "short", "open_filedesc", gauge=True),
)

energy = row(
    "Energy",
    graph("Power by process name", "What processes of a name have caused beyond the idle power of "
          "their host, of the ten with most; needs a meter (docs/energy.md). `gone` are names that "
          "are not told any more.", "watt",
          (top(10, "instance, group", "peekpush_process_energy_joules_total", group="!gone"),
           "{{group}} · {{instance}}"), stack=True, legend="table"),
    table("Energy by process name", "What each name has consumed in the time shown, and its share "
          "of all that is attributed to processes.",
          {"group": ("Name", {}), "instance": ("Host", {})},
          [column("Energy", "sum by (instance, group) (increase("
                  f'{sel("peekpush_process_energy_joules_total")}[$__range]))', "joule",
                  decimals=1),
           column("Power", WATTS_OF, "watt", decimals=2),
           column("Share", f"{WATTS_OF} / on (instance) group_left () "
                  f"(sum by (instance) ({WATTS_OF}) > 0)", "percentunit", cell="gauge", low=0,
                  high=1, decimals=1, thresholds=limits())], w=12, h=8, sort="-Energy"),
)

PID = "pid, comm, user, instance"
single = row(
    "Single processes",
    table("Single processes", "Those that `collectors.process.names` and `.top` ask for; empty "
          "without them. A click on a heading sorts.",
          {"comm": ("Name", {}), "pid": ("PID", {"custom__width": 80}), "user": ("User", {}),
           "instance": ("Host", {})},
          [column("CPUs", total(PID, rate("peekpush_process_cpu_seconds_total")), decimals=3, w=90,
                  thresholds=limits((1, ORANGE))),
           column("Memory", total(PID, sel("peekpush_process_resident_memory_bytes")), "bytes",
                  w=110),
           column("Read", total(PID, rate("peekpush_process_read_bytes_total")), "Bps",
                  w=110),
           column("Written", total(PID, rate("peekpush_process_write_bytes_total")), "Bps",
                  w=110),
           column("Threads", total(PID, sel("peekpush_process_threads")), w=90),
           column("Open files", total(PID, sel("peekpush_process_open_fds")), w=100),
           column("Running for", f'max by ({PID}) (time() - '
                  f'{sel("peekpush_process_start_time_seconds")})', "s", decimals=0, w=110)],
          w=16, h=10, sort="-CPUs"),
    graph("Power of single processes", "The ten that caused most; needs a meter and "
          "`energy.pids`.", "watt",
          (top(10, "instance, pid, comm", "peekpush_process_pid_energy_joules_total"),
           "{{comm}} {{pid}} · {{instance}}"), w=8, h=10, legend="table"),
)

births = row(
    "Starts and ends",
    graph("Starts", "Processes and threads made, and programs executed, in a second; needs the BPF "
          "program exits. Hundreds are a script that starts a program for each line.", "ops",
          (total("instance", rate("ebpf_exporter_process_starts_total")),
           "processes · {{instance}}"),
          (total("instance", rate("ebpf_exporter_thread_starts_total")), "threads · {{instance}}"),
          (total("instance", rate("ebpf_exporter_process_execs_total")), "execs · {{instance}}"),
          w=8),
    graph("Ends by what ended them", "How processes end: exited with the status that they "
          "returned, or killed (dumped: with a core) by a signal. Killed by 6, 9 or 11: crashes, "
          "and the OOM killer.", "ops",
          (total("instance, how, code", rate("ebpf_exporter_process_exits_total")),
           "{{how}} {{code}} · {{instance}}"), w=8),
    heatmap("How long processes live", "Processes by their age at the end. Much below 10 ms is a "
            "script that would be cheaper as a program.", "s",
            total("le", rate("ebpf_exporter_process_lifetime_seconds_bucket")), w=8, h=8),
)

BOARD = board("Processes", "Groups of processes and single ones: CPU, memory, I/O, files, energy.",
              [hosts(of="namedprocess_namegroup_num_procs"),
               variable("group", "Group", "label_values(namedprocess_namegroup_num_procs"
                        f"{{{INSTANCE}}}, groupname)")],
              [overview, groups, use, energy, single, births])
