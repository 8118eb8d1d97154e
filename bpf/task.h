/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes as the kernel has them, and the part of a process_record that needs no helper of its
 * own. A process' figures are those of its threads, and in signal_struct those of its ended ones.
 */
#pragma once

#include "kernel.h"

#include "host/process_record.h"

enum { KERNEL_THREAD = 0x00200000 /* PF_KTHREAD */ };

struct list_head {
	struct list_head *next;
} RELOCATED;

struct hlist_node {
	struct hlist_node *next;
} RELOCATED;

struct pid {
	struct {
		struct hlist_node *first;
	} tasks[1];
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
	struct pid *thread_pid;
	struct hlist_node pid_links[1];
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
	r->cgroup = task->cgroups->dfl_cgrp->kn->id;
	if (r->cgroup)
		r->flags |= PROCESS_RECORD_CGROUP;
	if (task->flags & KERNEL_THREAD)
		r->flags |= PROCESS_RECORD_KERNEL;
	bpf_probe_read_kernel_str(r->comm, sizeof(r->comm), task->comm);
}

enum { THREADS = 1 << 17, TRIES = 4 };

struct walk {
	struct process_record *r;
	u64 node, head;
	struct mm_struct___p *mm;
	struct files_struct *files;
};

static long add_thread(u32 i, struct walk *w)
{
	struct process_record *r = w->r;
	struct task_struct___p *t;

	if (!w->node || w->node == w->head)
		return 1;
	t = (void *)(w->node - bpf_core_field_offset(struct task_struct___p, thread_node));
	r->user_ns += BPF_CORE_READ(t, utime);
	r->system_ns += BPF_CORE_READ(t, stime);
	r->runtime_ns += BPF_CORE_READ(t, se.sum_exec_runtime);
	r->minor_faults += BPF_CORE_READ(t, min_flt);
	r->major_faults += BPF_CORE_READ(t, maj_flt);
	r->voluntary_switches += BPF_CORE_READ(t, nvcsw);
	r->involuntary_switches += BPF_CORE_READ(t, nivcsw);
	if (bpf_core_field_exists(t->sched_info.run_delay)) {
		r->delay_ns += BPF_CORE_READ(t, sched_info.run_delay);
		r->flags |= PROCESS_RECORD_DELAY;
	}
	if (has_io()) {
		r->read_bytes += BPF_CORE_READ(t, ioac.read_bytes);
		r->write_bytes += BPF_CORE_READ(t, ioac.write_bytes);
	}
	if (!w->mm)
		w->mm = BPF_CORE_READ(t, mm);
	if (!w->files)
		w->files = BPF_CORE_READ(t, files);
	w->node = (u64)BPF_CORE_READ(t, thread_node.next);
	return 0;
}

/* Most processes have but one thread: its members are read at once, without a helper. */
static __always_inline void add_only_thread(struct walk *w, struct task_struct___p *t)
{
	struct process_record *r = w->r;

	r->user_ns += t->utime;
	r->system_ns += t->stime;
	r->runtime_ns += t->se.sum_exec_runtime;
	r->minor_faults += t->min_flt;
	r->major_faults += t->maj_flt;
	r->voluntary_switches += t->nvcsw;
	r->involuntary_switches += t->nivcsw;
	if (bpf_core_field_exists(t->sched_info.run_delay)) {
		r->delay_ns = t->sched_info.run_delay;
		r->flags |= PROCESS_RECORD_DELAY;
	}
	if (has_io()) {
		r->read_bytes += t->ioac.read_bytes;
		r->write_bytes += t->ioac.write_bytes;
	}
	w->mm = BPF_CORE_READ(t, mm);
	w->files = BPF_CORE_READ(t, files);
}

/* A thread that ends moves its figures into the process': the count tells whether one did. */
static __always_inline void read_threads(struct walk *w, struct task_struct___p *task)
{
	struct signal_struct___p *signal = task->signal;

	w->r->threads = signal->nr_threads;
	w->head = (u64)BPF_CORE_READ(task, signal) +
		  bpf_core_field_offset(struct signal_struct___p, thread_head);
	for (int i = 0; i < TRIES; i++) {
		u32 before = signal->stats_lock.seqcount.seqcount.sequence;

		read_ended(w->r, signal);
		w->r->delay_ns = 0;
		if (w->r->threads == 1) {
			add_only_thread(w, task);
		} else {
			w->node = (u64)signal->thread_head.next;
			bpf_loop(THREADS, add_thread, w, 0);
		}
		if (before == signal->stats_lock.seqcount.seqcount.sequence && !(before & 1))
			break;
		w->r->threads = signal->nr_threads;
	}
}
