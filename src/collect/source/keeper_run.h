/* SPDX-License-Identifier: Apache-2.0 */
/* One fetch of a source: the process that watches over it, and the form that its result has. */
#pragma once

#include "base/buf.h"
#include "collect/source/keeper.h"

struct keeper_place {
	int dir;    /* of the file that takes the result, or -1 */
	int lock;   /* held as long as it lives, or -1 */
	int memory; /* takes the result where there is no dir, or a full one */
	bool leave; /* it goes on when its parent ends */
};

/* Starts it. The pid or -errno. It ends a moment after the timeout, or after a SIGTERM. */
pid_t keeper_run(const struct keeper_source *source, const struct keeper_place *place);

void keeper_print(const struct keeper_result *result, uint64_t version, struct buf *out);
/* -EBADMSG for what is none, -ESTALE for one of another version; ret's slices are of `text`. */
int keeper_parse(struct str text, uint64_t version, struct keeper_result *ret);
