/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transient scope of systemd's for CMD: a cgroup that has the controllers for memory and I/O,
 * which we could not switch on below our own. libsystemd is loaded by a child of ours that asks
 * and ends; the watcher stays small.
 */
#pragma once

#include "job/pids.h"

struct scope_conf {
	char name[48];    /* peekpush-job-PID.scope */
	struct str slice; /* NUL-ended; "" leaves it to systemd */
	bool user;        /* ask the user's manager, not the system's */
};

/*
 * Whether CMD may leave the cgroup `path` for a scope, and which. Not out of a service, which
 * `systemctl stop` and limits rely on, nor out of the scope of a job around it; and a user's job
 * not from a login session to a manager that ends, with all it has, when the user logs out: only
 * where that manager lives from boot on (`lingers`).
 */
bool scope_place(struct str path, bool user, bool lingers, struct scope_conf *ret,
		 struct arena *arena);

/* The same for us as we run here, in the cgroup with the directory `dir`; not from under a limit.
 */
bool scope_allowed(int dir, struct str path, struct scope_conf *ret, struct arena *arena);

/* Whether the cgroup is that scope's. */
bool scope_is(const struct scope_conf *conf, struct str path);

/*
 * Forks the child, which asks for the scope with `pids` (CMD first) in it and exits with 0 once
 * CMD is there. 0 or -errno.
 */
int scope_start(const struct scope_conf *conf, const struct pids *pids, pid_t *ret_helper);
