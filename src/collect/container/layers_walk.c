/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The size of a tree. At any moment one directory is open, however deep it is: the way back up is
 * "..", which must lead to where we came from. Quotas by project (fs/quota/quota.c) have the sum
 * ready, where a runtime gave a layer a project of its own.
 */
#include "collect/container/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/buf.h"
#include "base/clock.h"

enum { ENTRIES_BETWEEN_LOOKS = 256, STAT_BLOCK = 512 };

/* A directory on the way from the top to where we are. */
struct level {
	ino_t inode;
	size_t names; /* where its folders' names begin */
};

struct walk {
	int at; /* the directory that is open */
	dev_t device;
	int64_t deadline_ns;
	uint64_t bytes, inodes, entries;
	struct buf names;  /* of folders that are still to be seen, each with its NUL */
	struct buf levels; /* of struct level */
	ino_t *links;      /* files with several names: a table of slots, 0 is free */
	size_t n_links, slots;
};

static int grow_links(struct walk *w)
{
	size_t slots = w->slots ? w->slots * 2 : 1024;
	ino_t *links;

	if (slots > LAYER_LINKS_MAX)
		return -E2BIG;
	links = calloc(slots, sizeof(*links));
	if (!links)
		return -ENOMEM;
	for (size_t i = 0; i < w->slots; i++) {
		size_t at = (size_t)(w->links[i] * UINT64_C(0x9e3779b97f4a7c15) >> 20);

		if (!w->links[i])
			continue;
		while (links[at % slots])
			at++;
		links[at % slots] = w->links[i];
	}
	free(w->links);
	w->links = links;
	w->slots = slots;
	return 0;
}

/* 1 when that file was counted by another of its names, 0 when not, or -errno. */
static int is_counted(struct walk *w, ino_t inode)
{
	if (w->n_links * 2 >= w->slots) {
		int r = grow_links(w);

		if (r < 0)
			return r;
	}

	size_t at = (size_t)(inode * UINT64_C(0x9e3779b97f4a7c15) >> 20);

	for (;; at++) {
		ino_t *slot = &w->links[at % w->slots];

		if (*slot == inode)
			return 1;
		if (!*slot) {
			*slot = inode;
			w->n_links++;
			return 0;
		}
	}
}

static int count(struct walk *w, const struct stat *s)
{
	int r = S_ISDIR(s->st_mode) || s->st_nlink < 2 ? 0 : is_counted(w, s->st_ino);

	if (r)
		return r < 0 ? r : 0;
	w->bytes += (uint64_t)s->st_blocks * STAT_BLOCK;
	w->inodes++;
	return 0;
}

