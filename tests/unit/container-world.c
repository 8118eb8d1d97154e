/* SPDX-License-Identifier: Apache-2.0 */
#include "container-world.h"

#include <errno.h>
#include <math.h>

/* What collect/container/who.c does. */
const struct labels *container_labels(struct collect *c, const struct container *container,
				      size_t n, const struct label *more)
{
	struct label v[4] = { { STR("id"), container->cgroup->path } };

	if (n)
		memcpy(v + 1, more, n * sizeof(*more));
	return metrics_labels(c->out, n + 1, v);
}

static int make_dir(int dir, const char *name)
{
	assert_true(mkdirat(dir, name, 0755) == 0 || errno == EEXIST);
	return file_open_dir(dir, name);
}

void world_start(struct world *w)
{
	*w = (struct world){ 0 };
	w->dir = unit_dir(w->path);
	w->proc = make_dir(w->dir, "proc");

	_cleanup_fd_ int fs = make_dir(w->dir, "fs");

	w->groups_dir = make_dir(fs, "cgroup");
	unit_write(w->groups_dir, "cgroup.procs", STR(""));
	host_open(&w->host,
		  &(struct host_paths){
			  .path = {
				  [HOST_SYS] = w->path,
				  [HOST_PROC] = arena_printf(&w->arena, "%s/proc", w->path).p,
			  },
		  },
		  true);
	metrics_init(&w->metrics, (struct metrics_limits){ 0 });
	w->c = (struct collect){
		.host = &w->host,
		.out = &w->metrics,
		.scratch = &w->scratch,
		.why_arena = &w->why,
	};
}

void world_stop(struct world *w)
{
	host_close(&w->host);
	metrics_release(&w->metrics);
	arena_release(&w->arena);
	arena_release(&w->scratch);
	arena_release(&w->why);
	(void)close(w->proc);
	(void)close(w->groups_dir);
	unit_remove(w->dir);
}

void world_group(struct world *w, const char *path, const char *procs)
{
	_cleanup_fd_ int dir = make_dir(w->groups_dir, path);

	unit_write(dir, "cgroup.procs", str_of(procs));
}

/* A process of that group whose interface has received so many bytes, and sent ten times that. */
void world_process(struct world *w, const char *pid, const char *group, int bytes)
{
	_cleanup_fd_ int dir = make_dir(w->proc, pid), net = make_dir(dir, "net");

	unit_write(dir, "cgroup", arena_printf(&w->arena, "0::%s\n", group));
	unit_write(net, "dev",
		   arena_printf(&w->arena,
				WORLD_NET_HEADINGS
				"    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n"
				"  eth0: %d 2 3 4 5 6 7 8 %d 20 30 40 50 60 70 80\n"
				"veth12: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n",
				bytes, bytes * 10));
}

/* One that lives in the namespace of another. */
void world_sharing(struct world *w, const char *pid, const char *group, const char *other)
{
	_cleanup_fd_ int dir = make_dir(w->proc, pid);

	unit_write(dir, "cgroup", arena_printf(&w->arena, "0::%s\n", group));
	assert_int_equal(symlinkat(arena_printf(&w->arena, "../%s/net", other).p, dir, "net"), 0);
}

void world_read(struct world *w)
{
	w->host.cycle++;
	assert_int_equal(cgroups_of_cycle(&w->host, &w->table.cgroups), 0);
	w->table.n = w->table.cgroups->n;
	assert_in_range(w->table.n, 1, WORLD_GROUPS_MAX);
	w->table.v = w->v;
	for (size_t i = 0; i < w->table.n; i++)
		w->v[i] = (struct container){ .cgroup = &w->table.cgroups->v[i] };
}

/* Makes a container of the group. */
struct container *world_container(struct world *w, const char *path, uint32_t pid, int64_t age)
{
	for (size_t i = 0; i < w->table.n; i++) {
		if (!str_eq(w->v[i].cgroup->path, str_of(path)))
			continue;
		w->v[i].id = str_skip(w->v[i].cgroup->path, 1);
		w->v[i].pid = pid;
		w->v[i].created_ns = age;
		return &w->v[i];
	}
	fail_msg("no group %s", path);
	return NULL;
}

size_t world_count(struct world *w, const char *family)
{
	const struct family *f = metrics_find(&w->metrics, str_of(family));

	return f ? f->series : 0;
}

double world_value(struct world *w, const char *family, const char *id, const char *label)
{
	const struct family *f = metrics_find(&w->metrics, str_of(family));
	struct str text = arena_printf(&w->arena, "id=\"%s\",%s", id, label);

	for (const struct block *b = f ? f->first : NULL; b; b = b->next)
		for (uint32_t i = 0; i < b->n; i++)
			if (str_eq(b->samples[i].labels->text, text))
				return b->samples[i].value;
	return (double)NAN;
}

void world_forget(struct world *w)
{
	metrics_reset(&w->metrics);
	arena_reset(&w->scratch);
	arena_reset(&w->why);
	w->c.n_notes = 0;
	w->c.notes = NULL;
	w->c.why = (struct str){ 0 };
}
