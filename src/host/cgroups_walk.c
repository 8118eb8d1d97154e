/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over a tree of control groups. The kernel counts a group's children in the number
 * of links of its directory (fs/kernfs/inode.c), so that one without children, most of them, is
 * never listed: listing the sixty files of a group costs more than reading what is wanted.
 */
#include "host/cgroups_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"

enum {
	GROUPS_MAX = 16384,
	DEPTH_MAX = 32,
	PATH_LONGEST = PATH_MAX - 2, /* longer ones no call takes */
	BUFFER_SIZE = 64 * 1024,
	NO_CHILDREN = 2, /* links of a directory without directories */
};

static size_t slot_of(const struct cgroup_walk *w, uint32_t parent, struct str name)
{
	return (str_hash(name) + parent * UINT64_C(0x9e3779b97f4a7c15)) & (w->n_slots - 1);
}

/* The last part of the path; the root's is empty. */
static struct str name_of(const struct cgroup_walk *w, const struct cgroup *cgroup)
{
	const struct cgroup *parent = &w->v[cgroup->parent];

	return str_skip(cgroup->path, parent->path.n == 1 ? 1 : parent->path.n + 1);
}

static void grow_slots(struct cgroup_walk *w)
{
	w->n_slots = w->n_slots ? w->n_slots * 2 : 256;
	w->slots = arena_zalloc(w->arena, w->n_slots, sizeof(*w->slots));
	for (size_t i = 0; i < w->n; i++) {
		size_t at = slot_of(w, w->v[i].parent, name_of(w, &w->v[i]));

		while (w->slots[at])
			at = (at + 1) & (w->n_slots - 1);
		w->slots[at] = (uint32_t)i + 1;
	}
}

/* The index of the child of that name, made if need be. False when there is no room. */
static bool node_of(struct cgroup_walk *w, uint32_t parent, struct str name, uint32_t *ret)
{
	struct str above;
	size_t at;

	if (w->n >= w->n_slots / 2)
		grow_slots(w);
	for (at = slot_of(w, parent, name); w->slots[at]; at = (at + 1) & (w->n_slots - 1)) {
		const struct cgroup *found = &w->v[w->slots[at] - 1];

		if (found->parent == parent && str_eq(name_of(w, found), name)) {
			*ret = w->slots[at] - 1;
			return true;
		}
	}
	above = w->v[parent].path;
	if (w->n == GROUPS_MAX || above.n + 1 + name.n > PATH_LONGEST)
		return false;
	w->v = arena_grow(w->arena, w->v, w->n, sizeof(*w->v));
	w->v[w->n] = (struct cgroup){
		.parent = parent,
		.controllers = CGROUP_ALL_CONTROLLERS,
	};
	w->v[w->n].path = ARENA_CONCAT(w->arena, above.n == 1 ? STR("") : above, STR("/"), name);
	w->slots[at] = (uint32_t)w->n + 1;
	*ret = (uint32_t)w->n++;
	return true;
}

static int64_t mtime_ns(const struct stat *st)
{
	int64_t ns;

	if (st->st_mtim.tv_sec <= 0 ||
	    __builtin_mul_overflow(st->st_mtim.tv_sec, 1000000000, &ns) ||
	    __builtin_add_overflow(ns, st->st_mtim.tv_nsec, &ns))
		return 0;
	return ns;
}

/* An inode may be made later than its group, never before it: the earliest is the nearest. */
static void note_time(struct cgroup *cgroup, const struct stat *st)
{
	int64_t ns = mtime_ns(st);

	if (ns && (!cgroup->created_ns || ns < cgroup->created_ns))
		cgroup->created_ns = ns;
}

/*
 * What is read of a group itself. A directory changes when groups are made in it, if it belongs
 * to a user; cgroup.procs never does.
 */
static int read_group(struct cgroup_walk *w, int dir, struct cgroup *cgroup)
{
	struct stat st;
	int r = 0;

	if (w->trees & 1u << CGROUP_CPUACCT)
		r = cgroup_read_cpuacct(dir, w->buffer, BUFFER_SIZE, w->arena, &w->cpus, cgroup);
	else if (w->trees & 1u << CGROUP_V2 && !cgroup->has_cpu)
		r = cgroup_read_cpu_v2(dir, w->buffer, BUFFER_SIZE, cgroup);
	if (r == -ENODEV)
		return r;
	if (fstatat(dir, "cgroup.procs", &st, AT_SYMLINK_NOFOLLOW) == 0)
		note_time(cgroup, &st);
	else if (errno == ENODEV || r == -ENOENT)
		return -ENODEV;
	return 0;
}

struct child {
	struct child *next;
	const char *name;
};

