/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last value of each series, and the last TYPE and the first HELP of each name, from any
 * number of files. Memory is that of the most series there ever were at once.
 */
#pragma once

#include "base/buf.h"
#include "metric/scan.h"

struct series {
	struct str key; /* name{label="value",...} with labels in order */
	size_t cap;     /* of the key's memory */
	double value;
	const void *source; /* who told it last */
	unsigned round;     /* and which version of that */
	struct series *next, *next_in_slot;
};

struct series_head;

struct series_set {
	struct arena arena;
	struct series **table;           /* of `slots` chains, by key */
	struct series *first;            /* in no order */
	struct series *idle;             /* to be used again */
	struct series_head *heads;       /* all of them */
	struct series_head **head_table; /* by name */
	size_t slots, n, n_heads, max;
	struct buf key;
};

/* Takes a HELP or TYPE in. */
void series_head(struct series_set *set, const struct scan_item *item);

/* The series of a sample, made when it is new; NULL when there are `max` already. */
struct series *series_get(struct series_set *set, const struct scan_item *item);

/* Forgets what `source` told in rounds before this one. */
void series_drop(struct series_set *set, const void *source, unsigned round);

/* All of it as exposition text, whose families may be scattered. */
void series_text(const struct series_set *set, struct buf *to);

void series_release(struct series_set *set);
