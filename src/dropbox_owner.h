/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is behind an owner of files: with a user namespace each user can make files that belong to
 * any of the subordinate ids that subuid(5) lends, 65536 as a rule.
 */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/str.h"

struct owner_range {
	uint64_t first, n;
	struct str user; /* a name, or a number */
	uid_t uid;       /* once it was asked for */
	bool asked, known;
};

struct owner_ranges {
	size_t n;
	struct owner_range *v;
};

/* What /etc/subuid says; a line that says nothing is passed over. Slices of `text`. */
void owner_ranges_parse(struct str text, struct arena *arena, struct owner_ranges *ret);

/* The same of the file, or nothing when there is none. */
void owner_ranges_read(struct arena *arena, struct owner_ranges *ret);

/* The user whom the id was lent, else the id itself. */
uid_t owner_behind(const struct owner_ranges *ranges, uid_t uid);
