/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes as the kernel has them, and the part of a process_record that can be read of the dead
 * too. A process' figures are those of its threads, and in signal_struct those of its ended ones.
 */
#pragma once

#include "kernel.h"

#include "host/process_record.h"

enum { KERNEL_THREAD = 0x00200000 /* PF_KTHREAD */ };

struct list_head {
	struct list_head *next;
} RELOCATED;

struct task_io_accounting {
	u64 read_bytes, write_bytes;
} RELOCATED;

struct percpu_counter___p {
	s64 count;
	s32 *counters;
} RELOCATED;

/* The counters before Linux 6.2. */
struct mm_rss_stat {
	struct {
		s64 counter;
	} count[4];
} RELOCATED;

struct mm_struct___p {
	unsigned long total_vm;
	struct percpu_counter___p rss_stat[4];
} RELOCATED;

struct mm_struct___before {
	struct mm_rss_stat rss_stat;
} RELOCATED;

struct fdtable {
	unsigned int max_fds;
	unsigned long *open_fds;
} RELOCATED;

struct files_struct {
	struct fdtable *fdt;
} RELOCATED;

struct cred {
	struct {
		u32 val;
	} euid;
} RELOCATED;

struct signal_struct___p {
	int nr_threads;
	struct list_head thread_head;
	struct {
		struct {
			struct {
				unsigned int sequence;
			} seqcount;
		} seqcount;
	} stats_lock;
	u64 utime, stime;
	unsigned long nvcsw, nivcsw, min_flt, maj_flt;
	struct {
		u64 utime, stime;
	} prev_cputime;
	struct task_io_accounting ioac;
	u64 sum_sched_runtime;
	struct {
		unsigned long rlim_cur;
	} rlim[16];
} RELOCATED;

struct task_struct___p {
	unsigned int __state;
	unsigned int flags;
	int exit_state;
	int pid, tgid;
	struct task_struct___p *real_parent, *group_leader;
	struct list_head thread_node;
	u64 utime, stime;
	unsigned long nvcsw, nivcsw;
	u64 start_boottime;
	unsigned long min_flt, maj_flt;
	struct {
		u64 sum_exec_runtime;
	} se;
	struct {
		u64 run_delay;
	} sched_info;
	struct task_io_accounting ioac;
	struct mm_struct___p *mm;
	struct files_struct *files;
	struct signal_struct___p *signal;
	const struct cred *real_cred;
	struct css_set *cgroups;
	char comm[TASK_COMM_LEN];
} RELOCATED;

static __always_inline bool has_io(void)
{
	return bpf_core_field_exists(struct task_struct___p, ioac.read_bytes);
}

/* What threads that have ended left to their process; of a dead process this is all. */
static __always_inline void read_ended(struct process_record *r, struct signal_struct___p *signal)
{
	r->user_ns = signal->utime;
	r->system_ns = signal->stime;
	r->runtime_ns = signal->sum_sched_runtime;
	r->said_user_ns = signal->prev_cputime.utime;
	r->said_system_ns = signal->prev_cputime.stime;
	r->minor_faults = signal->min_flt;
	r->major_faults = signal->maj_flt;
	r->voluntary_switches = signal->nvcsw;
	r->involuntary_switches = signal->nivcsw;
	if (has_io()) {
		r->read_bytes = signal->ioac.read_bytes;
		r->write_bytes = signal->ioac.write_bytes;
		r->flags |= PROCESS_RECORD_IO;
	}
}

static __always_inline void read_task(struct process_record *r, struct task_struct___p *task)
{
	r->version = PROCESS_RECORD_VERSION;
	r->size = sizeof(*r);
	r->pid = task->tgid;
	r->ppid = task->real_parent->tgid;
	r->uid = task->real_cred->euid.val;
	r->start_ns = task->start_boottime;
	r->state = task->__state;
	r->exit_state = task->exit_state;
	r->cgroup = cgroup_of((struct task_struct *)task);
	if (r->cgroup)
		r->flags |= PROCESS_RECORD_CGROUP;
	if (task->flags & KERNEL_THREAD)
		r->flags |= PROCESS_RECORD_KERNEL;
	bpf_probe_read_kernel_str(r->comm, sizeof(r->comm), task->comm);
}
