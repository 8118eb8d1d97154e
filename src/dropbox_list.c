/* SPDX-License-Identifier: Apache-2.0 */
#include "dropbox_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "dropbox_owner.h"
#include "push/drop.h"

enum {
	SEEN_MAX = 10000, /* files that are sorted at once */
	ROUNDS_MAX = 16,  /* of removing what is too much, where there are more */
	LEFTOVER_SECONDS = 3600,
};

static bool is_drop(const char *name)
{
	struct str text = str_of(name);

	return str_ends(text, STR(".drop")) && text.p[0] != '.' && text.n < DROP_NAME_SIZE;
}

/* A directory with something in it cannot be removed. */
void dropbox_remove(int dir, const char *name, struct arena *arena)
{
	struct str aside;

	if (unlinkat(dir, name, 0) == 0 || errno != EISDIR ||
	    unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return;
	aside = arena_printf(arena, ".%016llx.%llx.refused",
			     (unsigned long long)str_hash(str_of(name)),
			     (unsigned long long)clock_ns(CLOCK_REALTIME));
	(void)renameat(dir, name, dir, aside.p);
}

/* What is being written; and what a `run` that was killed meanwhile has left. */
static bool is_unfinished(const char *name)
{
	return name[0] == '.' && str_ends(str_of(name), STR(".new"));
}

static void look(int fd, struct arena *arena, struct dropbox_list *found)
{
	struct owner_ranges ranges = { 0 };
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = again < 0 ? NULL : fdopendir(again);
	struct stat st;

	if (!dir && again >= 0)
		(void)close(again);
	found->n = 0;
	found->v = NULL;
	for (const struct dirent *e; dir && found->n < SEEN_MAX && (e = readdir(dir));) {
		bool unfinished = is_unfinished(e->d_name);

		if ((!unfinished && !is_drop(e->d_name)) ||
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (unfinished && st.st_mtime < time(NULL) - LEFTOVER_SECONDS) {
			(void)unlinkat(fd, e->d_name, 0);
			continue;
		}
		if (found->n == 0)
			owner_ranges_read(arena, &ranges);
		found->v = arena_grow(arena, found->v, found->n, sizeof(*found->v));
		found->v[found->n++] = (struct dropbox_file){
			.name = arena_str(arena, str_of(e->d_name)).p,
			.ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
			.owner = S_ISREG(st.st_mode) && st.st_nlink > 1
					 ? DROPBOX_LINKS
					 : owner_behind(&ranges, st.st_uid),
			.size = (uint64_t)st.st_blocks * 512,
			.unfinished = unfinished,
		};
	}
}

static int by_age(const struct dropbox_file *x, const struct dropbox_file *y)
{
	if (x->ctime_ns != y->ctime_ns)
		return x->ctime_ns < y->ctime_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

/*
 * Oldest first: there may be two files of one group, when another user has taken the name of the
 * first, and the last one that is delivered stands.
 */
static int by_owner(const void *a, const void *b)
{
	const struct dropbox_file *x = a, *y = b;

	return x->owner != y->owner ? (x->owner < y->owner ? -1 : 1) : by_age(x, y);
}

static int by_rank(const void *a, const void *b)
{
	const struct dropbox_file *x = a, *y = b;

	return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : by_age(x, y);
}

static void count_over(struct dropbox_list *found, uid_t owner, struct arena *arena)
{
	size_t i = 0;

	while (i < found->n_over && found->over[i].owner != owner)
		i++;
	if (i == found->n_over) {
		found->over = arena_grow(arena, found->over, i, sizeof(*found->over));
		found->over[found->n_over++] = (struct dropbox_excess){ .owner = owner };
	}
	found->over[i].removed++;
}

/* Who came first stays. How many were removed. */
static size_t enforce(int dir, const struct dropbox_quota *quota, struct arena *arena,
		      struct dropbox_list *found)
{
	uint64_t files = 0, bytes = 0;
	size_t kept = 0, removed = 0;
	uid_t owner = 0;

	for (size_t i = 0; i < found->n; i++) {
		struct dropbox_file file = found->v[i];

		if (file.owner != owner)
			files = bytes = 0;
		owner = file.owner;
		if (files >= quota->files || file.size > quota->bytes - bytes) {
			dropbox_remove(dir, file.name, arena);
			count_over(found, file.owner, arena);
			removed++;
			continue;
		}
		file.rank = files++;
		bytes += file.size;
		found->v[kept++] = file;
	}
	found->n = kept;
	return removed;
}

/* Each user in turn, lest one who has much there keeps the others waiting. */
static void put_in_turn(struct dropbox_list *found)
{
	size_t n = 0;

	for (size_t i = 0; i < found->n; i++)
		if (!found->v[i].unfinished)
			found->v[n++] = found->v[i];
	found->n = n;
	if (n)
		qsort(found->v, n, sizeof(*found->v), by_rank);
}

void dropbox_list(int dir, const struct dropbox_quota *quota, struct arena *arena,
		  struct dropbox_list *ret)
{
	struct dropbox_list found = { 0 };

	for (int round = 0; round < ROUNDS_MAX; round++) {
		bool full;

		look(dir, arena, &found);
		full = found.n == SEEN_MAX;
		if (found.n)
			qsort(found.v, found.n, sizeof(*found.v), by_owner);
		/* Behind a flood there may be others. */
		if (enforce(dir, quota, arena, &found) == 0 || !full)
			break;
	}
	put_in_turn(&found);
	*ret = found;
}
