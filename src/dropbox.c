/* SPDX-License-Identifier: Apache-2.0 */
#include "dropbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "metric/feed.h"
#include "metric/scan.h"
#include "push/drop.h"

enum {
	LEFT_MAX = 10000, /* files that are sorted; the rest comes later */
	SAID_MAX = 10,
	LEFTOVER_SECONDS = 3600,
	REFUSED_SECONDS = 86400,
};

#define DIRECTORY LOCALSTATEDIR "/spool/peekpush/dropbox"

static const struct opt dropbox_opts[] = {
	{
		.name = "enable",
		.type = OPT_BOOL,
		.offset = offsetof(struct dropbox_conf, enable),
		.preset = "true",
		.help = "deliver what users without the credentials leave",
	},
	{
		.name = "directory",
		.type = OPT_STRING,
		.offset = offsetof(struct dropbox_conf, directory),
		.preset = "",
		.arg = "DIR",
		.help = "where they leave it; empty: " DIRECTORY,
	},
	{
		.name = "max_size",
		.type = OPT_SIZE,
		.offset = offsetof(struct dropbox_conf, max_size),
		.preset = "1M",
		.help = "a larger file is refused",
	},
	{
		.name = "max_files",
		.type = OPT_INT,
		.offset = offsetof(struct dropbox_conf, max_files),
		.preset = "1000",
		.help = "files that are looked at in one cycle",
		.min = 1,
		.max = 100000,
	},
	{
		.name = "series",
		.type = OPT_INT,
		.offset = offsetof(struct dropbox_conf, series),
		.preset = "2000",
		.help = "series of one file; more are dropped",
		.min = 1,
		.max = 1000000,
	},
	{
		.name = "jobs",
		.type = OPT_REGEX,
		.offset = offsetof(struct dropbox_conf, jobs),
		.preset = ".+",
		.help = "names of jobs that users may have",
	},
	{
		.name = "labels",
		.type = OPT_LIST,
		.offset = offsetof(struct dropbox_conf, labels),
		.preset = "stage",
		.help = "grouping labels that users may have",
	},
	{
		.name = "instanceless",
		.type = OPT_BOOL,
		.offset = offsetof(struct dropbox_conf, instanceless),
		.preset = "false",
		.help = "whether users may have jobs without an instance",
	},
	{ 0 },
};

const struct opt_section section_dropbox = {
	.path = "dropbox",
	.help = "the drop-box for users who cannot read the push credentials",
	.opts = dropbox_opts,
	.size = sizeof(struct dropbox_conf),
};

struct str dropbox_path(const struct app *app)
{
	const struct dropbox_conf *conf = conf_get(app->conf, &section_dropbox);

	return conf->directory.n ? conf->directory : STR(DIRECTORY);
}

/*
 * An fd, or -errno. Only root can make it as it has to be, and makes one that is asked for: the
 * built-in one comes with the installation.
 */
static int open_directory(const struct app *app)
{
	const struct dropbox_conf *conf = conf_get(app->conf, &section_dropbox);
	struct str path = dropbox_path(app);
	int fd = open(path.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || geteuid() != 0 || !conf->directory.n)
		return fd < 0 ? -errno : fd;
	if (file_make_dirs(path.p, 0711) < 0)
		return -ENOENT;
	fd = open(path.p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fchmod(fd, 01733) < 0) {
		(void)close(fd);
		return -errno;
	}
	return fd < 0 ? -errno : fd;
}

static bool is_drop(const char *name)
{
	struct str text = str_of(name);

	return str_ends(text, STR(".drop")) && text.p[0] != '.' && text.n < DROP_NAME_SIZE;
}

/* What a `run` that was killed while it wrote has left. */
static void sweep(int dir, const char *name)
{
	struct stat st;

	if (name[0] == '.' && str_ends(str_of(name), STR(".new")) &&
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_mtime < time(NULL) - LEFTOVER_SECONDS)
		(void)unlinkat(dir, name, 0);
}

