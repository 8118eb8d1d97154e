/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes below one, from /proc. Each comes after its parent, because of this: a child
 * that is reaped while we read is then missed and not counted twice, its parent's numbers having
 * been read before they grew by the child's.
 */
#pragma once

#include "job/pids.h"
#include "job/usage.h"

struct proc {
	pid_t pid, parent;
	char state;
	uint64_t threads;
	/* Of it and of the children it has waited for. */
	uint64_t user_ns, system_ns, minor_faults, major_faults;
};

struct procs {
	struct proc *v;
	size_t n, cap;
};

/*
 * All descendants of `top`, without the `skip`ped ones and what is below them. Zombies are in it:
 * what they used, nobody has been given yet. `proc` is the directory fd of /proc.
 *
 * The kernel's lists of children cost by the size of the tree, but while siblings come and go one
 * may be left out. With `thorough` all of /proc is read, where only who has just lost its parent
 * may be missed, and not twice in a row.
 */
void procs_below(int proc, pid_t top, const struct pids *skip, bool thorough, struct arena *arena,
		 struct procs *ret);

/*
 * Adds what those have used and hold. The memory is what is theirs alone and the largest share of
 * files and shared memory: the latter would count many times over in a tree of workers.
 */
void procs_usage(int proc, const struct procs *procs, struct usage *usage);

/* A first thread that has ended is a zombie, too, while others of the process live on. */
static inline bool proc_is_dead(const struct proc *proc)
{
	return (proc->state == 'Z' || proc->state == 'X') && proc->threads <= 1;
}
