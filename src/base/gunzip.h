/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompression as data comes, into somebody's hands, so that what is too much is never kept.
 * libcurl could do this, but takes data that were cut off for whole ones.
 */
#pragma once

#include "base/str.h"

struct gunzip {
	void *stream; /* NULL until the first piece */
	bool ended;
};

/*
 * Hands on what `piece` becomes, in parts; `take` ends it by an error, which is the result then. 0,
 * or -EBADMSG for what is no gzip, or has something behind its end.
 */
int gunzip_feed(struct gunzip *gunzip, struct str piece, int (*take)(void *arg, struct str part),
		void *arg);

/* Frees it. 0, or -EBADMSG when the end has not come. */
int gunzip_end(struct gunzip *gunzip);