unsigned dropbox_count(const struct app *app)
{
	const struct dropbox_conf *conf = conf_get(app->conf, &section_dropbox);
	int fd = conf->enable ? open_directory(app) : -1;
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned n = 0;

	if (!dir && fd >= 0)
		(void)close(fd);
	for (const struct dirent *e; dir && n < conf->max_files && (e = readdir(dir));) {
		n += is_drop(e->d_name);
		sweep(fd, e->d_name);
	}
	return n;
}

struct box {
	const struct app *app;
	const struct dropbox_conf *conf;
	const struct target_conf *target;
	const struct sink_waiter *waiter;
	struct state *state;
	struct dropbox_counts *counts;
	struct arena arena;  /* one file's */
	struct arena *names; /* of what is set aside */
	unsigned said;       /* lines about payloads */
	int dir;
	int64_t deadline;
};

/* A directory with something in it cannot be removed: it gets a name that is not looked at. */
static void remove_drop(const struct box *box, const char *name)
{
	struct str aside;

	if (unlinkat(box->dir, name, 0) == 0 || errno != EISDIR ||
	    unlinkat(box->dir, name, AT_REMOVEDIR) == 0)
		return;
	aside = arena_printf(box->names, ".%016llx.%llx.refused",
			     (unsigned long long)str_hash(str_of(name)),
			     (unsigned long long)clock_ns(CLOCK_REALTIME));
	(void)renameat(box->dir, name, box->dir, aside.p);
}

static void refuse(struct box *box, const char *name, struct str owner, struct str why)
{
	remove_drop(box, name);
	(void)state_add(box->state, STR("dropbox_refused"), 1);
	/* Who wants to fill the log writes more than that. */
	if (++box->counts->refused <= SAID_MAX)
		log_warning(&box->app->log, "drop-box: refused %s of %.*s: %.*s", name,
			    STR_ARG(owner), STR_ARG(why));
}

static struct str user_name(struct box *box, uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? arena_str(&box->arena, str_of(user->pw_name))
		    : arena_printf(&box->arena, "%u", (unsigned)uid);
}

static bool label_allowed(const struct box *box, const struct opt_pair *label)
{
	for (size_t i = 0; i < box->conf->labels.n; i++)
		if (str_eq(box->conf->labels.v[i], label->key))
			return true;
	/* The host's own labels, as they stand in a configuration that its users can read. */
	return label->value.n &&
	       str_eq(opt_map_get(&box->target->group.labels, label->key), label->value);
}

/* The empty slice when the group is within what users may have, else why it is not. */
static struct str check_group(struct box *box, const struct drop *drop, struct str owner)
{
	const struct push_conf *push = conf_get(box->app->conf, &section_push);
	const struct group *group = &drop->group;

	if (!str_eq(drop->user, owner))
		return arena_printf(&box->arena, "it claims to be of user %.*s",
				    STR_ARG(drop->user));
	if (str_eq(group->job, push->job))
		return STR("its job is that of this host (push.job)");
	if (!group->job.n || !opt_regex_match(&box->conf->jobs, group->job))
		return arena_printf(&box->arena, "job %.*s is not within dropbox.jobs",
				    STR_ARG(group->job));
	if (!group->instance.n && !drop->here && !box->conf->instanceless)
		return STR("it has no instance, and dropbox.instanceless is false");
	if (group->instance.n && !str_eq(group->instance, box->target->group.instance))
		return arena_printf(&box->arena, "instance %.*s is not this host",
				    STR_ARG(group->instance));
	for (size_t i = 0; i < group->labels.n; i++)
		if (str_eq(group->labels.v[i].key, STR("user")) ||
		    !label_allowed(box, &group->labels.v[i]))
			return arena_printf(&box->arena, "label %.*s is not within dropbox.labels",
					    STR_ARG(group->labels.v[i].key));
	return STR("");
}

