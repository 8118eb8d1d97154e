/* SPDX-License-Identifier: Apache-2.0 */
#include "host/statfs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"

#define NOT_BEGUN UINT32_MAX

enum { MAX_DEATHS = 2, OLD_KERNEL_FDS = 4096 };
static const int64_t least_patience_ns = 10000000;
static const struct timeval first_look = { 0, 10000 };

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

void statfs_init(struct statfs_worker *w, statfs_call call)
{
	*w = (struct statfs_worker){ .call = call ? call : call_statfs, .fd = -1 };
}

static void do_job(struct statfs_shared *job, statfs_call call)
{
	const char *path = (const char *)&job->figures[job->n];

	for (uint32_t i = 0; i < job->n; i++) {
		struct statfs_figures figures = { 0 };

		atomic_store(&job->at, i);
		figures.error = call(path, &figures);
		job->figures[i] = figures;
		path += strlen(path) + 1;
	}
	atomic_store(&job->at, job->n);
}

/* A pipe held open here would keep its reader waiting for as long as the child hangs. */
static void close_all_but(int fd)
{
	bool below = fd == 0 || close_range(0, (unsigned int)fd - 1, 0) == 0;

	if (below && close_range((unsigned int)fd + 1, ~0U, 0) == 0)
		return;
	for (int other = 0; other < OLD_KERNEL_FDS; other++)
		if (other != fd)
			(void)close(other);
}

static _Noreturn void child(const struct statfs_worker *w, int fd, int dir, pid_t parent)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;
	char token;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || fchdir(dir) < 0)
		_exit(1);
	close_all_but(fd);
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &usual, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_NAME, "peekpush-statfs");
	while (recv(fd, &token, 1, 0) == 1) {
		do_job(w->shared, w->call);
		if (send(fd, &token, 1, MSG_NOSIGNAL) != 1)
			break;
	}
	_exit(0);
}

/* Zombies of children that were killed; others' children are not ours to wait for. */
static void reap(struct statfs_worker *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n_lost; i++)
		if (waitpid(w->lost[i], NULL, WNOHANG) == 0)
			w->lost[kept++] = w->lost[i];
	w->n_lost = kept;
}

/* Kills the child and forgets it. While waitpid() answers 0 the number is surely still its. */
static void abandon(struct statfs_worker *w)
{
	if (w->fd >= 0)
		(void)close(w->fd);
	if (w->shared)
		(void)munmap(w->shared, w->shared_size);
	w->fd = -1;
	w->shared = NULL;
	if (w->pid > 0 && waitpid(w->pid, NULL, WNOHANG) == 0) {
		(void)kill(w->pid, SIGKILL);
		w->lost[w->n_lost++] = w->pid;
		reap(w);
	}
	w->pid = 0;
}

static int fork_child(struct statfs_worker *w, int dir, int fd)
{
	pid_t parent = getpid();
	sigset_t all, before;

	/* Until the child has reset them, the parent's handlers must not run in it. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);

	pid_t pid = fork();
	int r = pid < 0 ? -errno : 0;

	if (pid == 0)
		child(w, fd, dir, parent);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid > 0)
		w->pid = pid;
	return r;
}

static int start(struct statfs_worker *w, int dir, size_t size)
{
	int ends[2], r;

	if (w->n_lost == STATFS_LOST_MAX)
		return -EBUSY;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	/* Room for a mount table that grows a little. */
	w->shared_size = size + size / 2 + 4096;
	w->shared = mmap(NULL, w->shared_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	w->fd = ends[0];
	(void)setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &first_look, sizeof(first_look));
	if (w->shared == MAP_FAILED) {
		w->shared = NULL;
		r = -errno;
	} else {
		r = fork_child(w, dir, ends[1]);
	}
	(void)close(ends[1]);
	if (r < 0)
		abandon(w);
	return r;
}

