/* SPDX-License-Identifier: Apache-2.0 */
#include "job/procs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"

/* Threads whose context switches are looked at one by one, and processes in a tree. */
enum { THREADS_MAX = 4096, PROCS_MAX = 1 << 16, PROC_TEXT_MAX = 1 << 20 };

static int open_number(int dir, pid_t number)
{
	char name[NUM_TEXT_MAX + 1];

	name[num_print_u64(name, (uint64_t)number)] = '\0';
	return file_open_dir(dir, name);
}

/* These files are at most some 1500 bytes; only a list of children may be longer. */
static bool read_small(int dir, const char *name, size_t size, char *buffer, struct str *ret)
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, size);

	if (n <= 0)
		return false;
	*ret = (struct str){ buffer, (size_t)n };
	return true;
}

/* proc_pid_stat(5), from field 3 on; the name before may hold blanks and parentheses. */
static bool read_stat(int dir, uint64_t tick_ns, struct proc *ret)
{
	char buffer[4096];
	uint64_t f[21] = { 0 };
	struct str text, word;
	const char *paren;

	if (!read_small(dir, "stat", sizeof(buffer), buffer, &text))
		return false;
	paren = memrchr(text.p, ')', text.n);
	if (!paren || !num_take_u64(&text, &f[0]))
		return false;
	ret->pid = (pid_t)f[0];
	text = str_between(paren + 1, text.p + text.n);
	if (!str_word(&text, &word))
		return false;
	ret->state = word.p[0];
	for (size_t i = 4; i < 21; i++)
		if (str_word(&text, &word))
			(void)num_u64(word, &f[i]);
	ret->parent = (pid_t)f[4];
	ret->minor_faults = f[10] + f[11];
	ret->major_faults = f[12] + f[13];
	ret->user_ns = (f[14] + f[16]) * tick_ns;
	ret->system_ns = (f[15] + f[17]) * tick_ns;
	ret->threads = f[20];
	return true;
}

