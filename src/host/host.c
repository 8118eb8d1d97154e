/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "host/netlink.h"

enum { RESERVED_FDS = 640 };

static const char *const default_path[HOST_ROOTS] = {
	[HOST_PROC] = "/proc",
	[HOST_SYS] = "/sys",
	[HOST_ROOT] = "/",
	[HOST_UDEV] = "/run/udev",
};

/* All but what the program itself, the kept files and their folders may need. */
static size_t spare_fds(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= RESERVED_FDS)
		return 0;
	return (size_t)limit.rlim_cur - RESERVED_FDS;
}

/*
 * Whether a /proc that stands elsewhere, as the host's does in a container, has the processes and
 * the network that system calls of ours speak of: "self" is our own number there, and process 1
 * (the host's) has our network, whose files have numbers of their own (fs/proc/generic.c).
 */
static bool is_own_proc(int dir)
{
	char self[NUM_TEXT_MAX];
	ssize_t n = readlinkat(dir, "self", self, sizeof(self));
	uint64_t pid;
	struct stat ours, first;

	return n > 0 && num_u64((struct str){ self, (size_t)n }, &pid) == 0 &&
	       pid == (uint64_t)getpid() && fstatat(dir, "self/net/dev", &ours, 0) == 0 &&
	       fstatat(dir, "1/net/dev", &first, 0) == 0 && ours.st_ino == first.st_ino;
}

