/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CMD whose tree does what the test wants: the test's own program, which scene_main() turns
 * into one of the deeds when it is told so by its first word.
 */
#pragma once

#include "unit.h"

#include <stdatomic.h>
#include <sys/resource.h>

#include "job/tree.h"

enum { SCENE_BURN_NS = 2000000, SCENE_BOMB = 500 };

/* What the members of a tree tell us. */
struct page {
	_Atomic uint64_t cpu_ns, done;
	_Atomic bool seen; /* by the test, which daemons wait for */
	uint64_t read_bytes, written_bytes;
};

struct scene {
	struct tree tree;
	struct page *page;
	char path[64], file[80];
	int dir, free_fd;
	pid_t pid;
	struct rusage before;
};

/* The main() of such a test. */
int scene_main(int argc, char *argv[], int (*tests)(void));

/* Starts the deed. */
void scene_begin(struct scene *scene, enum tree_way way, const char *deed);
/* Closes the tree; nothing of it may stay. */
void scene_end(struct scene *scene);

/* Until `done` members have said that they are. */
void scene_wait(const struct page *page, uint64_t done);

/* Until nobody is left, looking at them all the while: no number may fall. */
void scene_reap(struct scene *scene, struct usage *ret);
