/* SPDX-License-Identifier: Apache-2.0 */
#include "base/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/cleanup.h"
#include "base/file.h"

/* Who puts something in the way again and again wins, and gains nothing. */
enum { TRIES = 8 };

#define SAFE (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

/* Root, with somebody else's directory, and able to give files away. */
static bool stands_in(const struct stat *dir)
{
	return geteuid() == 0 && dir->st_uid != 0 && caps_effective() & CAPS_BIT(CAP_CHOWN);
}

/*
 * The number of links would say nothing: who removes one name after the file was opened makes it
 * one. But a file of root's that has another name here remains root's.
 */
static bool is_acceptable(int fd, const struct stat *dir)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == dir->st_uid;
}

static int open_existing(int dir, const char *name, int flags, const struct stat *owner,
			 bool foreign)
{
	int fd = openat(dir, name, (flags & ~(O_CREAT | O_EXCL)) | SAFE);

	if (fd < 0)
		return -errno;
	if (!foreign || is_acceptable(fd, owner))
		return fd;
	(void)close(fd);
	return -EPERM;
}

static int create(int dir, const char *name, int flags, mode_t mode, const struct stat *owner,
		  bool foreign)
{
	int fd = openat(dir, name, flags | O_CREAT | O_EXCL | SAFE, mode);

	if (fd < 0)
		return -errno;
	/* What cannot be given is replaced by its next writer. */
	if (foreign)
		(void)!fchown(fd, owner->st_uid, owner->st_gid);
	return fd;
}

/* Whether what is there may be taken away: its directory is ours, or we stand in for who owns it.
 */
static bool is_in_the_way(int r, const struct stat *owner, bool foreign)
{
	if (r == -EACCES)
		return owner->st_uid == geteuid();
	return foreign && (r == -EPERM || r == -ELOOP || r == -ENXIO);
}

int owned_open(int dir, const char *name, int flags, mode_t mode)
{
	struct stat owner;

	if (fstat(dir, &owner) < 0)
		return -errno;

	bool foreign = stands_in(&owner);

	for (int i = 0; i < TRIES; i++) {
		int r = -ENOENT;

		if (!(flags & O_EXCL))
			r = open_existing(dir, name, flags, &owner, foreign);
		if (r >= 0 || !(flags & O_CREAT))
			return r;
		if (r != -ENOENT && !is_in_the_way(r, &owner, foreign))
			return r;
		if (r != -ENOENT && unlinkat(dir, name, 0) < 0 && errno != ENOENT)
			return r;
		r = create(dir, name, flags, mode, &owner, foreign);
		if (r != -EEXIST || flags & O_EXCL)
			return r;
	}
	return -ELOOP;
}

int owned_open_dir(int dir, const char *name, mode_t mode)
{
	struct stat owner, st;
	int fd;

	if (fstat(dir, &owner) < 0)
		return -errno;
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Also when it was made before, and its maker was ended here. */
	if (stands_in(&owner) && fstat(fd, &st) == 0 && st.st_uid == 0)
		(void)!fchown(fd, owner.st_uid, owner.st_gid);
	return fd;
}

int owned_read(int dir, const char *name, size_t max, struct arena *arena, struct str *ret)
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | SAFE);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO ? -EBADMSG : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	return file_read_fd(fd, (size_t)st.st_size, max, arena, ret);
}

bool owned_is_ours(int dir, const struct stat *st)
{
	struct stat owner;

	return st->st_uid == geteuid() ||
	       (fstat(dir, &owner) == 0 && stands_in(&owner) && st->st_uid == owner.st_uid);
}
