/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last lines of what CMD says on stderr. It goes through a pipe to a process of its own, the
 * copier, which passes every byte on to the real stderr at once. The copier is no part of the
 * watcher because it has to live as long as anybody holds the pipe: CMD must not get SIGPIPE when
 * the watcher is killed.
 */
#pragma once

#include <sys/types.h>

#include "base/arena.h"

enum {
	TAIL_LINES_MAX = 1000,
	TAIL_LINE_MAX = 2000, /* bytes; what a longer line has beyond them is not kept */
};

struct tail_ring;

struct tail {
	int fd;       /* the pipe, for struct child_conf; -1 when there is none */
	pid_t copier; /* a child of ours and none of CMD's */
	size_t lines;
	struct tail_ring *ring; /* shared with the copier; NULL when there is none */
};

/*
 * Starts the copier from our stderr, to keep the last `lines` lines that are not blank. 0, or
 * -errno with `tail` set to none at all, which the other functions take, too.
 */
int tail_open(struct tail *tail, size_t lines);

/*
 * CMD has ended: waits until what it wrote has been passed on, which a stderr that nobody reads
 * delays by a second at most, and closes our end of the pipe. Who else holds it may go on writing.
 */
void tail_finish(struct tail *tail);

/*
 * The last lines, oldest first, at most `max`, each made fit for a log; a line without its end
 * counts, one that a stuck stderr has kept in the pipe does not. Returns how many.
 */
size_t tail_lines(const struct tail *tail, struct arena *arena, struct str *v, size_t max);

/* Forgets the lines. The copier ends by itself when the last writer has. */
void tail_close(struct tail *tail);