/* The names are taken before any is entered: there is one buffer for all depths. */
static int list_children(struct cgroup_walk *w, int dir, struct child **ret)
{
	struct child **last = ret;
	ssize_t n;

	*ret = NULL;
	while ((n = getdents64(dir, w->buffer, BUFFER_SIZE)) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(w->buffer + at);
			const char *name = entry->d_name;

			at += entry->d_reclen;
			if ((entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
			    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
				continue;

			struct child *child = arena_alloc(w->arena, sizeof(*child));

			child->name = arena_cstr(w->arena, str_of(name));
			child->next = NULL;
			*last = child;
			last = &child->next;
		}
	}
	return n < 0 ? -errno : 0;
}

/* What a directory is: which group, and where in the table. */
struct place {
	const char *name;
	uint32_t parent;
	unsigned depth;       /* 0: the root */
	uint32_t controllers; /* of v2 */
};

static bool index_of(struct cgroup_walk *w, const struct place *place, uint32_t *ret)
{
	if (place->depth)
		return node_of(w, place->parent, str_of(place->name), ret);
	if (!w->n) {
		w->v = arena_grow(w->arena, NULL, 0, sizeof(*w->v));
		w->v[w->n++] = (struct cgroup){
			.path = STR("/"),
			.controllers = CGROUP_ALL_CONTROLLERS,
		};
	}
	*ret = 0;
	return true;
}

static void visit(struct cgroup_walk *w, int above, const struct place *place);

static uint32_t controllers_below(struct cgroup_walk *w, int dir)
{
	struct str text;

	if (!(w->trees & 1u << CGROUP_V2) ||
	    cgroup_read_file(dir, "cgroup.subtree_control", w->buffer, BUFFER_SIZE, &text) < 0)
		return CGROUP_ALL_CONTROLLERS;
	return cgroup_parse_controllers(text);
}

/* Where users may make groups, as many as they want: of those who are too many, it is theirs. */
static bool is_last(const struct child *child, unsigned depth)
{
	return depth == 0 && strcmp(child->name, "user.slice") == 0;
}

static void visit_children(struct cgroup_walk *w, int dir, uint32_t index, unsigned depth)
{
	uint32_t controllers = controllers_below(w, dir);
	const struct child *last = NULL;
	struct child *child;

	/* One that vanishes now takes its children along: those listed until then are tried. */
	(void)list_children(w, dir, &child);
	for (; child; child = child->next) {
		const struct place place = { child->name, index, depth + 1, controllers };

		if (depth >= DEPTH_MAX)
			w->left_out++;
		else if (is_last(child, depth))
			last = child;
		else
			visit(w, dir, &place);
	}
	if (last)
		visit(w, dir, &(struct place){ last->name, index, depth + 1, controllers });
}

static void visit(struct cgroup_walk *w, int above, const struct place *place)
{
	bool is_v2 = w->trees & 1u << CGROUP_V2,
	     has_times = is_v2 || w->trees & 1u << CGROUP_CPUACCT;
	_cleanup_fd_ int dir = -1;
	struct stat st;
	uint32_t index;

	if (fstatat(above, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return;
	if (has_times || st.st_nlink != NO_CHILDREN) {
		int flags = st.st_nlink == NO_CHILDREN ? O_PATH : O_RDONLY;

		dir = openat(above, place->name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir < 0)
			return;
	}
	if (!index_of(w, place, &index)) {
		w->left_out++;
		return;
	}

	struct cgroup cgroup = w->v[index];

	cgroup.trees |= w->trees;
	if (is_v2 || !cgroup.id)
		cgroup.id = st.st_ino;
	if (is_v2)
		cgroup.controllers = place->controllers;
	note_time(&cgroup, &st);
	/* When it is gone, its place stays, in no tree: the table will be without it. */
	if (has_times && read_group(w, dir, &cgroup) < 0 && place->depth)
		return;
	w->v[index] = cgroup;
	if (st.st_nlink != NO_CHILDREN)
		visit_children(w, dir, index, place->depth);
}

int cgroup_compare_paths(struct str a, struct str b)
{
	size_t i = 0, n = a.n < b.n ? a.n : b.n;

	while (i < n && a.p[i] == b.p[i])
		i++;
	if (i == n)
		return (a.n > n) - (b.n > n);
	if (a.p[i] == '/' || b.p[i] == '/')
		return a.p[i] == '/' ? -1 : 1;
	return (unsigned char)a.p[i] < (unsigned char)b.p[i] ? -1 : 1;
}

static int by_path(const void *a, const void *b)
{
	return cgroup_compare_paths((*(struct cgroup *const *)a)->path,
				    (*(struct cgroup *const *)b)->path);
}

void cgroups_table(const struct cgroup_walk *w, struct cgroup_table *table)
{
	struct cgroup **order = arena_alloc(w->arena, w->n * sizeof(*order));
	uint32_t *moved = arena_alloc(w->arena, w->n * sizeof(*moved));

	table->n = 0;
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].trees)
			order[table->n++] = &w->v[i];
	qsort(order, table->n, sizeof(*order), by_path);
	table->v = arena_alloc(w->arena, table->n * sizeof(*table->v));
	for (size_t i = 0; i < table->n; i++) {
		table->v[i] = *order[i];
		moved[order[i] - w->v] = (uint32_t)i;
	}
	for (size_t i = 0; i < table->n; i++)
		table->v[i].parent = moved[table->v[i].parent];
	table->cpus = w->cpus;
}

void cgroups_walk(struct cgroup_walk *w, int root)
{
	const struct place place = { .name = ".", .controllers = CGROUP_ALL_CONTROLLERS };

	if (!w->buffer)
		w->buffer = arena_alloc(w->arena, BUFFER_SIZE);
	visit(w, root, &place);
}
