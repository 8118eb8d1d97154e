/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in a directory that may belong to somebody else. The state of a host belongs to the user
 * that its service runs as, and root writes there too. Two rules make that right and safe: what
 * root makes there belongs to the owner of the directory, who can go on with it; and root opens
 * nothing there that the owner could have put in the way, be it a link, a FIFO or another name of a
 * file elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/arena.h"

/*
 * Opens a regular file. `flags` are an access mode and O_CREAT or O_CREAT | O_EXCL; with O_CREAT
 * what is in the way of root is removed. Never follows a link, never waits for a FIFO. Returns the
 * fd or -errno; -EPERM for what was refused.
 */
int owned_open(int dir, const char *name, int flags, mode_t mode);

/* Opens a directory below, making it when it is missing. Never follows a link. */
int owned_open_dir(int dir, const char *name, mode_t mode);

/* Reads a whole regular file, as file_read() does; -EBADMSG for a link or no file. */
int owned_read(int dir, const char *name, size_t max, struct arena *arena, struct str *ret);

/* Whether a file with this status, found in `dir`, is one that we, or who we stand in for, made. */
bool owned_is_ours(int dir, const struct stat *st);
