/* SPDX-License-Identifier: Apache-2.0 */
/* Whole small files, read and replaced. Paths are relative to a directory fd (or AT_FDCWD). */
#pragma once

#include <sys/types.h>

#include "base/arena.h"

enum { FILE_MAX = 64 << 20 };

/*
 * Reads `fd` from offset 0 to its end into the arena, NUL-ended (the NUL is not counted).
 * `hint` is the size expected, 0 when unknown. Returns 0, -EFBIG past `max`, or -errno.
 * Works for regular files and for /proc and sysfs, whose st_size says nothing.
 */
int file_read_fd(int fd, size_t hint, size_t max, struct arena *arena, struct str *ret);

/* Opens (never blocking on a FIFO, never a terminal) and reads it. */
int file_read(int dir, const char *path, size_t max, struct arena *arena, struct str *ret);

/*
 * Replaces dir/name by `content` in one step: temporary file, rename. With `sync` it is on
 * the disk when this returns (fsync of the file and of the directory). What root makes in the
 * directory of somebody else belongs to that one.
 */
int file_replace(int dir, const char *name, struct str content, mode_t mode, bool sync);

/* Opens a directory, close-on-exec. Returns the fd or -errno. */
int file_open_dir(int dir, const char *path);

/* mkdir -p for an absolute path; an existing directory is fine. */
int file_make_dirs(const char *path, mode_t mode);

/* Writes all of it, across short writes and EINTR. */
int file_write_all(int fd, struct str content);

/*
 * Takes the lock that dir/name stands for, waiting up to `wait_ns`. Returns an fd whose close
 * gives it back, -EWOULDBLOCK when another holds it, or -errno.
 */
int file_lock(int dir, const char *name, int64_t wait_ns);
