/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of pins, from the side of those who write it. One directory OBJECT_HASH for each
 * object, made as "new" and renamed when all is in it. What is pinned gets group and mode of the
 * directory that holds everything, so that one chgrp lets a group read.
 */
#pragma once

#include <sys/stat.h>

#include "base/arena.h"

enum { PINS_HASH = 16 };

struct pins {
	const char *path;
	int dir, lock;
	struct stat st;
};

/*
 * Opens it and takes its lock, which ends with pins_close(). -ENOENT, -ENOTSUP (no BPF file
 * system), or -errno, with ret_why.
 */
int pins_open(const char *path, struct arena *arena, struct pins *ret, struct str *ret_why);
void pins_close(struct pins *pins);
/* The same when nothing is to stay: without the lock. */
void pins_end(struct pins *pins);

/* Names of the directories of `object`, or of all when it is empty; "new" is never among them. */
int pins_list(const struct pins *pins, struct str object, struct arena *arena, struct str **ret,
	      size_t *ret_n);
/* OBJECT and HASH of a directory's name. */
bool pins_split(struct str name, struct str *ret_object, struct str *ret_hash);

/* An empty "new"; whatever a loader that was killed left in it goes away. 0 or -errno. */
int pins_begin(const struct pins *pins);
/* Removes "new" and what is in it. 0; -ENOENT: there is none; or -errno. */
int pins_abort(const struct pins *pins);
/* Pins a descriptor as new/PREFIX_NAME. */
int pins_add(const struct pins *pins, const char *prefix, struct str name, int fd,
	     struct arena *arena);
/* Renames "new" to `name`. */
int pins_commit(const struct pins *pins, struct str name, struct arena *arena);

/* Opens NAME/PREFIX_PIN for reading and writing. A descriptor or -errno. */
int pins_get(const struct pins *pins, struct str name, const char *prefix, struct str pin,
	     struct arena *arena);

/* Removes what begins with `prefix` in a directory, or all and the directory with "". */
int pins_remove(const struct pins *pins, struct str name, const char *prefix);
