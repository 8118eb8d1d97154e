/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table is parsed and filtered only when its text changed; statfs(2) is called by a child with
 * a deadline, and a mount that hangs is remembered in the state, so that oneshots do not leave one
 * hanging process each.
 */
#include "collect/common/filesystems.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/vfs.h>

#include "base/buf.h"
#include "collect/common/stuck_mounts.h"

#define SECOND INT64_C(1000000000)

enum { CYCLES_BETWEEN_READS = 20 };

struct filesystem_conf {
	struct opt_regex mount_points_include, mount_points_exclude;
	struct opt_regex fs_types_include, fs_types_exclude;
	int64_t timeout_ns, retry_ns;
};

struct table {
	struct arena arena;
	struct buf text; /* what it was made of */
	size_t n, bad_line;
	struct mount *mounts;
	const char **paths; /* relative to the root, for the child */
};

/* What all who want them share. */
struct mounted {
	bool open;
	struct table table;
	int events;          /* polls readable when the mount table changes; -1 */
	unsigned int unread; /* cycles since the table was read */
	struct statfs_worker worker;
	int root;
	struct stuck_mounts stuck;
	uint64_t cycle;     /* of the answer; 0: there is none */
	struct arena arena; /* of the answer */
	struct filesystems answer;
	int error; /* of the whole, and why */
	struct str why;
};

static const struct opt opts[] = {
	{ OPT_ROW("mount_points_exclude", OPT_REGEX, struct filesystem_conf, mount_points_exclude,
		  "/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+"
		  "|var/lib/containers/storage/.+)(/.*)?",
		  "REGEX", "mount points to leave out") },
	{ OPT_ROW("mount_points_include", OPT_REGEX, struct filesystem_conf, mount_points_include,
		  "", "REGEX",
		  "when set, takes these mount points whatever mount_points_exclude says") },
	{ OPT_ROW("fs_types_exclude", OPT_REGEX, struct filesystem_conf, fs_types_exclude,
		  "autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|erofs"
		  "|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore"
		  "|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs",
		  "REGEX", "file system types to leave out") },
	{ OPT_ROW("fs_types_include", OPT_REGEX, struct filesystem_conf, fs_types_include, "",
		  "REGEX", "when set, takes these types whatever fs_types_exclude says") },
	{ OPT_ROW("timeout", OPT_DURATION, struct filesystem_conf, timeout_ns, "1s", "TIME",
		  "for all mounts of a cycle together; one that hangs longer is an error"),
	  .min = SECOND / 100, .max = 60 * SECOND },
	{ OPT_ROW("retry", OPT_DURATION, struct filesystem_conf, retry_ns, "1m", "TIME",
		  "after this long a mount that hung is tried again"),
	  .min = SECOND, .max = 86400 * SECOND },
	{ 0 },
};

const struct opt_section section_collector_filesystem = {
	.path = "collectors.filesystem",
	.help = "space and inodes of mounted file systems",
	.opts = opts,
	.size = sizeof(struct filesystem_conf),
};

static const struct filesystem_conf *conf_of(const struct collect *c)
{
	return conf_get(c->settings, &section_collector_filesystem);
}

static bool wanted(const struct filesystem_conf *conf, const struct mount *mount)
{
	if (conf->fs_types_include.compiled ? !opt_regex_match(&conf->fs_types_include, mount->type)
					    : opt_regex_match(&conf->fs_types_exclude, mount->type))
		return false;
	return conf->mount_points_include.compiled
		       ? opt_regex_match(&conf->mount_points_include, mount->point)
		       : !opt_regex_match(&conf->mount_points_exclude, mount->point);
}

/* By mount point, then by what else a series is told by. */
static int compare_series(const struct mount *a, const struct mount *b)
{
	int order = str_cmp(a->point, b->point);

	if (!order)
		order = str_cmp(a->device, b->device);
	return order ? order : str_cmp(a->type, b->type);
}

/* Pointers into one array, so that equal ones can keep their order. */
static int compare_mounts(const void *a, const void *b)
{
	const struct mount *x = *(const struct mount *const *)a;
	const struct mount *y = *(const struct mount *const *)b;
	int order = compare_series(x, y);

	return order ? order : (x > y) - (x < y);
}

