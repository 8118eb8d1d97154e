/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is where in the machine. Sources: drivers/base/topology.c, drivers/base/cacheinfo.c,
 * drivers/base/node.c. A cache of more than one core belongs to none of them: those of a node are
 * added up.
 */
#include <fcntl.h>

#include "collect/container/machine.h"

enum { SHARED_MAX = 64 };

enum { SIBLINGS, CACHE, NODE_MEMORY, NODE_PAGES, NODE_DISTANCE, N_DESCS };

static const struct metric_desc descs[N_DESCS] = {
	[SIBLINGS] = { "machine_thread_siblings_count",
		       "Threads of the core that this one belongs to.", METRIC_GAUGE },
	[CACHE] = { "machine_cpu_cache_capacity_bytes",
		    "Size of the core's cache; without a core, of all those of the node.",
		    METRIC_GAUGE },
	[NODE_MEMORY] = { "machine_node_memory_capacity_bytes", "Memory of the NUMA node.",
			  METRIC_GAUGE },
	[NODE_PAGES] = { "machine_node_hugepages_count",
			 "Huge pages of the NUMA node, by their size in kibibytes.", METRIC_GAUGE },
	[NODE_DISTANCE] = { "machine_node_distance",
			    "How far it is from one NUMA node to another; 10 to itself.",
			    METRIC_GAUGE },
};

struct shared_cache {
	struct str type, level;
	uint64_t bytes;
};

/* A node, and the caches in it that belong to no single core. */
struct node {
	struct collect *c;
	const struct label *base;
	struct str number;
	int cpus; /* devices/system/cpu */
	struct shared_cache shared[SHARED_MAX];
	size_t n_shared;
};

static void add(const struct node *node, int desc, struct str core, size_t n,
		const struct label *more, double value)
{
	struct label v[8];
	size_t k = 0;

	for (; k < 3; k++)
		v[k] = node->base[k];
	v[k++] = (struct label){ STR("node_id"), node->number };
	if (core.p)
		v[k++] = (struct label){ STR("core_id"), core };
	for (size_t i = 0; i < n; i++)
		v[k++] = more[i];
	family_add(metrics_family(node->c->out, &descs[desc]), metrics_labels(node->c->out, k, v),
		   value);
}

static uint64_t count_list(struct str list)
{
	uint64_t from, to, n = 0;

	while (machine_take_range(&list, &from, &to))
		n += to - from + 1;
	return n;
}

static bool is_first_of(struct str list, uint64_t cpu)
{
	uint64_t from, to;

	return machine_take_range(&list, &from, &to) && from == cpu;
}

static void add_shared(struct node *node, struct str type, struct str level, uint64_t bytes)
{
	for (size_t i = 0; i < node->n_shared; i++)
		if (str_eq(node->shared[i].type, type) && str_eq(node->shared[i].level, level)) {
			node->shared[i].bytes += bytes;
			return;
		}
	if (node->n_shared < SHARED_MAX)
		node->shared[node->n_shared++] = (struct shared_cache){ type, level, bytes };
}