static int submit(struct statfs_worker *w, int dir, size_t n, const char *const paths[])
{
	size_t size = sizeof(*w->shared) + n * sizeof(struct statfs_figures);
	char token = 1;

	for (size_t i = 0; i < n; i++)
		size += strlen(paths[i]) + 1;
	if (w->pid && size > w->shared_size)
		abandon(w);

	int r = w->pid ? 0 : start(w, dir, size);

	if (r < 0)
		return r;
	w->shared->n = (uint32_t)n;
	atomic_store(&w->shared->at, NOT_BEGUN);

	char *to = (char *)&w->shared->figures[n];

	for (size_t i = 0; i < n; i++)
		to = stpcpy(to, paths[i]) + 1;
	/* EPIPE: it has died meanwhile. The wait that follows finds that out, too. */
	(void)send(w->fd, &token, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	return 0;
}

/* Takes the answer if it is there: 0, -EAGAIN, or -EPIPE when the child died. */
static int take_answer(struct statfs_worker *w, int flags)
{
	char token;
	ssize_t n = recv(w->fd, &token, 1, flags);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	return n == 1 ? 0 : -EPIPE;
}

/*
 * Waits for the answer: 0, -EPIPE when the child died, -ETIMEDOUT when it made no progress for
 * half of the time that was left, -ECANCELED at the deadline. Half, so that several mounts may
 * hang in one batch and the others still get their turn.
 */
static int await(struct statfs_worker *w, int64_t deadline)
{
	/* When all is well the answer is there before the socket's own timeout: one call. */
	int r = take_answer(w, 0);

	while (r == -EAGAIN) {
		uint32_t before = atomic_load(&w->shared->at);
		int64_t left = deadline - clock_ns(CLOCK_MONOTONIC);
		int64_t patience = left / 2 > least_patience_ns ? left / 2 : least_patience_ns;
		struct timespec wait = { patience / 1000000000, patience % 1000000000 };
		struct pollfd poll_fd = { .fd = w->fd, .events = POLLIN };
		int ready = ppoll(&poll_fd, 1, &wait, NULL);

		r = take_answer(w, MSG_DONTWAIT);
		if (r != -EAGAIN || (ready < 0 && left > 0))
			continue;
		if (before != NOT_BEGUN && atomic_load(&w->shared->at) == before)
			return -ETIMEDOUT;
		if (left <= 0)
			return -ECANCELED;
	}
	return r;
}

/* "1234 (comm) S ..." in a process' stat file: the state and field 22, the time of its start. */
static uint64_t start_time(pid_t pid)
{
	char name[NUM_TEXT_MAX + 1], text[1024];
	_cleanup_fd_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	name[num_print_u64(name, (uint64_t)pid)] = '\0';

	_cleanup_fd_ int dir = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = openat(dir, "stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	const char *comm_end = n > 0 ? memrchr(text, ')', (size_t)n) : NULL;

	if (!comm_end)
		return 0;

	struct str rest = str_between(comm_end + 1, text + n), word;
	uint64_t value = 0;

	if (!str_word(&rest, &word) || str_eq(word, STR("Z")) || str_eq(word, STR("X")))
		return 0;
	for (int field = 4; field <= 22; field++)
		if (!str_word(&rest, &word))
			return 0;
	return num_u64(word, &value) == 0 ? value : 0;
}

bool statfs_still_stuck(pid_t pid, uint64_t since)
{
	return since && start_time(pid) == since;
}

static void cancel(size_t n, struct statfs_figures *ret, int error)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = (struct statfs_figures){ .error = error };
}

/* Copies what is answered and returns how many those are. */
static size_t take(const struct statfs_worker *w, size_t n, struct statfs_figures *ret)
{
	uint32_t at = atomic_load(&w->shared->at);
	size_t done = at == NOT_BEGUN ? 0 : at < n ? at : n;

	memcpy(ret, w->shared->figures, done * sizeof(*ret));
	return done;
}

int statfs_batch(struct statfs_worker *w, int dir, size_t n, const char *const paths[],
		 int64_t timeout_ns, struct statfs_figures *ret)
{
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + timeout_ns;
	int deaths = 0;
	size_t done = 0;

	reap(w);
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
				.stuck = w->pid,
				.stuck_since = start_time(w->pid),
			};
		}
		abandon(w);
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
	pid_t idle = w->pid;

	/* Between batches the child waits for work: SIGKILL ends it at once. */
	if (idle > 0 && waitpid(idle, NULL, WNOHANG) == 0) {
		(void)kill(idle, SIGKILL);
		while (waitpid(idle, NULL, 0) < 0 && errno == EINTR)
			;
		w->pid = 0;
	}
	abandon(w);
	/* What can be killed is dead in a moment; for what cannot, that is all the patience. */
	for (int i = 0; i < 10; i++) {
		struct timespec moment = { 0, 1000000 };

		reap(w);
		if (!w->n_lost)
			break;
		(void)nanosleep(&moment, NULL);
	}
}
