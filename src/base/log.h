/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to stderr: one line each, control characters made visible, with <N> priorities
 * when stderr is the journal. Only main, the commands, cycle.c and collect/run.c log; what
 * lies below them returns errors.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

struct log {
	enum log_level max; /* quieter than this is said */
	bool journal;       /* stderr is the journal: prefix <N> */
	int fd;             /* where to, usually 2 */
};

/* Looks at $JOURNAL_STREAM; level INFO. */
void log_init(struct log *log);

void log_error(const struct log *log, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void log_warning(const struct log *log, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void log_info(const struct log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const struct log *log, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