/* A payload must not tell of another user than the one who wrote it. */
static bool is_forged(struct box *box, const struct drop *drop, struct str owner)
{
	struct scan_item item;
	struct scan scan;

	scan_begin(&scan, drop->text, &box->arena);
	while (scan_next(&scan, &item)) {
		if (item.kind != SCAN_SAMPLE || !str_eq(item.name, STR("peekpush_job_info")))
			continue;
		for (size_t i = 0; i < item.n; i++)
			if (str_eq(item.labels[i].name, STR("user")) &&
			    !str_eq(item.labels[i].value, owner))
				return true;
	}
	return false;
}

/* The owner's name, and what only the host knows of its place. */
static void complete_group(struct box *box, struct drop *drop, struct str owner)
{
	const struct group *host = &box->target->group;
	struct group *group = &drop->group;
	size_t n = group->labels.n, room = n + host->labels.n + 1;
	struct opt_pair *v = arena_alloc(&box->arena, room * sizeof(*v));

	if (n)
		memcpy(v, group->labels.v, n * sizeof(*v));
	if (drop->here)
		group->instance = host->instance;
	for (size_t i = 0; drop->here && i < host->labels.n; i++)
		if (!opt_map_get(&group->labels, host->labels.v[i].key).n)
			v[n++] = host->labels.v[i];
	v[n++] = (struct opt_pair){ STR("user"), owner };
	group->labels = (struct opt_map){ n, v };
}

static void feed(struct box *box, const struct drop *drop, struct str shown,
		 struct metrics *metrics)
{
	const struct opt_map *labels = &drop->group.labels;
	struct str *names = arena_alloc(&box->arena, (labels->n + 2) * sizeof(*names));
	struct feed_report report;

	metrics_init(metrics, (struct metrics_limits){ .series = (uint32_t)box->conf->series });
	names[0] = STR("job");
	names[1] = STR("instance");
	for (size_t i = 0; i < labels->n; i++)
		names[i + 2] = labels->v[i].key;
	metrics_set_grouping(metrics, labels->n + 2, names);
	feed_text(metrics, drop->text, shown, &box->arena, &report);
	for (size_t i = 0; i < report.n && box->said++ < SAID_MAX; i++)
		log_warning(&box->app->log, "drop-box: %.*s", STR_ARG(report.messages[i]));
}

