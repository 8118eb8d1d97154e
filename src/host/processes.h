/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process table as one array of plain structs, however it was read: by the kernel's task
 * iterator (processes_iter.c), or file by file from /proc (processes_proc.c). Both give the same
 * numbers; a process is its thread group, with what its ended threads used.
 */
#pragma once

#include "base/arena.h"
#include "host/host.h"

enum { PROCESS_COMM = 16 };

/* What could be read of a process; the rest is not known (another user's, gone meanwhile). */
enum process_has {
	PROCESS_IO = 1,  /* read_bytes, write_bytes */
	PROCESS_FDS = 2, /* fds */
	PROCESS_FD_LIMIT = 4,
	PROCESS_SWITCHES = 8,
	PROCESS_CGROUP = 16,
	PROCESS_DELAY = 32,
	PROCESS_SWAP = 64,
};

struct process {
	uint64_t start_ns; /* since boot; with pid it names the process, also after pid reuse */
	uint64_t user_ns, system_ns; /* as utime and stime of /proc/PID/stat tell, in ns */
	uint64_t cpu_ns;             /* user + system, from the scheduler where it may be known */
	uint64_t delay_ns;           /* runnable, but waiting for a CPU (schedstat) */
	uint64_t minor_faults, major_faults;
	uint64_t read_bytes, write_bytes; /* of storage: read_bytes, write_bytes of /proc/PID/io */
	uint64_t voluntary_switches, involuntary_switches;
	uint64_t virtual_bytes, resident_bytes, swap_bytes;
	uint64_t cgroup; /* id of its v2 cgroup: inode of its directory */
	uint64_t fd_limit;
	uint32_t pid, ppid, uid, threads, fds;
	uint32_t has;            /* enum process_has */
	bool kernel;             /* a kernel thread */
	char state;              /* 'R', 'S', 'D', ...: of its first thread */
	char comm[PROCESS_COMM]; /* up to the first NUL; all 16 bytes when it has none */
};

struct process_table {
	size_t n;
	struct process *v; /* rising by pid */
};

/* What a reader need not bother to read. */
struct process_wants {
	bool io, fds, fd_limit, switches, delay, swap, cgroup;
};

/*
 * The table of this cycle, whoever of the collectors read it. Filled by collect/process/table.c,
 * which knows where from; an entry of an older cycle is empty again.
 */
struct process_shared {
	uint64_t cycle; /* of the host's in which it was filled; 0: in none */
	struct arena arena;
	struct process_wants wants;
	struct process_table table;
	bool by_kernel; /* by the iterator */
};

struct process_shared *processes_shared(struct host *host);

/* From /proc; processes that end meanwhile are left out. 0 or -errno. */
int processes_proc(struct host *host, const struct process_wants *wants, struct arena *arena,
		   struct process_table *ret);

/*
 * The threads of one process, each as if it were one; without fds, cgroup and delay. -ENOENT,
 * -ESRCH when it is gone, or another -errno.
 */
int processes_threads(struct host *host, uint32_t pid, const struct process_wants *wants,
		      struct arena *arena, struct process_table *ret);

/* How many there are by state letter. */
struct process_states {
	uint64_t processes[128], threads[128];
	uint64_t n_threads; /* as the processes tell, also those that are in no `threads` */
};

/* Reads the threads of those processes that have several; of a given tree, of all. */
void processes_states(struct host *host, const struct process_table *table, struct arena *scratch,
		      struct process_states *ret);

/* The process of that number in the table, or NULL. */
const struct process *process_by_pid(const struct process_table *table, uint32_t pid);

/* The directory of a process, or of one of its threads when that is not 0. An fd or -errno. */
int processes_open(const struct host *host, uint32_t pid, uint32_t thread);

/* The kernel function it sleeps in; of a thread when `thread` is not 0. Empty: none, or unknown. */
struct str processes_wchan(struct host *host, uint32_t pid, uint32_t thread, struct arena *arena);

/* Its share of memory that others map, too (smaps_rollup): dear. False when that is not known. */
bool processes_shares(struct host *host, uint32_t pid, uint64_t *ret_resident, uint64_t *ret_swap);

/*
 * From the pinned iterator of the object "processes": an fd of loaded_iterate(), which is read to
 * its end. 0, or -errno; -EXDEV: whoever opened it is not in the host's pid namespace, and would
 * see but a part of the processes by numbers that mean others to it, -EPROTONOSUPPORT: the program
 * that is loaded belongs to another version of peekpush. Then /proc is to be read.
 */
int processes_iter(int fd, struct arena *arena, struct process_table *ret);
