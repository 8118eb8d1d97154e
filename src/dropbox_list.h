/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in the drop-box, whose it is, and what must go whatever it says: leftovers, and what
 * one user has there beyond the share of each. It is a directory that everybody can write, so that
 * nothing but time bounds what comes in between two looks.
 */
#pragma once

#include <sys/types.h>

#include "base/arena.h"

/* Of files that have other names, too: whoever made a link need not be the owner. */
#define DROPBOX_LINKS ((uid_t)-1)

struct dropbox_quota {
	uint64_t files, bytes; /* of one user */
};

struct dropbox_file {
	const char *name;
	int64_t ctime_ns; /* nobody can set it */
	uid_t owner;      /* who is behind it, see dropbox_owner.h; or DROPBOX_LINKS */
	uint64_t size;    /* on the disk */
	size_t rank;      /* among its owner's */
	bool unfinished;
};

struct dropbox_excess {
	uid_t owner;
	uint64_t removed;
};

/* Slices live in the arena. */
struct dropbox_list {
	size_t n, n_over;
	struct dropbox_file *v;      /* the oldest of each user, then the next of each, ... */
	struct dropbox_excess *over; /* of whom something was removed for the quota */
};

void dropbox_list(int dir, const struct dropbox_quota *quota, struct arena *arena,
		  struct dropbox_list *ret);

/* Removes it, or gives it a name that is not looked at. */
void dropbox_remove(int dir, const char *name, struct arena *arena);
