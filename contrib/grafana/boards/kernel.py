# SPDX-License-Identifier: Apache-2.0
"""What only the kernel sees, by BPF programs: system calls, latencies as they are distributed,
caches, TCP. Rows below the first ones need programs that are not loaded by default."""
from .kit import (GREEN, INSTANCE, NONE, ORANGE, RANGE, RANGE_END, RED, YELLOW, board, column,
                  graph, heatmap, histogram, hosts, limits, quantile, rate, row, sel, stat, table,
                  top, total, variable)

E = "ebpf_exporter_"
DEVICE = {"device": "~$device"}
READS = "~read|readv|pread64|preadv|preadv2"
WRITES = "~write|writev|pwrite64|pwritev|pwritev2"
SLOW_DISK = limits((0.05, ORANGE), (0.25, RED))
SLOW_CPU = limits((0.01, YELLOW), (0.05, ORANGE), (0.25, RED))


def flow(what, **labels):
    return rate(E + what, **labels)


def slowest(what, by="", **labels):
    """The 99th percentile of a histogram."""
    return quantile(0.99, E + what, by, **labels)


def buckets(what, **labels):
    return total("le", flow(what + "_bucket", **labels))


def percentiles(title, about, what, w=8, h=9, **labels):
    """How slow it is for half, for one of ten, for one of a hundred, and the mean."""
    limit = labels.pop("thresholds", None)
    mean = f'sum({flow(what + "_sum", **labels)}) / (sum({flow(what + "_count", **labels)}) > 0)'
    return graph(title, about, "s",
                 *((quantile(share, E + what, **labels), name) for share, name in (
                     (0.5, "half"), (0.9, "90 %"), (0.99, "99 %"))),
                 (mean, "mean"), w=w, h=h, thresholds=limit, log=True, low=None)


SHORT_REASON = 'label_replace({}, "reason", "$1", "reason", "SKB_DROP_REASON_(.*)")'
# Twelve digits of a container's number will do.
SHORT_ID = ('label_replace({}, "cgroup", "$1$2", "cgroup", '
            '"(.*[0-9a-f]{{12}})[0-9a-f]{{52}}(.*)")')
NO_LLC = "Not counted here: a virtual machine, or the program llc is not loaded"
MISS_RATIO = (f'sum by (instance) ({flow("llc_misses_total")}) / '
              f'(sum by (instance) ({flow("llc_references_total")}) > 0)')

PAGES_NEW = total("instance", flow("page_cache_pages_total", operation="page_add_lru"))
PAGES_READ = total("instance", flow("page_cache_pages_total", operation="read"))

overview = row(
    "Overview",
    stat("System calls", "All system calls of all hosts chosen, in a second.", "ops",
         f'sum({flow("syscalls_total")})', decimals=0),
    stat("Reads and writes", "Calls of read and write and their kin, in a second.", "ops",
         f'sum({flow("syscalls_total", syscall=READS)}) + '
         f'sum({flow("syscalls_total", syscall=WRITES)})', decimals=0),
    stat("Failed calls", "Share of system calls that returned an error. A few percent are usual "
         "(EAGAIN, ENOENT); a jump is a program that spins.", "percentunit",
         f'sum({flow("syscall_errors_total")}) / (sum({flow("syscalls_total")}) > 0)',
         thresholds=limits((0.2, ORANGE), (0.5, RED)), decimals=1),
    stat("Slow writes", "One of a hundred writes of a block device takes longer than this.", "s",
         slowest("bio_latency_seconds", operation="write"), thresholds=SLOW_DISK, decimals=1),
    stat("Wait for a CPU", "One of a hundred tasks that become ready waits longer than this until "
         "it runs. Above 10 ms interactive work suffers.", "s",
         slowest("run_queue_latency_seconds"), thresholds=SLOW_CPU, decimals=1),
    stat("LLC misses", "Misses of the last level cache in a second: each costs about 100 ns. Not "
         "to be had in most virtual machines.", "ops", f'sum({flow("llc_misses_total")})',
         decimals=1, nothing="not counted"),
    stat("TCP sent again", "Segments retransmitted in a second; needs the program tcp.", "short",
         f'sum({flow("tcp_retransmits_total")}) or vector(0)',
         thresholds=limits((10, ORANGE), (100, RED)), decimals=1),
    stat("OOM kills", "Processes that the kernel killed for want of memory in the time shown.",
         "short", f'round(sum(increase({sel(E + "oom_kills_total")}{RANGE}))) or vector(0)',
         thresholds=NONE, spark=False),
)

