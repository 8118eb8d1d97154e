/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics that other programs leave in files, as node_exporter has it: each *.prom of one
 * directory. Those programs are not ours, so a file may be anything: a FIFO without a writer, a
 * link to /etc/shadow (whose lines a message would tell), 100 MB, or half of what it will be.
 */
#include "collect/source/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "collect/collector.h"
#include "metric/feed.h"

static const struct opt textfile_opts[] = {
	{ OPT_ROW("directory", OPT_LIST, struct textfile_conf, directory, "", "DIR,...",
		  "where other programs leave *.prom files, patterns too; "
		  "none: " LOCALSTATEDIR "/lib/peekpush/textfile") },
	{ OPT_ROW("max_size", OPT_SIZE, struct textfile_conf, max_size, "16M", "SIZE",
		  "a file over this size is left out") },
	{ OPT_ROW("series", OPT_INT, struct textfile_conf, file.series, "0", "N",
		  "series of one file; 0: no limit"),
	  .max = 10000000 },
	{ 0 },
};

const struct opt_section section_textfile = {
	.path = "textfile",
	.help = "metrics that other programs leave in files",
	.opts = textfile_opts,
	.size = sizeof(struct textfile_conf),
};

enum { DIRECTORIES_MAX = 256 };

const char textfile_built_in[] = LOCALSTATEDIR "/lib/peekpush/textfile";

struct textfile_self {
	struct arena text; /* of one file at a time */
};

struct directory {
	int fd;
	struct str path;
	struct family *mtime;
};

static struct str without_slashes(struct str path, struct arena *arena)
{
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	return arena_str(arena, path);
}

static bool is_pattern(struct str path)
{
	for (size_t i = 0; i < path.n; i++)
		if (strchr("*?[", path.p[i]))
			return true;
	return false;
}

struct str textfile_directory(const struct textfile_conf *conf, struct arena *arena)
{
	for (size_t i = 0; i < conf->directory.n; i++)
		if (!is_pattern(conf->directory.v[i]))
			return without_slashes(conf->directory.v[i], arena);
	return str_of(textfile_built_in);
}

static const char *kind(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a directory";
	if (S_ISFIFO(mode))
		return "a FIFO";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

/*
 * Links may lead to other places of the directory, as those of a Kubernetes ConfigMap do, and not
 * out of it: who may write there is not who may read everything.
 */
static int open_inside(int dir, const char *name)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

	/* Linux before 5.6, and filters of system calls that do not know it. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(dir, name, (int)how.flags | O_NOFOLLOW);
	return fd < 0 ? -errno : (int)fd;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* What is written in place while it is read is read again; not for ever. */
static int read_whole(int fd, uint64_t max, struct arena *arena, struct stat *st, struct str *ret)
{
	struct stat before;
	int r, tries = 3;

	do {
		before = *st;
		arena_reset(arena);
		r = file_read_fd(fd, (size_t)before.st_size, max, arena, ret);
		if (r == 0 && fstat(fd, st) < 0)
			r = -errno;
	} while (r == 0 && !same(&before, st) && --tries);
	return r;
}

/* Opens and reads it, or notes why not. False also when it is gone by now, which is no trouble. */
static bool read_one(struct collect *c, const struct directory *dir, const char *name,
		     struct str path, struct stat *ret_st, struct str *ret_text, bool *ret_failed)
{
	const struct textfile_conf *conf = c->conf;
	struct textfile_self *self = c->self;
	struct stat st;
	int r = 0;

	*ret_failed = true;
	/* Not opened to see what it is: that alone rewinds a tape, and more. */
	if (fstatat(dir->fd, name, &st, 0) < 0) {
		r = -errno;
		if (r == -ENOENT && fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			*ret_failed = false;
		else
			collect_note(c, path, "%.*s: %s", STR_ARG(path),
				     r == -ENOENT ? "a link to nowhere" : strerror(-r));
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		collect_note(c, path, "%.*s: %s, not a file", STR_ARG(path), kind(st.st_mode));
		return false;
	}

	_cleanup_fd_ int fd = open_inside(dir->fd, name);

	if (fd == -ENOENT) {
		*ret_failed = false;
		return false;
	}
	if (fd == -EXDEV || fd == -ELOOP)
		collect_note(c, path, "%.*s: a link that leads out of the directory",
			     STR_ARG(path));
	else if (fd < 0 || fstat(fd, &st) < 0)
		collect_note(c, path, "%.*s: %s", STR_ARG(path), strerror(fd < 0 ? -fd : errno));
	else if (!S_ISREG(st.st_mode))
		collect_note(c, path, "%.*s: %s, not a file", STR_ARG(path), kind(st.st_mode));
	else if ((uint64_t)st.st_size > conf->max_size ||
		 (r = read_whole(fd, conf->max_size, &self->text, &st, ret_text)) == -EFBIG)
		collect_note(c, path, "%.*s: larger than textfile.max_size, left out",
			     STR_ARG(path));
	else if (r < 0)
		collect_note(c, path, "%.*s: %s", STR_ARG(path), strerror(-r));
	else
		*ret_failed = false;
	*ret_st = st;
	return !*ret_failed;
}

/* True when all is well with it. */
static bool feed_one(struct collect *c, const struct directory *dir, struct str name)
{
	const struct textfile_conf *conf = c->conf;
	struct textfile_self *self = c->self;
	struct str path = arena_printf(c->scratch, "%.*s/%.*s", STR_ARG(dir->path), STR_ARG(name));
	struct feed_report report;
	struct str text;
	struct stat st;
	bool failed;

	arena_reset(&self->text);
	if (!read_one(c, dir, name.p, path, &st, &text, &failed))
		return !failed;
	if (conf->file.series)
		metrics_enter_part(c->out, path, &conf->file);
	feed_text(c->out, text, path, &self->text, &report);
	if (conf->file.series)
		metrics_leave(c->out);
	for (size_t i = 0; i < report.n; i++)
		collect_note(c, path, "%.*s", STR_ARG(report.messages[i]));
	if (report.timestamps)
		collect_note(c, path, "%.*s: timestamps are left out (%u samples)", STR_ARG(path),
			     report.timestamps);
	c->out->own = true;
	family_add(dir->mtime, METRIC_LABELS(c->out, { STR("file"), path }),
		   (double)st.st_mtim.tv_sec);
	c->out->own = false;
	return !report.bad && !report.dropped;
}

static bool has(const struct opt_list *list, struct str item)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], item))
			return true;
	return false;
}

