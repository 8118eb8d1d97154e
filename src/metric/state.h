/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must survive between cycles: a small table of keys and values in text files, so that a
 * oneshot fired by a timer and a resident agent give the same numbers. Integers are kept as
 * integers: a double would lose microjoules.
 *
 * There are two files, NAME.0 and NAME.1, written in turn: whatever interrupts a write, the
 * other one is whole. Replacing one file by rename would be simpler, but it makes ext4 write
 * to the disk at once (auto_da_alloc), which cost more than all the sampling of a cycle.
 */
#pragma once

#include "base/arena.h"

struct state_entry;

struct state {
	struct state_entry *entries;
	size_t n, cap;
	bool fresh;      /* there was no usable file: nothing is known of the past */
	bool changed;    /* since it was loaded or saved */
	uint64_t serial; /* of the newest whole file; the next one goes into the other */
	int dir;         /* where it is kept, for what belongs beside it; 0: not known */
	bool lent;       /* another process pushes: beside it nothing is to be written */
	size_t reserve;  /* both files are filled up to this size, so that there is room later */
};

/*
 * Fills the state from the newer whole file. No file is no error and leaves it fresh. When
 * there are only damaged ones it is -EBADMSG and fresh, too: the caller says so and goes on.
 */
int state_load(struct state *state, int dir, const char *name);
/* Writes the other file when something changed; with a reserve the first save writes both. With
 * `sync` it survives a power cut. */
int state_save(struct state *state, int dir, const char *name, bool sync);
void state_release(struct state *state);

/* The value of `key`, or the empty slice; valid until the next change. */
struct str state_get(const struct state *state, struct str key);
/* A key must be neither empty nor "~"; else keys and values may hold anything. */
void state_set(struct state *state, struct str key, struct str value);
void state_unset(struct state *state, struct str key);

uint64_t state_u64(const struct state *state, struct str key, uint64_t fallback);
void state_set_u64(struct state *state, struct str key, uint64_t value);
/* Adds to a counter that starts at 0 and returns the sum. */
uint64_t state_add(struct state *state, struct str key, uint64_t more);

/* Calls `each` for every entry whose key starts with `prefix`. */
void state_each(const struct state *state, struct str prefix,
		void (*each)(void *arg, struct str key, struct str value), void *arg);
