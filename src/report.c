/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "dropbox.h"
#include "encode/encoder.h"
#include "push/drop.h"
#include "push/url.h"

enum { REFUSED_SECONDS = 600 };

void report_set_group(struct state *facts, const struct group *group, struct arena *arena)
{
	state_set(facts, STR("group.job"), group->job);
	state_set(facts, STR("group.instance"), group->instance);
	for (size_t i = 0; i < group->labels.n; i++)
		state_set(facts, ARENA_CONCAT(arena, STR("group.label."), group->labels.v[i].key),
			  group->labels.v[i].value);
}

struct reading {
	struct arena *arena;
	struct opt_map *labels;
	size_t skip;
};

static void read_label(void *arg, struct str key, struct str value)
{
	const struct reading *r = arg;
	struct opt_map *labels = r->labels;

	labels->v = arena_grow(r->arena, labels->v, labels->n, sizeof(*labels->v));
	labels->v[labels->n++] = (struct opt_pair){ arena_str(r->arena, str_skip(key, r->skip)),
						    arena_str(r->arena, value) };
}

/* From the facts of any run of it; false when there are none. */
static bool read_group(const struct state *facts, struct str prefix, struct arena *arena,
		       struct group *ret)
{
	struct str labels = ARENA_CONCAT(arena, prefix, STR("group.label."));
	struct reading reading = { arena, &ret->labels, labels.n };

	*ret = (struct group){
		.job = arena_str(arena, fact(facts, prefix, "group.job")),
		.instance = arena_str(arena, fact(facts, prefix, "group.instance")),
	};
	state_each(facts, labels, read_label, &reading);
	return ret->job.n;
}

static bool find_group(const struct report *report, const struct book *book, struct arena *arena,
		       struct group *ret)
{
	return (report->own && read_group(&report->own->facts, STR(""), arena, ret)) ||
	       read_group(&book->history, STR("last."), arena, ret) ||
	       read_group(&book->newest, STR(""), arena, ret);
}

struct telling {
	struct report *report;
	const struct log *log;
	struct book book;
	struct group group;
	struct target target;
	struct metrics metrics;
	struct arena arena, scratch;
	bool saved; /* the book is on disk */
};

/* Where results wait, as a path for people. */
static struct str place(struct telling *t)
{
	char link[PATH_MAX];
	struct str path = arena_printf(&t->scratch, "/proc/self/fd/%d", t->book.dir);
	ssize_t n = readlink(path.p, link, sizeof(link));

	return n > 0 ? arena_str(&t->scratch, (struct str){ link, (size_t)n }) : STR("the state");
}

