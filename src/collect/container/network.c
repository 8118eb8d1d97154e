/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic by network namespace. Source: /proc/PID/net/dev, which everybody may read; its inode
 * tells namespaces apart (fs/proc/generic.c gives each namespace's files numbers of their own),
 * where /proc/PID/ns/net takes the right to trace the process.
 */
#include "collect/container/network.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "collect/container/settings.h"

enum { RX_BYTES, RX_PACKETS, RX_ERRORS, RX_DROPPED, TX_BYTES, TX_PACKETS, TX_ERRORS, TX_DROPPED };
enum { N_FAMILIES = TX_DROPPED + 1, COLUMNS = 16, TX_COLUMN = 8, PROCS_MAX = 1 << 20 };

#define DESC(name, text)                                                     \
	{                                                                    \
		"container_network_" name "_total", text ".", METRIC_COUNTER \
	}

static const struct metric_desc descs[N_FAMILIES] = {
	[RX_BYTES] = DESC("receive_bytes", "Bytes that an interface of the container received"),
	[RX_PACKETS] = DESC("receive_packets", "Packets received"),
	[RX_ERRORS] = DESC("receive_errors", "Errors while receiving"),
	[RX_DROPPED] = DESC("receive_packets_dropped", "Packets received and dropped"),
	[TX_BYTES] = DESC("transmit_bytes", "Bytes that an interface of the container sent"),
	[TX_PACKETS] = DESC("transmit_packets", "Packets sent"),
	[TX_ERRORS] = DESC("transmit_errors", "Errors while sending"),
	[TX_DROPPED] = DESC("transmit_packets_dropped", "Packets dropped on their way out"),
};

/* A namespace, by what stat(2) says of its file "dev". */
struct space {
	dev_t device;
	ino_t inode;
};

struct work {
	struct collect *c;
	const struct container_table *table;
	const struct cgroup_conf *conf;
	struct family *families[N_FAMILIES];
	struct space *seen; /* the host's first */
	size_t n_seen;
	int refused; /* an -errno that is not "gone" */
};

/* Those that cAdvisor leaves out: the loopback, and the host's ends of containers' links. */
static bool is_told(struct str name)
{
	static const char *const others[] = { "lo", "veth", "docker", "nerdctl" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (str_starts(name, str_of(others[i])))
			return false;
	return true;
}

static void add_interface(struct work *w, const struct container *container, struct str name,
			  const uint64_t columns[COLUMNS])
{
	const struct label interface = { STR("interface"), name };
	const struct labels *labels = container_labels(w->c, container, 1, &interface);

	for (size_t i = 0; i < N_FAMILIES; i++) {
		if (!w->families[i])
			w->families[i] = metrics_family(w->c->out, &descs[i]);
		family_add(w->families[i], labels,
			   (double)columns[i < TX_BYTES ? i : TX_COLUMN + i - TX_BYTES]);
	}
}

/* False when a line is none of an interface. */
static bool add_interfaces(struct work *w, const struct container *container, struct str text)
{
	struct str line, name;
	bool good = true;

	for (size_t number = 0; str_line(&text, &line); number++) {
		uint64_t columns[COLUMNS];
		size_t n = 0;

		/* Two lines of headings. */
		if (number < 2)
			continue;
		if (str_cut(&line, ':', &name))
			while (n < COLUMNS && num_take_u64(&line, &columns[n]))
				n++;
		name = str_trim(name);
		if (n < COLUMNS || !name.n)
			good = false;
		else if (is_told(name))
			add_interface(w, container, name, columns);
	}
	return good;
}

/* Whether the namespace was told of before. From now on it was. */
static bool is_seen(struct work *w, const struct stat *s)
{
	for (size_t i = 0; i < w->n_seen; i++)
		if (w->seen[i].inode == s->st_ino && w->seen[i].device == s->st_dev)
			return true;
	w->seen[w->n_seen++] = (struct space){ s->st_dev, s->st_ino };
	return false;
}

/*
 * The numbers of processes are used again: this one has to be in the container's group still. Its
 * last name is looked for, because to whoever is in a cgroup namespace of his own all paths begin
 * elsewhere.
 */
static bool is_in_group(struct collect *c, int process, struct str path)
{
	struct str text, line, part;

	while (str_find(path, '/') < path.n)
		(void)str_cut(&path, '/', &part);
	if (!path.n || file_read(process, "cgroup", FILE_MAX, c->scratch, &text) < 0)
		return false;
	while (str_line(&text, &line))
		while (str_cut(&line, '/', &part))
			if (str_eq(part, path))
				return true;
	return false;
}

/* Its directory, while the process is one of the group; or -errno. */
static int open_process(const struct work *w, uint64_t pid, const struct cgroup *cgroup)
{
	char name[NUM_TEXT_MAX + 1];

	if (!pid)
		return -ESRCH;
	name[num_print_u64(name, pid)] = '\0';

	int fd = host_open_dir(w->c->host, HOST_PROC, name);

	if (fd < 0)
		return fd;
	if (is_in_group(w->c, fd, cgroup->path))
		return fd;
	(void)close(fd);
	return -ESRCH;
}

/* The first process that is in the very group, in whatever tree. */
static int open_first(const struct work *w, const struct cgroup *cgroup)
{
	int r = -ESRCH;

	for (unsigned int tree = 0; tree < CGROUP_TREES; tree++) {
		if (!(cgroup->trees & 1U << tree))
			continue;

		_cleanup_fd_ int dir = cgroup_open(w->c->host, cgroup, (enum cgroup_tree)tree);
		struct str text, line;
		uint64_t pid;

		if (dir < 0 || file_read(dir, "cgroup.procs", PROCS_MAX, w->c->scratch, &text) < 0)
			continue;
		while (str_line(&text, &line)) {
			if (num_u64(line, &pid) < 0)
				continue;
			r = open_process(w, pid, cgroup);
			if (r >= 0 || (r != -ENOENT && r != -ESRCH))
				return r;
		}
	}
	return r;
}

/*
 * A process in the group or, where a runtime or an init put them deeper, in one below it: these
 * follow it in the table.
 */
static int open_any(const struct work *w, size_t index)
{
	const struct cgroup_table *groups = w->table->cgroups;
	struct str path = groups->v[index].path;
	int r = open_first(w, &groups->v[index]);

	while ((r == -ESRCH || r == -ENOENT) && ++index < groups->n) {
		struct str below = groups->v[index].path;

		if (!str_starts(below, path) || below.n <= path.n || below.p[path.n] != '/')
			break;
		r = open_first(w, &groups->v[index]);
	}
	return r;
}

static int open_container(const struct work *w, const struct container *container)
{
	int r = open_process(w, container->pid, container->cgroup);

	if (r == -ESRCH || r == -ENOENT)
		r = open_any(w, (size_t)(container - w->table->v));
	return r;
}

static int add_container(struct work *w, const struct container *container)
{
	_cleanup_fd_ int process = open_container(w, container);
	struct stat s;
	struct str text;

	if (process < 0)
		return process;

	_cleanup_fd_ int fd = openat(process, "net/dev", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &s) < 0)
		return -errno;
	if (is_seen(w, &s))
		return 0;

	int r = file_read_fd(fd, 0, FILE_MAX, w->c->scratch, &text);

	if (r < 0)
		return r;
	if (!add_interfaces(w, container, text))
		collect_note(w->c, container->id,
			     "container %.*s: net/dev is not what it should be",
			     STR_ARG(container->id));
	if (w->conf && w->conf->network_details.n)
		container_network_details(w->c, container, process, w->conf);
	return 0;
}

/*
 * Process 1's namespace is the host's. Ours stands in for it where that is hidden from us, but only
 * below the kernel's own /proc: in a container, "self" of the host's is still the container.
 */
static void add_host(struct work *w)
{
	struct collect *c = w->c;
	struct str text;
	struct stat s;
	int r = host_read(c->host, HOST_PROC, "1/net/dev", c->scratch, &text);

	if (r == 0) {
		r = fstatat(c->host->dir[HOST_PROC], "1/net/dev", &s, 0) < 0 ? -errno : 0;
	} else if (host_is_live(c->host, HOST_PROC)) {
		r = host_read(c->host, HOST_PROC, "self/net/dev", c->scratch, &text);
		if (r == 0 && fstatat(c->host->dir[HOST_PROC], "self/net/dev", &s, 0) < 0)
			r = -errno;
	}
	if (r < 0) {
		if (r != -ENOENT)
			collect_note(c, STR("net/dev"), "/proc/1/net/dev: %s", strerror(-r));
		return;
	}
	(void)is_seen(w, &s);
	if (w->table->v[0].hidden)
		return;
	if (!add_interfaces(w, &w->table->v[0], text))
		collect_note(c, STR("net/dev"), "/proc/1/net/dev is not what it should be");
	if (w->conf && w->conf->network_details.n) {
		_cleanup_fd_ int process = host_open_dir(c->host, HOST_PROC, "1");

		if (process >= 0)
			container_network_details(c, &w->table->v[0], process, w->conf);
	}
}

static int64_t age(const struct container *container)
{
	return container->created_ns ? container->created_ns : container->cgroup->created_ns;
}

/* Who gets the namespace's series: the pod's sandbox, else who was there first. */
static int compare(const void *a, const void *b)
{
	const struct container *x = *(const struct container *const *)a;
	const struct container *y = *(const struct container *const *)b;

	if (x->sandbox != y->sandbox)
		return x->sandbox ? -1 : 1;
	if (age(x) != age(y))
		return age(x) < age(y) ? -1 : 1;
	return (x > y) - (x < y);
}

void container_network(struct collect *c, const struct container_table *table,
		       const struct cgroup_conf *conf)
{
	struct work w = { .c = c, .table = table, .conf = conf };
	const struct container **order;
	size_t n = 0;

	if (!table->n)
		return;
	w.seen = arena_zalloc(c->scratch, table->n + 1, sizeof(*w.seen));
	order = arena_zalloc(c->scratch, table->n, sizeof(*order));

	add_host(&w);
	/* Without the host's there is no telling whose is whose. */
	if (!w.n_seen)
		return;
	for (size_t i = 1; i < table->n; i++) {
		const struct container *container = &table->v[i];

		if (container->id.n && !container->hidden && !container->nested)
			order[n++] = container;
	}
	qsort(order, n, sizeof(*order), compare);
	for (size_t i = 0; i < n; i++) {
		int error = add_container(&w, order[i]);

		if (error < 0 && error != -ENOENT && error != -ESRCH)
			w.refused = error;
	}
	if (w.refused)
		collect_note(c, STR("network"), "the network of containers cannot be read: %s",
			     strerror(-w.refused));
}
