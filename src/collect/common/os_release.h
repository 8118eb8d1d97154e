/* SPDX-License-Identifier: Apache-2.0 */
/* os-release(5): /etc before /usr/lib, and its shell quoting. */
#pragma once

#include "collect/collector.h"

/* The file's text; -ENODATA with the words for it where there is none. */
int os_release_read(struct collect *c, struct str *ret);

/* Shell quoting undone, as far as os-release(5) allows it. */
struct str os_release_unquote(struct arena *arena, struct str value);

/* The last value of `key`, unquoted; empty when it is not there. */
struct str os_release_value(struct arena *arena, struct str text, struct str key);
