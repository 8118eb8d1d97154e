# SPDX-License-Identifier: Apache-2.0
"""Energy: what hosts consume, whose it was, what it costs, and whether that can be trusted."""
from .kit import (NONE, RANGE, bars, board, board_link, column, graph, hosts, limits,
                  link, rate, row, sel, stat, table, top, total)
from .terms import WATTS

HOST = board_link("Open this host", "host", ("instance", "__field.labels.instance"))
JOB = board_link("Open this job", "jobs", ("job", "__field.labels.job"))
UNIT = "~.*[.](service|scope)"
# The last part of a unit's path, in each label set.
NAMED = 'label_replace({}, "unit", "$1", "id", ".*/([^/]+)")'
SOURCE = "instance, source, zone, domain, path"


def over_range(by, metric, **labels):
    return total(by, f"increase({sel(metric, **labels)}{RANGE})")


def most(count, by, metric, **labels):
    """Who had the most within the time shown, as bars."""
    return f"topk({count}, {over_range(by, metric, **labels)} > 0)"


HOSTS = row(
    "Hosts",
    stat("Power", "What all chosen hosts consume together, each by the best meter that it has.",
         "watt", f"sum({WATTS})", decimals=1, w=4),
    stat("Energy", "Consumed within the time shown.", "watth",
         over_range("", "peekpush_energy_host_joules_total").replace("by () ", "") + " / 3600",
         spark=False, decimals=2, w=4),
    stat("Attributed", "Of the energy, what is known to be somebody's work: of containers, units, "
         "processes. The rest was idle, or nobody's.", "percentunit",
         f'sum({rate("peekpush_energy_attributed_joules_total", state="attributed")}) / '
         f'(sum({rate("peekpush_energy_attributed_joules_total")}) > 0)', low=0, high=1, w=4),
    stat("Idle", "What hosts would consume doing nothing, as it has been learnt. Hosts that are "
         "mostly idle are worth being put together.", "watt",
         f'sum({sel("peekpush_energy_idle_watts")})',
         decimals=1, w=4),
    stat("Carbon", "Grams of CO2 for the energy of the time shown; needs "
         "energy.carbon.grams_per_kwh.", "massg",
         f'sum(increase({sel("peekpush_energy_carbon_grams_total")}{RANGE}))', spark=False,
         decimals=2, w=4, nothing="not configured"),
    stat("Cost", "For the energy of the time shown, in the money of energy.cost_per_kwh.", "none",
         f'sum(increase({sel("peekpush_energy_cost_total")}{RANGE}))', spark=False, decimals=4, w=4,
         nothing="not configured"),
    graph("Power of hosts", "Each host by its best meter: the platform, processors with their "
          "memory, the firmware's meter or the battery. Meters see different parts of a machine: "
          "compare a host with itself, and others only by the same one.", "watt",
          (total("instance, source", rate("peekpush_energy_host_joules_total")),
           "{{instance}} ({{source}})"), stack=True, links=[HOST]),
    graph("Power by domain", "Which part of the machines consumes it: processors, memory, GPUs, "
          "and what a meter of the whole machine saw beyond these (other).", "watt",
          (total("domain", rate("peekpush_energy_domain_joules_total")), "{{domain}}"), stack=True),
    graph("Attributed, idle, unattributed", "What was somebody's work, what was consumed for "
          "nothing, and what was work of nobody known, mostly interrupts. Together they are the "
          "power of the hosts.", "watt",
          (total("state", rate("peekpush_energy_attributed_joules_total")), "{{state}}"),
          stack=True),
    graph("Carbon and cost per hour", "At the present power, and at what was configured: grams of "
          "CO2, and money.", "short",
          (f'sum({rate("peekpush_energy_carbon_grams_total")}) * 3600', "grams per hour"),
          (f'sum({rate("peekpush_energy_cost_total")}) * 3600', "cost per hour")),
)

WHOSE = row(
    "Whose it was",
    graph("Containers", "Power of the ten containers that consumed the most within the time shown, "
          "beyond what the host consumes idle.", "watt",
          (top(10, "instance, name", "container_energy_joules_total", name="~.+"),
           "{{instance}} {{name}}"), stack=True),
    graph("Units of systemd", "The same of services and scopes, with all that is in them.", "watt",
          (NAMED.format(top(10, "instance, id", "container_energy_joules_total", id=UNIT, name="")),
           "{{instance}} {{unit}}"), stack=True),
    graph("Processes by name", "The same of processes; those of one name are one. \"gone\" are "
          "names that are not told any more.", "watt",
          (top(10, "instance, group", "peekpush_process_energy_joules_total"),
           "{{instance}} {{group}}"), stack=True),
    graph("Jobs at work", "Mean power that a wrapped job has caused since it started.", "watt",
          (f'sum by (instance, job, stage) ({sel("peekpush_job_energy_mean_watts")}) and '
           f'sum by (instance, job, stage) ({sel("peekpush_job_running")}) > 0',
           "{{job}} {{stage}} on {{instance}}"), stack=True, links=[JOB]),
    bars("Containers, energy", "Who consumed the most within the time shown.", "joule",
         (most(12, "instance, name", "container_energy_joules_total", name="~.+"),
          "{{instance}} {{name}}"), h=9),
    bars("Processes, energy", "Names that consumed the most within the time shown.", "joule",
         (most(12, "instance, group", "peekpush_process_energy_joules_total"),
          "{{instance}} {{group}}"), h=9),
    bars("Jobs, energy", "Of all runs within the time shown, as they ended.", "joule",
         (f'topk(12, '
          f'{over_range("instance, job, stage", "peekpush_job_runs_energy_joules_total")})',
          "{{job}} {{stage}} on {{instance}}"), h=9),
)