calls = row(
    "System calls",
    graph("Read and write calls", "Rate of system calls that read and that write, by call. "
          "Hundreds of thousands for little data: a buffer is too small.", "ops",
          (total("instance, syscall", flow("syscalls_total", syscall=READS)),
           "{{syscall}} · {{instance}}"),
          (total("instance, syscall", flow("syscalls_total", syscall=WRITES)),
           "{{syscall}} · {{instance}}"), w=8, legend="table"),
    graph("Most frequent calls", "The ten calls that were made most in the time shown. futex and "
          "sched_yield on top: threads wait for one another.", "ops",
          (top(10, "syscall", E + "syscalls_total"), "{{syscall}}"), w=8, legend="table"),
    graph("Errors", "Failed calls by error, the ten most frequent. EAGAIN and ENOENT are usual; "
          "ENOSPC, EIO, EMFILE and ENOMEM never are.", "ops",
          (top(10, "errno", E + "syscall_errors_total"), "{{errno}}"), w=8, legend="table"),
)

block = row(
    "Block devices",
    heatmap("Latency of reads", "Each column shows how the reads of that moment were distributed; "
            "bright is where most were. Two bands: a cache and what is behind it. A band that "
            "rises: a disk at its limit.", "s",
            buckets("bio_latency_seconds", operation="read", **DEVICE)),
    heatmap("Latency of writes", "The same for writes. Rare bright spots far above the rest are "
            "flushes, or a disk that cleans up.", "s",
            buckets("bio_latency_seconds", operation="write", **DEVICE)),
    histogram("Write latency", "How many writes took how long in the time shown, by powers of two. "
              "What is right of the hill is what users notice.", E + "bio_latency_seconds",
              operation="write", **DEVICE),
    histogram("Read latency", "How many reads took how long in the time shown.",
              E + "bio_latency_seconds", operation="read", **DEVICE),
    graph("Slowest of a hundred", "Latency that one of a hundred requests exceeds, by device and "
          "operation. SSDs stay below 10 ms, turning disks below 100 ms.", "s",
          (slowest("bio_latency_seconds", "instance, device, operation", **DEVICE),
           "{{device}} {{operation}} · {{instance}}"), w=8, thresholds=SLOW_DISK),
    graph("Requests", "Requests that block devices have completed in a second, by operation.",
          "iops",
          (total("instance, device, operation", flow("bio_latency_seconds_count", **DEVICE)),
           "{{device}} {{operation}} · {{instance}}"), w=8),
    graph("Wait before the driver", "Latency in the queue, before the driver has the request, that "
          "one of a hundred exceeds. More than the device itself takes: too many requests.", "s",
          (slowest("bio_queue_seconds", "instance, device, operation", **DEVICE),
           "{{device}} {{operation}} · {{instance}}"), w=8, thresholds=SLOW_DISK),
)

cpus = row(
    "CPUs and caches",
    heatmap("Wait for a CPU", "How long tasks wait from when they are ready until they run. A band "
            "that rises into milliseconds: more work than CPUs.", "s",
            buckets("run_queue_latency_seconds"), scheme="Blues"),
    percentiles("Wait for a CPU, percentiles", "The same as curves: half of the tasks, one of ten "
                "and one of a hundred wait longer than this.", "run_queue_latency_seconds", w=12,
                thresholds=SLOW_CPU),
    graph("LLC misses", "Misses of the last level cache in a second, by host. More misses for the "
          "same work: data no longer fits, or a neighbour drives it out. Needs a processor that "
          "counts (program llc).", "ops",
          (total("instance", flow("llc_misses_total")), "{{instance}}"), nothing=NO_LLC),
    graph("LLC misses of all references", "Share of references that had to go to memory. Above "
          "half, the program waits for memory more than it computes.", "percentunit",
          (MISS_RATIO, "{{instance}}"), high=1, nothing=NO_LLC,
          thresholds=limits((0.5, ORANGE))),
)

