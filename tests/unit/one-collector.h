/* SPDX-License-Identifier: Apache-2.0 */
/* One collector on a tree that a test writes, run after run, with or without a restart between. */
#pragma once

#include "collect/collector.h"

struct one {
	char path[32];
	int root;
	struct host host;
	struct metrics metrics;
	struct state state;
	struct arena memory, scratch, why;
	const struct collector *type;
	const void *conf;
	struct collect c;
};

/* `conf` is the struct of the collector's section; it has to live as long. */
void one_start(struct one *one, const char *name, const void *conf, bool resident);
/* "proc/stat"; the folders are made. A file that is there keeps its inode, as in /proc. */
void one_write(const struct one *one, const char *path, const char *content);
void one_remove(const struct one *one, const char *path);
int one_run(struct one *one);
/* What a new process has: the state, and nothing else. */
void one_restart(struct one *one);
/* NAN when there is no such sample. `labels` as in the text format, sorted. */
double one_value(const struct one *one, const char *family, const char *labels);
/* The label's value of the family's only sample. */
struct str one_label(const struct one *one, const char *family, const char *label);
void one_stop(struct one *one);
