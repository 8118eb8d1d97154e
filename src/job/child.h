/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting CMD. The child borrows our memory until it executes (as vfork(2) has it), because
 * copying page tables would be most of the price: 70 us instead of 170 until CMD executes.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct child_conf {
	char **argv;
	char *const *envp;    /* NULL: ours; PATH is looked up in ours in any case */
	const sigset_t *mask; /* CMD's signal mask */
	int cgroup;           /* directory of the cgroup v2 to be born in, or -1 */
	int err;              /* what becomes its stderr, or -1 */
};

/*
 * Runs argv[0], found as execvp(3) finds it. Returns 0 once it is executing; -errno of the exec,
 * or of the fork, then *ret_forked is false. A cgroup that cannot be had is done without.
 *
 * CMD finds every signal ignored or not as it is now. SIGCHLD is at its default here afterwards:
 * ignored, as some daemons hand it down, the kernel would keep no status. CMD gets it as it was.
 */
int child_start(const struct child_conf *conf, pid_t *ret_pid, bool *ret_forked);
