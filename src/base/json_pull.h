/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON that is too large, or too little to be trusted, for a tree: read in its order, piece by
 * piece. Memory is taken for strings with escapes alone. It knows no more of the grammar than it
 * needs; once something is wrong there is nothing more to come.
 */
#pragma once

#include "base/arena.h"

struct json_pull {
	struct str rest;
	struct arena *arena;
	bool bad; /* it ended too early, or is no JSON */
};

/*
 * Enters an object ('{') or an array ('['): then call json_pull_key() or json_pull_item() until
 * they say false. Another kind of value is passed over: false.
 */
bool json_pull_enter(struct json_pull *pull, char open);
/* The name of the next member, whose value must be taken then; false after the last. */
bool json_pull_key(struct json_pull *pull, struct str *ret_key);
/* Whether another element follows, which must be taken then. */
bool json_pull_item(struct json_pull *pull);

/* The next value: a string, or empty when it is none. May have a NUL in it. */
struct str json_pull_text(struct json_pull *pull);
/* The next value: whether it is `true`. */
bool json_pull_yes(struct json_pull *pull);
void json_pull_skip(struct json_pull *pull);
