/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What unit tests share: cmocka's includes in the order it wants, slices in assertions, and a
 * directory of one's own. All inline, so that a test stays one file in the Makefile.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

/* The slice is that text; both are shown when it is not. */
#define assert_text(got, want) unit_assert_text((got), (want), __FILE__, __LINE__)
/* The slice has that text in it. */
#define assert_part(got, want) unit_assert_part((got), (want), __FILE__, __LINE__)

static inline void unit_assert_text(struct str got, const char *want, const char *file, int line)
{
	if (str_eq(got, str_of(want)))
		return;
	print_error("got  \"%.*s\"\nwant \"%s\"\n", STR_ARG(got), want);
	_fail(file, line);
}

static inline void unit_assert_part(struct str got, const char *want, const char *file, int line)
{
	if (got.n && memmem(got.p, got.n, want, strlen(want)))
		return;
	print_error("got  \"%.*s\"\nwant \"%s\" in it\n", STR_ARG(got), want);
	_fail(file, line);
}

/* A new directory in memory; returns its fd, and its path when asked. */
static inline int unit_dir(char path[64])
{
	char name[64];
	int fd;

	(void)snprintf(name, sizeof(name), "%s/peekpush-unit-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(name));
	fd = file_open_dir(AT_FDCWD, name);
	assert_true(fd >= 0);
	if (path)
		memcpy(path, name, sizeof(name));
	return fd;
}

/* Empties the directory, down to its last link, and closes it. */
static inline void unit_empty(int dir)
{
	DIR *stream = fdopendir(dir);

	assert_non_null(stream);
	for (const struct dirent *e; (e = readdir(stream));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dir, e->d_name, 0) == 0)
			continue;
		(void)fchmodat(dir, e->d_name, 0700, 0);
		unit_empty(file_open_dir(dir, e->d_name));
		assert_int_equal(unlinkat(dir, e->d_name, AT_REMOVEDIR), 0);
	}
	(void)closedir(stream);
}

static inline void unit_remove(int dir)
{
	char link[64], path[256] = "";

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	assert_true(readlink(link, path, sizeof(path) - 1) > 0);
	(void)fchmod(dir, 0700);
	unit_empty(dir);
	assert_int_equal(rmdir(path), 0);
}

static inline void unit_write(int dir, const char *name, struct str content)
{
	_cleanup_fd_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, content), 0);
}

/*
 * Permissions bind root only when it acts as somebody else: between these two it does. Returns
 * the user to go back to.
 */
static inline uid_t unit_as_nobody(void)
{
	uid_t was = geteuid();

	if (was == 0)
		assert_int_equal(seteuid(65534), 0);
	return was;
}

static inline void unit_as(uid_t user)
{
	if (user == 0)
		assert_int_equal(seteuid(0), 0);
}
