# SPDX-License-Identifier: Apache-2.0
"""Jobs and pipelines under `peekpush run`: what ended how, what is late, what it took."""
from .kit import (BLUE, GREEN, GREY, NONE, ORANGE, RANGE, RED, bars, board, board_link, column,
                  graph, heatmap, limits, link, now, panel, row, sel, stat, table, total, variable,
                  words)

JOB = "instance, job, stage"
NAME = "{{job}} {{stage}} on {{instance}}"
# Three labels make a group of one job; a job of no host, or of no stage, lacks some of them.
LABELS = {"job": ("Job", link(board_link("Only this job", "jobs", ("job", "__value.raw")))),
          "stage": ("Stage", {}),
          "instance": ("Host", link(board_link("Open this host", "host",
                                               ("instance", "__value.raw"))))}
RESULT = words({0: ("failed", RED), 1: ("succeeded", GREEN)})


def of(metric, **labels):
    return sel(metric, job="~$job", stage="~$stage", **labels)


def job(metric, **labels):
    return total(JOB, of(f"peekpush_job_{metric}", **labels))


def grown(metric, by="", **labels):
    """Within the time shown."""
    grow = f"increase({of(f'peekpush_job_{metric}', **labels)}{RANGE})"
    return total(by, grow) if by else f"sum({grow})"


def rate(metric, by, **labels):
    return total(by, f"rate({of(metric, **labels)}[$__rate_interval])")


def running(expr):
    return f"{expr} and {job('running')} > 0"


def none_is_zero(expr):
    return f"({expr}) or vector(0)"


SINCE_SUCCESS = f"time() - max by ({JOB}) ({of('peekpush_job_last_success_timestamp_seconds')})"
EVERY = job("expected_interval_seconds")
SINCE_HEARD = f"(time() - max by ({JOB}) ({of('push_time_seconds')}))"
SILENT = (f"{SINCE_HEARD} > 3 * {total(JOB, of('peekpush_interval_seconds'))} and "
          f"{job('running')} > 0")
# Of a job that never succeeded nothing is known that could be late; its failure is told.
OVERDUE = f"{SINCE_SUCCESS} > {EVERY}"
USUAL = f"{job('duration_seconds')} / ({job('typical_duration_seconds')} > 0)"


def timeline(title, about, *queries, mappings, w=24, h=8):
    """What held from when to when."""
    options = {"showValue": "never", "rowHeight": 0.8, "mergeValues": True, "alignValue": "left",
               "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom",
                          "calcs": []},
               "tooltip": {"mode": "single", "sort": "none"}}
    custom = {"lineWidth": 0, "fillOpacity": 75,
              "hideFrom": {"legend": False, "tooltip": False, "viz": False}}
    return panel("state-timeline", title, about, "short", queries, (w, h), options, custom,
                 mappings=mappings, thresholds=limits())


OVERVIEW = row(
    "Overview",
    stat("Jobs", "Jobs, and stages of jobs, that the gateway knows of.", "short",
         f"count({job('running')})", spark=False),
    stat("At work", "Runs that go on now.", "short", f"sum({of('peekpush_job_running')})"),
    stat("Failed", "Jobs whose last run did not succeed. Each stays until the next run has ended.",
         "short", none_is_zero(f"count({job('success')} == 0)"), thresholds=NONE),
    stat("Overdue", "Jobs without a success for longer than they declared by --every.", "short",
         none_is_zero(f"count({OVERDUE})"), thresholds=NONE),
    stat("Lost", "Jobs at work that have not been heard of for three heartbeats: killed with their "
         "wrapper, cut off, or on a machine that is down.", "short",
         none_is_zero(f"count({SILENT})"),
         thresholds=NONE),
    stat("Runs", "Ended within the time shown.", "short", f"round({grown('runs_total')})",
         spark=False),
    stat("Success", "Of the runs within the time shown, those that succeeded.", "percentunit",
         f"{grown('runs_total', result='success')} / ({grown('runs_total')} > 0)", low=0, high=1,
         thresholds=limits((0.9, ORANGE), (0.99, GREEN), below=RED), spark=False),
    stat("Energy", "Of all runs that ended within the time shown, beyond what the hosts consume "
         "idle.",
         "joule", grown("runs_energy_joules_total"), spark=False, nothing="no meter"),
)

