/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords and tokens: the first line of a file, read at each use, since files are rotated. */
#pragma once

#include "base/arena.h"

/* Returns 0, or -errno with ret_why, which has nothing of the file in it; `shown` is the path
 * there. */
int secret_read(const char *path, struct str shown, struct arena *arena, struct str *ret,
		struct str *ret_why);

/* The text with the secret in it replaced: a server may repeat what it was sent. */
struct str secret_redact(struct str text, struct str secret, struct arena *arena);

/* The address without the user and the password that stand in it. */
struct str secret_without_user(struct str url, struct arena *arena);