/* Delivered; unless its owner has replaced it meanwhile, it goes. */
static void done(struct box *box, const char *name, const struct stat *before)
{
	struct stat now;

	box->counts->delivered++;
	if (fstatat(box->dir, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    now.st_ino == before->st_ino && now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
		remove_drop(box, name);
}

/* False when the gateway takes nothing now. */
static bool deliver(struct box *box, const char *name, struct drop *drop, struct str owner,
		    const struct stat *st)
{
	struct str shown = arena_printf(&box->arena, "%s of %.*s", name, STR_ARG(owner));
	struct target_conf conf = *box->target;
	struct state memory = { 0 };
	struct metrics metrics;
	struct target target;
	struct delivery d;
	struct str why;

	complete_group(box, drop, owner);
	conf.group = drop->group;
	conf.always_put = true;
	/* What is known of the host's own group is not asked for again for each user's. */
	conf.format = TARGET_TEXT;
	conf.timeout_ns = box->deadline - clock_ns(CLOCK_BOOTTIME);
	if (target_open(&target, &conf, &memory, &why) < 0) {
		refuse(box, name, owner, why);
		target_close(&target);
		return true;
	}
	feed(box, drop, shown, &metrics);
	target_deliver(&target, &metrics, box->waiter, &box->arena, &d);
	if (d.result == SINK_OK || d.result == SINK_OK_UNTYPED)
		done(box, name, st);
	/* A poisoned gateway refuses everything: what it does not take in a day is at fault itself.
	 */
	else if (d.result == SINK_REFUSED && st->st_mtime < time(NULL) - REFUSED_SECONDS)
		refuse(box, name, owner, d.message);
	else
		box->counts->left++;
	target_close(&target);
	metrics_release(&metrics);
	state_release(&memory);
	return d.result == SINK_OK || d.result == SINK_OK_UNTYPED || d.result == SINK_REFUSED;
}

/* False when the gateway takes nothing now. */
static bool handle(struct box *box, const char *name)
{
	struct str why = { 0 }, text, owner = STR("?");
	_cleanup_fd_ int fd = drop_open(box->dir, name, box->conf->max_size, &why);
	struct drop drop;
	struct stat st;
	int r = fd;

	if (r == -ENOENT)
		return true;
	if ((fd < 0 ? fstatat(box->dir, name, &st, AT_SYMLINK_NOFOLLOW) : fstat(fd, &st)) == 0)
		owner = user_name(box, st.st_uid);
	if (r >= 0)
		r = file_read_fd(fd, (size_t)st.st_size, box->conf->max_size, &box->arena, &text);
	if (r == -EFBIG) {
		why = STR("larger than dropbox.max_size");
		r = -EBADMSG;
	}
	if (r == 0)
		r = drop_parse(text, &box->arena, &drop, &why);
	if (r == 0) {
		why = check_group(box, &drop, owner);
		if (!why.n && is_forged(box, &drop, owner))
			why = STR("its peekpush_job_info is of another user");
	}
	if (r == -EBADMSG || (r == 0 && why.n)) {
		refuse(box, name, owner, why);
		return true;
	}
	/* No descriptors or no memory is no fault of the file's: it waits. */
	if (r < 0) {
		box->counts->left++;
		return true;
	}
	return deliver(box, name, &drop, owner, &st);
}

/* A file, and when it came to be where it is: nobody can set the ctime of a file. */
struct found {
	const char *name;
	int64_t ctime_ns;
};

struct listing {
	size_t n;
	struct found *v;
};

static int compare_found(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->ctime_ns != y->ctime_ns)
		return x->ctime_ns < y->ctime_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

/*
 * Oldest first: there may be two files of one group, when another user has taken the name of the
 * first, and the last one that is delivered stands.
 */
static void list(const struct box *box, struct listing *ret)
{
	int fd = openat(box->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct listing found = { 0 };
	struct stat st;

	if (!dir && fd >= 0)
		(void)close(fd);
	for (const struct dirent *e; dir && found.n < LEFT_MAX && (e = readdir(dir));) {
		if (!is_drop(e->d_name) ||
		    fstatat(box->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		found.v = arena_grow(box->names, found.v, found.n, sizeof(*found.v));
		found.v[found.n++] = (struct found){
			arena_str(box->names, str_of(e->d_name)).p,
			(int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
		};
	}
	if (found.n)
		qsort(found.v, found.n, sizeof(*found.v), compare_found);
	*ret = found;
}

void dropbox_deliver(const struct app *app, const struct target_conf *target, struct state *state,
		     int64_t timeout_ns, const struct sink_waiter *waiter,
		     struct dropbox_counts *ret)
{
	struct arena names = { 0 };
	struct box box = {
		.names = &names,
		.app = app,
		.conf = conf_get(app->conf, &section_dropbox),
		.target = target,
		.waiter = waiter,
		.state = state,
		.counts = ret,
		.deadline = clock_ns(CLOCK_BOOTTIME) + timeout_ns,
	};
	struct listing found = { 0 };
	bool goes_on = true;

	*ret = (struct dropbox_counts){ 0 };
	if (!box.conf->enable)
		return;
	box.dir = open_directory(app);

	if (box.dir >= 0)
		list(&box, &found);
	for (size_t i = 0; i < found.n; i++) {
		if (!goes_on || clock_ns(CLOCK_BOOTTIME) >= box.deadline ||
		    ret->delivered + ret->refused >= box.conf->max_files) {
			ret->left += (unsigned)(found.n - i);
			break;
		}
		arena_reset(&box.arena);
		goes_on = handle(&box, found.v[i].name);
	}
	arena_release(&box.arena);
	arena_release(&names);
	if (box.dir >= 0)
		(void)close(box.dir);
}
