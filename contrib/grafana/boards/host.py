# SPDX-License-Identifier: Apache-2.0
"""One host, from how it is doing to its clock."""
from .kit import (FULLNESS, GREEN, GREY, INSTANCE, ORANGE, PRESSURE, RED, YES_NO, board, column,
                  color, graph, hosts, like, limits, mirrored, rate, row, sel, stat,
                  table, total, variable, words)
from .terms import (AGE, CPU_BUSY, CPUS, FILES_USED, LOAD, MEMORY_USED, PRESSURE_WORST, SPACE_USED,
                    UPTIME, WAITING, WATTS)

DISK = {"device": "~$disk"}
WIRE = {"device": "~$interface"}

overview = row(
    "Overview",
    stat("Up for", "Since the kernel was started. Short when nobody restarted it: a crash.", "s",
         f"max({UPTIME})", thresholds=limits((600, GREEN), below=ORANGE), spark=False, decimals=1),
    stat("Last push", "How old everything on this page is. Beyond three intervals the host is cut "
         "off, stopped or down, and the curves are what it said last.", "s", f"min({AGE})",
         thresholds=limits((60, ORANGE), (300, RED)), spark=False, decimals=0, low=0),
    stat("CPU busy", "Share of all CPUs that did something. Near 100 % for long: see who waits "
         "below, and Processes for who works.", "percentunit", f"max({CPU_BUSY})",
         thresholds=FULLNESS, low=0, high=1, decimals=1),
    stat("Load per CPU", "Tasks that run or wait, by the number of CPUs. Above 1 somebody waits.",
         "short", f"max({LOAD})", thresholds=limits((1, ORANGE), (2, RED)), low=0, decimals=2),
    stat("Memory used", "What programs could not have without swapping. Above 90 % the OOM killer "
         "is near.", "percentunit", f"max({MEMORY_USED})", thresholds=FULLNESS, low=0, high=1,
         decimals=1),
    stat("Fullest disk", "The fullest of the file systems that can be written.", "percentunit",
         f"max({SPACE_USED})", thresholds=FULLNESS, low=0, high=1, decimals=1),
    stat("Waiting", "Share of time in which some task was held up for want of CPU, memory or disk; "
         "the worst of the three.", "percentunit", f"max({PRESSURE_WORST})", thresholds=PRESSURE,
         low=0, high=1, decimals=1),
    stat("Power", "What the host consumes, by the best meter that it has. Empty without a sensor: "
         "docs/energy.md.", "watt", f"max({WATTS})", low=0, decimals=1),
)

MODES = [like(f"^{mode}$", color=color(shade)) for mode, shade in (
    ("user", "blue"), ("system", "orange"), ("iowait", "red"), ("steal", "purple"),
    ("nice", "green"), ("irq", "#8F3BB8"), ("softirq", "#FFA6B0"))]
BY_MODE = total("instance, mode", rate("node_cpu_seconds_total", mode="!idle"))

cpu = row(
    "CPU",
    graph("CPU by mode", "Where the time of all CPUs went; 100 % is all of them. Much `iowait` is "
          "a slow disk, `steal` a hypervisor that gives to others, `softirq` the network.",
          "percentunit", (f"{BY_MODE} / on (instance) group_left () {CPUS}", "{{mode}}"),
          stack=True, high=1, legend="table", overrides=MODES),
    graph("Load and tasks", "Means over 1, 5 and 15 minutes of tasks that run or wait for a CPU or "
          "disk, and how many do now. Load above the number of CPUs for long is too much work.",
          "short", (sel("node_load1"), "1 minute"), (sel("node_load5"), "5 minutes"),
          (sel("node_load15"), "15 minutes"), (CPUS, "CPUs"),
          (sel("node_procs_running"), "running now"), (sel("node_procs_blocked"), "blocked now"),
          overrides=[like("^CPUs$", color=color(GREY), custom__lineStyle={
              "fill": "dash", "dash": [6, 6]})]),
    graph("Each CPU", "How busy each CPU is. One at 100 % while others rest: a program of a single "
          "thread, or interrupts that all go to one CPU.", "percentunit",
          (f'1 - sum by (instance, cpu) ({rate("node_cpu_seconds_total", mode="~idle|iowait")})',
           "CPU {{cpu}}"), high=1, w=8),
    graph("Switches, interrupts, forks", "Context switches, interrupts and new processes in a "
          "second. Thousands of forks are a script that runs away.", "ops",
          (rate("node_context_switches_total"), "context switches"),
          (rate("node_intr_total"), "interrupts"), (rate("node_forks_total"), "forks"), w=8,
          log=True, low=None),
    graph("Pressure", "Share of time in which at least one task waited for CPU, memory or disk "
          "(some), and in which all did (full). A few percent are life; more is lost work.",
          "percentunit", (f"max by (instance, for) ({WAITING})", "{{for}}, some"),
          (rate("node_pressure_memory_stalled_seconds_total"), "memory, full"),
          (rate("node_pressure_io_stalled_seconds_total"), "io, full"), w=8,
          thresholds=PRESSURE),
)

