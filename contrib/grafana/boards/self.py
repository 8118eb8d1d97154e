# SPDX-License-Identifier: Apache-2.0
"""peekpush itself and the gateways: whether what the other dashboards show is complete."""
from .kit import (GREEN, NONE, ORANGE, RANGE, RED, board, board_link, column, graph, hosts,
                  limits, link, rate, row, sel, stat, table, total, variable, words)
from .terms import AGE, SILENT

HOST = board_link("Open this host", "host", ("instance", "__field.labels.instance"))
HOST_CELL = link(board_link("Open this host", "host", ("instance", "__value.raw")))
GATEWAY = 'instance=~"$gateway"'
GROUP = "instance, job, stage"


def gateway(metric, **labels):
    return sel(metric, instance=GATEWAY, **labels)


def fared(what):
    """Of every collector: those that node_exporter lacks have a family of their own."""
    return sel("", __name__=f"~(node_scrape|peekpush)_collector_{what}")


def none_is_zero(expr):
    return f"({expr}) or vector(0)"


def growth(by, metric, **labels):
    return total(by, f"increase({sel(metric, **labels)}[$__rate_interval])")


def by_host(title, about, unit, expr, **more):
    return graph(title, about, unit, (expr, "{{instance}}"), links=[HOST], **{"w": 8, **more})


OVERVIEW = row(
    "Overview",
    stat("Running", "Hosts whose last push said that peekpush runs there.", "short",
         f'sum({sel("peekpush_running")})'),
    stat("Silent", "Hosts that run and have not pushed for three intervals.", "short",
         none_is_zero(f"count({SILENT})"), thresholds=NONE),
    stat("Series", "In the last push of each host, together.", "short",
         f'sum({sel("peekpush_series")})'),
    stat("Longest cycle", "From the start of sampling to the end of the delivery, by the interval. "
         "Near 100 % pushes are left out.", "percentunit",
         f'max({sel("peekpush_cycle_duration_seconds")} / {sel("peekpush_interval_seconds")})',
         thresholds=limits((0.5, ORANGE), (0.9, RED))),
    stat("Delivered", "Of the pushes tried within the time shown. The rest was refused, timed out, "
         "or found nobody.", "percentunit",
         f'sum(increase({sel("peekpush_pushes_total", result="delivered")}{RANGE})) / '
         f'(sum(increase({sel("peekpush_pushes_total")}{RANGE})) > 0)', spark=False, low=0, high=1,
         thresholds=limits((0.95, ORANGE), (0.999, GREEN), below=RED)),
    stat("Dropped series", "Kept out of pushes within the time shown, because the gateway would "
         "have refused the whole push. \"By reason\" below says why.", "short",
         f'round(sum(increase({sel("peekpush_series_dropped_total")}{RANGE})))', thresholds=NONE,
         spark=False),
    stat("Failing collectors", "Collectors that are on and tell nothing; the table below names "
         "them. Many are those of hardware that a host lacks.", "short",
         none_is_zero(f'count({fared("success")} == 0)'),
         thresholds=limits((1, ORANGE)), spark=False),
    stat("Waiting", "Results of jobs in spools, and files in drop-boxes, that are still to be "
         "delivered.", "short",
         f'sum({sel("peekpush_spool_entries")}) + sum({sel("peekpush_dropbox_files")})',
         thresholds=limits((1, ORANGE))),
)

PUSHES = row(
    "Pushes",
    by_host("Age of the last push", "A saw whose teeth are the interval. A line that climbs: the "
            "host is silent.", "s", f"max by (instance) ({AGE})"),
    graph("Results", "Pushes a second, by what became of them.", "ops",
          (total("result", rate("peekpush_pushes_total")), "{{result}}"), stack=True, w=8),
    by_host("Time of a cycle", "From the start of sampling to the end of the delivery.", "s",
            f'max by (instance) ({sel("peekpush_cycle_duration_seconds")})'),
    by_host("Series", "In a push. The gateway checks all that it stores at each push: what grows "
            "here costs there.", "short", f'max by (instance) ({sel("peekpush_series")})'),
    graph("Dropped, by reason", "Series that were kept out of pushes. limit: limits.series; "
          "duplicate, type_conflict: two sources tell the same; rejected: the gateway's own "
          "word.", "short",
          (growth("reason", "peekpush_series_dropped_total"), "{{reason}}"), w=8, stack=True),
    graph("Waiting to be delivered", "Results of jobs in the spool, and files in the drop-box. "
          "What grows has nobody who delivers it.", "short",
          (sel("peekpush_spool_entries"), "{{instance}} spool"),
          (sel("peekpush_dropbox_files"), "{{instance}} drop-box"), w=8),
    table("Groups", "Every group that the gateways hold, the oldest first: hosts, and jobs. A "
          "job's is as old as its last run; a host's that is older than a few intervals is silent, "
          "stopped, or gone and to be deleted (peekpush delete). A failed push is one that the "
          "gateway refused.",
          {"instance": ("Instance", HOST_CELL), "job": ("Job", {}), "stage": ("Stage", {})},
          [
              column("Age", f'max by ({GROUP}) (time() - {sel("push_time_seconds")})', "s", w=110,
                     decimals=0),
              column("Interval", f'max by ({GROUP}) '
                     f'({sel("peekpush_interval_seconds")})', "s", w=90),
              column("Runs", f'max by ({GROUP}) ({sel("peekpush_running")})', "bool_yes_no", w=80),
              column("Last push failed", f'max by ({GROUP}) ({sel("push_failure_time_seconds")} > '
                     f'bool {sel("push_time_seconds")})', "bool_yes_no", w=130,
                     mappings=words({0: ("no", GREEN), 1: ("yes", RED)}), cell="color-text"),
          ], h=9, sort="-Age"),
)

