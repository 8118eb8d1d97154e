/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/owned.h"

int file_read_fd(int fd, size_t hint, size_t max, struct arena *arena, struct str *ret)
{
	/* One byte for the NUL, and one so that the read that finds the end has room. */
	size_t cap = hint ? hint + 2 : 4096, n = 0;
	char *p = arena_alloc(arena, cap);

	for (;;) {
		ssize_t got = pread(fd, p + n, cap - 1 - n, (off_t)n);

		if (got < 0 && errno == ESPIPE)
			got = read(fd, p + n, cap - 1 - n);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (got == 0)
			break;
		n += (size_t)got;
		if (n > max)
			return -EFBIG;
		if (n == cap - 1) {
			p = arena_resize(arena, p, cap, cap * 2);
			cap *= 2;
		}
	}
	p[n] = '\0';
	p = arena_resize(arena, p, cap, n + 1);
	*ret = (struct str){ p, n };
	return 0;
}

int file_read(int dir, const char *path, size_t max, struct arena *arena, struct str *ret)
{
	/* O_NONBLOCK: opening a FIFO for reading would wait for its writer. */
	_cleanup_fd_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return file_read_fd(fd, 0, max, arena, ret);
}

int file_write_all(int fd, struct str content)
{
	while (content.n) {
		ssize_t done = write(fd, content.p, content.n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		content = str_skip(content, (size_t)done);
	}
	return 0;
}

static int write_and_close(int fd, struct str content, bool sync)
{
	int r = file_write_all(fd, content);

	if (r == 0 && sync && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int file_replace(int dir, const char *name, struct str content, mode_t mode, bool sync)
{
	char temporary[300];
	int n = snprintf(temporary, sizeof(temporary), "%s.%ld.new", name, (long)getpid());

	if (n < 0 || (size_t)n >= sizeof(temporary))
		return -ENAMETOOLONG;

	/* Whatever has that name is not written to: it could be a link, or another name of a file.
	 */
	if (unlinkat(dir, temporary, 0) < 0 && errno != ENOENT)
		return -errno;

	int fd = dir == AT_FDCWD
			 ? openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
			 : owned_open(dir, temporary, O_WRONLY | O_CREAT | O_EXCL, mode);

	if (fd < 0)
		return dir == AT_FDCWD ? -errno : fd;
	/* The mode says who is to read it; a umask knows nothing of that. */
	(void)fchmod(fd, mode);

	int r = write_and_close(fd, content, sync);

	if (r == 0 && renameat(dir, temporary, dir, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir, temporary, 0);
		return r;
	}
	if (sync) {
		_cleanup_fd_ int self = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (self < 0 || fsync(self) < 0)
			return -errno;
	}
	return 0;
}

int file_open_dir(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int file_make_dirs(const char *path, mode_t mode)
{
	char part[4096];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(part))
		return n ? -ENAMETOOLONG : -ENOENT;
	/* mkdir() must see the last name without slashes, or it gets the mode of a parent. */
	while (n > 1 && path[n - 1] == '/')
		n--;
	for (size_t i = 1; i <= n; i++) {
		struct stat st;

		if (i < n && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, i == n ? mode : 0755) == 0)
			continue;
		if (errno != EEXIST)
			return -errno;
		if (stat(part, &st) == 0 && !S_ISDIR(st.st_mode))
			return -ENOTDIR;
	}
	return 0;
}

int file_lock(int dir, const char *name, int64_t wait_ns)
{
	int64_t deadline = clock_ns(CLOCK_BOOTTIME) + wait_ns;
	int fd = owned_open(dir, name, O_RDWR | O_CREAT, 0600);

	if (fd < 0)
		return fd;
	/* No call waits for a lock with a limit, so it is asked again and again. */
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || clock_ns(CLOCK_BOOTTIME) >= deadline) {
			int r = -errno;

			(void)close(fd);
			return r;
		}
		(void)poll(NULL, 0, 10);
	}
	return fd;
}