/*
 * A container that has the host's tree at /host sees /host/home: that is /home, and what
 * statfs(2) is asked for below the root. Mounts elsewhere keep their name.
 */
static struct str strip_root(struct str point, struct str root)
{
	struct str rest = str_skip(point, root.n);

	if (root.n <= 1 || !str_starts(point, root) || (rest.n && rest.p[0] != '/'))
		return point;
	return rest.n ? rest : STR("/");
}

/* The directory's own path; empty for the host's own root, and where it has none. */
static struct str root_path(struct collect *c, struct arena *arena)
{
	char name[NUM_TEXT_MAX + 1];
	_cleanup_fd_ int fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct str path;

	if (host_is_live(c->host, HOST_ROOT) || c->host->dir[HOST_ROOT] < 0)
		return STR("");
	name[num_print_u64(name, (uint64_t)c->host->dir[HOST_ROOT])] = '\0';
	return host_link(fds, name, arena, &path) == 0 ? path : STR("");
}

static void make_table(struct collect *c, struct mounted *self, struct str text)
{
	struct table *table = &self->table;
	struct arena *arena = &table->arena;
	struct mount *all, **order;
	size_t n_all, n = 0;

	arena_reset(arena);
	buf_reset(&table->text);
	buf_str(&table->text, text);
	mounts_parse(buf_view(&table->text), arena, &all, &n_all, &table->bad_line);

	struct str root = root_path(c, arena);

	order = arena_zalloc(arena, n_all + 1, sizeof(struct mount *));
	for (size_t i = 0; i < n_all; i++) {
		all[i].point = strip_root(all[i].point, root);
		if (wanted(conf_of(c), &all[i]))
			order[n++] = &all[i];
	}
	qsort(order, n, sizeof(struct mount *), compare_mounts);

	table->n = 0;
	table->mounts = arena_zalloc(arena, n + 1, sizeof(*table->mounts));
	table->paths = arena_zalloc(arena, n + 1, sizeof(*table->paths));
	for (size_t i = 0; i < n; i++) {
		struct str path = str_skip(order[i]->point, 1);

		/* Of equal ones the last: it lies on top, and statfs(2) speaks of it. */
		if (i + 1 < n && compare_series(order[i], order[i + 1]) == 0)
			continue;
		table->mounts[table->n] = *order[i];
		table->paths[table->n++] = path.n ? arena_cstr(arena, path) : ".";
	}
}

/*
 * Reading the table costs the kernel a microsecond and more a mount, asking whether it has
 * changed next to nothing (fs/proc_namespace.c, mounts_poll). A file system that turns
 * read-only by itself is no change of the table; statfs(2) tells that.
 */
static bool has_changed(const struct collect *c, const struct mounted *self)
{
	struct pollfd poll_fd = { .fd = self->events, .events = POLLPRI };

	/* Then only the table tells it: see make_answer(). */
	if (!host_is_live(c->host, HOST_ROOT))
		return true;
	return self->events < 0 || self->unread >= CYCLES_BETWEEN_READS ||
	       poll(&poll_fd, 1, 0) != 0;
}

/* Before the first read, so that no change gets lost between the two. */
static void watch_table(struct collect *c, struct mounted *self)
{
	int proc = c->host->dir[HOST_PROC];
	struct statfs s;

	if (!c->host->keep || self->events >= 0 || proc < 0)
		return;
	self->events = openat(proc, "1/mountinfo", O_RDONLY | O_CLOEXEC);
	if (self->events < 0)
		self->events = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	/* Another kind of file would never poll readable. */
	if (self->events >= 0 && (fstatfs(self->events, &s) < 0 || s.f_type != PROC_SUPER_MAGIC)) {
		(void)close(self->events);
		self->events = -1;
	}
}

static int read_table(struct collect *c, struct mounted *self)
{
	struct table *table = &self->table;
	struct str text;
	int r;

	self->unread++;
	if (table->text.n && !has_changed(c, self))
		return 0;
	watch_table(c, self);
	r = host_read(c->host, HOST_PROC, "1/mountinfo", c->scratch, &text);
	/* With hidepid, process 1 is not there for others. */
	if (r < 0)
		r = collect_read(c, HOST_PROC, "self/mountinfo", &text);
	if (r < 0)
		return r;
	if (!text.n)
		return collect_fail(c, -EBADMSG, "/proc/1/mountinfo is empty");
	self->unread = 0;
	if (!str_eq(text, buf_view(&table->text)))
		make_table(c, self, text);
	return table->text.err;
}

