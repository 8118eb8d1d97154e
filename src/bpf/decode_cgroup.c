/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup ids to paths. An id is the inode of the directory in the version 2 hierarchy and is never
 * given away twice, so a path that is known stays known, also when its cgroup is gone: its counters
 * still are. Who has CAP_DAC_READ_SEARCH asks for one id; who has not, walks through them all, at
 * most once in a pass.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "bpf/decode_internal.h"

enum { KERNFS_HANDLE = 0xfe };

/* The hierarchy's root: alone, or beside those of version 1. An fd or -errno. */
static int open_hierarchy(const struct host *host)
{
	static const char *const places[] = { "fs/cgroup", "fs/cgroup/unified" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_fd_ int dir = host_open_dir(host, HOST_SYS, places[i]);

		if (dir >= 0 && faccessat(dir, "cgroup.controllers", F_OK, 0) == 0) {
			int found = dir;

			dir = -1;
			return found;
		}
	}
	return -ENOENT;
}

static bool is_cgroup2(int dir)
{
	struct statfs fs;

	return fstatfs(dir, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Where an open directory is, as this process sees it. */
static int path_of(int fd, struct arena *arena, struct str *ret)
{
	struct str link = ARENA_CONCAT(arena, STR("/proc/self/fd/"), arena_printf(arena, "%d", fd));

	return host_link(AT_FDCWD, link.p, arena, ret);
}

/* 0; -ESTALE: there is none of this id; another error: ask in another way. */
static int ask_kernel(int root, uint64_t id, struct arena *arena, struct str *ret)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(id)];
	} u = { .handle = { .handle_bytes = sizeof(id), .handle_type = KERNFS_HANDLE } };
	struct str top, path;
	int r;

	if (!is_cgroup2(root))
		return -EOPNOTSUPP;
	memcpy(u.room + offsetof(struct file_handle, f_handle), &id, sizeof(id));

	_cleanup_fd_ int fd =
		open_by_handle_at(root, &u.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOTDIR ? -ESTALE : -errno;
	r = path_of(root, arena, &top);
	if (r == 0)
		r = path_of(fd, arena, &path);
	if (r < 0)
		return r;
	/* Above the root of a cgroup namespace, or removed meanwhile. */
	if (!str_starts(path, top) || str_ends(path, STR(" (deleted)")))
		return -EXDEV;
	path = str_skip(path, top.n);
	if (path.n && path.p[0] != '/')
		return -EXDEV;
	*ret = path.n ? path : STR("/");
	return 0;
}

struct walk {
	struct decoder *decoder;
	struct arena arena;
	bool complete;
};

static void walk_dir(struct walk *walk, int parent, const char *name, struct str path,
		     unsigned depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct dirent *entry;

	if (fd < 0) {
		/* One that was removed since its name was read is no loss. */
		walk->complete &= errno == ENOENT;
		return;
	}

	_cleanup_dir_ DIR *dir = fdopendir(fd);

	if (!dir) {
		(void)close(fd);
		walk->complete = false;
		return;
	}
	while ((entry = readdir(dir))) {
		struct known *cgroups = &walk->decoder->cgroups;
		struct known_entry *known;
		struct str child;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (cgroups->n >= KNOWN_MAX || depth == CGROUP_DEPTH_MAX) {
			walk->complete = false;
			return;
		}
		child = ARENA_CONCAT(&walk->arena, path, STR("/"), str_of(entry->d_name));
		known = known_put(cgroups, entry->d_ino, child);
		known->used = walk->decoder->pass;
		walk_dir(walk, fd, entry->d_name, child, depth + 1);
	}
}

/* Reads the names of all; true when none is missing. */
static bool walk_hierarchy(struct decoder *decoder, int root)
{
	struct walk walk = { .decoder = decoder, .complete = true };
	struct stat st;

	/* A row lives in its map for some passes longer than what is asked for by none. */
	known_forget(&decoder->cgroups, decoder->pass > 2 ? decoder->pass - 2 : 0);
	if (fstat(root, &st) == 0)
		known_put(&decoder->cgroups, st.st_ino, STR("/"))->used = decoder->pass;
	walk_dir(&walk, root, ".", STR(""), 0);
	arena_release(&walk.arena);
	return walk.complete;
}

static struct known_entry *look_up(struct decoder *decoder, uint64_t id, struct arena *arena)
{
	struct known *cgroups = &decoder->cgroups;
	struct known_entry *entry = known_find(cgroups, id);
	struct str path;
	int r;

	if (entry)
		return entry;
	/* After a walk, what is missing may have been made since: the next pass will know. */
	if (decoder->read_cgroups)
		return NULL;

	_cleanup_fd_ int root = open_hierarchy(decoder->host);

	r = root < 0 ? root : ask_kernel(root, id, arena, &path);
	if (r == 0 || r == -ESTALE) {
		if (cgroups->n >= KNOWN_MAX)
			known_forget(cgroups, decoder->pass);
		if (cgroups->n >= KNOWN_MAX)
			return NULL;
		return known_put(cgroups, id, r == 0 ? path : (struct str){ 0 });
	}
	decoder->read_cgroups = true;
	if (root < 0 || !walk_hierarchy(decoder, root))
		return known_find(cgroups, id);
	entry = known_find(cgroups, id);
	return entry ? entry : known_put(cgroups, id, (struct str){ 0 });
}

struct str decode_cgroup(struct decoder *decoder, uint64_t id, struct arena *arena)
{
	struct known_entry *entry = look_up(decoder, id, arena);

	if (entry)
		entry->used = decoder->pass;
	if (entry && entry->name.p)
		return arena_str(arena, entry->name);
	return arena_printf(arena, "unknown_cgroup_id:%llu", (unsigned long long)id);
}
