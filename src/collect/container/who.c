/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/container/who.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "collect/container/ask.h"

enum { OWN_MAX = 6, PROCS_SIZE = 32 };

struct who {
	uint64_t cycle; /* of the table; 0: there is none */
	int r;          /* of that cycle, with the words for it */
	struct str why;
	struct arena arena;
	struct ask_libs libs;
	struct cgroup_name *names; /* as many as groups */
	struct container_table table;
};

static void release(void *block)
{
	struct who *who = block;

	arena_release(&who->arena);
}

static struct who *shared(struct host *host)
{
	static const char key;

	return host_shared(host, &key, sizeof(struct who), release);
}

static const struct cgroup_conf *settings(const struct collect *c)
{
	static const struct cgroup_conf nothing = { 0 };

	return c->settings ? conf_get(c->settings, &section_cgroup) : &nothing;
}

static bool is_left_out(const struct cgroup_conf *conf, const struct container *container)
{
	struct str path = container->cgroup->path;

	if (conf->path_include.text.n) {
		if (!opt_regex_match(&conf->path_include, path))
			return true;
	} else if (opt_regex_match(&conf->path_exclude, path)) {
		return true;
	}
	return conf->containers_only && !container->id.n && !container->pod_group && path.n > 1;
}

/* The first process of a group that has any, or 0. */
static uint32_t first_process(struct host *host, const struct cgroup *cgroup)
{
	for (unsigned tree = 0; tree < CGROUP_TREES; tree++) {
		_cleanup_fd_ int dir = -1, fd = -1;
		char text[PROCS_SIZE];
		struct str line;
		uint64_t pid;
		ssize_t n;

		if (!(cgroup->trees & 1U << tree))
			continue;
		dir = cgroup_open(host, cgroup, tree);
		if (dir >= 0)
			fd = openat(dir, "cgroup.procs",
				    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text));
		line = (struct str){ text, n < 0 ? 0 : (size_t)n };
		/* 0 stands for one of another pid namespace. */
		if (num_take_u64(&line, &pid) && pid && pid <= INT32_MAX)
			return (uint32_t)pid;
	}
	return 0;
}

/* Of a container's group, or of the first below it: some runtimes keep its own one empty. */
static uint32_t find_process(struct host *host, const struct cgroup_table *groups, size_t i)
{
	const struct cgroup *own = &groups->v[i];
	uint32_t pid = first_process(host, own);

	for (size_t k = i + 1; !pid && k < groups->n; k++) {
		const struct cgroup *below = &groups->v[k];

		if (below->path.n <= own->path.n || !str_starts(below->path, own->path) ||
		    below->path.p[own->path.n] != '/')
			break;
		pid = first_process(host, below);
	}
	return pid;
}

static void add_label(struct container *container, struct label *v, const char *name,
		      struct str value)
{
	if (value.n)
		v[container->n_label++] = (struct label){ str_of(name), value };
}

static void make_labels(struct collect *c, struct who *who, struct container *container,
			const struct known *known)
{
	struct label *v =
		arena_alloc(&who->arena, (OWN_MAX + known->n_label) * sizeof(struct label));

	add_label(container, v, "id", container->cgroup->path);
	add_label(container, v, "name", container->name);
	add_label(container, v, "image", container->image);
	add_label(container, v, "pod", container->pod);
	add_label(container, v, "namespace", container->namespace);
	add_label(container, v, "container", container->inner);
	for (size_t i = 0; i < known->n_label; i++)
		v[container->n_label++] = known->label[i];
	container->label = v;
	container->labels = metrics_labels(c->out, container->n_label, v);
}

static void name_by_path(const struct cgroup_name *name, struct container *container)
{
	container->nested = name->nested;
	container->pod_group = name->pod_group;
	container->health = -1;
	if (!name->nested && !name->helper) {
		container->runtime = name->runtime;
		container->id = name->id;
	}
}

static void tell(struct container *container, const struct ask *ask)
{
	const struct known *known = &ask->known;

	if (known->runtime != RUNTIME_NONE)
		container->runtime = known->runtime;
	container->name = known->name;
	container->image = known->image;
	container->pod = known->pod;
	container->namespace = known->namespace;
	container->inner = known->inner;
	container->sandbox = known->sandbox;
	container->created_ns = known->created_ns;
	container->started_ns = known->started_ns;
	container->health = known->health;
	container->layer = known->layer;
	/* What a user's own runtime says of a process may be about anybody's. */
	container->pid = ask->name->has_user ? 0 : known->pid;
}