/* A disk that is full, or a directory that somebody removed, keeps nothing. */
static bool is_kept(struct telling *t)
{
	const struct record *own = t->report->own;
	struct str slot;

	if (t->book.dir < 0 || t->saved || !own)
		return t->book.dir >= 0;
	slot = arena_printf(&t->scratch, "%s.0", own->name);
	return own->dir >= 0 && faccessat(own->dir, slot.p, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void say_failure(struct telling *t, const struct delivery *d)
{
	bool kept = t->book.pending && is_kept(t);
	struct str what = arena_printf(&t->scratch, "not delivered (%s): %.*s%s%.*s",
				       sink_result_name(d->result), STR_ARG(d->message),
				       kept              ? "; kept for the next push in "
				       : t->book.pending ? "; the result is lost"
							 : "",
				       STR_ARG(kept ? place(t) : STR("")));

	if (t->report->said == str_hash(what))
		return;
	t->report->said = str_hash(what);
	log_warning(t->log, "job %.*s: %.*s", STR_ARG(t->group.job), STR_ARG(what));
}

/* With the label `user` for the drop-box, where it becomes part of the group. */
static void compose(struct telling *t, bool for_dropbox)
{
	const struct limits_conf *limits = conf_get(t->report->app->conf, &section_limits);
	size_t n = t->group.labels.n + 2;
	struct str *names = arena_alloc(&t->arena, (n + 1) * sizeof(*names));
	const struct record *own = t->report->own;
	struct feed_report inside;

	names[0] = STR("job");
	names[1] = STR("instance");
	for (size_t i = 2; i < n; i++)
		names[i] = t->group.labels.v[i - 2].key;
	if (for_dropbox)
		names[n++] = STR("user");
	metrics_release(&t->metrics);
	metrics_init(&t->metrics, (struct metrics_limits){
					  .series = (uint32_t)limits->series,
					  .series_per_family = (uint32_t)limits->series_per_family,
				  });
	metrics_set_grouping(&t->metrics, n, names);
	job_metrics(&t->book, own && !state_get(&own->facts, STR("result")).n ? &own->facts : NULL,
		    &t->metrics, &t->scratch, &inside);
	for (size_t i = 0; i < inside.n; i++)
		log_debug(t->log, "job %.*s: %.*s", STR_ARG(t->group.job),
			  STR_ARG(inside.messages[i]));
}

/* Who cannot read the credentials leaves it to the host's own peekpush, if there is one. */
static bool hand_over(struct telling *t, const struct delivery *d)
{
	const struct passwd *user = geteuid() ? getpwuid(geteuid()) : NULL;
	_cleanup_buf_ struct buf text = { 0 };
	struct drop drop = {
		.group = t->group,
		.here = t->report->app->conf_private && t->group.instance.n,
	};
	int r;

	if (!geteuid() || d->result != SINK_MISCONFIGURED)
		return false;
	drop.user =
		user ? str_of(user->pw_name) : arena_printf(&t->scratch, "%u", (unsigned)geteuid());
	compose(t, true);
	encoder_text.encode(&t->metrics, &text);
	drop.text = buf_view(&text);
	r = text.err ? text.err : drop_put(dropbox_path(t->report->app).p, &drop);
	if (r == 0)
		log_debug(t->log, "job %.*s: left in the drop-box (%.*s)", STR_ARG(t->group.job),
			  STR_ARG(d->message));
	else if (r != -ENOENT)
		log_warning(t->log, "job %.*s: drop-box: %s", STR_ARG(t->group.job), strerror(-r));
	return r == 0;
}

static enum report_result conclude(struct telling *t, const struct delivery *d)
{
	if (d->rejected.n)
		log_warning(t->log, "job %.*s: the gateway refuses %.*s; pushed without",
			    STR_ARG(t->group.job), STR_ARG(d->rejected));
	if (hand_over(t, d)) {
		book_delivered(&t->book);
		return REPORT_DELIVERED;
	}
	switch (d->result) {
	case SINK_OK:
	case SINK_OK_UNTYPED:
		book_delivered(&t->book);
		return REPORT_DELIVERED;
	case SINK_REFUSED:
		/* A poisoned gateway refuses everything until somebody mends it. */
		state_set_u64(&t->book.history, STR("refused_until"),
			      (uint64_t)time(NULL) + REFUSED_SECONDS);
		say_failure(t, d);
		return is_kept(t) ? REPORT_REFUSED : REPORT_LOST;
	default:
		say_failure(t, d);
		return is_kept(t) ? REPORT_KEPT : REPORT_LOST;
	}
}

static enum report_result deliver(struct telling *t, int64_t begin_ns)
{
	struct report *report = t->report;
	struct target_conf conf = report->target;
	struct str why = { 0 };
	struct delivery d;
	int r;

	conf.group = t->group;
	/* A group has one writer, who knows all of it: nothing of an older run may stay. */
	conf.always_put = true;
	r = target_open(&t->target, &conf, &t->book.history, &why);
	if (r < 0) {
		app_bad_value(report->app, why);
		target_close(&t->target);
		return book_save(&t->book) < 0 ? REPORT_LOST : REPORT_BROKEN;
	}
	compose(t, false);
	r = book_save(&t->book);
	t->saved = r == 0;
	if (r < 0)
		log_warning(t->log, "job %.*s: its history is not kept: %s", STR_ARG(t->group.job),
			    strerror(-r));
	/* Waiting for the group and delivering are one timeout together. */
	t->target.conf.timeout_ns -= clock_ns(CLOCK_BOOTTIME) - begin_ns;
	d = (struct delivery){ .result = SINK_MISCONFIGURED,
			       .message = STR("the configuration is not for this user to read") };
	if (!report->app->conf_private)
		target_deliver(&t->target, &t->metrics, report->waiter, &t->scratch, &d);

	enum report_result result = conclude(t, &d);

	/* The next push heals what is lost here. */
	(void)book_save(&t->book);
	target_close(&t->target);
	metrics_release(&t->metrics);
	return result;
}

/* What was refused will be again, most likely; a time far ahead means a clock set back. */
static bool was_refused(const struct book *book)
{
	uint64_t until = state_u64(&book->history, STR("refused_until"), 0);
	uint64_t now = (uint64_t)time(NULL);

	return now < until && until - now <= REFUSED_SECONDS;
}

enum report_result report_group(struct report *report, uint64_t group, int64_t wait_ns)
{
	const struct job_conf *job = conf_get(report->app->conf, &section_job);
	int64_t begin_ns = clock_ns(CLOCK_BOOTTIME);
	struct telling t = { .report = report, .log = &report->app->log };
	enum report_result result = REPORT_BUSY;
	int r = book_open(&t.book, report->dir, group, report->own, job, wait_ns);

	if (r == 0) {
		if (t.book.damaged)
			log_warning(t.log, "%s: damaged; this job's history begins anew",
				    t.book.name);
		if (report->own && state_get(&report->own->facts, STR("result")).n)
			book_settle(&t.book, report->own);
		result = REPORT_DELIVERED;
		/* Runs may live in it of which somebody else tells. */
		if (!report->own && !t.book.pending)
			(void)book_save(&t.book);
		else if (!report->own && !report->insist && was_refused(&t.book))
			result = REPORT_REFUSED;
		else if (find_group(report, &t.book, &t.arena, &t.group))
			result = deliver(&t, begin_ns);
		else
			book_delivered(&t.book);
	} else if (r != -EWOULDBLOCK) {
		log_warning(t.log, "%s: %s", t.book.name, strerror(-r));
	} else if (report->own && state_get(&report->own->facts, STR("result")).n) {
		log_warning(t.log,
			    "job %.*s: not delivered: another peekpush tells of it at this moment; "
			    "kept for the next push in %.*s",
			    STR_ARG(state_get(&report->own->facts, STR("group.job"))),
			    STR_ARG(place(&t)));
		result = REPORT_KEPT;
	}
	book_close(&t.book);
	arena_release(&t.scratch);
	arena_release(&t.arena);
	return result;
}

/* The group that a file in STATE/jobs says waits, by its name; false for all others. */
static bool waits(int dir, const char *name, uint64_t *ret_group)
{
	struct str text = str_of(name);
	struct record record;
	int r;

	if (text.n < 16 || num_hex((struct str){ text.p, 16 }, ret_group) < 0)
		return false;
	if (str_ends(text, STR(".pending")))
		return true;
	if (!str_ends(text, STR(".run.0")) || text.n - 2 >= RECORD_NAME_SIZE)
		return false;

	char run[RECORD_NAME_SIZE];

	memcpy(run, name, text.n - 2);
	run[text.n - 2] = '\0';
	r = record_take(&record, dir, run);
	record_close(&record);
	if (r < 0 && r != -EWOULDBLOCK)
		record_sweep(dir, run);
	return r == 0;
}

struct groups {
	size_t n;
	uint64_t *v;
};

static struct groups list_waiting(int dir, struct arena *arena)
{
	int fd = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct groups groups = { 0 };
	uint64_t group;

	if (!stream && fd >= 0)
		(void)close(fd);
	for (const struct dirent *e; stream && (e = readdir(stream));) {
		bool known = false;

		if (!waits(dir, e->d_name, &group))
			continue;
		for (size_t i = 0; i < groups.n && !known; i++)
			known = groups.v[i] == group;
		if (known)
			continue;
		groups.v = arena_grow(arena, groups.v, groups.n, sizeof(*groups.v));
		groups.v[groups.n++] = group;
	}
	return groups;
}

unsigned report_pending(int dir)
{
	_cleanup_arena_ struct arena arena = { 0 };

	return (unsigned)list_waiting(dir, &arena).n;
}

void report_flush(struct report *report, int64_t timeout_ns, struct report_counts *ret)
{
	_cleanup_arena_ struct arena arena = { 0 };
	int64_t deadline = clock_ns(CLOCK_BOOTTIME) + timeout_ns;
	struct groups groups = list_waiting(report->dir, &arena);
	bool down = false;

	*ret = (struct report_counts){ 0 };
	for (size_t i = 0; i < groups.n; i++) {
		int64_t left = deadline - clock_ns(CLOCK_BOOTTIME);
		enum report_result result = REPORT_KEPT;

		if (left > 0 && !down) {
			report->target.timeout_ns = left;
			result = report_group(report, groups.v[i], 0);
			down = result == REPORT_KEPT;
		}
		if (result == REPORT_DELIVERED)
			ret->delivered++;
		else
			ret->left++;
	}
}
