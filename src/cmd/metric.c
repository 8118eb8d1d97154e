/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `peekpush metric`: a metric of somebody's own, kept in a file that belongs to this command. In a
 * job that file lies beside the one that the job itself writes; elsewhere it is a textfile of the
 * host. Who changes it holds a lock on another file: this one is replaced each time.
 */
#include "cmd/metric.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/owned.h"
#include "cmd/commands.h"
#include "cmd/help.h"
#include "collect/source/textfile.h"
#include "dropbox.h"
#include "metric/amend.h"
#include "push/drop.h"

#define LOCK_WAIT_NS (INT64_C(30) * 1000000000)

enum { FILE_BYTES_MAX = 4 << 20 };

static const struct opt metric_opts[] = {
	{ OPT_ROW("labels", OPT_MAP, struct metric_conf, labels, "", "KEY=VALUE",
		  "a label of the metric; may be given more than once"),
	  .flag = "label", .letter = 'l' },
	{ OPT_ROW("buckets", OPT_LIST, struct metric_conf, buckets,
		  "0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10,30,60,300", "LE,...",
		  "upper bounds of a histogram that is new"),
	  .flag = "buckets" },
	{ OPT_ROW("help_text", OPT_STRING, struct metric_conf, help_text, "", "TEXT",
		  "what the metric is, for its HELP line"),
	  .flag = "help-text" },
	{ 0 },
};

const struct opt_section section_metric = {
	.path = "metric",
	.help = "the metric",
	.opts = metric_opts,
	.size = sizeof(struct metric_conf),
};

/* --- where it is kept --------------------------------------------------------------------- */

struct place {
	int dir;
	bool job; /* in the directory of a job, not of the host */
	bool own; /* in the user's state, from where it goes to the drop-box */
	struct str path;
	const char *file, *lock;
};

/* Two users do not fight for one file, also where many may write to the directory. */
static struct str user_name(struct arena *arena)
{
	const struct passwd *user = getpwuid(geteuid());
	struct str name = user && user->pw_name[0]
				  ? arena_str(arena, str_of(user->pw_name))
				  : arena_printf(arena, "%lu", (unsigned long)geteuid());
	char *p = arena_cstr(arena, name);

	for (size_t i = 0; i < name.n; i++)
		if (p[i] == '/' || (uint8_t)p[i] <= ' ' || (uint8_t)p[i] >= 0x7f)
			p[i] = '_';
	return (struct str){ p, name.n };
}

/* Above it is the state directory, whose owner could have put a link there for root to follow. */
static int open_built_in(void)
{
	int r = file_make_dirs(HOST_STATE, 0700);
	_cleanup_fd_ int state = -1;

	if (r == 0)
		r = state = file_open_dir(AT_FDCWD, HOST_STATE);
	/* Others may go through it to what they may write. */
	if (r == -EACCES)
		return file_open_dir(AT_FDCWD, textfile_built_in);
	return r < 0 ? r : owned_open_dir(state, "textfile", 0755);
}

static int open_host_place(const struct app *app, struct arena *arena, struct place *ret)
{
	const struct textfile_conf *conf = conf_get(app->conf, &section_textfile);
	struct str user = user_name(arena);
	int r = 0;

	ret->job = false;
	ret->path = textfile_directory(conf, arena);
	ret->file = arena_printf(arena, "peekpush-metric-%.*s.prom", STR_ARG(user)).p;
	ret->lock = arena_printf(arena, ".peekpush-metric-%.*s.lock", STR_ARG(user)).p;
	if (!conf->directory.n)
		ret->dir = open_built_in();
	else
		ret->dir = file_open_dir(AT_FDCWD, ret->path.p);
	if (ret->dir == -ENOENT && conf->directory.n) {
		r = file_make_dirs(ret->path.p, 0755);
		ret->dir = r < 0 ? r : file_open_dir(AT_FDCWD, ret->path.p);
	}
	if (ret->dir >= 0 && faccessat(ret->dir, ".", W_OK, AT_EACCESS) < 0) {
		r = -errno;
		(void)close(ret->dir);
		ret->dir = r;
	}
	return ret->dir < 0 ? ret->dir : 0;
}

static int open_job_place(const char *path, struct place *ret)
{
	ret->job = true;
	ret->path = str_of(path);
	ret->file = "peekpush-metric.prom";
	ret->lock = ".peekpush-metric.lock";
	ret->dir = file_open_dir(AT_FDCWD, path);
	return ret->dir < 0 ? ret->dir : 0;
}

/*
 * The host's directory cannot be written to: what a user has to say lives in the user's own state
 * then, and each change of it is left in the drop-box for the host's peekpush.
 */
static int open_own_place(const struct app *app, struct arena *arena, struct place *place, int why)
{
	struct str box = dropbox_path(app), no_state;
	struct place own = { .own = true, .file = "metric.prom", .lock = "metric.lock" };
	struct stat st;

	if (geteuid() == 0 || stat(box.p, &st) < 0 || !S_ISDIR(st.st_mode)) {
		log_error(&app->log,
			  "metric: %.*s: %s; only who may write there can leave a metric of the "
			  "host (textfile.directory names another directory), and there is no "
			  "drop-box %.*s",
			  STR_ARG(place->path), strerror(-why), STR_ARG(box));
		return EXIT_FAILED;
	}
	own.dir = app_state_dir(app, arena, &no_state);
	if (own.dir < 0) {
		log_error(&app->log, "metric: %.*s", STR_ARG(no_state));
		return EXIT_FAILED;
	}
	own.path = STR("the state directory");
	*place = own;
	return 0;
}

