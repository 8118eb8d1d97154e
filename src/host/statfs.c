/* SPDX-License-Identifier: Apache-2.0 */
#include "host/statfs.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/clock.h"

#define NOT_BEGUN UINT32_MAX

enum { MAX_DEATHS = 2 };
static const int64_t least_patience_ns = 10000000;

/* What parent and child see at once. The paths follow the figures, each with its NUL. */
struct statfs_shared {
	_Atomic uint32_t at; /* the call in progress; n when all are done */
	uint32_t n;
	struct statfs_figures figures[];
};

static int call_statfs(const char *path, struct statfs_figures *ret)
{
	struct statfs s;

	if (statfs(path, &s) < 0)
		return -errno;
	*ret = (struct statfs_figures){
		.block_size = (uint64_t)s.f_bsize,
		.blocks = s.f_blocks,
		.blocks_free = s.f_bfree,
		.blocks_available = s.f_bavail,
		.files = s.f_files,
		.files_free = s.f_ffree,
		.read_only = s.f_flags & ST_RDONLY,
	};
	return 0;
}

static void do_job(void *shared, void *arg)
{
	struct statfs_shared *job = shared;
	const struct statfs_worker *w = arg;
	const char *path = (const char *)&job->figures[job->n];

	for (uint32_t i = 0; i < job->n; i++) {
		struct statfs_figures figures = { 0 };

		atomic_store(&job->at, i);
		figures.error = w->call(path, &figures);
		job->figures[i] = figures;
		path += strlen(path) + 1;
	}
	atomic_store(&job->at, job->n);
}

void statfs_init(struct statfs_worker *w, statfs_call call)
{
	*w = (struct statfs_worker){ .call = call ? call : call_statfs };
	worker_init(&w->worker, "peekpush-statfs", do_job);
}

static int submit(struct statfs_worker *w, int dir, size_t n, const char *const paths[])
{
	size_t size = sizeof(struct statfs_shared) + n * sizeof(struct statfs_figures);
	int r = 0;

	for (size_t i = 0; i < n; i++)
		size += strlen(paths[i]) + 1;
	if (w->worker.pid && size > w->worker.shared_size)
		worker_abandon(&w->worker);
	/* Room for a mount table that grows a little. */
	if (!w->worker.pid)
		r = worker_start(&w->worker, size + size / 2 + 4096, dir, -1, w);
	if (r < 0)
		return r;

	struct statfs_shared *job = w->worker.shared;
	char *to = (char *)&job->figures[n];

	job->n = (uint32_t)n;
	atomic_store(&job->at, NOT_BEGUN);

	for (size_t i = 0; i < n; i++)
		to = stpcpy(to, paths[i]) + 1;
	worker_ask(&w->worker);
	return 0;
}

/*
 * Waits for the answer: 0, -EPIPE when the child died, -ETIMEDOUT when it made no progress for
 * half of the time that was left, -ECANCELED at the deadline. Half, so that several mounts may
 * hang in one batch and the others still get their turn.
 */
static int await(struct statfs_worker *w, int64_t deadline)
{
	const struct statfs_shared *job = w->worker.shared;
	int r = worker_look(&w->worker);

	while (r == -EAGAIN) {
		uint32_t before = atomic_load(&job->at);
		int64_t now = clock_ns(CLOCK_MONOTONIC), left = deadline - now;
		int64_t patience = left / 2 > least_patience_ns ? left / 2 : least_patience_ns;

		r = worker_wait(&w->worker, now + patience);
		if (r != -EAGAIN)
			break;
		if (before != NOT_BEGUN && atomic_load(&job->at) == before)
			return -ETIMEDOUT;
		if (left <= 0)
			return -ECANCELED;
	}
	return r;
}

bool statfs_still_stuck(pid_t pid, uint64_t since)
{
	return since && worker_started(pid) == since;
}

static void cancel(size_t n, struct statfs_figures *ret, int error)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = (struct statfs_figures){ .error = error };
}

/* Copies what is answered and returns how many those are. */
static size_t take(const struct statfs_worker *w, size_t n, struct statfs_figures *ret)
{
	const struct statfs_shared *job = w->worker.shared;
	uint32_t at = atomic_load(&job->at);
	size_t done = at == NOT_BEGUN ? 0 : at < n ? at : n;

	memcpy(ret, job->figures, done * sizeof(*ret));
	return done;
}

int statfs_batch(struct statfs_worker *w, int dir, size_t n, const char *const paths[],
		 int64_t timeout_ns, struct statfs_figures *ret)
{
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + timeout_ns;
	int deaths = 0;
	size_t done = 0;

	worker_reap(&w->worker);
	while (done < n) {
		int r = submit(w, dir, n - done, paths + done);

		if (r < 0) {
			cancel(n - done, ret + done, -ECANCELED);
			return r;
		}
		r = await(w, deadline);
		done += take(w, n - done, ret + done);
		if (r == 0)
			continue;
		if (r == -ETIMEDOUT && done < n) {
			ret[done++] = (struct statfs_figures){
				.error = -ETIMEDOUT,
				.stuck = w->worker.pid,
				.stuck_since = worker_started(w->worker.pid),
			};
		}
		worker_abandon(&w->worker);
		if (r == -ECANCELED || (r == -EPIPE && ++deaths > MAX_DEATHS) ||
		    clock_ns(CLOCK_MONOTONIC) >= deadline) {
			cancel(n - done, ret + done, -ECANCELED);
			break;
		}
	}
	return 0;
}

void statfs_release(struct statfs_worker *w)
{
	worker_release(&w->worker, true);
}
