/* SPDX-License-Identifier: Apache-2.0 */
#include "job/inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

enum {
	CHUNK = 1 << 20,          /* also the longest line */
	BUDGET = 16 << 20,        /* bytes at one heartbeat; the rest waits for the next */
	FINAL_BUDGET = 256 << 20, /* and at the end */
	MARK = 64,                /* bytes before the offset that tell an appended file */
	FILES_MAX = 4096,
	SAID_BAD_MAX = 5,
};

#define DIR_NAME "peekpush-XXXXXX"

/* Reasons to complain of a file, each once. */
enum complaint {
	SAID_OPEN = 1,
	SAID_KIND = 2,
	SAID_LINE = 4,
	SAID_SERIES = 8,
	SAID_NAME = 16,
};

struct inside_file {
	struct str name, shown;
	bool own; /* in our directory; else a path */
	bool seen;
	dev_t dev;
	ino_t ino;
	struct timespec changed;
	off_t offset;
	uint32_t line;
	unsigned round; /* in which it was last begun anew */
	unsigned said, said_bad;
	bool skipping; /* a line that is too long */
	size_t marked;
	char mark[MARK];
	struct inside_file *next;
};

static struct str base_dir(struct arena *arena)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *tmp = getenv("TMPDIR");

	/* Root of a user namespace may find the host's there. */
	if (geteuid() == 0 && (mkdir("/run/peekpush", 0755) == 0 || errno == EEXIST) &&
	    access("/run/peekpush", W_OK) == 0)
		return STR("/run/peekpush");
	if (runtime && runtime[0] == '/' && access(runtime, W_OK) == 0)
		return arena_str(arena, str_of(runtime));
	return tmp && tmp[0] == '/' ? arena_str(arena, str_of(tmp)) : STR("/tmp");
}

static struct inside_file *add_file(struct inside *inside, struct str name, bool own)
{
	struct inside_file *f = arena_zalloc(&inside->arena, 1, sizeof(*f));

	f->name = f->shown = arena_str(&inside->arena, name);
	f->own = own;
	f->round = 1;
	*inside->last_file = f;
	inside->last_file = &f->next;
	return f;
}

int inside_open(struct inside *inside, const struct opt_list *files, size_t max)
{
	struct str path;

	*inside = (struct inside){ .fd = -1, .series.max = max };
	inside->last_file = &inside->files;
	for (size_t i = 0; i < files->n; i++)
		(void)add_file(inside, files->v[i], false);
	path = ARENA_CONCAT(&inside->arena, base_dir(&inside->arena), STR("/" DIR_NAME));
	if (!mkdtemp((char *)(uintptr_t)path.p))
		return -errno;
	inside->fd = file_open_dir(AT_FDCWD, path.p);
	if (inside->fd < 0) {
		(void)rmdir(path.p);
		return inside->fd;
	}
	/* As long as it is held, nobody else takes the directory for one that was left. */
	(void)flock(inside->fd, LOCK_EX | LOCK_NB);
	inside->dir = path;
	inside->file = ARENA_CONCAT(&inside->arena, path, STR("/job.prom"));
	return 0;
}

/* --- reading ------------------------------------------------------------------------------ */

struct reading {
	struct inside *inside;
	struct inside_file *file;
	struct arena *scratch;
	size_t budget;
	bool final;
	inside_say *say;
	void *arg;
};

static void complain(struct reading *r, enum complaint once, uint32_t line, struct str name,
		     const char *why)
{
	struct inside_file *f = r->file;

	if (f->said & once || (!once && f->said_bad++ >= SAID_BAD_MAX))
		return;
	f->said |= once;
	r->say(r->arg, line ? arena_printf(r->scratch, "%.*s:%u: %.*s%s%s", STR_ARG(f->shown), line,
					   (int)(name.n > 120 ? 120 : name.n), name.p,
					   name.n ? ": " : "", why)
			    : arena_printf(r->scratch, "%.*s: %s", STR_ARG(f->shown), why));
}

