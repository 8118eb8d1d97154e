/* SPDX-License-Identifier: Apache-2.0 */
#include "job/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "host/mounts.h"
#include "job/oom.h"

/* Of nested cgroups: as deep as one looks. */
enum { DEPTH_MAX = 16, TEXT_MAX = 16 << 20 };

static const struct str prefix = { "peekpush-job-", 13 };

static int open_cgroup2(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		return fd;
	(void)close(fd);
	return -ENOENT;
}

/* Where everybody has it; else where the mount table says. */
static int open_root(struct arena *arena)
{
	struct str text;
	struct mount *mounts;
	size_t n, bad;
	int fd = open_cgroup2("/sys/fs/cgroup");

	if (fd < 0)
		fd = open_cgroup2("/sys/fs/cgroup/unified");
	if (fd >= 0)
		return fd;
	if (file_read(AT_FDCWD, "/proc/self/mountinfo", TEXT_MAX, arena, &text) < 0)
		return -ENOENT;
	mounts_parse(text, arena, &mounts, &n, &bad);
	for (size_t i = 0; i < n && fd < 0; i++)
		if (str_eq(mounts[i].type, STR("cgroup2")))
			fd = open_cgroup2(arena_cstr(arena, mounts[i].point));
	return fd;
}

/* proc/PID/cgroup: "0::/path" is v2's line. One that is removed cannot be opened. */
static int path_of(pid_t pid, struct arena *arena, struct str *ret)
{
	struct str name = arena_printf(arena, "/proc/%ld/cgroup", (long)pid), text, line;
	int r = file_read(AT_FDCWD, name.p, TEXT_MAX, arena, &text);

	if (r < 0)
		return r;
	while (str_line(&text, &line)) {
		if (!str_starts(line, STR("0::/")))
			continue;
		line = str_skip(line, 3);
		/* Outside of our cgroup namespace. */
		if (line.n >= 3 && memmem(line.p, line.n, "/..", 3))
			return -EXDEV;
		*ret = arena_str(arena, line);
		return 0;
	}
	return -ENOENT;
}

int cgroup_of(pid_t pid, struct arena *arena, struct str *ret_path)
{
	_cleanup_fd_ int root = open_root(arena);
	struct str path;
	int r, fd;

	if (root < 0)
		return root;
	r = path_of(pid, arena, &path);
	if (r < 0)
		return r;
	fd = file_open_dir(root, path.n > 1 ? path.p + 1 : ".");
	if (fd >= 0 && ret_path)
		*ret_path = path;
	return fd;
}

int cgroup_make(struct cgroup *cgroup, struct arena *arena)
{
	int r;

	*cgroup = (struct cgroup){ .parent = -1, .dir = -1 };
	r = cgroup_of(getpid(), arena, NULL);
	if (r < 0)
		return r;
	cgroup->parent = r;
	(void)snprintf(cgroup->name, sizeof(cgroup->name), "%s%ld", prefix.p, (long)getpid());
	/* Left from an older process of our number, with what that one used. */
	(void)unlinkat(cgroup->parent, cgroup->name, AT_REMOVEDIR);
	if (mkdirat(cgroup->parent, cgroup->name, 0755) < 0)
		r = -errno;
	else
		r = cgroup->dir = file_open_dir(cgroup->parent, cgroup->name);
	if (r >= 0)
		return 0;
	(void)close(cgroup->parent);
	*cgroup = (struct cgroup){ .parent = -1, .dir = -1 };
	return r;
}

bool cgroup_in_service(struct str path)
{
	struct str part;

	while (str_cut(&path, '/', &part))
		if (str_ends(part, STR(".service")) && !str_starts(part, STR("user@")))
			return true;
	return false;
}

/* Calls itself for what is below; a directory may be removed at any time. */
static void visit(int dir, unsigned depth, void (*act)(int dir, void *arg), void *arg)
{
	_cleanup_dir_ DIR *stream = NULL;
	int copy;

	act(dir, arg);
	if (depth == DEPTH_MAX)
		return;
	copy = file_open_dir(dir, ".");
	stream = copy < 0 ? NULL : fdopendir(copy);
	if (!stream) {
		cleanup_fd(&copy);
		return;
	}
	for (const struct dirent *e; (e = readdir(stream));) {
		_cleanup_fd_ int below = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		below = file_open_dir(dir, e->d_name);
		if (below >= 0)
			visit(below, depth + 1, act, arg);
	}
}

struct listing {
	struct arena *arena;
	struct pids *pids;
};

static void list_one(int dir, void *arg)
{
	struct listing *to = arg;
	struct str text, line;
	uint64_t pid;

	if (file_read(dir, "cgroup.procs", TEXT_MAX, to->arena, &text) < 0)
		return;
	/* 0: not visible from our pid namespace. */
	while (str_line(&text, &line))
		if (num_u64(line, &pid) == 0 && pid > 0 && pid <= INT32_MAX)
			pids_add(to->pids, (pid_t)pid, to->arena);
}

void cgroup_pids(int dir, bool below, struct arena *arena, struct pids *pids)
{
	struct listing to = { arena, pids };

	visit(dir, below ? 0 : DEPTH_MAX, list_one, &to);
}

static int write_file(int dir, const char *name, struct str text)
{
	_cleanup_fd_ int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : file_write_all(fd, text);
}