memory = row(
    "Memory",
    graph("Memory", "What memory is used for, up to all there is. Cache and buffers are given back "
          "when programs ask; what is red is not. Without free and cache the OOM killer is next.",
          "bytes",
          (f'{sel("node_memory_MemTotal_bytes")} - {sel("node_memory_MemFree_bytes")} - '
           f'{sel("node_memory_Cached_bytes")} - {sel("node_memory_Buffers_bytes")} - '
           f'{sel("node_memory_Slab_bytes")}', "programs"),
          (f'{sel("node_memory_Shmem_bytes")}', "shared, tmpfs"),
          (f'{sel("node_memory_Slab_bytes")}', "kernel (slab)"),
          (f'{sel("node_memory_Cached_bytes")} + {sel("node_memory_Buffers_bytes")} - '
           f'{sel("node_memory_Shmem_bytes")}', "cache, buffers"),
          (sel("node_memory_MemFree_bytes"), "free"), stack=True,
          overrides=[like(f"^{name}", color=color(shade)) for name, shade in (
              ("programs", "red"), ("shared", "purple"), ("kernel", "orange"), ("cache", "blue"),
              ("free", "green"))]),
    graph("Swap", "Swap that is used, and what moves in and out of it in a second. Use alone is "
          "harmless; moving for long means that memory does not suffice.", "bytes",
          (f'{sel("node_memory_SwapTotal_bytes")} - {sel("node_memory_SwapFree_bytes")}', "used"),
          (f'{rate("node_vmstat_pswpin")} * 4096', "swapped in / s"),
          (f'{rate("node_vmstat_pswpout")} * 4096', "swapped out / s"), w=6,
          overrides=[like("swapped", unit="Bps", custom__axisPlacement="right")]),
    graph("Page faults, OOM kills", "Faults that had to read a disk (major), and processes that "
          "the kernel killed for want of memory. Any kill is a failure; hundreds of major faults a "
          "second are thrashing.", "ops",
          (rate("node_vmstat_pgmajfault"), "major faults"),
          (f'round(increase({sel("node_vmstat_oom_kill")}[$__rate_interval]))', "OOM kills"), w=6,
          overrides=[like("OOM", color=color(RED), unit="short", custom__axisPlacement="right",
                          custom__drawStyle="bars")]),
)