cache = row(
    "Page cache (programs pagecache, cachestat)",
    graph("Hit ratio", "Pages read that were in memory already. A fall: files that are used "
          "together no longer fit. Needs a kernel that tells of reads; Linux 6.1 does not.",
          "percentunit",
          (f"1 - clamp_max({PAGES_NEW} / ({PAGES_READ} > 0), 1)", "{{instance}}"), w=8, high=1,
          thresholds=limits((0.8, YELLOW), (0.95, GREEN), below=RED)),
    graph("Pages", "Pages that are added to the cache, dirtied and read, in a second.", "ops",
          (total("instance, operation", flow("page_cache_pages_total")),
           "{{operation}} · {{instance}}"), w=8),
    graph("Accesses", "Operations on the page cache, in a second.", "ops",
          (total("instance, operation", flow("page_cache_ops_total")),
           "{{operation}} · {{instance}}"), w=8),
)

tcp = row(
    "TCP (programs tcp, tcprtt, drops)",
    heatmap("Round trip times", "As the kernel measures them at each packet received. A band that "
            "rises without the distance changing: a queue fills somewhere.", "s",
            buckets("tcp_rtt_seconds"), w=8, scheme="Greens"),
    graph("Sent again, reset, failed", "Retransmitted segments, resets and connections that did "
          "not come about, in a second. Failures with ECONNREFUSED: a service is down; ETIMEDOUT: "
          "a network is.", "ops",
          (total("instance, family", flow("tcp_retransmits_total")),
           "sent again {{family}} · {{instance}}"),
          (total("instance, reason", flow("tcp_resets_sent_total")),
           "reset sent {{reason}} · {{instance}}"),
          (total("instance", flow("tcp_resets_received_total")),
           "reset received · {{instance}}"),
          (total("instance, errno", flow("tcp_connect_failures_total")),
           "failed {{errno}} · {{instance}}"), w=8, h=9),
    graph("Time to connect", "From connect() to the answer, for half and for one of a hundred. "
          "Above 1 s a SYN was lost.", "s",
          (quantile(0.5, E + "tcp_connect_latency_seconds", "instance"), "half · {{instance}}"),
          (quantile(0.99, E + "tcp_connect_latency_seconds", "instance"), "99 % · {{instance}}"),
          w=8, h=9, log=True, low=None, thresholds=limits((1, ORANGE))),
    graph("Packets dropped by the kernel", "By reason, the ten most frequent. NOT_SPECIFIED and "
          "NO_SOCKET are usual; others tell what to look for.", "pps",
          (top(10, "reason", E + "kfree_skb_total", wrap=SHORT_REASON), "{{reason}}"),
          legend="table"),
    graph("Datagrams lost for want of room", "UDP datagrams that came faster than a program read "
          "them, by port (program udpdrops).", "pps",
          (total("instance, local_port", flow("udp_fail_queue_rcv_skbs_total")),
           "port {{local_port}} · {{instance}}"), thresholds=limits((1, ORANGE))),
)

memory = row(
    "Memory (programs oomkill, reclaim)",
    graph("OOM kills by cgroup", "Processes killed for want of memory, by the control group whose "
          "limit it was.", "short",
          (f'sum by (instance, cgroup_path) (increase('
           f'{sel(E + "oom_kills_total")}[$__rate_interval]))', "{{cgroup_path}} · {{instance}}"),
          w=8, drawn="bars"),
    graph("Held up by reclaim", "Time that tasks lost because the kernel had to make room for them "
          "(direct), or because of their group's limit (memcg), in seconds a second.",
          "percentunit",
          (total("instance, kind", flow("reclaim_latency_seconds_sum")),
           "{{kind}} · {{instance}}"),
          (total("instance, kind", flow("compaction_latency_seconds_sum")),
           "compaction {{kind}} · {{instance}}"), w=8, thresholds=limits((0.1, ORANGE))),
    graph("Reclaimed pages", "Pages that were taken from caches and programs, in a second, by who "
          "did it.", "ops", (total("instance, kind", flow("reclaimed_pages_total")),
                             "{{kind}} · {{instance}}"), w=8),
    collapsed=True,
)