int cgroup_kill(int dir)
{
	return write_file(dir, "cgroup.kill", STR("1"));
}

/* A dead or emptied tree of cgroups goes; what is lived in refuses. */
static void remove_tree(int parent, const char *name, unsigned depth)
{
	_cleanup_dir_ DIR *stream = NULL;
	int dir;

	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || depth == DEPTH_MAX)
		return;
	dir = file_open_dir(parent, name);
	stream = dir < 0 ? NULL : fdopendir(dir);
	if (!stream) {
		cleanup_fd(&dir);
		return;
	}
	for (const struct dirent *e; (e = readdir(stream));)
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			remove_tree(dir, e->d_name, depth + 1);
	(void)unlinkat(parent, name, AT_REMOVEDIR);
}

/* Those of watchers that were killed; theirs are empty since their job has ended. */
static void sweep(int parent)
{
	_cleanup_dir_ DIR *stream = NULL;
	int copy = file_open_dir(parent, ".");

	stream = copy < 0 ? NULL : fdopendir(copy);
	if (!stream) {
		cleanup_fd(&copy);
		return;
	}
	for (const struct dirent *e; (e = readdir(stream));) {
		struct str name = str_of(e->d_name);
		uint64_t pid;

		if (str_starts(name, prefix) && num_u64(str_skip(name, prefix.n), &pid) == 0 &&
		    pid > 0 && pid <= INT32_MAX && kill((pid_t)pid, 0) < 0 && errno == ESRCH)
			remove_tree(parent, e->d_name, 0);
	}
}

void cgroup_remove(struct cgroup *cgroup, struct arena *arena)
{
	/* Somebody may be forking meanwhile, so more than once; but not for ever. */
	for (int round = 0; cgroup->dir >= 0 && round < 10; round++) {
		struct pids pids = { 0 };

		cgroup_pids(cgroup->dir, false, arena, &pids);
		for (size_t i = 0; i < pids.n; i++) {
			char text[NUM_TEXT_MAX];
			size_t n = num_print_u64(text, (uint64_t)pids.v[i]);

			(void)write_file(cgroup->parent, "cgroup.procs", (struct str){ text, n });
		}
		remove_tree(cgroup->parent, cgroup->name, 0);
		if (faccessat(cgroup->parent, cgroup->name, F_OK, 0) < 0)
			break;
	}
	if (cgroup->parent >= 0) {
		sweep(cgroup->parent);
		(void)close(cgroup->parent);
	}
	if (cgroup->dir >= 0)
		(void)close(cgroup->dir);
	*cgroup = (struct cgroup){ .parent = -1, .dir = -1 };
}

static uint64_t read_number(int dir, const char *name, struct arena *arena)
{
	struct str text;
	uint64_t value;

	if (file_read(dir, name, TEXT_MAX, arena, &text) < 0 || !num_take_u64(&text, &value))
		return 0;
	return value;
}

/* What lies on other devices (LVM, RAID) is counted at these as well. */
static bool is_stacked(int block, struct str device, struct arena *arena)
{
	_cleanup_fd_ int dir = file_open_dir(block, arena_cstr(arena, device));
	_cleanup_dir_ DIR *stream = NULL;
	const struct dirent *e;
	int slaves;

	if (dir < 0)
		return false;
	slaves = file_open_dir(dir, "slaves");
	stream = slaves < 0 ? NULL : fdopendir(slaves);
	if (!stream)
		cleanup_fd(&slaves);
	while (stream && (e = readdir(stream)))
		if (e->d_name[0] != '.')
			return true;
	return false;
}

/* io.stat: "8:0 rbytes=1 wbytes=2 rios=3 ..." a device. */
static void read_io(int dir, struct arena *arena, struct usage *usage)
{
	_cleanup_fd_ int block = file_open_dir(AT_FDCWD, "/sys/dev/block");
	struct str text, line, device, word, key;
	uint64_t value;

	if (file_read(dir, "io.stat", TEXT_MAX, arena, &text) < 0)
		return;
	while (str_line(&text, &line)) {
		if (!str_word(&line, &device) || is_stacked(block, device, arena))
			continue;
		while (str_word(&line, &word)) {
			if (!str_cut(&word, '=', &key) || num_u64(word, &value) < 0)
				continue;
			if (str_eq(key, STR("rbytes")))
				usage->read_bytes += value;
			else if (str_eq(key, STR("wbytes")))
				usage->written_bytes += value;
		}
	}
}

void cgroup_usage(int dir, struct arena *arena, struct usage *usage)
{
	struct str text, line, key;
	uint64_t value;

	if (file_read(dir, "cpu.stat", TEXT_MAX, arena, &text) == 0)
		while (str_line(&text, &line)) {
			if (!str_word(&line, &key) || !num_take_u64(&line, &value))
				continue;
			if (str_eq(key, STR("user_usec")))
				usage->user_ns += value * 1000;
			else if (str_eq(key, STR("system_usec")))
				usage->system_ns += value * 1000;
		}
	usage->memory_bytes += read_number(dir, "memory.current", arena);
	value = read_number(dir, "memory.peak", arena);
	if (value > usage->memory_peak_bytes)
		usage->memory_peak_bytes = value;
	read_io(dir, arena, usage);
	if (oom_read(dir, "memory.events", arena, &value)) {
		usage->oom_kills += value;
		usage->oom_known = true;
	}
}
