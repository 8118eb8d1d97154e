/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes that release a local when it leaves scope. */
#pragma once

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

#define _cleanup_fd_ __attribute__((cleanup(cleanup_fd)))
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_dir_ __attribute__((cleanup(cleanup_dir)))
#define _cleanup_arena_ __attribute__((cleanup(arena_release)))
#define _cleanup_buf_ __attribute__((cleanup(buf_release)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
