/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/mdstat (drivers/md/md.c, md_seq_show): an array is a line that is not indented, with its
 * members, then indented lines for size, recovery and bitmap, in this order and each only where
 * there is something to say.
 */
#pragma once

#include "base/str.h"

enum md_state { MD_ACTIVE, MD_INACTIVE, MD_RECOVERING, MD_RESYNCING, MD_CHECKING, MD_OTHER };

struct md_array {
	struct str name; /* in the text */
	enum md_state state;
	bool has_size;
	uint64_t active, required, failed, spare; /* disks */
	uint64_t blocks, synced;                  /* of 1024 bytes */
};

/*
 * Takes the next array off the front of `rest`; `line` counts lines. 1, 0 at the end, or -EBADMSG
 * when the line number *ret_bad is not understood; the array's lines are taken all the same.
 */
int mdstat_next(struct str *rest, size_t *line, struct md_array *ret, size_t *ret_bad);
