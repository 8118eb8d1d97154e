/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/source/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "collect/source/keeper_run.h"

#define SECOND INT64_C(1000000000)

enum { HEADER_MAX = 8192, LOOK_MS = 5, SPARE_FDS = 256 };

/* Beyond its timeout: how long the end of all that was started may take. */
static const int64_t end_ns = 4 * SECOND;
/* What is as quick as this is waited for, so that a push has what is newest. */
static const int64_t moment_ns = SECOND / 10;
/* Less than what its unit's TimeoutStartSec= leaves it. */
static const int64_t stay_ns = 30 * SECOND;

struct keeper_run {
	pid_t pid;        /* 0: it does not run, or not as our child */
	int fd, done;     /* memory of the one that runs, and of the last one that has ended */
	int error;        /* of the last start */
	int killed;       /* the signal that ended the last one itself, as want of memory may */
	int64_t begun_ns; /* Unix time of the last start; 0: none */
	int64_t took_ns;  /* by the last that ended by itself; 0: none has */
};

struct keepers {
	struct keeper *first;
};

static const char keepers_key;

static void release_keepers(void *block)
{
	(void)block;
}

static struct keepers *keepers_of(struct host *host)
{
	return host_shared(host, &keepers_key, sizeof(struct keepers), release_keepers);
}

static int64_t wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

static bool leaves(const struct keeper *k)
{
	return k->dir >= 0 && !k->host->keep;
}

/* Whose results nobody will take later. */
static bool waits(const struct keeper *k)
{
	return k->dir < 0 && !k->host->keep;
}

static int load(const struct keeper *k, size_t i, struct arena *arena, struct keeper_result *ret)
{
	const struct keeper_source *source = &k->sources[i];
	size_t max = source->max_size + HEADER_MAX;
	struct keeper_result held;
	struct str text;
	int r = -ENOENT;

	if (k->dir >= 0)
		r = owned_read(k->dir, source->name.p, max, arena, &text);
	if (r >= 0)
		r = keeper_parse(text, source->version, ret);
	/* In memory is what no directory, or a full one, could take. */
	if (k->runs[i].done >= 0 && file_read_fd(k->runs[i].done, 0, max, arena, &text) == 0 &&
	    keeper_parse(text, source->version, &held) == 0 && (r < 0 || held.at_ns > ret->at_ns)) {
		*ret = held;
		r = 0;
	}
	return r;
}

static void note_duration(struct keeper_run *run, const struct keeper_result *result)
{
	run->took_ns = result->outcome == KEEPER_ENDED ? result->duration_ns : moment_ns;
}

/* What another process may have left meanwhile counts as begun. */
static void look_at_file(struct keeper *k, size_t i)
{
	struct arena arena = { 0 };
	struct keeper_result result;

	if (load(k, i, &arena, &result) == 0) {
		k->runs[i].begun_ns = result.at_ns;
		note_duration(&k->runs[i], &result);
	}
	arena_release(&arena);
}

static bool is_ours(const struct keeper *k, struct str name)
{
	for (size_t i = 0; i < k->n; i++)
		if (str_eq(k->sources[i].name, name))
			return true;
	return false;
}