static int hand_over(const struct app *app, struct arena *arena, struct str text)
{
	struct drop drop = {
		.group = { .job = STR("metric"), .instance = STR("here") },
		.here = true,
		.user = user_name(arena),
		.text = text,
	};
	int r = drop_put(dropbox_path(app).p, &drop);

	if (r == 0)
		return 0;
	log_error(&app->log, "metric: drop-box: %s", strerror(-r));
	return EXIT_FAILED;
}

/* --- changing it -------------------------------------------------------------------------- */

/* `why` may be NULL: the error itself tells. */
static int fail_place(const struct app *app, const struct place *place, const char *file, int r,
		      const char *why)
{
	if (place->job && r == -ENOENT)
		log_error(&app->log,
			  "metric: %.*s is gone: the job that PEEKPUSH_METRICS_DIR speaks of has "
			  "ended",
			  STR_ARG(place->path));
	else
		log_error(&app->log, "metric: %.*s%s%s: %s", STR_ARG(place->path), file ? "/" : "",
			  file ? file : "", why ? why : strerror(-r));
	return EXIT_FAILED;
}

/* What lies under that name must be a file of ours: another user could have put it there. */
static int read_file(const struct place *place, struct arena *arena, struct str *ret,
		     const char **ret_why)
{
	_cleanup_fd_ int fd = openat(place->dir, place->file,
				     O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT) {
		*ret = STR("");
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
	} else if (!S_ISREG(st.st_mode) || !owned_is_ours(place->dir, &st)) {
		*ret_why = S_ISREG(st.st_mode) ? "it is another user's" : "it is no file";
		return -EPERM;
	} else {
		r = file_read_fd(fd, (size_t)st.st_size, FILE_BYTES_MAX, arena, ret);
	}
	return r;
}

static int change(const struct app *app, const struct place *place, struct metric_request *q)
{
	_cleanup_buf_ struct buf out = { .max = FILE_BYTES_MAX };
	struct amend_report report;
	struct str text;
	const char *why = NULL;
	int r = read_file(place, &q->arena, &text, &why);

	if (r < 0)
		return fail_place(app, place, place->file, r, why);
	r = amend_text(text, &q->amend, &q->arena, &out, &report);
	if (r < 0) {
		log_error(&app->log, "metric: %.*s/%s: %.*s", STR_ARG(place->path), place->file,
			  STR_ARG(report.why));
		return EXIT_FAILED;
	}
	if (out.err == -E2BIG) {
		log_error(&app->log, "metric: %.*s/%s would grow over %d MiB: too many series",
			  STR_ARG(place->path), place->file, FILE_BYTES_MAX >> 20);
		return EXIT_FAILED;
	}
	if (report.lost)
		log_warning(&app->log, "metric: %.*s/%s:%.*s; %u such lines are left out",
			    STR_ARG(place->path), place->file, STR_ARG(report.lost_text),
			    report.lost);
	/* Outside of a job it is for the host's peekpush, who may be somebody else. */
	r = out.err ? out.err
		    : file_replace(place->dir, place->file, buf_view(&out),
				   place->job ? 0600 : 0644, false);
	if (r < 0)
		return fail_place(app, place, place->file, r, NULL);
	return place->own ? hand_over(app, &q->arena, buf_view(&out)) : 0;
}

static int apply(const struct app *app, struct metric_request *q)
{
	const char *job = getenv("PEEKPUSH_METRICS_DIR");
	struct place place = { .dir = -1 };
	int status, r;

	if (job && job[0]) {
		r = open_job_place(job, &place);
		if (r < 0)
			return fail_place(app, &place, NULL, r, NULL);
	} else {
		if (app->conf_broken)
			return EXIT_USAGE;
		r = open_host_place(app, &q->arena, &place);
		if (r < 0 && open_own_place(app, &q->arena, &place, r) != 0)
			return EXIT_FAILED;
	}

	_cleanup_fd_ int dir = place.dir;
	_cleanup_fd_ int lock = file_lock(dir, place.lock, LOCK_WAIT_NS);

	if (lock == -EWOULDBLOCK) {
		log_error(&app->log, "metric: another process holds %.*s/%s, and does not let go",
			  STR_ARG(place.path), place.lock);
		return EXIT_FAILED;
	}
	status =
		lock < 0 ? fail_place(app, &place, place.lock, lock, NULL) : change(app, &place, q);
	return status;
}

static int main_metric(struct app *app, int argc, char *argv[])
{
	struct metric_request q;
	int status = metric_request(app, argc, argv, &q);

	if (status == 0)
		status = q.wants_help ? help_print(&command_metric, false, false) : apply(app, &q);
	arena_release(&q.arena);
	return status;
}

const struct command command_metric = {
	.name = "metric",
	.args = "set|inc|observe NAME [VALUE]",
	.help = "a metric of your own, for the job around it or for the host's next push",
	.details = "set gives a gauge a value, inc adds to a counter (1 when no value is given), "
		   "observe\n"
		   "tells a histogram a value. Inside of `peekpush run` it belongs to the job, "
		   "elsewhere to\n"
		   "the host.",
	.sections = sections_metric,
	.survives_bad_config = true,
	.main = main_metric,
};
