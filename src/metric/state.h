/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must survive between cycles: a small table of keys and values in a text file, replaced
 * atomically, so that a oneshot fired by a timer and a resident agent give the same numbers.
 * Integers are kept as integers: a double would lose microjoules.
 */
#pragma once

#include "base/arena.h"

struct state_entry;

struct state {
	struct state_entry *entries;
	size_t n, cap;
	bool fresh;   /* there was no usable file: nothing is known of the past */
	bool changed; /* since it was loaded or saved */
};

/*
 * Fills the state from dir/name. A missing file is no error and leaves it fresh. A damaged one
 * is -EBADMSG and leaves it fresh too: the caller says so and goes on.
 */
int state_load(struct state *state, int dir, const char *name);
/* Replaces dir/name when something changed. With `sync` it survives a power cut. */
int state_save(struct state *state, int dir, const char *name, bool sync);
void state_release(struct state *state);

/* The value of `key`, or the empty slice; valid until the next change. */
struct str state_get(const struct state *state, struct str key);
/* Keys are printable without blanks or '='; values may hold anything. */
void state_set(struct state *state, struct str key, struct str value);
void state_unset(struct state *state, struct str key);

uint64_t state_u64(const struct state *state, struct str key, uint64_t fallback);
void state_set_u64(struct state *state, struct str key, uint64_t value);
/* Adds to a counter that starts at 0 and returns the sum. */
uint64_t state_add(struct state *state, struct str key, uint64_t more);

/* Calls `each` for every entry whose key starts with `prefix`. */
void state_each(const struct state *state, struct str prefix,
		void (*each)(void *arg, struct str key, struct str value), void *arg);
