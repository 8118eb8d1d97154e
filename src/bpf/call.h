/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf(2) for those who read: what is pinned is opened and looked at without libbpf, which would
 * cost a reader more than all it reads.
 */
#pragma once

#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The call's result, or -errno. */
static inline int bpf_call(enum bpf_cmd command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}