static uint64_t tick_ns(void)
{
	return 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static bool add(struct procs *procs, struct proc proc, struct arena *arena)
{
	if (procs->n == PROCS_MAX)
		return false;
	if (procs->n == procs->cap) {
		size_t cap = procs->cap ? procs->cap * 2 : 64;

		procs->v = arena_resize(arena, procs->v, procs->cap * sizeof(proc),
					cap * sizeof(proc));
		procs->cap = cap;
	}
	procs->v[procs->n++] = proc;
	return true;
}

static bool is_skipped(const struct pids *skip, pid_t pid)
{
	for (size_t i = 0; i < skip->n; i++)
		if (skip->v[i] == pid)
			return true;
	return false;
}

struct walk {
	int proc;
	uint64_t tick_ns;
	pid_t top;
	const struct pids *skip;
	struct arena *arena;
	struct procs *procs;
};

/* A thread that ends leaves its children to another one: listed there again. */
static bool is_listed(const struct procs *procs, size_t from, pid_t pid)
{
	for (size_t i = from; i < procs->n; i++)
		if (procs->v[i].pid == pid)
			return true;
	return false;
}

/* The list is there with CONFIG_PROC_CHILDREN only, as most distributions have it. */
static int add_children_of_thread(struct walk *walk, int task, pid_t parent, pid_t tid, size_t from)
{
	_cleanup_fd_ int thread = open_number(task, tid);
	struct str text, word;
	uint64_t pid;
	int r = thread < 0 ? thread
			   : file_read(thread, "children", PROC_TEXT_MAX, walk->arena, &text);

	if (r < 0)
		return r;
	while (str_word(&text, &word)) {
		struct proc child = { 0 };

		if (num_u64(word, &pid) < 0)
			continue;
		child.pid = (pid_t)pid;
		child.parent = parent;
		if (is_skipped(walk->skip, child.pid) ||
		    (tid != parent && is_listed(walk->procs, from, child.pid)))
			continue;
		if (!add(walk->procs, child, walk->arena))
			break;
	}
	return 0;
}

static int add_children(struct walk *walk, int dir, pid_t pid, uint64_t threads)
{
	_cleanup_fd_ int task = file_open_dir(dir, "task");
	_cleanup_dir_ DIR *stream = NULL;
	size_t from = walk->procs->n;
	int copy, r = -ENOENT;

	if (task < 0)
		return task;
	if (threads <= 1)
		return add_children_of_thread(walk, task, pid, pid, from);
	copy = file_open_dir(task, ".");
	stream = copy < 0 ? NULL : fdopendir(copy);
	if (!stream) {
		cleanup_fd(&copy);
		return -ENOENT;
	}
	for (const struct dirent *e; (e = readdir(stream));) {
		uint64_t tid;

		if (num_u64(str_of(e->d_name), &tid) == 0 &&
		    add_children_of_thread(walk, task, pid, (pid_t)tid, from) == 0)
			r = 0;
	}
	return r;
}

/*
 * Reads a listed process. Its number may have gone to a stranger meanwhile: that one's parent is
 * neither the one listed nor, as after the death of that one, another of the tree.
 */
static bool read_listed(const struct walk *walk, size_t kept, const struct proc *listed, int dir,
			struct proc *ret)
{
	struct proc p;

	if (dir < 0 || !read_stat(dir, walk->tick_ns, &p))
		return false;
	bool ours = p.parent == listed->parent || p.parent == walk->top;

	for (size_t i = 0; i < kept && !ours; i++)
		ours = walk->procs->v[i].pid == p.parent;
	if (ours)
		*ret = p;
	return ours;
}

/* False when this kernel has no lists of children. */
static bool walk_children(struct walk *walk)
{
	_cleanup_fd_ int own = open_number(walk->proc, walk->top);
	size_t kept = 0;

	if (own < 0 || add_children(walk, own, walk->top, 1) < 0)
		return false;
	for (size_t i = 0; i < walk->procs->n; i++) {
		_cleanup_fd_ int dir = open_number(walk->proc, walk->procs->v[i].pid);
		struct proc p;

		if (!read_listed(walk, kept, &walk->procs->v[i], dir, &p))
			continue;
		(void)add_children(walk, dir, p.pid, p.threads);
		walk->procs->v[kept++] = p;
	}
	walk->procs->n = kept;
	return true;
}

static int by_parent(const void *a, const void *b)
{
	const struct proc *x = a, *y = b;

	return x->parent != y->parent ? (x->parent > y->parent) - (x->parent < y->parent)
				      : (x->pid > y->pid) - (x->pid < y->pid);
}

static void scan_all(const struct walk *walk, struct procs *all)
{
	_cleanup_dir_ DIR *stream = NULL;
	int copy = file_open_dir(walk->proc, ".");

	stream = copy < 0 ? NULL : fdopendir(copy);
	if (!stream) {
		cleanup_fd(&copy);
		return;
	}
	for (const struct dirent *e; (e = readdir(stream));) {
		_cleanup_fd_ int dir = -1;
		struct proc p;
		uint64_t pid;

		if (num_u64(str_of(e->d_name), &pid) < 0)
			continue;
		dir = file_open_dir(walk->proc, e->d_name);
		if (dir >= 0 && read_stat(dir, walk->tick_ns, &p) && !is_skipped(walk->skip, p.pid))
			(void)add(all, p, walk->arena);
	}
	if (all->n)
		qsort(all->v, all->n, sizeof(*all->v), by_parent);
}

/* The first scan tells who belongs to whom; the numbers are read again in the right order. */
static void walk_all(struct walk *walk)
{
	struct procs all = { 0 };
	size_t kept = 0, next = 0;
	pid_t parent = walk->top;

	scan_all(walk, &all);
	for (;;) {
		size_t low = 0, high = all.n;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (all.v[middle].parent < parent)
				low = middle + 1;
			else
				high = middle;
		}
		for (; low < all.n && all.v[low].parent == parent; low++)
			if (!add(walk->procs, all.v[low], walk->arena))
				break;
		if (next == walk->procs->n)
			break;
		parent = walk->procs->v[next++].pid;
	}
	for (size_t i = 0; i < walk->procs->n; i++) {
		_cleanup_fd_ int dir = open_number(walk->proc, walk->procs->v[i].pid);
		struct proc p;

		if (read_listed(walk, kept, &walk->procs->v[i], dir, &p))
			walk->procs->v[kept++] = p;
	}
	walk->procs->n = kept;
}