disks = row(
    "Disks",
    graph("Read and written", "Read above, written below the axis.", "Bps",
          (rate("node_disk_read_bytes_total", **DISK), "{{device}} read"),
          (rate("node_disk_written_bytes_total", **DISK), "{{device}} written"), low=None, w=8,
          overrides=[mirrored("written$")]),
    graph("Requests", "Reads above, writes below the axis, in a second. Many small ones wear a "
          "disk out sooner than few large ones.", "iops",
          (rate("node_disk_reads_completed_total", **DISK), "{{device}} reads"),
          (rate("node_disk_writes_completed_total", **DISK), "{{device}} writes"), low=None, w=8,
          overrides=[mirrored("writes$")]),
    graph("Latency", "Mean time of a request, from the queue to its end. SSDs: below 1 ms; turning "
          "disks: about 10 ms. Kernel has the distribution, which a mean hides.", "s",
          (f'{rate("node_disk_read_time_seconds_total", **DISK)} / '
           f'({rate("node_disk_reads_completed_total", **DISK)} > 0)', "{{device}} read"),
          (f'{rate("node_disk_write_time_seconds_total", **DISK)} / '
           f'({rate("node_disk_writes_completed_total", **DISK)} > 0)', "{{device}} write"), w=8,
          thresholds=limits((0.1, ORANGE))),
    graph("In use", "Share of time in which the disk had something to do. 100 % is the limit of a "
          "turning disk; an SSD does several things at once.", "percentunit",
          (rate("node_disk_io_time_seconds_total", **DISK), "{{device}}"), w=8, high=1),
    graph("Queue", "Mean number of requests that are under way. A queue that grows with latency is "
          "a disk at its limit.", "short",
          (rate("node_disk_io_time_weighted_seconds_total", **DISK), "{{device}}"), w=8),
    graph("Space used", "Share of each file system that is full. Look for lines that only rise.",
          "percentunit", (f"max by (mountpoint) ({SPACE_USED})", "{{mountpoint}}"), w=8, high=1,
          thresholds=FULLNESS),
    table("File systems", "Space and inodes of each file system, and when it will be full if the "
          "last six hours go on. Full inodes stop writing as full space does.",
          {"mountpoint": ("Mounted at", {}), "device": ("Device", {}), "fstype": ("Type", {})},
          [column("Size", f"max by (mountpoint, device, fstype) "
                  f'({sel("node_filesystem_size_bytes")})', "bytes", w=100),
           column("Free", f"max by (mountpoint, device, fstype) "
                  f'({sel("node_filesystem_avail_bytes")})', "bytes", w=100),
           column("Used", f"max by (mountpoint, device, fstype) (1 - "
                  f'{sel("node_filesystem_avail_bytes")} / '
                  f'({sel("node_filesystem_size_bytes")} > 0))', "percentunit", cell="gauge",
                  thresholds=FULLNESS, low=0, high=1),
           column("Inodes used", f"max by (mountpoint, device, fstype) ({FILES_USED})",
                  "percentunit", cell="gauge", thresholds=FULLNESS, low=0, high=1),
           column("Full in", f"min by (mountpoint, device, fstype) ("
                  f'{sel("node_filesystem_avail_bytes")} / (0 - '
                  f'deriv({sel("node_filesystem_avail_bytes")}[6h]) > 0))', "s", w=100, decimals=0,
                  thresholds=limits((14400, ORANGE), (86400, GREEN), below=RED)),
           column("Read-only", f"max by (mountpoint, device, fstype) "
                  f'({sel("node_filesystem_readonly")})', w=95, cell="color-text",
                  mappings=words({0: ("no", GREEN), 1: ("yes", ORANGE)}))], h=8, sort="-Used"),
)

network = row(
    "Network",
    graph("Traffic", "Received above, sent below the axis.", "Bps",
          (rate("node_network_receive_bytes_total", **WIRE), "{{device}} received"),
          (rate("node_network_transmit_bytes_total", **WIRE), "{{device}} sent"), low=None,
          overrides=[mirrored("sent$")]),
    graph("Errors and drops", "Packets in a second that were damaged or had no room. Any lasting "
          "rate is a cable, a driver, or a host too slow for its traffic.", "pps",
          (rate("node_network_receive_errs_total", **WIRE), "{{device}} receive errors"),
          (rate("node_network_receive_drop_total", **WIRE), "{{device}} receive drops"),
          (rate("node_network_transmit_errs_total", **WIRE), "{{device}} send errors"),
          (rate("node_network_transmit_drop_total", **WIRE), "{{device}} send drops"), w=12,
          thresholds=limits((1, ORANGE))),
    graph("TCP segments sent again", "As a share of all that are sent, by the kernel's own count. "
          "Above 1 % somebody waits for answers.", "percentunit",
          (f'{rate("node_netstat_Tcp_RetransSegs")} / ({rate("node_netstat_Tcp_OutSegs")} > 0)',
           "sent again"), w=8, thresholds=limits((0.01, ORANGE), (0.05, RED))),
    graph("Sockets", "TCP connections: established, waiting for late packets (tw), and without an "
          "owner (orphan). A rise without end is a leak.", "short",
          (sel("node_netstat_Tcp_CurrEstab"), "established"),
          (sel("node_sockstat_TCP_tw"), "time wait"), (sel("node_sockstat_TCP_orphan"), "orphan"),
          (sel("node_sockstat_UDP_inuse"), "UDP"), w=8),
    graph("Refused and lost", "Connections that a full queue of a server refused, tracked "
          "connections as a share of the limit, packets that a full CPU queue lost.", "ops",
          (rate("node_netstat_TcpExt_ListenOverflows"), "listen queue overflows"),
          (f'sum by (instance) ({rate("node_softnet_dropped_total")})', "CPU queue drops"),
          (f'{sel("node_nf_conntrack_entries")} / {sel("node_nf_conntrack_entries_limit")}',
           "conntrack"), w=8,
          overrides=[like("conntrack", unit="percentunit", custom__axisPlacement="right", max=1)]),
)