static int look_at_entry(struct walk *w, const char *name)
{
	struct stat s;
	int r;

	if (++w->entries % ENTRIES_BETWEEN_LOOKS == 0 && clock_ns(CLOCK_MONOTONIC) > w->deadline_ns)
		return -ETIME;
	if (fstatat(w->at, name, &s, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (s.st_dev != w->device)
		return 0;
	if (S_ISDIR(s.st_mode)) {
		buf_put(&w->names, name, strlen(name) + 1);
		/* It counts when it is entered: until then it may go. */
		return w->names.err;
	}
	r = count(w, &s);
	return r;
}

/* Counts what is in the open directory, and it itself. */
static int enter(struct walk *w, const struct stat *self)
{
	struct level level = { self->st_ino, w->names.n };
	int r = count(w, self), fd = openat(w->at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;

	_cleanup_dir_ DIR *stream = fdopendir(fd);

	if (!stream) {
		(void)close(fd);
		return -ENOMEM;
	}
	buf_put(&w->levels, &level, sizeof(level));
	if (w->levels.err)
		return w->levels.err;
	while (r == 0) {
		errno = 0;

		const struct dirent *entry = readdir(stream);

		if (!entry)
			return -errno;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = look_at_entry(w, entry->d_name);
	}
	return r;
}

/* The last of the names that wait: those of the deepest level. */
static const char *take_name(struct walk *w)
{
	size_t at = w->names.n - 1;

	while (at && w->names.p[at - 1])
		at--;
	w->names.n = at;
	return w->names.p + at;
}

static int go_down(struct walk *w)
{
	struct stat s;
	int fd = openat(w->at, take_name(w), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	if (fstat(fd, &s) < 0 || s.st_dev != w->device) {
		(void)close(fd);
		return 0;
	}
	(void)close(w->at);
	w->at = fd;
	return enter(w, &s);
}

static int go_up(struct walk *w, ino_t inode)
{
	struct stat s;
	int fd = openat(w->at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	(void)close(w->at);
	w->at = fd;
	if (fstat(fd, &s) < 0)
		return -errno;
	return s.st_dev == w->device && s.st_ino == inode ? 0 : -ESTALE;
}

static struct level level_at(const struct walk *w, size_t back)
{
	struct level level;

	memcpy(&level, w->levels.p + w->levels.n - back * sizeof(level), sizeof(level));
	return level;
}

static int walk(struct walk *w)
{
	struct stat s;
	int r = fstat(w->at, &s) < 0 ? -errno : 0;

	if (r < 0)
		return r;
	w->device = s.st_dev;
	r = enter(w, &s);
	while (r == 0) {
		if (w->names.n > level_at(w, 1).names) {
			r = go_down(w);
			continue;
		}
		if (w->levels.n == sizeof(struct level))
			return 0;
		r = go_up(w, level_at(w, 2).inode);
		w->levels.n -= sizeof(struct level);
	}
	return r;
}

static uint32_t project_of(int fd)
{
	struct fsxattr attr = { 0 };

	return ioctl(fd, FS_IOC_FSGETXATTR, &attr) == 0 ? attr.fsx_projid : 0;
}

/*
 * A project counts for a layer when it is the layer's own, or that of the folder the layer is in,
 * as runtimes set it: not when half of a disk is one project.
 */
static bool ask_quota(int fd, uint64_t *ret_bytes, uint64_t *ret_inodes)
{
#ifdef SYS_quotactl_fd
	uint32_t project = project_of(fd);
	_cleanup_fd_ int above =
		project ? openat(fd, "../..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct if_dqblk quota;

	if (above < 0 || project_of(above) == project)
		return false;
	/* QCMD() shifts into the sign of an int. */
	if (syscall(SYS_quotactl_fd, fd, (unsigned int)Q_GETQUOTA << SUBCMDSHIFT | PRJQUOTA,
		    project, &quota) < 0)
		return false;
	if ((quota.dqb_valid & (QIF_SPACE | QIF_INODES)) != (QIF_SPACE | QIF_INODES) ||
	    !quota.dqb_curinodes)
		return false;
	*ret_bytes = quota.dqb_curspace;
	*ret_inodes = quota.dqb_curinodes;
	return true;
#else
	(void)fd;
	(void)ret_bytes;
	(void)ret_inodes;
	return false;
#endif
}

int layer_measure(int root, const char *path, int64_t seconds, uint64_t *ret_bytes,
		  uint64_t *ret_inodes)
{
	struct walk w = {
		.at = openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		.deadline_ns = clock_ns(CLOCK_MONOTONIC) + seconds * 1000000000,
		.names = { .max = LAYER_NAMES_MAX },
		.levels = { .max = LAYER_NAMES_MAX },
	};
	int r;

	if (w.at < 0)
		return -errno;
	if (ask_quota(w.at, ret_bytes, ret_inodes)) {
		(void)close(w.at);
		return 0;
	}
	r = walk(&w);
	if (r == 0) {
		*ret_bytes = w.bytes;
		*ret_inodes = w.inodes;
	}
	(void)close(w.at);
	free(w.links);
	buf_release(&w.names);
	buf_release(&w.levels);
	return r;
}