JOBS = row(
    "Jobs",
    table("Jobs", "A line for each job and stage. \"Due in\" is what is left of --every since the "
          "last success; below 0 it is late. \"To usual\" is the last duration by the median of "
          "those before: twice that is worth a look.", LABELS,
          [
              column("Last result", job("success"), mappings=RESULT, cell="color-text", w=95),
              column("At work", job("running"), w=75),
              column("Exit status", job("exit_code"), w=90, thresholds=NONE),
              column("Since success", SINCE_SUCCESS, "s", w=110, decimals=0),
              column("Due in", f"{EVERY} - ({SINCE_SUCCESS})", "s", w=100, decimals=0,
                     thresholds=limits((0, GREEN), below=RED)),
              column("Duration", job("duration_seconds"), "s", w=90),
              column("Usual", job("typical_duration_seconds"), "s", w=90),
              column("To usual", USUAL, "percentunit", w=85, decimals=0,
                     thresholds=limits((1.5, ORANGE), (2, RED))),
              column("CPU time", job("cpu_seconds"), "s", w=90),
              column("Most memory", job("memory_peak_bytes"), "bytes", w=105),
              column("Energy", job("energy_joules"), "joule", w=90),
              column("Runs", f"round({grown('runs_total', JOB)})", w=65),
              column("Failures", f"round({grown('runs_total', JOB, result='!success')}) or "
                     f"0 * {job('running')}", w=80, thresholds=NONE),
          ], sort="Last result", h=11),
)

WORK = row(
    "At work",
    table("At work now", "Runs that go on. \"Of limit\" is the time they have taken by "
          "--max-duration. A heartbeat older than three intervals: it is lost.", LABELS,
          [
              column("For", running(f"(time() - max by ({JOB}) "
                                    f"({of('peekpush_job_start_timestamp_seconds')}))"), "s", w=90,
                     decimals=0),
              column("Of limit", running(
                  f"(time() - max by ({JOB}) ({of('peekpush_job_start_timestamp_seconds')})) / "
                  f"{job('max_duration_seconds')}"), "percentunit", w=85,
                     thresholds=limits((0.8, ORANGE), (1, RED))),
              column("Heartbeat", running(
                  f"(time() - max by ({JOB}) ({of('peekpush_job_heartbeat_timestamp_seconds')}))"),
                     "s", w=95, decimals=0),
              column("CPUs", running(rate("peekpush_job_cpu_seconds", JOB)), w=75, decimals=2),
              column("Memory", running(job("memory_bytes")), "bytes", w=90),
              column("Processes", running(job("processes")), w=85),
              column("Power", running(job("energy_mean_watts")), "watt", w=80, decimals=1),
          ], h=8, sort="-For", nothing="Nothing is at work."),
    timeline("History", "When each job was at work.", (job("running"), NAME),
             mappings=words({0: ("idle", GREY), 1: ("at work", BLUE), 2: ("two at work", ORANGE)})),
    timeline("Results", "How the last run of each job had ended, at each time.",
             (job("success"), NAME), mappings=RESULT),
)

RUNS = row(
    "Runs",
    graph("Results", "Runs that ended, by result, for each hour at the present rate. lost: "
          "peekpush was killed or the machine went down; skipped: --lock, another run was at "
          "work.", "short",
          (f"{rate('peekpush_job_runs_total', 'result')} * 3600", "{{result}}"), stack=True, w=8),
    graph("Duration", "Of the last run that has ended. A curve that climbs from run to run will "
          "meet its limit some day.", "s", (job("duration_seconds"), NAME), w=8),
    graph("Duration by the usual", "The last duration by the median of the last successful runs; "
          "100 % is a day like any other.", "percentunit", (USUAL, NAME), w=8,
          thresholds=limits((2, RED))),
    heatmap("Durations", "How long runs took, over time; the bounds are those of "
            "job.duration_buckets.", "s",
            total("le", f"increase({of('peekpush_job_run_duration_seconds_bucket')}"
                        "[$__rate_interval])")),
    bars("Distribution of durations", "Runs of the time shown that took at most so many seconds.",
         "short", now(total("le",
         f"increase({of('peekpush_job_run_duration_seconds_bucket')}{RANGE})"),
                      "{{le}}", format="heatmap"), w=12, h=9, upright=True, decimals=0),
    graph("Attempts beyond the first", "By --retries. A job that needs them often hides a defect.",
          "short", (f"{rate('peekpush_job_retries_total', JOB)} * 3600", NAME), w=8),
    graph("Killed for memory", "Processes of the last run that the kernel has killed.", "short",
          (job("oom_kills"), NAME), w=8, thresholds=NONE),
    graph("Due in", "Time until the next success has to be there; below 0 it is late.", "s",
          (f"{EVERY} - ({SINCE_SUCCESS})", NAME), w=8, low=None),
)

