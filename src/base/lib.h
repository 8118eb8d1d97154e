/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared libraries loaded when they are first needed: libcurl and what it pulls in cost 4-5 ms
 * and 5 MB at start, which a wrapped command must not wait for.
 */
#pragma once

#include "base/str.h"

struct lib_symbol {
	const char *name;
	size_t offset; /* of the function pointer in the table struct */
};

/*
 * Opens `soname` and fills the function pointers of `table`; `symbols` ends with a NULL name.
 * The library stays for the life of the process. Returns 0 or -ENOENT; ret_why is static.
 */
int lib_open(const char *soname, const struct lib_symbol *symbols, void *table,
	     const char **ret_why);

/* The same, with functions that some versions of the library lack: those become NULL. */
int lib_open_some(const char *soname, const struct lib_symbol *symbols,
		  const struct lib_symbol *optional, void *table, const char **ret_why);
