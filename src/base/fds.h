/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a process begins with; and children that do not execute: how they are born. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* /dev/null as each of 0-2 that is closed: the next file that is opened would get its number. */
void fds_open_std(void);

/*
 * Closes all files but those in `keep`, which is put in order; what is negative there is skipped.
 * Neither a pipe that somebody reads to its end, nor a lock, may live on in the child.
 */
void fds_close_all_but(int *keep, size_t n);

/*
 * fork(2) of a child that has all signals blocked: until it has reset them, the parent's handlers
 * must not run in it. Returns the pid, 0 in the child, or -errno.
 */
pid_t fds_fork(void);