USAGE = row(
    "What they take",
    graph("CPU", "CPUs that a run keeps busy, with all its descendants.", "short",
          (rate("peekpush_job_cpu_seconds", JOB), NAME), w=8, stack=True),
    graph("Memory", "Held by a run now.", "bytes", (job("memory_bytes"), NAME), w=8, stack=True),
    graph("Most memory", "The most that the newest run has held at a time.", "bytes",
          (job("memory_peak_bytes"), NAME), w=8),
    graph("Storage", "Read and written by the newest run; what a cache served is not in it.",
          "bytes",
          (total(f"{JOB}, op", of("peekpush_job_io_bytes")), NAME + ", {{op}}"), w=8),
    graph("Major page faults", "Of the newest run: each one waited for the disk.", "short",
          (job("page_faults", type="major"), NAME), w=8),
    graph("Involuntary context switches", "A second: the run could have gone on, and others came "
          "first.", "cps", (rate("peekpush_job_context_switches", JOB, type="involuntary"), NAME),
          w=8),
)

ENERGY = row(
    "Energy",
    graph("Energy of a run", "Of the newest run, beyond what the host consumes idle.", "joule",
          (job("energy_joules"), NAME), w=8),
    graph("By the usual", "Energy of the last run by the median of the last successful ones. Twice "
          "as much for the same work: it waits badly, or works twice.", "percentunit",
          (f"{job('energy_joules')} / ({job('typical_energy_joules')} > 0)", NAME), w=8,
          thresholds=limits((2, RED))),
    graph("Mean power", "Of the newest run.", "watt", (job("energy_mean_watts"), NAME), w=8),
    bars("Energy of all runs", "Ended within the time shown.", "joule",
         (f"topk(12, {grown('runs_energy_joules_total', JOB)})", NAME)),
    bars("Carbon", "Of all runs ended within the time shown, without the hosts' idle power; needs "
         "energy.carbon.grams_per_kwh.", "massg",
         (f"topk(12, {grown('runs_carbon_grams_total', JOB, mode='dynamic')})", NAME)),
    bars("Cost", "The same in the money of energy.cost_per_kwh.", "none",
         (f"topk(12, {grown('runs_energy_cost_total', JOB, mode='dynamic')})", NAME), decimals=6),
)


def inside(names):
    """Metrics from inside of jobs, by the ends of their names."""
    return f'{{__name__=~"(.+_)?({names})", instance=~"$instance", job=~"$job", stage=~"$stage"}}'


TOLD = "{{job}} {{stage}} {{__name__}}"
ML = row(
    "Training and pipelines",
    graph("Loss", "Whatever a job tells of itself under a name that ends in loss. It should fall; "
          "that of validation rising while that of training falls is overfitting.", "none",
          (inside("loss"), f"{TOLD} {{{{split}}}}"), low=None),
    graph("Accuracy and the like", "Names that end in accuracy, recall, precision, f1 or auc, and "
          "the floor that the job has set for them.", "percentunit",
          (inside("accuracy|recall|precision|f1|auc|accuracy_floor"),
           f"{TOLD} {{{{split}}}}{{{{class}}}}"), high=1),
    graph("Epoch", "Names that end in epoch or step. A flat curve of a job at work: it hangs.",
          "none",
          (inside("epoch|step"), TOLD), w=8),
    graph("Speed", "Growth a second of what jobs count themselves (names that end in "
          "examples_total, samples_total, rows_total, steps_total or tokens_total).", "cps",
          (f"rate({inside('(examples|samples|rows|steps|tokens)_total')}[$__rate_interval])",
           "{{job}} {{stage}}"), w=8),
    graph("Time for an epoch", "Mean of all epochs so far, of jobs that tell a histogram or "
          "summary whose name ends in epoch_seconds.", "s",
          (f"sum by ({JOB}) ({inside('epoch_seconds_sum')}) / "
           f"(sum by ({JOB}) ({inside('epoch_seconds_count')}) > 0)", NAME), w=8),
)

BOARD = board(
    "Jobs & ML pipelines", "What runs under `peekpush run`: results, what is late or lost, "
    "durations and resources, energy, and what jobs tell of themselves.",
    [variable("instance", "Host", "label_values(peekpush_job_running, instance)"),
     variable("job", "Job", 'label_values(peekpush_job_running{instance=~"$instance"}, job)'),
     variable("stage", "Stage", 'label_values(peekpush_job_running{instance=~"$instance", '
              'job=~"$job"}, stage)')],
    [OVERVIEW, JOBS, WORK, RUNS, USAGE, ENERGY, ML], time="now-6h")
