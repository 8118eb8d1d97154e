# SPDX-License-Identifier: Apache-2.0
"""What several dashboards mean by the same words: busy, used, full, late."""
from .kit import rate, sel

# Waiting for a disk is not work, and what a hypervisor gave to others is none of the host's.
RESTING = rate("node_cpu_seconds_total", mode="~idle|iowait|steal")
CPU_BUSY = f"1 - avg by (instance) (sum by (instance, cpu) ({RESTING}))"
CPUS = f'count by (instance) ({sel("node_cpu_seconds_total", mode="idle")})'
LOAD = f'{sel("node_load1")} / on (instance) group_left () {CPUS}'
MEMORY_USED = f'1 - {sel("node_memory_MemAvailable_bytes")} / {sel("node_memory_MemTotal_bytes")}'
# Of what users may fill; what is mounted read-only is full by nature.
SPACE_USED = (f'(1 - {sel("node_filesystem_avail_bytes")} / '
              f'({sel("node_filesystem_size_bytes")} > 0)) unless '
              f'{sel("node_filesystem_readonly")} == 1')
FILES_USED = (f'(1 - {sel("node_filesystem_files_free")} / '
              f'({sel("node_filesystem_files")} > 0)) unless '
              f'{sel("node_filesystem_readonly")} == 1')
# Share of time in which somebody waited; the name of what for becomes a label.
WAITING = " or ".join(
    f'label_replace({rate(f"node_pressure_{what}_waiting_seconds_total")}, "for", "{what}", "", "")'
    for what in ("cpu", "memory", "io"))
PRESSURE_WORST = f"max by (instance) ({WAITING})"
WATTS = f'sum by (instance) ({rate("peekpush_energy_host_joules_total")})'
UPTIME = f'{sel("node_time_seconds")} - {sel("node_boot_time_seconds")}'
# Only groups of hosts have peekpush_running; those of jobs have ends of their own.
AGE = f'(time() - {sel("push_time_seconds")}) and {sel("peekpush_running")}'
# As AgentSilent has it: the age is taken when Prometheus scraped, which may be seldom.
SILENT = (f'(timestamp({sel("push_time_seconds")}) - {sel("push_time_seconds")} > '
          f'3 * {sel("peekpush_interval_seconds")}) and '
          f'{sel("peekpush_running")} == 1')
# Whole disks: what stands on others (partitions, LVM, md, loop) would be counted again.
DISK = "!~(dm-|md|loop|ram|zram|sr|fd).*|([hsv]|xv)d[a-z]+[0-9]+|(nvme|mmcblk).*p[0-9]+"
# Traffic on the wire: not the host's own ends of containers' cables, and nothing twice.
WIRE = "!~lo|veth.*|docker.*|br-.*|cni.*|virbr.*|tap.*|tun.*|bond.*|team.*"
