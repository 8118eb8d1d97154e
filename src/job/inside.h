/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics that a wrapped command writes itself, into files of a private directory: appended
 * line by line, or a file replaced by a new one. Each file is read from where reading stopped;
 * the last value of a series counts. What is kept is one line for each series, however long the
 * files grow.
 */
#pragma once

#include <sys/types.h>

#include "base/opt.h"
#include "job/series.h"

struct inside_file;

struct inside {
	struct str dir, file; /* for the environment; empty when there is no directory */
	int fd;               /* of the directory, or -1 */
	struct arena arena;
	struct inside_file *files, **last_file;
	struct series_set series;
	unsigned round; /* of reading */
};

typedef void inside_say(void *arg, struct str message);

/*
 * Makes the directory, in /run/peekpush for root, else in $XDG_RUNTIME_DIR, $TMPDIR or /tmp.
 * `files` are read as well, wherever they are. At most `max` series are kept. 0 or -errno:
 * then there are only `files`.
 */
int inside_open(struct inside *inside, const struct opt_list *files, size_t max);

/*
 * Takes in what is new, as far as a bound on the work allows. An unfinished last line waits,
 * but for the `final` time. What is wrong is said once for each file and kind.
 */
void inside_read(struct inside *inside, bool final, struct arena *scratch, inside_say *say,
		 void *arg);

/* The last values, as exposition text whose families may be scattered. */
void inside_text(const struct inside *inside, struct buf *to);

/* Removes the directory with what is in it. */
void inside_close(struct inside *inside);

/*
 * The same for the directory of a run whose watcher was killed, as its record tells, a file of
 * `owner`: removed is only what is that user's, or what root has made in its own place.
 */
void inside_remove(struct str path, uid_t owner);
