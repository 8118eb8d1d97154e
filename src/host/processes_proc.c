/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process table, file by file from /proc. A process may end between any two of its files: it
 * is then left out as a whole, for a later file says ESRCH (fs/proc/base.c). Of threads that have
 * ended, /proc keeps times, faults and I/O, but not the context switches nor the delay.
 */
#include "host/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "host/process_parse.h"

enum {
	TEXT_MAX = 64 << 10, /* status of who is in thousands of groups is the longest */
	THREADS_MAX = 4096,  /* whose context switches are looked at one by one */
	PROCESSES_MAX = 4 << 20,
};

/* cgroups that were met, by path; a host has some hundreds for thousands of processes. */
struct cgroup_id {
	struct str path;
	uint64_t id;
};

struct walk {
	const struct process_wants *wants;
	struct arena *arena;
	char *text; /* TEXT_MAX bytes, for every file */
	uint64_t tick_ns;
	bool live;       /* system calls speak of the same processes */
	bool counts_fds; /* the size of /proc/PID/fd is their number (since Linux 6.2) */
	int cgroups;     /* root of the v2 hierarchy, or -errno */
	size_t n_ids, cap_ids;
	struct cgroup_id *ids; /* hashed by path */
	size_t cap;
	struct process_table table;
};

static int read_text(const struct walk *walk, int dir, const char *name, struct str *ret)
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, walk->text, TEXT_MAX);

	if (n < 0)
		return -errno;
	*ret = (struct str){ walk->text, (size_t)n };
	return 0;
}

static bool is_number(const char *name)
{
	return name[0] >= '1' && name[0] <= '9';
}

/* The directory's entries that are numbers; `each` may be NULL. Returns how many, or -errno. */
static int64_t each_number(const struct walk *walk, int parent, const char *name,
			   void (*each)(const struct walk *walk, int dir, const char *number,
					struct process *process),
			   struct process *process)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	int64_t n = 0;

	if (!stream) {
		int r = -errno;

		cleanup_fd(&fd);
		return r;
	}
	for (const struct dirent *e; (e = readdir(stream));) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		n++;
		if (each && n <= THREADS_MAX)
			each(walk, fd, e->d_name, process);
	}
	return n;
}

static void add_thread(const struct walk *walk, int dir, const char *number,
		       struct process *process)
{
	_cleanup_fd_ int task = openat(dir, number, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct str text;
	uint64_t run, wait;

	if (task < 0)
		return;
	if (walk->wants->switches && read_text(walk, task, "status", &text) == 0)
		process_parse_switches(text, process);
	if (walk->wants->delay && read_text(walk, task, "schedstat", &text) == 0 &&
	    num_take_u64(&text, &run) && num_take_u64(&text, &wait)) {
		process->delay_ns += wait;
		process->has |= PROCESS_DELAY;
	}
}

/* What each thread has for itself. */
static void read_threads(const struct walk *walk, int dir, struct process *process)
{
	struct str text;
	uint64_t run, wait;

	if (process->threads > 1) {
		if (walk->wants->switches)
			process->voluntary_switches = process->involuntary_switches = 0;
		(void)each_number(walk, dir, "task", add_thread, process);
	} else if (walk->wants->delay && read_text(walk, dir, "schedstat", &text) == 0 &&
		   num_take_u64(&text, &run) && num_take_u64(&text, &wait)) {
		process->delay_ns = wait;
		process->has |= PROCESS_DELAY;
	}
}

static void count_fds(const struct walk *walk, int dir, struct process *process)
{
	struct stat st;
	int64_t n;

	if (process->kernel) {
		n = 0;
	} else if (walk->counts_fds) {
		n = fstatat(dir, "fd", &st, 0) == 0 ? (int64_t)st.st_size : -1;
	} else {
		n = each_number(walk, dir, "fd", NULL, NULL);
	}
	if (n < 0)
		return;
	process->fds = (uint32_t)n;
	process->has |= PROCESS_FDS;
}

static void read_fd_limit(const struct walk *walk, int dir, struct process *process)
{
	struct rlimit limit;
	struct str text;

	if (walk->live && prlimit((pid_t)process->pid, RLIMIT_NOFILE, NULL, &limit) == 0) {
		process->fd_limit = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
		process->has |= PROCESS_FD_LIMIT;
	} else if (read_text(walk, dir, "limits", &text) == 0) {
		process_parse_limits(text, process);
	}
}

static struct cgroup_id *id_slot(const struct walk *walk, struct str path)
{
	size_t at = (size_t)str_hash(path);

