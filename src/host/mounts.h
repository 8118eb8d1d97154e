/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount table as /proc/PID/mountinfo tells it (fs/proc_namespace.c, show_mountinfo).
 * Fields are separated by single blanks, and a device name may be empty: two blanks in a row.
 */
#pragma once

#include "base/arena.h"

struct mount {
	struct str device, point, type; /* with the kernel's \ooo escapes undone */
	uint32_t major, minor;
	bool read_only; /* the mount or the file system below it */
};

/*
 * Reads the table, in the kernel's order: of two mounts on one point the later one is on top.
 * Lines it cannot read are left out; ret_bad is the number of the first (from 1), or 0.
 */
void mounts_parse(struct str text, struct arena *arena, struct mount **ret, size_t *ret_n,
		  size_t *ret_bad);
