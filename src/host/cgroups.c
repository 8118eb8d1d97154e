/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trees of control groups, and the table of this cycle. v1's trees stand side by side, one
 * for each controller or for several ("cpu,cpuacct", with a link for each name).
 */
#include "host/cgroups_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* A mounted tree. */
struct hierarchy {
	int fd;
	dev_t dev;
	ino_t ino;
	uint32_t trees;
};

struct cgroups {
	uint64_t cycle; /* of the table; 0: there is none */
	struct arena arena;
	size_t n;
	struct hierarchy v[CGROUP_TREES]; /* v2 last */
	struct cgroup_table table;
};

static const struct str tree_name[CGROUP_TREES] = {
	[CGROUP_V2] = STR("unified"),      [CGROUP_CPU] = STR("cpu"),
	[CGROUP_CPUACCT] = STR("cpuacct"), [CGROUP_CPUSET] = STR("cpuset"),
	[CGROUP_MEMORY] = STR("memory"),   [CGROUP_BLKIO] = STR("blkio"),
	[CGROUP_PIDS] = STR("pids"),       [CGROUP_HUGETLB] = STR("hugetlb"),
	[CGROUP_SYSTEMD] = STR("systemd"),
};

static void close_trees(struct cgroups *groups)
{
	for (size_t i = 0; i < groups->n; i++)
		(void)close(groups->v[i].fd);
	groups->n = 0;
}

static void release(void *block)
{
	struct cgroups *groups = block;

	close_trees(groups);
	arena_release(&groups->arena);
}

static struct cgroups *shared(struct host *host)
{
	static const char key;

	return host_shared(host, &key, sizeof(struct cgroups), release);
}

static void add_tree(struct cgroups *groups, int base, const char *name, uint32_t trees)
{
	int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) < 0) {
		(void)close(fd);
		return;
	}
	for (size_t i = 0; i < groups->n; i++) {
		if (groups->v[i].dev != st.st_dev || groups->v[i].ino != st.st_ino)
			continue;
		groups->v[i].trees |= trees;
		(void)close(fd);
		return;
	}
	groups->v[groups->n++] = (struct hierarchy){
		.fd = fd,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.trees = trees,
	};
}

static uint32_t trees_of_name(struct str name)
{
	uint32_t trees = 0;
	struct str word;

	while (str_cut(&name, ',', &word))
		for (int i = CGROUP_V2 + 1; i < CGROUP_TREES; i++)
			if (str_eq(word, tree_name[i]))
				trees |= 1u << i;
	return trees;
}

static int find_trees(struct host *host, struct cgroups *groups)
{
	_cleanup_fd_ int base = host_open_dir(host, HOST_SYS, "fs/cgroup");
	uint32_t known = 0;
	struct str *names;
	size_t n;
	int r;

	close_trees(groups);
	if (base < 0)
		return base;
	if (faccessat(base, "cgroup.controllers", F_OK, 0) == 0 ||
	    faccessat(base, "cgroup.procs", F_OK, 0) == 0) {
		add_tree(groups, base, ".", 1u << CGROUP_V2);
		return groups->n ? 0 : -ENOENT;
	}
	r = host_list_dir(base, &groups->arena, &names, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		uint32_t trees = trees_of_name(names[i]) & ~known;

		known |= trees;
		if (trees)
			add_tree(groups, base, names[i].p, trees);
	}
	/* Last: what v1 tells of CPU times is by CPU, and to the nanosecond. */
	add_tree(groups, base, tree_name[CGROUP_V2].p, 1u << CGROUP_V2);
	return groups->n ? 0 : -ENOENT;
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_id(const void *a, const void *b)
{
	const struct cgroup_id *x = a, *y = b;

	return compare_u64(x->id, y->id);
}

/* Where there is v2, only its ids are ids: the inodes of v1's trees are counted for each. */
static void index_ids(struct arena *arena, struct cgroup_table *table)
{
	uint32_t trees = table->trees & 1u << CGROUP_V2 ? 1u << CGROUP_V2 : table->trees;

	table->ids = arena_alloc(arena, table->n * sizeof(*table->ids));
	table->n_ids = 0;
	for (size_t i = 0; i < table->n; i++)
		if (table->v[i].trees & trees)
			table->ids[table->n_ids++] =
				(struct cgroup_id){ table->v[i].id, (uint32_t)i };
	qsort(table->ids, table->n_ids, sizeof(*table->ids), by_id);
}

static int read_all(struct host *host, struct cgroups *groups)
{
	struct cgroup_walk w = { .arena = &groups->arena };
	int r;

	arena_reset(&groups->arena);
	groups->table = (struct cgroup_table){ 0 };
	r = find_trees(host, groups);
	if (r < 0)
		return r;
	for (size_t i = 0; i < groups->n; i++) {
		w.trees = groups->v[i].trees;
		w.left_out = 0;
		cgroups_walk(&w, groups->v[i].fd);
		groups->table.trees |= w.trees;
		/* The same groups are beyond the limit in each tree. */
		if (groups->table.left_out < w.left_out)
			groups->table.left_out = w.left_out;
	}
	if (!w.n)
		return -ENOENT;
	cgroups_table(&w, &groups->table);
	index_ids(w.arena, &groups->table);
	return 0;
}

int cgroups_of_cycle(struct host *host, const struct cgroup_table **ret)
{
	struct cgroups *groups = shared(host);
	int r;

	if (!groups->cycle || groups->cycle != host->cycle) {
		groups->cycle = 0;
		r = read_all(host, groups);
		if (r < 0)
			return r;
		groups->cycle = host->cycle;
	}
	*ret = &groups->table;
	return 0;
}

int cgroup_open(struct host *host, const struct cgroup *cgroup, enum cgroup_tree tree)
{
	const struct cgroups *groups = shared(host);
	const char *below = cgroup->path.n > 1 ? cgroup->path.p + 1 : ".";

	if (!(cgroup->trees & 1u << tree))
		return -ENOENT;
	for (size_t i = 0; i < groups->n; i++) {
		if (!(groups->v[i].trees & 1u << tree))
			continue;

		int fd = openat(groups->v[i].fd, below,
				O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		return fd < 0 ? -errno : fd;
	}
	return -ENOENT;
}

const struct cgroup *cgroup_find(const struct cgroup_table *table, struct str path)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = cgroup_compare_paths(table->v[middle].path, path);

		if (order == 0)
			return &table->v[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct cgroup *cgroup_by_id(const struct cgroup_table *table, uint64_t id)
{
	const struct cgroup_id wanted = { .id = id }, *found = NULL;

	if (table->n_ids)
		found = bsearch(&wanted, table->ids, table->n_ids, sizeof(*table->ids), by_id);
	return found ? &table->v[found->index] : NULL;
}