void procs_below(int proc, pid_t top, const struct pids *skip, bool thorough, struct arena *arena,
		 struct procs *ret)
{
	struct procs procs = { 0 };
	struct walk walk = { proc, tick_ns(), top, skip, arena, &procs };

	if (thorough || !walk_children(&walk)) {
		procs.n = 0;
		walk_all(&walk);
	}
	*ret = procs;
}

/* Refused for a process of another user's: told by its rusage when it is reaped. */
static void read_io(int dir, struct usage *usage)
{
	char buffer[1024];
	struct str text, line, key;
	uint64_t value;

	if (!read_small(dir, "io", sizeof(buffer), buffer, &text))
		return;
	while (str_line(&text, &line)) {
		if (!str_word(&line, &key) || !num_take_u64(&line, &value))
			continue;
		if (str_eq(key, STR("read_bytes:")))
			usage->read_bytes += value;
		else if (str_eq(key, STR("write_bytes:")))
			usage->written_bytes += value;
	}
}

struct memory {
	uint64_t own, files, shared; /* own is a sum; of the others it is the largest */
};

static void raise_to(uint64_t *value, uint64_t other)
{
	if (other > *value)
		*value = other;
}

/* `memory` NULL: a thread other than the first, which has the same. */
static void read_status(int dir, struct usage *usage, struct memory *memory)
{
	char buffer[8192];
	struct str text, line, key;
	uint64_t value;

	if (!read_small(dir, "status", sizeof(buffer), buffer, &text))
		return;
	while (str_line(&text, &line)) {
		if (!str_word(&line, &key) || !num_take_u64(&line, &value))
			continue;
		if (str_eq(key, STR("voluntary_ctxt_switches:")))
			usage->voluntary += value;
		else if (str_eq(key, STR("nonvoluntary_ctxt_switches:")))
			usage->involuntary += value;
		else if (!memory)
			continue;
		else if (str_eq(key, STR("VmHWM:")))
			raise_to(&usage->memory_peak_bytes, value * 1024);
		else if (str_eq(key, STR("RssAnon:")))
			memory->own += value * 1024;
		else if (str_eq(key, STR("RssFile:")))
			raise_to(&memory->files, value * 1024);
		else if (str_eq(key, STR("RssShmem:")))
			raise_to(&memory->shared, value * 1024);
	}
}

static void read_threads(int dir, const struct proc *p, size_t *left, struct usage *usage)
{
	int task = file_open_dir(dir, "task");
	_cleanup_dir_ DIR *stream = task < 0 ? NULL : fdopendir(task);

	if (!stream) {
		cleanup_fd(&task);
		return;
	}
	for (const struct dirent *e; *left && (e = readdir(stream));) {
		_cleanup_fd_ int thread = -1;
		uint64_t tid;

		if (num_u64(str_of(e->d_name), &tid) < 0 || (pid_t)tid == p->pid)
			continue;
		thread = file_open_dir(dirfd(stream), e->d_name);
		if (thread < 0)
			continue;
		(*left)--;
		read_status(thread, usage, NULL);
	}
}

void procs_usage(int proc, const struct procs *procs, struct usage *usage)
{
	struct memory memory = { 0 };
	size_t threads_left = THREADS_MAX;

	for (size_t i = 0; i < procs->n; i++) {
		const struct proc *p = &procs->v[i];
		_cleanup_fd_ int dir = open_number(proc, p->pid);

		usage->user_ns += p->user_ns;
		usage->system_ns += p->system_ns;
		usage->minor_faults += p->minor_faults;
		usage->major_faults += p->major_faults;
		if (dir < 0)
			continue;
		read_io(dir, usage);
		if (proc_is_dead(p))
			continue;
		usage->processes++;
		usage->threads += p->threads;
		read_status(dir, usage, &memory);
		if (p->threads > 1)
			read_threads(dir, p, &threads_left, usage);
	}
	memory.own += memory.files + memory.shared;
	usage->memory_bytes += memory.own;
	raise_to(&usage->memory_peak_bytes, memory.own);
}