static void take_sample(struct reading *r, const struct scan_item *item, uint32_t line)
{
	struct series *s;

	if (str_starts(item->name, STR("peekpush_"))) {
		complain(r, SAID_NAME, line, item->name, "names that begin so are peekpush's own");
		return;
	}
	s = series_get(&r->inside->series, item);
	if (!s) {
		complain(r, SAID_SERIES, line, item->name, "more series than limits.series allows");
		return;
	}
	s->value = item->value;
	s->source = r->file;
	s->round = r->file->round;
}

static void take_text(struct reading *r, struct str text)
{
	struct scan_item item;
	struct scan scan;

	scan_begin(&scan, text, r->scratch);
	while (scan_next(&scan, &item)) {
		uint32_t line = r->file->line + item.line;

		if (item.kind == SCAN_BAD)
			complain(r, 0, line, STR(""), item.why);
		else if (item.kind == SCAN_SAMPLE)
			take_sample(r, &item, line);
		else
			series_head(&r->inside->series, &item);
	}
	for (size_t i = 0; i < text.n; i++)
		r->file->line += text.p[i] == '\n';
}

/* The whole lines at the front of what was read; at the very end the last one, too. */
static struct str whole_lines(const struct reading *r, struct str got, bool at_end)
{
	const char *last = got.n ? memrchr(got.p, '\n', got.n) : NULL;

	if (at_end && r->final)
		return got;
	return last ? str_between(got.p, last + 1) : (struct str){ got.p, 0 };
}

static void remember_place(struct inside_file *f, struct str used)
{
	f->offset += (off_t)used.n;
	f->marked = used.n < MARK ? used.n : MARK;
	memcpy(f->mark, used.p + used.n - f->marked, f->marked);
}

