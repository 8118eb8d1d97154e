/* SPDX-License-Identifier: Apache-2.0 */
/* Starts tests/lib/lying-gateway.py, and what else the tests of the HTTP sink share. */
#pragma once

#include <sys/types.h>

#include "push/sink.h"

struct liar {
	pid_t pid;
	int control; /* the server ends when this is closed */
	unsigned port;
};

/* "NAME=VALUE" from the environment of `make check`, else `fallback`. */
const char *test_source_dir(void);

/* A directory of its own in the temporary directory; removed with everything in it. */
void scratch_make(char *path, size_t size);
void scratch_remove(const char *path);
void scratch_write(const char *dir, const char *name, const char *content);

/* `args` follow the program's name and end with NULL. Fails the test when it does not start. */
void liar_start(struct liar *liar, const char *const *args);
void liar_stop(struct liar *liar);

/* Runs a program and returns its exit status, or 128 and the signal. */
int run_program(const char *const *argv);

/* A sink on http://127.0.0.1:PORT/MODE with the other settings of `conf` (or NULL). */
void liar_open(struct sink *sink, const struct liar *liar, const char *mode,
	       const struct sink_conf *conf);

/* Opens, sends `request` once, closes. The reply lives in `arena`. */
enum sink_result liar_ask(const struct liar *liar, const char *mode, const struct sink_conf *conf,
			  const struct sink_request *request, struct arena *arena,
			  struct sink_reply *ret);

/* How many names a directory has, "." and ".." too. */
size_t entries(const char *path);

double seconds_now(void);
bool contains(struct str text, const char *part);