/* NAME, NAME.lock and NAME.PID.new of sources that there are no more. */
static void remove_others(const struct keeper *k, struct str prefix)
{
	struct arena arena = { 0 };
	struct str *names;
	size_t n = 0;

	if (host_list_dir(k->dir, &arena, &names, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		struct str own = names[i];

		if (!str_starts(own, prefix))
			continue;
		own.n = prefix.n + str_find(str_skip(own, prefix.n), '.');
		if (!is_ours(k, own))
			(void)unlinkat(k->dir, names[i].p, 0);
	}
	arena_release(&arena);
}

void keeper_open(struct keeper *k, struct collect *c, const char *prefix,
		 const struct keeper_source *sources, size_t n)
{
	struct keepers *all = keepers_of(c->host);

	*k = (struct keeper){
		.sources = sources,
		.n = n,
		.host = c->host,
		.dir = -1,
		.begin_ns = clock_ns(CLOCK_BOOTTIME),
		.next = all->first,
	};
	k->runs = calloc(n + 1, sizeof(*k->runs));
	if (!k->runs)
		abort();
	all->first = k;
	if (c->state && c->state->dir > 0 && !c->state->lent)
		k->dir = owned_open_dir(c->state->dir, "sources", 0700);
	for (size_t i = 0; i < n; i++) {
		k->runs[i].fd = k->runs[i].done = -1;
		if (k->dir >= 0)
			look_at_file(k, i);
	}
	if (k->dir >= 0)
		remove_others(k, str_of(prefix));
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void reap(struct keeper_run *run)
{
	int status = 0;

	if (!run->pid || waitpid(run->pid, &status, WNOHANG) == 0)
		return;
	run->pid = 0;
	run->killed = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (run->fd < 0)
		return;
	if (lseek(run->fd, 0, SEEK_END) <= 0) {
		close_fd(&run->fd);
		return;
	}
	close_fd(&run->done);
	run->done = run->fd;
	run->fd = -1;
}

/*
 * Cycles are never exactly as far from each other as they should be: what would be due a little
 * after one is due in it.
 */
static int64_t early(const struct keeper *k, size_t i)
{
	int64_t slack = k->sources[i].interval_ns / 8;

	return slack < 2 * SECOND ? slack : 2 * SECOND;
}

/* A clock that was set back makes all of them due. */
static int64_t due_in(const struct keeper *k, size_t i, int64_t now)
{
	int64_t begun = k->runs[i].begun_ns, next = begun + k->sources[i].interval_ns;

	return !begun || begun > now || next <= now ? 0 : next - now;
}

/* It is open for as long as one runs, or longer: some are left to whoever reads the host. */
static int open_memory(void)
{
	int fd = memfd_create("peekpush-source", MFD_CLOEXEC);
	struct rlimit files;

	if (fd < 0)
		return -errno;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return fd;

	rlim_t spare = files.rlim_cur / 4 < SPARE_FDS ? files.rlim_cur / 4 : SPARE_FDS;

	if (files.rlim_cur - (rlim_t)fd > spare)
		return fd;
	(void)close(fd);
	return -EMFILE;
}

static int start_one(struct keeper *k, size_t i, int64_t slack)
{
	const struct keeper_source *source = &k->sources[i];
	struct keeper_run *run = &k->runs[i];
	struct keeper_place place = { k->dir, -1, -1, leaves(k) };
	struct arena arena = { 0 };
	int r = 0;

	if (k->dir >= 0) {
		r = place.lock =
			file_lock(k->dir, arena_printf(&arena, "%s.lock", source->name.p).p, 0);
		/* Whoever held it a moment ago may have done what seemed to be due. */
		if (r >= 0)
			look_at_file(k, i);
	}
	place.memory = open_memory();
	if (place.memory < 0 && k->dir < 0)
		r = place.memory;
	arena_release(&arena);
	if (r >= 0 && due_in(k, i, wall_ns() + slack) == 0)
		r = run->pid = keeper_run(source, &place);
	if (run->pid < 0)
		run->pid = 0;
	if (run->pid) {
		run->begun_ns = wall_ns();
		run->fd = place.memory;
	} else {
		close_fd(&place.memory);
	}
	close_fd(&place.lock);
	run->error = r < 0 ? r : 0;
	return run->error;
}

static void start_due(struct keeper *k, bool in_cycle)
{
	int64_t now = wall_ns();

	for (size_t i = 0; i < k->n; i++) {
		int64_t slack = in_cycle ? early(k, i) : 0;

		reap(&k->runs[i]);
		if (!k->runs[i].pid && !k->host->ending && due_in(k, i, now + slack) == 0)
			(void)start_one(k, i, slack);
	}
}

void keeper_start(struct keeper *k)
{
	start_due(k, true);
}

static bool any_runs(struct keeper *k)
{
	bool any = false;

	for (size_t i = 0; i < k->n; i++) {
		reap(&k->runs[i]);
		any |= k->runs[i].pid != 0;
	}
	return any;
}

static void wait_until(struct keeper *k, int64_t deadline)
{
	while (any_runs(k) && clock_ns(CLOCK_BOOTTIME) < deadline)
		(void)poll(NULL, 0, LOOK_MS);
}

static bool any_quick_runs(struct keeper *k)
{
	bool any = false;

	for (size_t i = 0; i < k->n; i++) {
		reap(&k->runs[i]);
		any |= k->runs[i].pid && k->runs[i].took_ns < moment_ns;
	}
	return any;
}

void keeper_wait(struct keeper *k)
{
	int64_t longest = 0;

	for (size_t i = 0; i < k->n; i++)
		if (k->sources[i].timeout_ns > longest)
			longest = k->sources[i].timeout_ns;
	if (waits(k)) {
		wait_until(k, clock_ns(CLOCK_BOOTTIME) + longest + end_ns);
		return;
	}
	longest = clock_ns(CLOCK_BOOTTIME) + moment_ns;
	while (any_quick_runs(k) && clock_ns(CLOCK_BOOTTIME) < longest)
		(void)poll(NULL, 0, LOOK_MS);
}

void keeper_read(struct keeper *k, size_t i, struct arena *arena, struct keeper_result *ret)
{
	struct keeper_run *run = &k->runs[i];
	struct keeper_result result = { 0 };

	reap(run);
	if (load(k, i, arena, &result) == 0) {
		note_duration(run, &result);
	} else if (run->error && run->error != -EWOULDBLOCK) {
		result.outcome = KEEPER_FAILED;
		result.status = run->error;
	} else if (run->killed) {
		result.outcome = KEEPER_KILLED;
		result.status = run->killed;
		result.at_ns = run->begun_ns;
	}
	if (result.outcome != KEEPER_NOTHING && result.outcome != KEEPER_FAILED &&
	    wall_ns() - result.at_ns > k->sources[i].max_age_ns) {
		result.outcome = KEEPER_TOO_OLD;
		result.text = STR("");
	}
	result.running = run->pid != 0 || run->error == -EWOULDBLOCK;
	*ret = result;
}

static void tell_all(struct keeper *k, int number)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->runs[i].pid)
			(void)kill(k->runs[i].pid, number);
}

