/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects that are loaded now, as a reader sees them: pinned below one directory, one
 * directory OBJECT_HASH each with map_NAME, link_PROGRAM and meta in it. Needs no capability, only
 * permission to open the pins; read by plain bpf(2), without libbpf.
 */
#pragma once

#include "bpf/spec.h"

struct loaded_object {
	struct spec spec;
	int dir;   /* of the pins */
	int *maps; /* descriptors, read only, in the order of spec.maps; -errno where one is not */
};

struct loaded {
	struct arena arena;
	size_t n;
	struct loaded_object *objects; /* by name */
	struct str why;                /* why there is none, for a person */
	uint64_t stamp;                /* changes when what is pinned changes */
};

/*
 * Opens everything pinned below `path`, or only `object` unless that is empty. 0, or -errno with
 * ret->why: -ENOENT nothing is loaded, -EACCES not for this user. An object that is damaged is left
 * out, and named in why. To be closed either way.
 */
int loaded_open(const char *path, struct str object, struct loaded *ret);
void loaded_close(struct loaded *set);
/* 1 when other objects are pinned now than were when it was opened, 0, or -errno. */
int loaded_stale(const char *path, const struct loaded *set);

const struct loaded_object *loaded_find(const struct loaded *set, struct str object);
/* Opens the pinned iterator `program` anew: each open is one pass. An fd or -errno. */
int loaded_iterate(const struct loaded_object *object, struct str program);
/* Runs every iterator of the object whose maps want it (spec's refresh). 0 or -errno. */
int loaded_refresh(const struct loaded_object *object);

/*
 * All entries of a map: `each` gets key and value; of a per-CPU map the value is all CPUs' values,
 * each padded to 8 bytes, one after another, and n_cpus is how many (1 for other maps). They need
 * not be aligned. Read in batches where the kernel has them. 0, what `each` returned other than 0,
 * or -errno.
 */
int loaded_each(int fd, const struct spec_map *map, struct buf *scratch,
		int (*each)(void *arg, const void *key, const void *value, size_t n_cpus),
		void *arg);
/* The same, entry by entry: what loaded_each() does where the kernel has no batches. */
int loaded_each_slowly(int fd, const struct spec_map *map, struct buf *scratch,
		       int (*each)(void *arg, const void *key, const void *value, size_t n_cpus),
		       void *arg);
/* How many CPUs a per-CPU value has: the possible ones, not those online. */
size_t loaded_cpus(void);
