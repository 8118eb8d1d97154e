/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a process is, beyond what the table says: command line, user, cgroup. Each is read when it
 * is first asked for, as most are never.
 */
#pragma once

#include "host/processes.h"

struct identity {
	struct host *host;
	struct arena *arena;
	const struct process *process;
	bool dead; /* it has no files any more: only comm, user and parent are known */
	bool has_cmdline, has_cgroup;
	struct str argv0, cmdline; /* arguments with blanks between */
	struct str cgroups;        /* /proc/PID/cgroup */
	struct str path, unit, container;
};

/* Up to the first NUL. */
struct str identity_comm(const struct process *process);
/* Empty for a kernel thread and for who is dead. NUL-ended. */
struct str identity_cmdline(struct identity *who);
/* Its first argument; the name of the process where it has none. NUL-ended. */
struct str identity_argv0(struct identity *who);
/* All lines of /proc/PID/cgroup. NUL-ended. */
struct str identity_cgroups(struct identity *who);
/* Of the v2 hierarchy, else of systemd's, else of the first line. Empty when it has none. */
struct str identity_path(struct identity *who);
/* The innermost systemd unit and the container's full id in that path, or empty. */
struct str identity_unit(struct identity *who);
struct str identity_container(struct identity *who);
/* By the host's /etc/passwd; one that is not in it by its number. */
struct str identity_user(struct identity *who);
