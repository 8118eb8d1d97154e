/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts that /proc has of one process. None of them is trusted: a process chooses its name,
 * and another tree (--procfs) may hold anything. Times are ns, sizes bytes.
 */
#pragma once

#include "base/str.h"

struct process;

/*
 * /proc/PID/stat, all of it: pid, ppid, comm, state, faults, times, threads, start, virtual_bytes,
 * kernel. `tick_ns` is the length of a clock tick. False when it is no such line.
 */
bool process_parse_stat(struct str text, uint64_t tick_ns, struct process *process);

/*
 * /proc/PID/status: uid (the effective one), resident_bytes, swap_bytes; context switches are
 * added to those there are, for each thread has its own. Sets PROCESS_SWAP and PROCESS_SWITCHES.
 */
void process_parse_status(struct str text, struct process *process);
/* The same of a further thread: only its context switches. */
void process_parse_switches(struct str text, struct process *process);

/* /proc/PID/io; sets PROCESS_IO. */
void process_parse_io(struct str text, struct process *process);

/* The soft limit of open files in /proc/PID/limits; sets PROCESS_FD_LIMIT. */
void process_parse_limits(struct str text, struct process *process);

/* The path below the mount of the v2 hierarchy in /proc/PID/cgroup, or false. */
bool process_parse_cgroup(struct str text, struct str *ret_path);
