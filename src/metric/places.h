/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which series are kept where more come than a limit allows: those that were in the last cycle, in
 * whatever order they come; places that become free go to whoever comes first. Otherwise a flood
 * that comes in another order each time would tear holes into everything. Only for what a limit has
 * kept something out of is anything remembered.
 */
#pragma once

#include "metric/metrics.h"

enum scope { SCOPE_ALL, SCOPE_FAMILY, SCOPE_SOURCE };

/* Of one limit. */
struct places {
	uint64_t id;     /* of the scope and its name */
	uint32_t n;      /* series that have a place */
	uint32_t left;   /* of those, not come yet in this cycle */
	uint32_t slots;  /* a power of two */
	uint64_t *table; /* hashes of series, 0: empty; the lowest bit: has come */
};

struct places_book {
	size_t n;
	struct places *v;
	struct arena arenas[2]; /* what holds, and what is made next, in turn */
	unsigned turn;
};

void places_release(struct places_book *book);

/* NULL when nothing is remembered of it; so is a NULL book. */
struct places *places_find(const struct places_book *book, enum scope scope, struct str name);

/* All of them are still to come. */
void places_begin(struct places_book *book);

/* Whether there is a place for one more; `used` are taken. `places` may be NULL: first come. */
bool places_admit(struct places *places, uint32_t used, uint32_t limit, struct family *family,
		  const struct labels *labels);

/*
 * At a cycle's end: what the next is to remember. False when that is what this one did. Series
 * that limits do not count for (metrics_source.free) have none.
 */
bool places_settle(struct places_book *book, struct metrics *metrics);

/* For keeping it between processes: bytes that mean something on this machine only. */
struct str places_save(const struct places_book *book, struct arena *arena);
/* Anything else than what places_save() made is as good as nothing. */
void places_load(struct places_book *book, struct str bytes);