	for (;; at++) {
		struct cgroup_id *slot = &walk->ids[at & (walk->cap_ids - 1)];

		if (!slot->path.p || str_eq(slot->path, path))
			return slot;
	}
}

static void grow_ids(struct walk *walk)
{
	struct cgroup_id *old = walk->ids;
	size_t n = walk->cap_ids;

	walk->cap_ids = n ? n * 2 : 64;
	walk->ids = arena_zalloc(walk->arena, walk->cap_ids, sizeof(*walk->ids));
	for (size_t i = 0; i < n; i++)
		if (old[i].path.p)
			*id_slot(walk, old[i].path) = old[i];
}

static void read_cgroup(struct walk *walk, int dir, struct process *process)
{
	struct cgroup_id *slot;
	struct str text, path;
	struct stat st;

	if (walk->cgroups < 0 || read_text(walk, dir, "cgroup", &text) < 0 ||
	    !process_parse_cgroup(text, &path))
		return;
	if (walk->n_ids * 2 >= walk->cap_ids)
		grow_ids(walk);
	slot = id_slot(walk, path);
	if (!slot->path.p) {
		const char *below;

		slot->path = arena_str(walk->arena, path);
		below = slot->path.p;
		walk->n_ids++;
		while (*below == '/')
			below++;
		if (fstatat(walk->cgroups, *below ? below : ".", &st, 0) == 0)
			slot->id = st.st_ino;
	}
	process->cgroup = slot->id;
	if (slot->id)
		process->has |= PROCESS_CGROUP;
}

static int read_process(struct walk *walk, int proc, const char *name, struct process *process)
{
	_cleanup_fd_ int dir = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct process_wants *wants = walk->wants;
	struct str text;
	int r;

	if (dir < 0)
		return -errno;
	*process = (struct process){ 0 };
	r = read_text(walk, dir, "stat", &text);
	if (r < 0)
		return r;
	if (!process_parse_stat(text, walk->tick_ns, process))
		return -EBADMSG;
	r = read_text(walk, dir, "status", &text);
	/* Of a process that has ended no file is left; a given tree may have but some of them. */
	if (r == -ESRCH || (r == -ENOENT && faccessat(dir, "stat", F_OK, 0) < 0))
		return r;
	if (r == 0)
		process_parse_status(text, process);
	if (wants->switches || wants->delay)
		read_threads(walk, dir, process);
	if (wants->fds)
		count_fds(walk, dir, process);
	if (wants->fd_limit)
		read_fd_limit(walk, dir, process);
	if (wants->cgroup)
		read_cgroup(walk, dir, process);
	if (!wants->io)
		return 0;
	/* Last: it is what waits for an exec() that is going on, and what tells of an end. */
	r = read_text(walk, dir, "io", &text);
	if (r == 0)
		process_parse_io(text, process);
	return r == -ESRCH ? r : 0;
}

static int by_pid(const void *a, const void *b)
{
	uint32_t x = ((const struct process *)a)->pid, y = ((const struct process *)b)->pid;

	return (x > y) - (x < y);
}

/* A tree that is no procfs may hold a process twice, and in any order. */
static void sort(struct process_table *table)
{
	size_t kept = 0;

	for (size_t i = 1; i < table->n; i++)
		if (table->v[i - 1].pid >= table->v[i].pid) {
			qsort(table->v, table->n, sizeof(*table->v), by_pid);
			break;
		}
	for (size_t i = 0; i < table->n; i++)
		if (!kept || table->v[kept - 1].pid != table->v[i].pid)
			table->v[kept++] = table->v[i];
	table->n = kept;
}

static int read_all(struct walk *walk, int proc)
{
	int fd = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct process_table *table = &walk->table;

	if (!stream) {
		int r = -errno;

		cleanup_fd(&fd);
		return r;
	}
	for (;;) {
		const struct dirent *e;

		errno = 0;
		e = readdir(stream);
		if (!e && errno)
			return -errno;
		if (!e || table->n == PROCESSES_MAX)
			break;
		if (!is_number(e->d_name))
			continue;
		if (table->n == walk->cap) {
			size_t cap = walk->cap ? walk->cap * 2 : 256;

			table->v =
				arena_resize(walk->arena, table->v, walk->cap * sizeof(*table->v),
					     cap * sizeof(*table->v));
			walk->cap = cap;
		}
		if (read_process(walk, fd, e->d_name, &table->v[table->n]) == 0)
			table->n++;
	}
	sort(table);
	return 0;
}

/* The size that /proc/self/fd has tells whether sizes are told: we have files open. */
static bool sizes_are_counts(int proc)
{
	struct statfs fs;
	struct stat st;

	return fstatfs(proc, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
	       fstatat(proc, "self/fd", &st, 0) == 0 && st.st_size > 0;
}

/* On hybrid hosts the v2 hierarchy is mounted beside those of v1. */
static int open_cgroups(const struct host *host)
{
	static const char *const places[] = { "fs/cgroup/unified", "fs/cgroup" };
	int dir = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		dir = host_open_dir(host, HOST_SYS, places[i]);
		if (dir >= 0 && faccessat(dir, "cgroup.procs", F_OK, 0) == 0)
			return dir;
		cleanup_fd(&dir);
		dir = -ENOENT;
	}
	return dir;
}

static uint64_t tick_ns(void)
{
	long ticks = sysconf(_SC_CLK_TCK);

	return 1000000000 / (uint64_t)(ticks > 0 ? ticks : 100);
}

int processes_proc(struct host *host, const struct process_wants *wants, struct arena *arena,
		   struct process_table *ret)
{
	_cleanup_arena_ struct arena scratch = { 0 };
	int proc = host->dir[HOST_PROC], r;
	struct walk walk = {
		.wants = wants,
		.arena = arena,
		.tick_ns = tick_ns(),
		.live = host_is_live(host, HOST_PROC),
		.cgroups = -ENOENT,
	};

