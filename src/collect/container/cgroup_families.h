/* SPDX-License-Identifier: Apache-2.0 */
/* The families of collector cgroup, with cAdvisor's names: X(ID, name, help, type). */
#pragma once

#define CGROUP_FAMILY_LIST(X)                                                                      \
	X(CPU_USAGE, "container_cpu_usage_seconds_total",                                          \
	  "CPU time used, by CPU (cgroup v1) or in all (cpu=\"total\").", METRIC_COUNTER)          \
	X(CPU_USER, "container_cpu_user_seconds_total", "CPU time used in programs.",              \
	  METRIC_COUNTER)                                                                          \
	X(CPU_SYSTEM, "container_cpu_system_seconds_total", "CPU time used in the kernel.",        \
	  METRIC_COUNTER)                                                                          \
	X(CFS_PERIODS, "container_cpu_cfs_periods_total",                                          \
	  "Periods of its CPU quota in which the group ran.", METRIC_COUNTER)                      \
	X(CFS_THROTTLED, "container_cpu_cfs_throttled_periods_total",                              \
	  "Periods in which the group had used up its CPU quota.", METRIC_COUNTER)                 \
	X(CFS_THROTTLED_SECONDS, "container_cpu_cfs_throttled_seconds_total",                      \
	  "Time that the group was held up for having used up its CPU quota.", METRIC_COUNTER)     \
	X(CFS_BURSTS, "container_cpu_cfs_burst_periods_total",                                     \
	  "Periods in which the group used CPU time saved up before.", METRIC_COUNTER)             \
	X(CFS_BURST_SECONDS, "container_cpu_cfs_burst_seconds_total",                              \
	  "CPU time used beyond the quota that was saved up before.", METRIC_COUNTER)              \
	X(PRESSURE_CPU_STALLED, "container_pressure_cpu_stalled_seconds_total",                    \
	  "Time that all of the group's tasks at once waited for a CPU.", METRIC_COUNTER)          \
	X(PRESSURE_CPU_WAITING, "container_pressure_cpu_waiting_seconds_total",                    \
	  "Time that at least one of the group's tasks waited for a CPU.", METRIC_COUNTER)         \
	X(PRESSURE_MEMORY_STALLED, "container_pressure_memory_stalled_seconds_total",              \
	  "Time that all of the group's tasks at once waited for memory.", METRIC_COUNTER)         \
	X(PRESSURE_MEMORY_WAITING, "container_pressure_memory_waiting_seconds_total",              \
	  "Time that at least one of the group's tasks waited for memory.", METRIC_COUNTER)        \
	X(PRESSURE_IO_STALLED, "container_pressure_io_stalled_seconds_total",                      \
	  "Time that all of the group's tasks at once waited for I/O.", METRIC_COUNTER)            \
	X(PRESSURE_IO_WAITING, "container_pressure_io_waiting_seconds_total",                      \
	  "Time that at least one of the group's tasks waited for I/O.", METRIC_COUNTER)           \
	X(MEMORY_USAGE, "container_memory_usage_bytes", "Memory in use, with the page cache.",     \
	  METRIC_GAUGE)                                                                            \
	X(MEMORY_MAX_USAGE, "container_memory_max_usage_bytes",                                    \
	  "The most memory that was ever in use.", METRIC_GAUGE)                                   \
	X(MEMORY_WORKING_SET, "container_memory_working_set_bytes",                                \
	  "Memory in use without the part of the page cache that is easily given back.",           \
	  METRIC_GAUGE)                                                                            \
	X(MEMORY_CACHE, "container_memory_cache", "Page cache, with shared memory, in bytes.",     \
	  METRIC_GAUGE)                                                                            \
	X(MEMORY_RSS, "container_memory_rss", "Anonymous memory in bytes.", METRIC_GAUGE)          \
	X(MEMORY_KERNEL, "container_memory_kernel_usage", "Memory of the kernel's own in bytes.",  \
	  METRIC_GAUGE)                                                                            \
	X(MEMORY_MAPPED, "container_memory_mapped_file", "Mapped files in bytes.", METRIC_GAUGE)   \
	X(MEMORY_SWAP, "container_memory_swap", "Swap in use in bytes.", METRIC_GAUGE)             \
	X(MEMORY_ACTIVE_FILE, "container_memory_total_active_file_bytes",                          \
	  "Page cache that was used more than once of late.", METRIC_GAUGE)                        \
	X(MEMORY_INACTIVE_FILE, "container_memory_total_inactive_file_bytes",                      \
	  "Page cache that is the first to be given back.", METRIC_GAUGE)                          \
	X(MEMORY_DIRTY, "container_memory_file_dirty_bytes", "Page cache not yet written back.",   \
	  METRIC_GAUGE)                                                                            \
	X(MEMORY_WRITEBACK, "container_memory_file_writeback_bytes",                               \
	  "Page cache that is being written back.", METRIC_GAUGE)                                  \
	X(MEMORY_FAILCNT, "container_memory_failcnt", "How often the memory limit was met.",       \
	  METRIC_COUNTER)                                                                          \
	X(MEMORY_FAILURES, "container_memory_failures_total",                                      \
	  "Page faults, by kind; scope=\"hierarchy\": with those of all groups below.",            \
	  METRIC_COUNTER)                                                                          \
	X(MEMORY_EVENTS_HIGH, "container_memory_events_high_total",                                \
	  "How often tasks were slowed down for being over memory.high.", METRIC_COUNTER)          \
	X(MEMORY_EVENTS_MAX, "container_memory_events_max_total",                                  \
	  "How often usage was about to go over memory.max.", METRIC_COUNTER)                      \
	X(MEMORY_PGSCAN, "container_memory_pgscan_total", "Pages looked at by reclaim.",           \
	  METRIC_COUNTER)                                                                          \
	X(MEMORY_PGSTEAL, "container_memory_pgsteal_total", "Pages taken back by reclaim.",        \
	  METRIC_COUNTER)                                                                          \
	X(MEMORY_REFAULT_FILE, "container_memory_workingset_refault_file_total",                   \
	  "Pages of files that were needed again soon after they had been taken back.",            \
	  METRIC_COUNTER)                                                                          \
	X(MEMORY_REFAULT_ANON, "container_memory_workingset_refault_anon_total",                   \
	  "Anonymous pages that were needed again soon after they had been swapped out.",          \
	  METRIC_COUNTER)                                                                          \
	X(OOM_EVENTS, "container_oom_events_total",                                                \
	  "Processes killed because memory had run out.", METRIC_COUNTER)                          \
	X(FS_READS_BYTES, "container_fs_reads_bytes_total", "Bytes read, by device.",              \
	  METRIC_COUNTER)                                                                          \
	X(FS_READS, "container_fs_reads_total", "Reads completed, by device.", METRIC_COUNTER)     \
	X(FS_WRITES_BYTES, "container_fs_writes_bytes_total", "Bytes written, by device.",         \
	  METRIC_COUNTER)                                                                          \
	X(FS_WRITES, "container_fs_writes_total", "Writes completed, by device.", METRIC_COUNTER)  \
	X(FS_COST_USAGE, "container_fs_io_cost_usage_seconds_total",                               \
	  "Time of the device used, as blk-iocost reckons it.", METRIC_COUNTER)                    \
	X(FS_COST_WAIT, "container_fs_io_cost_wait_seconds_total",                                 \
	  "Time that requests were held back by blk-iocost.", METRIC_COUNTER)                      \
	X(FS_COST_INDEBT, "container_fs_io_cost_indebt_seconds_total",                             \
	  "Time that the group owed blk-iocost for requests that could not wait.", METRIC_COUNTER) \
	X(FS_COST_INDELAY, "container_fs_io_cost_indelay_seconds_total",                           \
	  "Time that tasks were slowed down to pay such debt.", METRIC_COUNTER)                    \
	X(BLKIO, "container_blkio_device_usage_total",                                             \
	  "Bytes moved, by device and operation; on cgroup v1 one operation is Total.",            \
	  METRIC_COUNTER)                                                                          \
	X(FS_READS_MERGED, "container_fs_reads_merged_total",                                      \
	  "Reads that were merged with a neighbour before they went out.", METRIC_COUNTER)         \
	X(FS_SECTOR_READS, "container_fs_sector_reads_total", "Sectors of 512 bytes read.",        \
	  METRIC_COUNTER)                                                                          \
	X(FS_READ_SECONDS, "container_fs_read_seconds_total",                                      \
	  "Time that reads took, each for itself.", METRIC_COUNTER)                                \
	X(FS_WRITES_MERGED, "container_fs_writes_merged_total",                                    \
	  "Writes that were merged with a neighbour before they went out.", METRIC_COUNTER)        \
	X(FS_SECTOR_WRITES, "container_fs_sector_writes_total", "Sectors of 512 bytes written.",   \
	  METRIC_COUNTER)                                                                          \
	X(FS_WRITE_SECONDS, "container_fs_write_seconds_total",                                    \
	  "Time that writes took, each for itself.", METRIC_COUNTER)                               \
	X(FS_IO_CURRENT, "container_fs_io_current", "Requests under way.", METRIC_GAUGE)           \
	X(FS_IO_SECONDS, "container_fs_io_time_seconds_total",                                     \
	  "Time with at least one request under way.", METRIC_COUNTER)                             \
	X(FS_IO_WEIGHTED, "container_fs_io_time_weighted_seconds_total",                           \
	  "Time with requests under way, times how many they were.", METRIC_COUNTER)               \
	X(THREADS, "container_threads", "Tasks in the group and below.", METRIC_GAUGE)             \
	X(THREADS_MAX, "container_threads_max", "How many tasks there may be; 0: no limit.",       \
	  METRIC_GAUGE)                                                                            \
	X(PROCESSES, "container_processes",                                                        \
	  "Processes in the group; of a container, with those of the groups within it.",           \
	  METRIC_GAUGE)                                                                            \
	X(HUGETLB_USAGE, "container_hugetlb_usage_bytes", "Huge pages in use, in bytes.",          \
	  METRIC_GAUGE)                                                                            \
	X(HUGETLB_MAX_USAGE, "container_hugetlb_max_usage_bytes",                                  \
	  "The most huge pages that were ever in use, in bytes.", METRIC_GAUGE)                    \
	X(HUGETLB_FAILCNT, "container_hugetlb_failcnt",                                            \
	  "How often the limit of huge pages was met.", METRIC_COUNTER)                            \
	X(SPEC_CPU_PERIOD, "container_spec_cpu_period",                                            \
	  "Period of the CPU quota in microseconds.", METRIC_GAUGE)                                \
	X(SPEC_CPU_QUOTA, "container_spec_cpu_quota",                                              \
	  "CPU time the group may use in a period, in microseconds.", METRIC_GAUGE)                \
	X(SPEC_CPU_SHARES, "container_spec_cpu_shares",                                            \
	  "Weight among siblings when CPUs are short, as shares (1024 is the usual).",             \
	  METRIC_GAUGE)                                                                            \
	X(SPEC_MEMORY_LIMIT, "container_spec_memory_limit_bytes", "Memory limit; 0: none.",        \
	  METRIC_GAUGE)                                                                            \
	X(SPEC_SWAP_LIMIT, "container_spec_memory_swap_limit_bytes",                               \
	  "Limit of swap alone; 0: no swap at all. Not there when there is no limit.",             \
	  METRIC_GAUGE)                                                                            \
	X(SPEC_RESERVATION, "container_spec_memory_reservation_limit_bytes",                       \
	  "Memory that is kept for the group as long as possible; 0: none.", METRIC_GAUGE)         \
	X(CREATION_TIME, "container_creation_time_seconds", "When it was made, as Unix time.",     \
	  METRIC_GAUGE)                                                                            \
	X(START_TIME, "container_start_time_seconds", "When it was started, as Unix time.",        \
	  METRIC_GAUGE)                                                                            \
	X(LAST_SEEN, "container_last_seen", "When it was sampled, as Unix time.", METRIC_GAUGE)    \
	X(HEALTH, "container_health_state",                                                        \
	  "1 healthy, 0 not; -1 when nothing looks after its health.", METRIC_GAUGE)
