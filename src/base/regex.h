/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions as Prometheus and node_exporter have them, matched by PCRE2. What RE2 does
 * not know (back references, lookaround, recursion, verbs) is refused, and a match takes no more
 * than so many steps: one that needs more counts as none. No match calls malloc(), but for one that
 * goes very deep.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

struct regex;

/* Bytes of an expression; groups of one whose groups are wanted, with the whole match. */
enum { REGEX_MAX = 8192, REGEX_GROUPS_MAX = 64 };

enum {
	REGEX_WHOLE = 1,  /* has to match all of a text, not to be found in it */
	REGEX_GROUPS = 2, /* what groups matched is wanted */
};

/* What matched; a group that did not take part has no `p`. Slices of the text that was searched. */
struct regex_groups {
	size_t n;
	struct str v[REGEX_GROUPS_MAX];
};

/* 0 or -EINVAL with what is wrong. */
int regex_compile(struct str text, int flags, struct arena *arena, struct regex **ret,
		  struct str *ret_why);
void regex_free(struct regex *regex);

bool regex_match(struct regex *regex, struct str text);
/* The same for an expression that was compiled with REGEX_GROUPS. */
bool regex_find(struct regex *regex, struct str text, struct regex_groups *ret);

struct str regex_text(const struct regex *regex);
/* Groups that an expression has, beside the whole of it; and what one is called, if anything. */
size_t regex_n_groups(const struct regex *regex);
struct str regex_name(const struct regex *regex, size_t group);

/*
 * Appends a template with $1, ${1}, $name, ${name} and $$ as Go expands it: a name is as long as it
 * can be, and of one that there is not becomes nothing. `regex` may be NULL: no group has a name.
 */
void regex_expand(const struct regex *regex, struct str template, const struct regex_groups *groups,
		  struct buf *out);

/* Whether a match was given up since this was asked last. */
bool regex_gave_up(struct regex *regex);

/* What is done with each expression that something has. */
typedef void regex_fn(struct regex *regex, void *arg);