static void add_directory(struct opt_list *list, struct str path, struct arena *arena)
{
	path = without_slashes(path, arena);
	if (list->n == DIRECTORIES_MAX || has(list, path))
		return;
	list->v = arena_grow(arena, list->v, list->n, sizeof(*list->v));
	list->v[list->n++] = path;
}

/* What the patterns stand for now. One that stands for nothing is itself: it is told not to be
 * there. */
static struct opt_list directories(const struct textfile_conf *conf, struct arena *arena)
{
	struct opt_list list = { 0 };

	for (size_t i = 0; i < conf->directory.n; i++) {
		struct str path = conf->directory.v[i];
		glob_t found = { 0 };

		/* With a slash at its end it can only be a directory. */
		if (is_pattern(path) &&
		    glob(arena_printf(arena, "%.*s/", STR_ARG(path)).p, 0, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++)
				add_directory(&list, str_of(found.gl_pathv[k]), arena);
		else
			add_directory(&list, path, arena);
		globfree(&found);
	}
	if (!conf->directory.n)
		add_directory(&list, str_of(textfile_built_in), arena);
	return list;
}

/* True when all is well with it. */
static bool feed_directory(struct collect *c, struct str path, struct family *mtime)
{
	const struct textfile_conf *conf = c->conf;
	_cleanup_fd_ int fd = file_open_dir(AT_FDCWD, path.p);
	const struct directory dir = {
		.fd = fd,
		.path = str_eq(path, STR("/")) ? STR("") : path,
		.mtime = mtime,
	};
	bool good = true;
	struct str *names;
	size_t n;
	int r = fd;

	if (fd >= 0)
		r = host_list_dir(fd, c->scratch, &names, &n);
	/* Nobody has left anything yet; but a directory that somebody names is one that he means.
	 */
	if (r == -ENOENT && !conf->directory.n)
		return true;
	if (r < 0) {
		/* Whoever tries peekpush out as himself cannot read root's, and need not be told.
		 */
		if (r == -EACCES && !conf->directory.n)
			(void)collect_fail(c, 0, "%.*s: %s", STR_ARG(path), strerror(-r));
		else
			collect_note(c, path, "%.*s: %s", STR_ARG(path), strerror(-r));
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (str_ends(names[i], STR(".prom")))
			good &= feed_one(c, &dir, names[i]);
	return good;
}

static const struct metric_desc mtime_desc = {
	"node_textfile_mtime_seconds",
	"When each textfile that was read was written last, in seconds since 1970.",
	METRIC_GAUGE,
};

static const struct metric_desc error_desc = {
	"node_textfile_scrape_error",
	"1 when a textfile, or a line of one, could not be used.",
	METRIC_GAUGE,
};

/* Before commands and endpoints are asked, which may say the same with another type. */
static void begin(struct collect *c)
{
	metrics_claim(c->out, &mtime_desc);
	metrics_claim(c->out, &error_desc);
}

/* A success whatever is wrong with them, as node_exporter has it: the error has a metric of its
 * own. */
static int run(struct collect *c)
{
	const struct opt_list list = directories(c->conf, c->scratch);
	struct family *mtime = metrics_family(c->out, &mtime_desc);
	bool good = true;

	for (size_t i = 0; i < list.n; i++)
		good &= feed_directory(c, list.v[i], mtime);
	metrics_enter_free(c->out);
	metrics_add(c->out, &error_desc, !good);
	metrics_leave(c->out);
	return 0;
}

static void close_textfile(struct collect *c)
{
	struct textfile_self *self = c->self;

	arena_release(&self->text);
}

const struct collector collector_textfile = {
	.name = "textfile",
	.help = "metrics that other programs leave in *.prom files",
	.reads = "textfile.directory",
	.live_only = "textfile.directory",
	.on = true,
	.section = &section_textfile,
	.self_size = sizeof(struct textfile_self),
	.begin = begin,
	.run = run,
	.close = close_textfile,
};