/* Everything but what is known to hang; that is answered without being asked. */
static int ask(struct collect *c, struct mounted *self, struct statfs_figures *figures)
{
	const struct filesystem_conf *conf = conf_of(c);
	const struct table *table = &self->table;
	struct statfs_figures *answers = figures;
	const char **paths = table->paths;
	size_t *index = NULL, n = table->n;

	stuck_mounts_review(&self->stuck, c, table->mounts, table->n);
	if (self->stuck.n) {
		n = 0;
		paths = arena_zalloc(c->scratch, table->n + 1, sizeof(*paths));
		index = arena_zalloc(c->scratch, table->n + 1, sizeof(*index));
		answers = arena_zalloc(c->scratch, table->n + 1, sizeof(*answers));
		for (size_t i = 0; i < table->n; i++) {
			figures[i].error = -ETIMEDOUT;
			if (stuck_mounts_skip(&self->stuck, c, table->mounts[i].point,
					      conf->retry_ns))
				continue;
			index[n] = i;
			paths[n++] = table->paths[i];
		}
	}

	int r = statfs_batch(&self->worker, self->root, n, paths, conf->timeout_ns, answers);

	for (size_t i = 0; i < n; i++) {
		size_t at = index ? index[i] : i;

		figures[at] = answers[i];
		if (answers[i].error == -ETIMEDOUT && answers[i].stuck)
			stuck_mounts_add(&self->stuck, c, table->mounts[at].point, &answers[i]);
	}
	return r;
}

int filesystems_open_root(const struct host *host)
{
	int fd = -1;

	if (host_is_live(host, HOST_ROOT) && host_is_live(host, HOST_PROC))
		fd = openat(host->dir[HOST_PROC], "1/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return host_open_dir(host, HOST_ROOT, ".");
}

static void release(void *p)
{
	struct mounted *self = p;

	if (self->open) {
		statfs_release(&self->worker);
		if (self->root >= 0)
			(void)close(self->root);
		if (self->events >= 0)
			(void)close(self->events);
	}
	buf_release(&self->table.text);
	arena_release(&self->table.arena);
	arena_release(&self->arena);
}

static struct mounted *shared(struct host *host)
{
	static const char key;
	struct mounted *self = host_shared(host, &key, sizeof(*self), release);

	if (self->open)
		return self;
	self->open = true;
	self->events = -1;
	statfs_init(&self->worker, NULL);
	self->root = filesystems_open_root(host);
	return self;
}

static int make_answer(struct collect *c, struct mounted *self)
{
	struct statfs_figures *figures;
	int r = read_table(c, self);

	if (r < 0)
		return r;
	if (self->root < 0)
		return collect_fail(c, self->root, "the root directory: %s", strerror(-self->root));
	figures = arena_zalloc(&self->arena, self->table.n + 1, sizeof(*figures));
	self->answer = (struct filesystems){
		.n = self->table.n,
		.mounts = self->table.mounts,
		.figures = figures,
		.bad_line = self->table.bad_line,
		.no_child = ask(c, self, figures),
	};
	/* A container's view of the host's mounts is read-only, whatever these are. */
	for (size_t i = 0; i < self->table.n; i++)
		figures[i].read_only = self->table.mounts[i].read_only ||
				       (host_is_live(c->host, HOST_ROOT) && figures[i].read_only);
	return 0;
}

int filesystems_of_cycle(struct collect *c, const struct filesystems **ret)
{
	struct mounted *self = shared(c->host);

	if (!self->cycle || self->cycle != c->host->cycle) {
		arena_reset(&self->arena);
		self->error = make_answer(c, self);
		self->why = arena_str(&self->arena, c->why);
		self->cycle = c->host->cycle;
	} else if (self->error < 0) {
		(void)collect_fail(c, self->error, "%.*s", STR_ARG(self->why));
	}
	if (self->error < 0)
		return self->error;
	*ret = &self->answer;
	return 0;
}