static void look_at_cache(struct node *node, int cache, const char *name, uint64_t cpu,
			  struct str core, struct str siblings)
{
	_cleanup_fd_ int dir = openat(cache, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct arena *arena = node->c->scratch;
	struct str type, level, size, list;
	uint64_t bytes;

	if (dir < 0 || host_attr(dir, "type", arena, &type) < 0 ||
	    host_attr(dir, "level", arena, &level) < 0 ||
	    host_attr(dir, "size", arena, &size) < 0 || num_size(size, &bytes) < 0 ||
	    host_attr(dir, "shared_cpu_list", arena, &list) < 0 || !is_first_of(list, cpu))
		return;
	if (str_eq(list, siblings)) {
		const struct label more[] = { { STR("type"), type }, { STR("level"), level } };

		add(node, CACHE, core, ARRAY_SIZE(more), more, (double)bytes);
	} else {
		add_shared(node, type, level, bytes);
	}
}

static void look_at_cpu(struct node *node, uint64_t cpu)
{
	struct arena *arena = node->c->scratch;
	struct str name = arena_printf(arena, "cpu%llu", (unsigned long long)cpu);
	_cleanup_fd_ int dir = openat(node->cpus, name.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int cache =
		dir < 0 ? -1 : openat(dir, "cache", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct label thread = { STR("thread_id"), str_skip(name, 3) };
	struct str core, siblings, *names;
	size_t n;

	if (dir < 0 || host_attr(dir, "topology/core_id", arena, &core) < 0 ||
	    host_attr(dir, "topology/thread_siblings_list", arena, &siblings) < 0)
		return;
	add(node, SIBLINGS, core, 1, &thread, (double)count_list(siblings));
	if (cache < 0 || host_list_dir(cache, arena, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (str_starts(names[i], STR("index")))
			look_at_cache(node, cache, names[i].p, cpu, core, siblings);
}

/* "Node 0 MemTotal:  1024 kB" */
static void add_memory(const struct node *node, int dir)
{
	struct str text, line, word;
	uint64_t kibibytes;

	if (host_attr(dir, "meminfo", node->c->scratch, &text) < 0)
		return;
	while (str_line(&text, &line))
		if (str_word(&line, &word) && str_word(&line, &word) && str_word(&line, &word) &&
		    str_eq(word, STR("MemTotal:")) && num_take_u64(&line, &kibibytes))
			add(node, NODE_MEMORY, (struct str){ 0 }, 0, NULL,
			    (double)kibibytes * 1024);
}

static void add_pages(const struct node *node, int parent)
{
	_cleanup_fd_ int dir = openat(parent, "hugepages", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct arena *arena = node->c->scratch;
	struct str *names;
	size_t n;

	if (dir < 0 || host_list_dir(dir, arena, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct str path = ARENA_CONCAT(arena, names[i], STR("/nr_hugepages"));
		struct label size = { STR("page_size"), names[i] };
		uint64_t count, kibibytes;

		size.value = str_skip(size.value, sizeof("hugepages-") - 1);
		if (!str_starts(names[i], STR("hugepages-")) || !str_ends(size.value, STR("kB")))
			continue;
		size.value.n -= 2;
		if (num_u64(size.value, &kibibytes) == 0 && host_attr_u64(dir, path.p, &count) == 0)
			add(node, NODE_PAGES, (struct str){ 0 }, 1, &size, (double)count);
	}
}

/* One number for each node, in their order. */
static void add_distances(const struct node *node, int dir, const struct str *numbers, size_t n)
{
	struct str text;
	uint64_t distance;

	if (host_attr(dir, "distance", node->c->scratch, &text) < 0)
		return;
	for (size_t i = 0; i < n && num_take_u64(&text, &distance); i++) {
		const struct label to = { STR("target_node_id"), numbers[i] };

		add(node, NODE_DISTANCE, (struct str){ 0 }, 1, &to, (double)distance);
	}
}

static void look_at_node(struct node *node, int nodes, const struct str *numbers, size_t n)
{
	struct arena *arena = node->c->scratch;
	struct str name = ARENA_CONCAT(arena, STR("node"), node->number), list;
	_cleanup_fd_ int dir = openat(nodes, name.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t from, to;

	if (dir < 0)
		return;
	add_memory(node, dir);
	add_pages(node, dir);
	add_distances(node, dir, numbers, n);
	if (host_attr(dir, "cpulist", arena, &list) < 0)
		return;
	while (machine_take_range(&list, &from, &to))
		for (; from <= to; from++)
			look_at_cpu(node, from);
	for (size_t i = 0; i < node->n_shared; i++) {
		const struct shared_cache *cache = &node->shared[i];
		const struct label more[] = { { STR("type"), cache->type },
					      { STR("level"), cache->level } };

		add(node, CACHE, STR(""), ARRAY_SIZE(more), more, (double)cache->bytes);
	}
}

void machine_topology(struct collect *c, const struct label *base)
{
	_cleanup_fd_ int nodes = host_open_dir(c->host, HOST_SYS, "devices/system/node");
	_cleanup_fd_ int cpus = host_open_dir(c->host, HOST_SYS, "devices/system/cpu");
	struct str *names;
	uint64_t number;
	size_t n, kept = 0;

	if (nodes < 0 || cpus < 0 || host_list_dir(nodes, c->scratch, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (str_starts(names[i], STR("node")) &&
		    num_u64(str_skip(names[i], 4), &number) == 0)
			names[kept++] = str_skip(names[i], 4);
	for (size_t i = 0; i < kept; i++) {
		struct node node = { .c = c, .base = base, .number = names[i], .cpus = cpus };

		look_at_node(&node, nodes, names, kept);
	}
}
