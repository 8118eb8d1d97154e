/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bpf/processes.bpf.c hands to user space, and what is read there: raw figures of the kernel,
 * that arithmetic with more than 64 bits is done where it can be done. Members are only ever
 * appended; `size` tells a reader which of them there are, another version that it is no use.
 */
#pragma once

#include <linux/types.h>

enum {
	PROCESS_RECORD_VERSION = 1,
	PROCESS_RECORD_COMM = 16,
	PROCESS_RECORD_DEAD = 8192,  /* records that are kept of the dead */
	PROCESS_RECORD_KINDS = 8192, /* rows of those that nobody can have seen */
};

enum process_record_flags {
	PROCESS_RECORD_IO = 1,      /* read_bytes, write_bytes */
	PROCESS_RECORD_MM = 2,      /* pages_* */
	PROCESS_RECORD_FDS = 4,     /* fds */
	PROCESS_RECORD_KERNEL = 8,  /* a kernel thread */
	PROCESS_RECORD_CGROUP = 16, /* cgroup */
	PROCESS_RECORD_DELAY = 32,  /* delay_ns */
	/* Whoever opened the iterator is not in the host's pid namespace. The first record, or
	   none. */
	PROCESS_RECORD_FOREIGN = 64,
};

/* A process. No padding. */
struct process_record {
	__u16 version, size;
	__u32 flags;
	__u32 pid, ppid, uid, threads;
	__u32 fds;
	__u32 state;    /* task_struct.__state of the first thread */
	__u64 start_ns; /* boottime */
	/* As /proc computes utime and stime: ticks, the exact sum, and what it said last. */
	__u64 user_ns, system_ns, runtime_ns, said_user_ns, said_system_ns;
	__u64 delay_ns; /* of the threads there are */
	__u64 minor_faults, major_faults;
	__u64 read_bytes, write_bytes;
	__u64 voluntary_switches, involuntary_switches;
	__u64 cgroup;
	__u64 fd_limit;
	__u64 pages_virtual;
	__s64 pages_resident, pages_swap;
	__u32 exit_state, pad;
	char comm[PROCESS_RECORD_COMM];
};

/* The only value of the map "state". */
struct process_record_state {
	__u64 load;    /* boottime when these maps began: names them */
	__u64 visited; /* boottime of the iterator's last visit to any process; never 0 once set */
	__u64 next;    /* records written to "dead" so far */
	__u64 missed;  /* the dead that are in no map */
	__u64 swept;   /* boottime when rows that did not grow were last looked for */
};

/*
 * Value of "dead": record number i is at i % PROCESS_RECORD_DEAD. A reader may meet it while it is
 * written; then the check is not that of the words before it.
 */
struct process_record_dead {
	__u64 number; /* i + 1 */
	struct process_record record;
	__u64 check;
};

/* Key and value of "totals". The key of zeros is that of whoever there was no other room for. */
struct process_record_kind {
	__u64 cgroup;
	__u64 parent_start_ns;
	__u32 parent, uid;
	char comm[PROCESS_RECORD_COMM]; /* zeros behind the first NUL */
};

struct process_record_sum {
	__u64 born_ns;
	__u64 last_ns; /* when it last grew */
	__u64 count;
	__u64 user_ns, system_ns;
	__u64 minor_faults, major_faults;
	__u64 read_bytes, write_bytes;
	__u64 voluntary_switches, involuntary_switches;
};

#ifndef __bpf__
#include <stdint.h>

/* How its CPU time divides, as /proc tells it. Their sum is the scheduler's exact one. */
void process_record_times(const struct process_record *record, uint64_t *ret_user_ns,
			  uint64_t *ret_system_ns);
#endif

/* Of all words before the check: any that is not yet written makes another sum. */
static inline __attribute__((always_inline)) __u64
process_record_check(const struct process_record_dead *dead)
{
	const __u64 *words = (const __u64 *)(const void *)dead;
	__u64 check = 0x9e3779b97f4a7c15;

	for (unsigned int i = 0; i < __builtin_offsetof(struct process_record_dead, check) / 8; i++)
		check = (check ^ words[i]) * 0xff51afd7ed558ccd;
	return check;
}