machine = row(
    "Machine",
    graph("Temperatures", "Sensors of processors, disks and board. Above 80 °C processors become "
          "slower, above 95 °C they stop.", "celsius",
          (f'{sel("node_hwmon_temp_celsius")} * on (instance, chip) group_left (chip_name) '
           f'group by (instance, chip, chip_name) ({sel("node_hwmon_chip_names")})',
           "{{chip_name}} {{sensor}}"),
          (sel("node_thermal_zone_temp"), "{{type}} {{zone}}"), w=8, low=None, nothing="No sensor",
          thresholds=limits((80, ORANGE), (95, RED))),
    graph("Fans", "Turns in a minute. 0 of a fan that should turn: heat comes next.", "rotrpm",
          (sel("node_hwmon_fan_rpm"), "{{chip}} {{sensor}}"), w=8, nothing="No sensor"),
    graph("Frequency", "What the CPUs run at. Low under load: heat or a limit of power holds them "
          "back.", "hertz", (sel("node_cpu_scaling_frequency_hertz"), "CPU {{cpu}}"), w=8,
          nothing="Not told by this machine"),
    graph("Power by domain", "Idle is what the host would consume doing nothing, attributed what "
          "somebody's work has caused.", "watt",
          (total("instance, domain, state", rate("peekpush_energy_domain_joules_total")),
           "{{domain}} {{state}}"), w=8, stack=True),
    graph("Clock", "How far the clock is from what it should be, as far as the kernel knows, and "
          "the most it may be off. Above 50 ms logs of several hosts do not fit together.", "s",
          (f'abs({sel("node_timex_offset_seconds")})', "offset"),
          (sel("node_timex_maxerror_seconds"), "at most"), w=8, log=True, low=None,
          thresholds=limits((0.05, ORANGE))),
    graph("Open files, entropy", "File handles as a share of the limit, and random bits. At 100 % "
          "nothing can be opened any more.", "percentunit",
          (f'{sel("node_filefd_allocated")} / {sel("node_filefd_maximum")}', "file handles"),
          (sel("node_entropy_available_bits"), "entropy"), w=8,
          overrides=[like("entropy", unit="short", custom__axisPlacement="right")]),
)

services = row(
    "Services and kernel",
    table("Failed units", "Units of systemd that have failed. Empty is good. Needs the collector "
          "systemd.", {"name": ("Unit", {}), "type": ("Type", {})},
          [column("Failed", f'max by (name, type) ('
                  f'{sel("node_systemd_unit_state", state="failed")} == 1)', w=80,
                  mappings=words({1: ("failed", RED)}), cell="color-text")],
          w=8, h=7, nothing="None, or no systemd."),
    stat("Clock is synchronised", "Whether something disciplines the clock. No: it drifts by "
         "seconds a day.", "short", f'min({sel("node_timex_sync_status")})', w=4, h=7, spark=False,
         thresholds=limits((1, GREEN), below=RED),
         mappings=YES_NO),
    table("Software", "What runs here: system, kernel and peekpush.",
          {"pretty_name": ("System", {}), "release": ("Kernel", {}),
           "machine": ("Architecture", {}), "version": ("peekpush", {})},
          [column("-", f'max by (pretty_name, release, machine, version) (max by (instance, '
                  f'pretty_name) ({sel("node_os_info")}) * on (instance) group_left (release, '
                  f'machine) {sel("node_uname_info")} * on (instance) group_left (version) '
                  f'max by (instance, version) ({sel("peekpush_build_info")}))')],
          w=12, h=7, hide=("-",)),
)

BOARD = board("Host", "One host: CPU, memory, disks, network, sensors, clock.",
              [hosts(multi=False),
               variable("disk", "Disk", f"label_values(node_disk_info{{{INSTANCE}}}, device)",
                        regex="/^(?!(?:dm-|md|loop|ram|zram|sr)).*$/"),
               variable("interface", "Interface", "label_values(node_network_receive_bytes_total"
                        f"{{{INSTANCE}}}, device)",
                        regex="/^(?!(?:lo|veth|docker|br-|cni)).*$/")],
              [overview, cpu, memory, disks, network, machine, services])