interrupts = row(
    "Interrupts and deferred work (programs softirqs, hardirqs, workqueue, timers)",
    graph("Time in software interrupts", "CPUs that the kernel spends in them. Near 1 of net_rx: "
          "one CPU carries all of the network.", "short",
          (total("instance, kind", flow("softirq_service_latency_seconds_sum")),
           "{{kind}} · {{instance}}"), w=8, stack=True),
    graph("Delay of software interrupts", "From when one is raised until it runs; one of a hundred "
          "waits longer.", "s", (slowest("softirq_entry_latency_seconds", "kind"), "{{kind}}"), w=8,
          log=True, low=None, thresholds=limits((0.01, ORANGE))),
    graph("Time in interrupt handlers", "CPUs that drivers' handlers take, by device.", "short",
          (top(10, "instance, name", E + "hardirq_service_latency_seconds_sum"),
           "{{name}} · {{instance}}"), w=8),
    graph("Kernel work that waits", "Delay of work items until a kernel thread takes them; one of "
          "a hundred waits longer.", "s",
          (f'{slowest("workqueue_queue_latency_seconds", "workqueue")} and topk(10, sum by '
           f'(workqueue) (increase({sel(E + "workqueue_queue_latency_seconds_sum")}{RANGE_END})))',
           "{{workqueue}}"), log=True, low=None, thresholds=limits((0.1, ORANGE))),
    graph("Timers", "Kernel timers that are started in a second, by function, the ten most "
          "frequent.", "ops", (top(10, "function", E + "timer_starts_total"), "{{function}}"),
          legend="table"),
    collapsed=True,
)

files = row(
    "File systems and containers (programs ext4, xfs, cgroup, cgroupcpu, throttling)",
    graph("Operations on ext4", "Latency of operations on files, from the program's view; one of a "
          "hundred takes longer.", "s", (slowest("ext4_latency_seconds", "operation"),
                                         "{{operation}}"), w=8, log=True, low=None,
          thresholds=SLOW_DISK),
    graph("Operations on XFS", "The same for XFS.", "s",
          (slowest("xfs_latency_seconds", "operation"), "{{operation}}"), w=8, log=True, low=None,
          thresholds=SLOW_DISK),
    graph("CPU by control group", "CPU time without that of groups below, the ten with most.",
          "short", (top(10, "instance, cgroup", E + "cgroup_cpu_seconds_total", wrap=SHORT_ID),
                    "{{cgroup}} · {{instance}}"), w=8, legend="table"),
    graph("Moves between CPUs", "How often the tasks of a group are moved to another CPU; each "
          "time their caches are cold.", "ops",
          (top(10, "instance, cgroup", E + "cgroup_sched_migrations_total", wrap=SHORT_ID),
           "{{cgroup}} · {{instance}}"), legend="table"),
    graph("Waiting for a CPU quota", "How long a group waits when it has used up its quota; one of "
          "a hundred times it is longer.", "s",
          (slowest("cfs_throttling_seconds", "instance, cgroup"), "{{cgroup}} · {{instance}}"),
          thresholds=SLOW_CPU),
    collapsed=True,
)

programs = row(
    "Programs",
    table("Programs", "What is loaded in the kernel, and how many programs each object has "
          "attached. `peekpush bpf list` has the reason why one is not.",
          {"config": ("Object", {}), "instance": ("Host", {})},
          [column("Attached", f'sum by (instance, config) ({sel(E + "ebpf_program_attached")} * '
                  "on (instance, id) group_left (config) max by (instance, id, config) "
                  f'({sel(E + "ebpf_program_info")}))', w=100,
                  thresholds=limits((1, GREEN), below=RED))], w=12, h=8, sort="Object"),
    graph("Not counted", "Events for which there was no room in a map: too many different labels. "
          "Above 0 a metric is incomplete.", "ops",
          (f'{rate("peekpush_bpf_lost_total")}', "{{object}} · {{instance}}"),
          thresholds=limits((0.01, ORANGE))),
)

BOARD = board("Kernel", "System calls, block I/O, run queue, caches, TCP: what BPF programs count "
              "in the kernel.",
              [hosts(of="ebpf_exporter_enabled_configs"),
               variable("device", "Block device", "label_values(ebpf_exporter_bio_latency_seconds_"
                        f"count{{{INSTANCE}}}, device)")],
              [overview, calls, block, cpus, cache, tcp, memory, interrupts, files, programs])
