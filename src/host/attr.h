/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attribute files that are read in every cycle: kept open, one costs a pread(2) instead of
 * three calls. Only so many are kept, so that a host with a thousand sensors does not run out
 * of descriptors.
 */
#pragma once

#include "base/str.h"

struct host;

enum { ATTR_TEXT_MAX = 128 };

struct attr_pool {
	size_t open, max; /* max 0: nothing is kept (a oneshot reads each but once) */
	size_t *spare;    /* what is left for all pools of a host, or NULL */
};

struct attr_file {
	int dir;          /* belongs to somebody else, and stays open as long as this is used */
	const char *name; /* NULL: there is nothing to read */
	int fd;           /* -1 until it is kept */
};

/* Lets the pool keep at most `max` files of a resident host, and never more than it has left. */
void attr_pool_allow(struct attr_pool *pool, struct host *host, size_t max);

/*
 * One read of at most ATTR_TEXT_MAX bytes into `text`. Returns 0, or -errno as the driver has
 * it: some answer EAGAIN for as long as one asks, so this asks once.
 */
int attr_read(struct attr_pool *pool, struct attr_file *file, char *text, struct str *ret);
void attr_close(struct attr_pool *pool, struct attr_file *file);
