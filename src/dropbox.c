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
#include "dropbox_list.h"
#include "metric/feed.h"
#include "metric/scan.h"
#include "push/drop.h"

enum { SAID_MAX = 10, SAID_SECONDS = 3600, REFUSED_SECONDS = 86400 };

#define DIRECTORY LOCALSTATEDIR "/spool/peekpush/dropbox"

static const struct opt dropbox_opts[] = {
	{ OPT_ROW("enable", OPT_BOOL, struct dropbox_conf, enable, "true", NULL,
		  "deliver what users without the credentials leave") },
	{ OPT_ROW("directory", OPT_STRING, struct dropbox_conf, directory, "", "DIR",
		  "where they leave it; empty: " DIRECTORY) },
	{ OPT_ROW("max_size", OPT_SIZE, struct dropbox_conf, max_size, "1M", NULL,
		  "a larger file is refused") },
	{ OPT_ROW("max_files", OPT_INT, struct dropbox_conf, max_files, "1000", NULL,
		  "files that are delivered or refused in one cycle"),
	  .min = 1, .max = 100000 },
	{ OPT_ROW("user_files", OPT_INT, struct dropbox_conf, user_files, "1000", NULL,
		  "files of one user that may wait; newer ones are refused"),
	  .min = 1, .max = 100000 },
	{ OPT_ROW("user_size", OPT_SIZE, struct dropbox_conf, user_size, "16M", NULL,
		  "what all of them may have together") },
	{ OPT_ROW("series", OPT_INT, struct dropbox_conf, series, "2000", NULL,
		  "series of one file; more are dropped"),
	  .min = 1, .max = 1000000 },
	{ OPT_ROW("jobs", OPT_REGEX, struct dropbox_conf, jobs, ".+", NULL,
		  "names of jobs that users may have") },
	{ OPT_ROW("labels", OPT_LIST, struct dropbox_conf, labels, "stage", NULL,
		  "grouping labels that users may have") },
	{ OPT_ROW("instanceless", OPT_BOOL, struct dropbox_conf, instanceless, "false", NULL,
		  "whether users may have jobs without an instance") },
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

/* Who is over the share hears of it once an hour: the log is no place to fill, either. */
static void say_excess(const struct app *app, struct state *state,
		       const struct dropbox_excess *over)
{
	const struct dropbox_conf *conf = conf_get(app->conf, &section_dropbox);
	const struct passwd *user = getpwuid(over->owner);
	char key[64], name[32];
	uint64_t now = (uint64_t)time(NULL), said;
	int n = snprintf(key, sizeof(key), "dropbox_over.%u", (unsigned)over->owner);

	(void)state_add(state, STR("dropbox_refused"), over->removed);
	said = state_u64(state, (struct str){ key, (size_t)n }, 0);
	if (said <= now && now - said < SAID_SECONDS)
		return;
	state_set_u64(state, (struct str){ key, (size_t)n }, now);
	(void)snprintf(name, sizeof(name), "%u", (unsigned)over->owner);
	if (over->owner == DROPBOX_LINKS)
		(void)snprintf(name, sizeof(name), "who makes hard links");
	log_warning(&app->log,
		    "drop-box: %s has more there than one user may (dropbox.user_files %lld, "
		    "dropbox.user_size %llu): the %llu newest files are refused",
		    user ? user->pw_name : name, (long long)conf->user_files,
		    (unsigned long long)conf->user_size, (unsigned long long)over->removed);
}

static void list(const struct app *app, int dir, struct state *state, struct arena *arena,
		 struct dropbox_list *ret)
{
	const struct dropbox_conf *conf = conf_get(app->conf, &section_dropbox);
	const struct dropbox_quota quota = { (uint64_t)conf->user_files, conf->user_size };

	dropbox_list(dir, &quota, arena, ret);
	for (size_t i = 0; i < ret->n_over; i++)
		say_excess(app, state, &ret->over[i]);
}

unsigned dropbox_count(const struct app *app, struct state *state)
{
	const struct dropbox_conf *conf = conf_get(app->conf, &section_dropbox);
	_cleanup_fd_ int dir = conf->enable ? open_directory(app) : -1;
	_cleanup_arena_ struct arena arena = { 0 };
	struct dropbox_list found = { 0 };

	if (dir >= 0)
		list(app, dir, state, &arena, &found);
	return (unsigned)found.n;
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

static void refuse(struct box *box, const char *name, struct str owner, struct str why)
{
	dropbox_remove(box->dir, name, box->names);
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
		dropbox_remove(box->dir, name, box->names);
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
	struct dropbox_list found = { 0 };
	bool goes_on = true;

	*ret = (struct dropbox_counts){ 0 };
	if (!box.conf->enable)
		return;
	box.dir = open_directory(app);

	if (box.dir >= 0)
		list(app, box.dir, state, &names, &found);
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