/* There is one for each network namespace, however often it is mounted (fs/sysfs/mount.c). */
static bool is_own_sys(int dir)
{
	struct stat ours, theirs;

	return fstat(dir, &theirs) == 0 && stat(default_path[HOST_SYS], &ours) == 0 &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

static bool is_kernels(int dir, unsigned int type)
{
	struct statfs s;

	return dir >= 0 && fstatfs(dir, &s) == 0 && (unsigned int)s.f_type == type;
}

/* Trees that were given; fixtures stay what they are. */
static void know_own(struct host *host)
{
	if (host->given[HOST_SYS] && is_kernels(host->dir[HOST_SYS], SYSFS_MAGIC))
		host->given[HOST_SYS] = !is_own_sys(host->dir[HOST_SYS]);
	if (!host->given[HOST_PROC] || !is_kernels(host->dir[HOST_PROC], PROC_SUPER_MAGIC))
		return;
	host->same_kernel = true;
	host->given[HOST_PROC] = !is_own_proc(host->dir[HOST_PROC]);
}

void host_open(struct host *host, const struct host_paths *paths, bool keep)
{
	*host = (struct host){ .keep = keep, .spare_fds = keep ? spare_fds() : 0 };
	for (int i = 0; i < HOST_ROOTS; i++) {
		const char *path = paths->path[i];

		host->given[i] = path && *path && strcmp(path, default_path[i]) != 0;
		host->dir[i] = file_open_dir(AT_FDCWD, host->given[i] ? path : default_path[i]);
	}
	host->net = -ENOENT;
	host->same_kernel = !host->given[HOST_PROC];
	if (host->given[HOST_PROC] && host->dir[HOST_PROC] >= 0)
		host->net = file_open_dir(host->dir[HOST_PROC], "1/net");
	know_own(host);
}

struct host_once {
	struct host_once *next;
	const char *path;
	enum host_root root;
	uint64_t cycle; /* in which the text was read; 0: in none */
	struct arena arena;
	struct str text;
};

static void release_once(struct host *host)
{
	while (host->once) {
		struct host_once *once = host->once;

		host->once = once->next;
		arena_release(&once->arena);
		free(once);
	}
}

struct host_shared {
	struct host_shared *next;
	const void *key;
	void (*release)(void *block);
	_Alignas(max_align_t) char block[];
};

void *host_shared(struct host *host, const void *key, size_t size, void (*release)(void *block))
{
	struct host_shared *shared = host->shared;

	while (shared && shared->key != key)
		shared = shared->next;
	if (shared)
		return shared->block;
	shared = calloc(1, sizeof(*shared) + size);
	if (!shared)
		abort();
	shared->next = host->shared;
	shared->key = key;
	shared->release = release;
	host->shared = shared;
	return shared->block;
}

/* Those that were asked for last are released first: they may hold something of the others. */
static void release_shared(struct host *host)
{
	while (host->shared) {
		struct host_shared *shared = host->shared;

		host->shared = shared->next;
		shared->release(shared->block);
		free(shared);
	}
}

void host_close(struct host *host)
{
	release_shared(host);
	for (int i = 0; i < HOST_ROOTS; i++)
		if (host->dir[i] >= 0)
			(void)close(host->dir[i]);
	if (host->net >= 0)
		(void)close(host->net);
	for (size_t i = 0; host->kept && i < HOST_KEPT_MAX; i++)
		if (host->kept[i].path)
			(void)close(host->kept[i].fd);
	free(host->kept);
	netlink_free(host->netlink);
	release_once(host);
	*host = (struct host){ .dir = { -1, -1, -1, -1 }, .net = -1 };
}

static int open_below(const struct host *host, enum host_root root, const char *path, int flags)
{
	const int how = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags;
	int fd = -1;

	if (host->dir[root] < 0)
		return host->dir[root];
	if (root == HOST_PROC && host->net >= 0 && strncmp(path, "net/", 4) == 0)
		fd = openat(host->net, path + 4, how);
	if (fd < 0)
		fd = openat(host->dir[root], path, how);
	return fd < 0 ? -errno : fd;
}

/* The file's slot, or the free one where it would go; NULL when the table is full enough. */
static struct host_kept *kept_slot(struct host *host, enum host_root root, const char *path)
{
	if (!host->kept)
		host->kept = calloc(HOST_KEPT_MAX, sizeof(*host->kept));
	if (!host->kept)
		return NULL;

	size_t at = (size_t)str_hash(str_of(path)) + root;

	for (;; at++) {
		struct host_kept *k = &host->kept[at % HOST_KEPT_MAX];

		if (!k->path)
			return host->n_kept < HOST_KEPT_MAX / 2 ? k : NULL;
		if (k->root == root && strcmp(k->path, path) == 0)
			return k;
	}
}

/* What an open file stood for is gone (a process, a namespace); perhaps there is a new one. */
static int reopen(struct host *host, struct host_kept *k)
{
	_cleanup_fd_ int fd = open_below(host, k->root, k->path, 0);

	if (fd < 0)
		return fd;
	return dup3(fd, k->fd, O_CLOEXEC) < 0 ? -errno : 0;
}

int host_read(struct host *host, enum host_root root, const char *path, struct arena *arena,
	      struct str *ret)
{
	/* Files of other trees (/etc/os-release) are replaced by rename: an open one is the old. */
	bool kernel = root == HOST_PROC || root == HOST_SYS;
	struct host_kept *k = host->keep && kernel ? kept_slot(host, root, path) : NULL;
	int r;

	if (k && k->path) {
		r = file_read_fd(k->fd, k->size + 512, FILE_MAX, arena, ret);
		if (r < 0) {
			r = reopen(host, k);
			if (r == 0)
				r = file_read_fd(k->fd, 0, FILE_MAX, arena, ret);
		}
		if (r == 0)
			k->size = ret->n;
		return r;
	}

	int fd = open_below(host, root, path, 0);

	if (fd < 0)
		return fd;
	r = file_read_fd(fd, 0, FILE_MAX, arena, ret);
	if (k && r == 0) {
		*k = (struct host_kept){ .path = path, .root = root, .fd = fd, .size = ret->n };
		host->n_kept++;
	} else {
		(void)close(fd);
	}
	return r;
}

static struct host_once *once_of(struct host *host, enum host_root root, const char *path)
{
	struct host_once *once = host->once;

	while (once && (once->root != root || strcmp(once->path, path) != 0))
		once = once->next;
	if (once)
		return once;
	once = calloc(1, sizeof(*once));
	if (!once)
		return NULL;
	*once = (struct host_once){ .next = host->once, .path = path, .root = root };
	host->once = once;
	return once;
}

int host_read_once(struct host *host, enum host_root root, const char *path, struct str *ret)
{
	struct host_once *once = once_of(host, root, path);
	int r;

	if (!once)
		return -ENOMEM;
	if (!once->cycle || once->cycle != host->cycle) {
		once->cycle = 0;
		arena_reset(&once->arena);
		r = host_read(host, root, path, &once->arena, &once->text);
		if (r < 0)
			return r;
		once->cycle = host->cycle;
	}
	*ret = once->text;
	return 0;
}

int host_open_dir(const struct host *host, enum host_root root, const char *path)
{
	return open_below(host, root, path, O_DIRECTORY);
}

static size_t digits(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

/* Digit runs compare by length, then by text, which is by value: what a person calls sorted. */
static int compare_names(const void *a, const void *b)
{
	struct str x = *(const struct str *)a, y = *(const struct str *)b;

	while (x.n && y.n) {
		size_t m = digits(x), n = digits(y);

		if (m && n && m != n)
			return m < n ? -1 : 1;
		if (x.p[0] != y.p[0])
			return (unsigned char)x.p[0] < (unsigned char)y.p[0] ? -1 : 1;
		x = str_skip(x, 1);
		y = str_skip(y, 1);
	}
	return (x.n > 0) - (y.n > 0);
}

int host_list_dir(int dir, struct arena *arena, struct str **ret_names, size_t *ret_n)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;

	_cleanup_dir_ DIR *stream = fdopendir(fd);
	struct str *names = NULL;
	size_t n = 0, cap = 0;

	if (!stream) {
		(void)close(fd);
		return -ENOMEM;
	}
	for (;;) {
		errno = 0;

		const struct dirent *entry = readdir(stream);

		if (!entry && errno)
			return -errno;
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (n == cap) {
			struct str *more = arena_alloc(arena, (cap * 2 + 32) * sizeof(*names));

			if (n)
				memcpy(more, names, n * sizeof(*names));
			names = more;
			cap = cap * 2 + 32;
		}
		names[n++] = arena_str(arena, str_of(entry->d_name));
	}
	if (n)
		qsort(names, n, sizeof(*names), compare_names);
	*ret_names = names;
	*ret_n = n;
	return 0;
}

int host_list(const struct host *host, enum host_root root, const char *path, struct arena *arena,
	      struct str **ret_names, size_t *ret_n)
{
	_cleanup_fd_ int dir = host_open_dir(host, root, path);

	return dir < 0 ? dir : host_list_dir(dir, arena, ret_names, ret_n);
}

int host_attr(int dir, const char *name, struct arena *arena, struct str *ret)
{
	struct str text;
	int r = file_read(dir, name, FILE_MAX, arena, &text);

	if (r < 0)
		return r;
	*ret = arena_str(arena, str_trim(text));
	return 0;
}

/* A number needs no arena: what sysfs says fits a small buffer. */
static int read_small(int dir, const char *name, char *text, size_t size, struct str *ret)
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;

	/* One read, no retry: some drivers answer EAGAIN for as long as one asks. */
	ssize_t n = read(fd, text, size);

	if (n < 0)
		return -errno;
	/* What fills the buffer may go on behind it: that is no number. */
	if ((size_t)n == size)
		return -EINVAL;
	*ret = str_trim((struct str){ text, (size_t)n });
	return 0;
}

int host_attr_u64(int dir, const char *name, uint64_t *ret)
{
	char text[64];
	struct str s;
	int r = read_small(dir, name, text, sizeof(text), &s);

	return r < 0 ? r : num_u64(s, ret);
}

int host_attr_i64(int dir, const char *name, int64_t *ret)
{
	char text[64];
	struct str s;
	int r = read_small(dir, name, text, sizeof(text), &s);

	return r < 0 ? r : num_i64(s, ret);
}

int host_link(int dir, const char *name, struct arena *arena, struct str *ret)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));

	if (n < 0)
		return -errno;
	*ret = arena_str(arena, (struct str){ target, (size_t)n });
	return 0;
}