	if (proc < 0)
		return proc;
	walk.text = arena_alloc(&scratch, TEXT_MAX);
	walk.counts_fds = wants->fds && sizes_are_counts(proc);
	if (wants->cgroup)
		walk.cgroups = open_cgroups(host);
	r = read_all(&walk, proc);
	cleanup_fd(&walk.cgroups);
	if (r == 0)
		*ret = walk.table;
	return r;
}

int processes_threads(struct host *host, uint32_t pid, const struct process_wants *wants,
		      struct arena *arena, struct process_table *ret)
{
	_cleanup_arena_ struct arena scratch = { 0 };
	const struct process_wants some = { .io = wants->io };
	struct walk walk = {
		.wants = &some,
		.arena = arena,
		.tick_ns = tick_ns(),
		.cgroups = -ENOENT,
	};
	int r;

	if (host->dir[HOST_PROC] < 0)
		return host->dir[HOST_PROC];

	_cleanup_fd_ int dir = processes_open(host, pid, 0);
	_cleanup_fd_ int tasks =
		dir < 0 ? -1 : openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (tasks < 0)
		return dir < 0 ? dir : -errno;
	walk.text = arena_alloc(&scratch, TEXT_MAX);
	r = read_all(&walk, tasks);
	if (r == 0)
		*ret = walk.table;
	return r;
}