static void read_on(struct reading *r, int fd, char *chunk)
{
	struct inside_file *f = r->file;

	while (r->budget) {
		size_t want = r->budget < CHUNK ? r->budget : CHUNK;
		ssize_t n = pread(fd, chunk, want, f->offset);
		struct str got = { chunk, n > 0 ? (size_t)n : 0 }, used;
		struct arena scratch = { 0 };

		if (n <= 0)
			return;
		if (f->skipping) {
			size_t end = str_find(got, '\n');

			f->skipping = end == got.n;
			used = (struct str){ chunk, f->skipping ? got.n : end + 1 };
		} else {
			used = whole_lines(r, got, (size_t)n < want);
			if (!used.n && got.n == CHUNK) {
				complain(r, SAID_LINE, f->line + 1, STR(""),
					 "a line of more than 1 MiB");
				f->skipping = true;
				used = got;
			}
			if (!used.n)
				return;
			if (!f->skipping) {
				struct arena *before = r->scratch;

				r->scratch = &scratch;
				take_text(r, used);
				r->scratch = before;
			}
		}
		remember_place(f, used);
		r->budget -= used.n < r->budget ? used.n : r->budget;
		arena_release(&scratch);
	}
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/*
 * Whether it is still the file that we know, and what we know of it still stands there. The
 * number of a file that was replaced is given to the next one or the one after it, which may be
 * as long and end alike: one that has changed and not grown is read anew.
 */
static bool goes_on(const struct inside_file *f, int fd, const struct stat *st)
{
	char mark[MARK];

	if (!f->seen || st->st_dev != f->dev || st->st_ino != f->ino || st->st_size < f->offset ||
	    (st->st_size == f->offset && !same_time(st->st_ctim, f->changed)))
		return false;
	return !f->marked ||
	       (pread(fd, mark, f->marked, f->offset - (off_t)f->marked) == (ssize_t)f->marked &&
		memcmp(mark, f->mark, f->marked) == 0);
}

static void read_file(struct reading *r, char *chunk)
{
	struct inside_file *f = r->file;
	struct stat st;
	_cleanup_fd_ int fd =
		openat(f->own ? r->inside->fd : AT_FDCWD, f->name.p,
		       O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | (f->own ? O_NOFOLLOW : 0));

	if (fd < 0 || fstat(fd, &st) < 0) {
		if (errno == ELOOP)
			complain(r, SAID_OPEN, 0, STR(""), "a symbolic link, not read");
		else if (errno != ENOENT)
			complain(r, SAID_OPEN, 0, STR(""), strerror(errno));
		else if (r->final && !f->own && !f->seen)
			complain(r, SAID_OPEN, 0, STR(""), "was never there");
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		complain(r, SAID_KIND, 0, STR(""), "not a regular file, not read");
		return;
	}
	if (goes_on(f, fd, &st)) {
		f->changed = st.st_ctim;
		read_on(r, fd, chunk);
		return;
	}
	f->changed = st.st_ctim;
	f->round = ++r->inside->round + 1;
	f->seen = true;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->offset = 0;
	f->line = 0;
	f->marked = 0;
	f->skipping = false;
	read_on(r, fd, chunk);
	series_drop(&r->inside->series, f, f->round);
}

/* Files of the directory that are new since the last time. */
static void look_around(struct inside *inside)
{
	int fd = inside->fd < 0 ? -1 : openat(inside->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	if (!dir && fd >= 0)
		(void)close(fd);
	for (const struct inside_file *f = inside->files; f; f = f->next)
		n++;
	for (const struct dirent *e; dir && n < FILES_MAX && (e = readdir(dir));) {
		struct str name = str_of(e->d_name);
		const struct inside_file *f = inside->files;

		if (!str_ends(name, STR(".prom")) || name.p[0] == '.')
			continue;
		while (f && !(f->own && str_eq(f->name, name)))
			f = f->next;
		if (!f) {
			(void)add_file(inside, name, true);
			n++;
		}
	}
}

void inside_read(struct inside *inside, bool final, struct arena *scratch, inside_say *say,
		 void *arg)
{
	struct reading r = {
		.inside = inside,
		.scratch = scratch,
		.budget = final ? FINAL_BUDGET : BUDGET,
		.final = final,
		.say = say,
		.arg = arg,
	};
	char *chunk = NULL;

	look_around(inside);
	for (struct inside_file *f = inside->files; f; f = f->next) {
		r.file = f;
		if (!chunk)
			chunk = malloc(CHUNK);
		if (!chunk)
			return;
		read_file(&r, chunk);
	}
	free(chunk);
}

void inside_text(const struct inside *inside, struct buf *to)
{
	series_text(&inside->series, to);
}

/* Where root makes them, and nobody else makes anything. */
static bool is_roots_place(int parent)
{
	struct stat st;

	return geteuid() == 0 && fstat(parent, &st) == 0 && st.st_uid == 0 &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/*
 * The path may stand in a record that another user can write, who must not have root empty what is
 * root's: its directory is that user's, or lies where all that is called so was made here, and its
 * watcher is no more.
 */
static bool may_remove(int parent, int fd, uid_t owner)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0700 &&
	       (st.st_uid == owner || (st.st_uid == 0 && is_roots_place(parent))) &&
	       flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void empty(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = again < 0 ? NULL : fdopendir(again);

	if (!dir && again >= 0)
		(void)close(again);
	for (const struct dirent *e; dir && (e = readdir(dir));)
		(void)unlinkat(fd, e->d_name, 0);
}

void inside_remove(struct str path, uid_t owner)
{
	_cleanup_arena_ struct arena arena = { 0 };
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
	struct str above, name;

	if (!slash || strlen(path.p) != path.n)
		return;
	above = arena_str(&arena, str_between(path.p, slash + 1));
	name = str_between(slash + 1, path.p + path.n);
	if (name.n != sizeof(DIR_NAME) - 1 || !str_starts(name, STR("peekpush-")))
		return;

	_cleanup_fd_ int parent = open(above.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = parent < 0 ? -1
					 : openat(parent, name.p,
						  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || !may_remove(parent, fd, owner))
		return;
	empty(fd);
	(void)unlinkat(parent, name.p, AT_REMOVEDIR);
}

void inside_close(struct inside *inside)
{
	if (inside->fd >= 0) {
		/* Children that hold its lock may live a little longer. */
		empty(inside->fd);
		(void)close(inside->fd);
		(void)rmdir(inside->dir.p);
	}
	series_release(&inside->series);
	arena_release(&inside->arena);
	*inside = (struct inside){ .fd = -1 };
}