COST = row(
    "What it costs",
    by_host("CPU", "Of one CPU, for sampling and pushing.", "percentunit",
            total("instance", rate("peekpush_cpu_seconds_total"))),
    by_host("Memory", "Resident.", "bytes",
            f'max by (instance) ({sel("peekpush_resident_memory_bytes")})'),
    graph("Versions", "Hosts by the version of peekpush. Two at once: an upgrade is under way, or "
          "stopped halfway.", "short",
          (f'count by (version) ({sel("peekpush_build_info")})', "{{version}}"), w=8, stack=True,
          decimals=0),
)

COLLECTORS = row(
    "Collectors",
    graph("Slowest collectors", "The longest time of all chosen hosts; ten of them.", "s",
          (f'topk(10, max by (collector) ({fared("duration_seconds")}))',
           "{{collector}}")),
    table("Collectors that tell nothing", "On, and without data at the last push: the hardware is "
          "absent, or something is wrong. `peekpush list` on the host says which.",
          {"instance": ("Host", HOST_CELL), "collector": ("Collector", {})},
          [column("Works", f'max by (instance, collector) '
                  f'({fared("success")}) == 0', "bool_yes_no", w=90)],
          w=12, h=8, sort="Host", nothing="All tell something."),
    graph("Events that BPF programs lost", "Not counted, because a program's map was full; by "
          "object.", "short", (growth("instance, object", "peekpush_bpf_lost_total"),
                    "{{instance}} {{object}}"),
          w=8, thresholds=NONE),
    by_host("BPF programs", "Attached to the kernel. Fewer than before: somebody unloaded "
            "them.", "short",
            f'sum by (instance) ({sel("ebpf_exporter_ebpf_program_attached")})'),
    by_host("Refused from the drop-box", "Files that users left and that may not be delivered: too "
            "large, in another's name, or no exposition.", "short",
            growth("instance", "peekpush_dropbox_refused_total")),
)

GATEWAYS = row(
    "Pushgateways",
    stat("Up", "Gateways that Prometheus can scrape.", "short",
         f'sum({gateway("up")} * on (instance) {gateway("pushgateway_build_info")})'),
    stat("Groups", "Held by the gateways. A number that grows for ever: some label has values that "
         "never come again.", "short", "count(push_time_seconds)"),
    stat("Series scraped", "From all gateways together.", "short",
         f'sum({gateway("scrape_samples_scraped")})'),
    stat("Refused pushes", "Answered by 4xx within the time shown: one bad series takes a whole "
         "push with it.", "short", none_is_zero(
             "round(sum(increase("
             f'{gateway("pushgateway_http_requests_total", code="~4..")}{RANGE})))'),
         thresholds=NONE, spark=False),
    stat("Refused files", "Of drop-boxes, within the time shown.", "short",
         f'round(sum(increase({sel("peekpush_dropbox_refused_total")}{RANGE})))', thresholds=NONE,
         spark=False),
    stat("Running for", "The gateway that was started last. Without --persistence.file a start "
         "empties it.", "s", f'min(time() - {gateway("process_start_time_seconds")})',
         spark=False, decimals=0),
    stat("Memory", "Of the gateways.", "bytes", f'sum({gateway("process_resident_memory_bytes")})'),
    stat("Open files", "By the limit, of the fullest gateway.", "percentunit",
         f'max({gateway("process_open_fds")} / {gateway("process_max_fds")})',
         thresholds=limits((0.7, ORANGE), (0.9, RED))),
    graph("Requests", "A second, by handler, method and status.", "reqps",
          (total("handler, method, code", f'rate({gateway("pushgateway_http_requests_total")}'
                 "[$__rate_interval])"), "{{handler}} {{method}} {{code}}"), w=8),
    graph("Time of a push", "As the gateway counts it, with its check of all that it holds. It "
          "grows with the number of series.", "s",
          (f'max by (method, quantile) ({gateway("pushgateway_http_push_duration_seconds")})',
           "{{method}} {{quantile}}"), w=8),
    graph("Size of a push", "As it arrives, compressed.", "bytes",
          (f'max by (method, quantile) ({gateway("pushgateway_http_push_size_bytes")})',
           "{{method}} {{quantile}}"), w=8),
    graph("Time of a scrape", "How long Prometheus waits for a gateway's metrics. Six tenths of "
          "scrape_timeout are too much.", "s", (gateway("scrape_duration_seconds"), "{{instance}}"),
          w=8),
    graph("CPU", "CPUs that a gateway keeps busy. One for checking is its limit.", "short",
          (f'rate({gateway("process_cpu_seconds_total")}[$__rate_interval])', "{{instance}}"), w=8),
    graph("New series", "Seen by Prometheus in a scrape for the first time. Each costs it memory "
          "for hours.", "short", (gateway("scrape_series_added"), "{{instance}}"), w=8),
)

BOARD = board(
    "peekpush itself", "Whether pushes arrive, what they cost, which collectors tell nothing, and "
    "how the Pushgateways bear it.",
    [hosts(), variable("gateway", "Gateway", "label_values(pushgateway_build_info, instance)")],
    [OVERVIEW, PUSHES, COST, COLLECTORS, GATEWAYS])
