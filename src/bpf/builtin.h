/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that come with peekpush, as object files inside of it. Adding one is a file
 * bpf/NAME.bpf.c, a row in builtin.c and a line in Makefile.am.
 */
#pragma once

#include "base/str.h"

struct builtin {
	const char *name;
	const char *help; /* what it measures */
	const char *cost; /* of one event, and what an event is: "+90 ns a system call" */
	bool on;          /* part of "default" */
	bool hidden;      /* serves a collector (processes), is loaded when that one is on */
	const unsigned char *begin, *end;
};

/* In place of the name of a file that an object was loaded from. */
#define BUILTIN_FILE "built-in"

extern const struct builtin *const builtin_programs; /* ends with a NULL name */
