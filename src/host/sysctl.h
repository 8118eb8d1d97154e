/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel parameters by the names of sysctl(8): dots are slashes of a path below /proc/sys. A name
 * with a slash in it is such a path itself, for names of devices have dots.
 */
#pragma once

#include "base/arena.h"

struct sysctl {
	struct str name;
	size_t n_words, n_keys;
	struct str *words;
	struct str *keys; /* those that stand behind the name, "fs.file-nr:total,unused,max" */
};

/* `sys`: an fd of /proc/sys. -ENOENT, other -errno, -ENODATA: it is empty; ret->name is set always.
 */
int sysctl_read(int sys, struct str name, struct arena *arena, struct sysctl *ret);

/* Decimal, negative too, or with 0x. */
bool sysctl_number(struct str word, double *ret);
