/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define NEW "new"
#define LOCK "lock"

/*
 * A directory that only loaders can open: what readers can open they could lock, too, and keep
 * every loader waiting. Unload removes it, so that what is locked need not be there any more.
 */
static int take_lock(int dir)
{
	for (;;) {
		struct stat mine, there;
		int fd, r = 0;

		if (mkdirat(dir, LOCK, 0700) < 0 && errno != EEXIST)
			return -errno;
		fd = file_open_dir(dir, LOCK);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		if (flock(fd, LOCK_EX) < 0 || fstat(fd, &mine) < 0 ||
		    fstatat(dir, LOCK, &there, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
		if (r == 0 && there.st_ino == mine.st_ino)
			return fd;
		(void)close(fd);
		if (r < 0 && r != -ENOENT && r != -EINTR)
			return r;
	}
}

int pins_open(const char *path, struct arena *arena, struct pins *ret, struct str *ret_why)
{
	struct statfs fs;
	int r;

	ret->path = path;
	ret->dir = file_open_dir(AT_FDCWD, path);
	if (ret->dir < 0) {
		*ret_why = arena_printf(arena, "%s: %s", path, strerror(-ret->dir));
		return ret->dir;
	}
	if (fstatfs(ret->dir, &fs) == 0 && fs.f_type != BPF_FS_MAGIC) {
		*ret_why = arena_printf(arena, "%s: no BPF file system is mounted there", path);
		r = -ENOTSUP;
	} else {
		r = fstat(ret->dir, &ret->st) < 0 ? -errno : take_lock(ret->dir);
		if (r >= 0) {
			ret->lock = r;
			return 0;
		}
		*ret_why = arena_printf(arena, "%s: %s", path, strerror(-r));
	}
	(void)close(ret->dir);
	return r;
}

void pins_close(struct pins *pins)
{
	(void)close(pins->lock);
	(void)close(pins->dir);
}

void pins_end(struct pins *pins)
{
	(void)unlinkat(pins->dir, LOCK, AT_REMOVEDIR);
	pins_close(pins);
}

bool pins_split(struct str name, struct str *ret_object, struct str *ret_hash)
{
	size_t at;

	if (name.n < PINS_HASH + 2)
		return false;
	at = name.n - PINS_HASH - 1;
	if (name.p[at] != '_')
		return false;
	for (size_t i = at + 1; i < name.n; i++)
		if (!memchr("0123456789abcdef", name.p[i], 16))
			return false;
	*ret_object = (struct str){ name.p, at };
	*ret_hash = str_skip(name, at + 1);
	return true;
}

static DIR *open_list(int parent, const char *name)
{
	int fd = file_open_dir(parent, name);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd < 0)
		errno = -fd;
	else if (!dir)
		(void)close(fd);
	return dir;
}

int pins_list(const struct pins *pins, struct str object, struct arena *arena, struct str **ret,
	      size_t *ret_n)
{
	_cleanup_dir_ DIR *dir = open_list(pins->dir, ".");
	const struct dirent *e;
	struct str *v = NULL;
	size_t n = 0;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		struct str name = str_of(e->d_name), of, hash;

		if (!pins_split(name, &of, &hash) || (object.n && !str_eq(of, object)))
			continue;
		v = arena_grow(arena, v, n, sizeof(*v));
		v[n++] = arena_str(arena, name);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

int pins_remove(const struct pins *pins, struct str name, const char *prefix)
{
	_cleanup_arena_ struct arena arena = { 0 };
	const char *path = arena_cstr(&arena, name);
	_cleanup_dir_ DIR *dir = open_list(pins->dir, path);
	const struct dirent *e;
	int r = 0;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.' || !str_starts(str_of(e->d_name), str_of(prefix)))
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) < 0)
			r = -errno;
	}
	if (!*prefix && unlinkat(pins->dir, path, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

/* Group and mode of what holds all; those who may read the directory may read what is in it. */
static int share(const struct pins *pins, int dir, const char *name, mode_t mode)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (st.st_gid != pins->st.st_gid &&
	    fchownat(dir, name, (uid_t)-1, pins->st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return fchmodat(dir, name, mode, 0) < 0 ? -errno : 0;
}

int pins_abort(const struct pins *pins)
{
	return pins_remove(pins, STR(NEW), "");
}

int pins_begin(const struct pins *pins)
{
	int r = pins_abort(pins);

	if (r < 0 && r != -ENOENT)
		return r;
	if (mkdirat(pins->dir, NEW, 0700) < 0)
		return -errno;
	return share(pins, pins->dir, NEW, pins->st.st_mode & 0777);
}

static struct str pin_path(const struct pins *pins, struct str name, const char *prefix,
			   struct str pin, struct arena *arena)
{
	return ARENA_CONCAT(arena, str_of(pins->path), STR("/"), name, STR("/"), str_of(prefix),
			    pin);
}

static int object_call(int command, const struct str path, int fd)
{
	union bpf_attr attr = {
		.pathname = (uintptr_t)path.p,
		.bpf_fd = (uint32_t)fd,
	};
	long r = syscall(SYS_bpf, command, &attr, sizeof(attr));

	return r < 0 ? -errno : (int)r;
}

int pins_add(const struct pins *pins, const char *prefix, struct str name, int fd,
	     struct arena *arena)
{
	struct str path = pin_path(pins, STR(NEW), prefix, name, arena);
	_cleanup_fd_ int dir = file_open_dir(pins->dir, NEW);
	struct str file = ARENA_CONCAT(arena, str_of(prefix), name);
	int r = object_call(BPF_OBJ_PIN, path, fd);

	if (r < 0)
		return r;
	return share(pins, dir, file.p, 0600 | (pins->st.st_mode & 0444));
}

int pins_commit(const struct pins *pins, struct str name, struct arena *arena)
{
	return renameat(pins->dir, NEW, pins->dir, arena_cstr(arena, name)) < 0 ? -errno : 0;
}

int pins_get(const struct pins *pins, struct str name, const char *prefix, struct str pin,
	     struct arena *arena)
{
	return object_call(BPF_OBJ_GET, pin_path(pins, name, prefix, pin, arena), 0);
}