/* Containers whose runtime can be asked: those within another one have theirs in there. */
static size_t list_asks(struct who *who, struct ask *asks, uint32_t *index)
{
	size_t n = 0;

	for (size_t i = 0; i < who->table.n; i++) {
		const struct container *container = &who->table.v[i];

		if (!container->id.n || container->hidden || who->names[i].inside)
			continue;
		index[n] = (uint32_t)i;
		asks[n++] = (struct ask){
			.cgroup = container->cgroup,
			.name = &who->names[i],
			.known.health = -1,
		};
	}
	return n;
}

static void tell_pods(struct who *who)
{
	for (size_t i = 0; i < who->table.n; i++) {
		const struct container *container = &who->table.v[i];
		struct container *pod = &who->table.v[container->cgroup->parent];

		if (!container->pod.n || !pod->pod_group || pod->pod.n)
			continue;
		pod->pod = container->pod;
		pod->namespace = container->namespace;
	}
}

static void identify(struct collect *c, struct who *who)
{
	static const struct known nothing = { .health = -1 };
	size_t all = who->table.n, n;
	struct ask *asks = arena_alloc(&who->arena, all * sizeof(*asks));
	uint32_t *index = arena_alloc(&who->arena, all * sizeof(*index));
	const struct known **known = arena_alloc(&who->arena, all * sizeof(*known));

	n = list_asks(who, asks, index);
	ask_all(c, settings(c), &who->libs, &who->arena, n, asks);
	for (size_t i = 0; i < all; i++)
		known[i] = &nothing;
	for (size_t i = 0; i < n; i++) {
		tell(&who->table.v[index[i]], &asks[i]);
		known[index[i]] = &asks[i].known;
	}
	tell_pods(who);
	for (size_t i = 0; i < all; i++) {
		struct container *container = &who->table.v[i];

		if (container->id.n && !container->hidden && !container->pid)
			container->pid = find_process(c->host, who->table.cgroups, i);
		make_labels(c, who, container, known[i]);
	}
}

static int make(struct collect *c, struct who *who)
{
	const struct cgroup_table *groups;
	int r = cgroups_of_cycle(c->host, &groups);

	if (r == -ENOENT)
		return collect_fail(c, -ENODATA, "there are no control groups");
	if (r < 0)
		return collect_fail(c, r, "control groups: %s", strerror(-r));
	who->table = (struct container_table){
		.cgroups = groups,
		.n = groups->n,
		.v = arena_zalloc(&who->arena, groups->n, sizeof(struct container)),
	};
	who->names = arena_zalloc(&who->arena, groups->n, sizeof(*who->names));
	for (size_t i = 0; i < groups->n; i++) {
		struct container *container = &who->table.v[i];

		container->cgroup = &groups->v[i];
		cgroup_name_parse(groups->v[i].path, &who->names[i]);
		name_by_path(&who->names[i], container);
		container->hidden = who->names[i].helper || who->names[i].mount ||
				    is_left_out(settings(c), container);
	}
	identify(c, who);
	return 0;
}

int containers_of_cycle(struct collect *c, const struct container_table **ret)
{
	struct who *who = shared(c->host);

	if (!who->cycle || who->cycle != c->host->cycle) {
		arena_reset(&who->arena);
		who->cycle = c->host->cycle;
		who->r = make(c, who);
		who->why = arena_str(&who->arena, c->why);
	} else if (who->r < 0) {
		return collect_fail(c, who->r, "%s", who->why.p);
	}
	if (who->r == 0)
		*ret = &who->table;
	return who->r;
}

const struct labels *container_labels(struct collect *c, const struct container *container,
				      size_t n, const struct label *more)
{
	struct label *v = arena_alloc(c->scratch, (container->n_label + n) * sizeof(struct label));

	memcpy(v, container->label, container->n_label * sizeof(struct label));
	for (size_t i = 0; i < n; i++)
		v[container->n_label + i] = more[i];
	return metrics_labels(c->out, container->n_label + n, v);
}