/* How long a oneshot may stay, so that neither the next one waits nor a unit is left behind. */
static int64_t patience(const struct keeper *k)
{
	int64_t most = k->host->interval_ns / 5 * 4;
	int64_t left = k->begin_ns + (most < stay_ns ? most : stay_ns) - clock_ns(CLOCK_BOOTTIME);

	return left > 0 ? left : 0;
}

void keeper_close(struct keeper *k)
{
	struct keeper **link;

	if (!k->host)
		return;
	for (link = &keepers_of(k->host)->first; *link; link = &(*link)->next)
		if (*link == k) {
			*link = k->next;
			break;
		}
	if (leaves(k)) {
		wait_until(k, clock_ns(CLOCK_BOOTTIME) + patience(k));
	} else {
		tell_all(k, SIGTERM);
		wait_until(k, clock_ns(CLOCK_BOOTTIME) + end_ns);
		tell_all(k, SIGKILL);
	}
	for (size_t i = 0; i < k->n; i++) {
		close_fd(&k->runs[i].fd);
		close_fd(&k->runs[i].done);
	}
	close_fd(&k->dir);
	free(k->runs);
	*k = (struct keeper){ 0 };
}

int64_t keeper_tick(struct host *host)
{
	int64_t least = 0;

	for (struct keeper *k = keepers_of(host)->first; k; k = k->next) {
		int64_t now;

		start_due(k, false);
		now = wall_ns();
		for (size_t i = 0; i < k->n; i++) {
			int64_t left = due_in(k, i, now);

			/* One that is overdue runs, or could not be started. */
			if (left < SECOND)
				left = SECOND;
			if (!least || left < least)
				least = left;
		}
	}
	return least;
}