GPU = "{{instance}} {{gpu}}"
GPUS = row(
    "GPUs",
    graph("Power of GPUs", "Drawn by each board. At its limit (dashed in its data sheet, below as "
          "a curve) a GPU lowers its clocks.", "watt",
          (sel("DCGM_FI_DEV_POWER_USAGE"), GPU),
          (sel("DCGM_FI_DEV_ENFORCED_POWER_LIMIT"), f"{GPU} limit"), w=8),
    graph("Use", "Share of time in which anything was computed. A GPU that is held at 0 is paid "
          "for and idle.", "percent", (sel("DCGM_FI_DEV_GPU_UTIL"), GPU), high=100, w=8),
    graph("Memory", "Taken on each GPU.", "mbytes", (sel("DCGM_FI_DEV_FB_USED"), GPU), w=8),
    graph("Temperature", "At the slowdown temperature clocks are lowered, at the next one the "
          "board is switched off.", "celsius", (sel("DCGM_FI_DEV_GPU_TEMP"), GPU), w=8, low=None,
          thresholds=limits((85, "orange"), (95, "red"))),
    graph("Clock of the multiprocessors", "Lower than usual under load: power or heat hold it "
          "down.",
          "hertz", (sel("DCGM_FI_DEV_SM_CLOCK") + " * 1e6", GPU), w=8),
    graph("Memory of processes", "Held on GPUs by single processes.", "bytes",
          (f'sum by (instance, gpu, comm, pid) ({sel("peekpush_gpu_process_memory_bytes")})',
           "{{instance}} {{gpu}} {{comm}} {{pid}}"), w=8, stack=True),
    table("GPUs", "What there is, and what is wrong with it. Memory errors that could not be "
          "corrected end programs; throttling is time that the clocks were held down.",
          {"instance": ("Host", link(board_link("Open this host", "host",
                                                ("instance", "__value.raw")))),
           "gpu": ("GPU", {})},
          [
              column("Answers", f'max by (instance, gpu) ({sel("peekpush_gpu_up")})',
                     "bool_yes_no"),
              column("Processes", f'sum by (instance, gpu) ({sel("peekpush_gpu_processes")})'),
              column("Held down by power", "sum by (instance, gpu) (increase("
                     f'{sel("DCGM_FI_DEV_POWER_VIOLATION")}{RANGE}))', "ns"),
              column("Held down by heat", "sum by (instance, gpu) (increase("
                     f'{sel("DCGM_FI_DEV_THERMAL_VIOLATION")}{RANGE}))', "ns"),
              column("Uncorrected errors",
                     f'sum by (instance, gpu) ({sel("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL")})',
                     thresholds=NONE),
              column("Corrected errors",
                     f'sum by (instance, gpu) ({sel("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL")})'),
          ], h=6, sort="Host", nothing="There is none."),
)

TRUST = row(
    "Can it be trusted",
    table("Sources", "Every meter that was found. Those without a reason are part of their host's "
          "sum; the others are told, and contained in another one, unreadable, or of unknown "
          "meaning.",
          {"instance": ("Host", {}), "source": ("Source", {}), "zone": ("Zone", {}),
           "domain": ("Domain", {}), "path": ("Path", {}), "reason": ("Not counted because", {})},
          [
              column("Known", f'max by ({SOURCE}, reason) ({sel("peekpush_energy_source_info")})',
                     "bool_yes_no", w=80),
              column("Power", f'sum by ({SOURCE}) ({rate("peekpush_energy_source_joules_total")}) '
                     f"* on ({SOURCE}) group_left (reason) max by ({SOURCE}, reason) "
                     f'({sel("peekpush_energy_source_info")})', "watt", w=100, decimals=1),
          ], h=9, sort="Host", hide=("Known",)),
    graph("Gaps", "Times that a meter's reading told nothing of the time before it, by reason; "
          "that time's energy is missing. Frequent ambiguous wraps: push more often, or use the "
          "agent.",
          "short", (total("instance, reason", f"increase({sel('peekpush_energy_gaps_total')}"
                          "[$__rate_interval])"), "{{instance}} {{reason}}"),
          w=8, thresholds=NONE, decimals=0),
    graph("Error of the balance", "Idle, attributed and unattributed energy less the host's. It is "
          "0 in every push, or peekpush has a defect.", "joule",
          (sel("peekpush_energy_balance_error_joules"), "{{instance}}"), w=8, low=None),
    graph("Idle power", "What is taken for the power of doing nothing; it is learnt, from below, "
          "and all attribution hangs on it.", "watt",
          (sel("peekpush_energy_idle_watts"), "{{instance}} {{domain}} {{package}}"), w=8),
    stat("Still learning", "Packages whose idle power is a guess so far, for lack of idle time. "
         "Attribution is too low there.", "short", f'sum({sel("peekpush_energy_idle_learning")})',
         w=8, spark=False),
    stat("Hosts with a meter", "Of all chosen hosts; the rest has no sensor, or may not read it.",
         "short", f"count({WATTS})", w=8, spark=False),
    stat("Hosts without one", "Virtual machines mostly: the hypervisor has the sensors.", "short",
         f'(count({sel("peekpush_running")}) - (count({WATTS}) or vector(0))) or vector(0)', w=8,
         spark=False),
)

BOARD = board("Energy", "What hosts consume, which containers, units, processes and jobs it was "
              "for, and what that costs in carbon and money.", [hosts()],
              [HOSTS, WHOSE, GPUS, TRUST])
