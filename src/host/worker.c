/* SPDX-License-Identifier: Apache-2.0 */
#include "host/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fds.h"
#include "base/num.h"

enum { OLD_KERNEL_FDS = 4096 };
static const struct timeval first_look = { 0, 10000 };

void worker_init(struct worker *w, const char *name, worker_task task)
{
	*w = (struct worker){ .name = name, .task = task, .fd = -1 };
}

/* From `first` to just below `end`; false where the kernel has no such call. */
static bool close_below(int first, int end)
{
	return first >= end || close_range((unsigned int)first, (unsigned int)end - 1, 0) == 0;
}

/* A pipe held open here would keep its reader waiting for as long as the child hangs. */
static void close_all_but(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;

	if (close_below(0, low) && close_below(low < 0 ? 0 : low + 1, high) &&
	    close_range((unsigned int)high + 1, ~0U, 0) == 0)
		return;
	for (int fd = 0; fd < OLD_KERNEL_FDS; fd++)
		if (fd != a && fd != b)
			(void)close(fd);
}

static _Noreturn void child(const struct worker *w, int fd, int dir, int keep, pid_t parent,
			    void *arg)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;
	char token;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || (dir >= 0 && fchdir(dir) < 0))
		_exit(1);
	close_all_but(fd, keep);
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &usual, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_NAME, w->name);
	while (recv(fd, &token, 1, 0) == 1) {
		w->task(w->shared, arg);
		if (send(fd, &token, 1, MSG_NOSIGNAL) != 1)
			break;
	}
	_exit(0);
}

/* Zombies of children that were killed; others' children are not ours to wait for. */
void worker_reap(struct worker *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n_lost; i++)
		if (waitpid(w->lost[i], NULL, WNOHANG) == 0)
			w->lost[kept++] = w->lost[i];
	w->n_lost = kept;
}

/* While waitpid() answers 0 the number is surely still the child's. */
void worker_abandon(struct worker *w)
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
		worker_reap(w);
	}
	w->pid = 0;
}

static int fork_child(struct worker *w, int fd, int dir, int keep, void *arg)
{
	pid_t parent = getpid(), pid = fds_fork();

	if (pid == 0)
		child(w, fd, dir, keep, parent, arg);
	if (pid > 0)
		w->pid = pid;
	return pid < 0 ? pid : 0;
}

int worker_start(struct worker *w, size_t size, int dir, int keep, void *arg)
{
	int ends[2], r;

	if (w->n_lost == WORKER_LOST_MAX)
		return -EBUSY;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	w->shared_size = size;
	w->shared = mmap(NULL, w->shared_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	w->fd = ends[0];
	(void)setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &first_look, sizeof(first_look));
	if (w->shared == MAP_FAILED) {
		w->shared = NULL;
		r = -errno;
	} else {
		r = fork_child(w, ends[1], dir, keep, arg);
	}
	(void)close(ends[1]);
	if (r < 0)
		worker_abandon(w);
	return r;
}

void worker_ask(struct worker *w)
{
	char token = 1;

	(void)send(w->fd, &token, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int take_answer(struct worker *w, int flags)
{
	char token;
	ssize_t n = recv(w->fd, &token, 1, flags);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	return n == 1 ? 0 : -EPIPE;
}

/* When all is well the answer is there before the socket's own timeout: one call. */
int worker_look(struct worker *w)
{
	return take_answer(w, 0);
}

int worker_wait(struct worker *w, int64_t deadline_ns)
{
	int r = take_answer(w, MSG_DONTWAIT);

	while (r == -EAGAIN) {
		int64_t left = deadline_ns - clock_ns(CLOCK_MONOTONIC);
		struct timespec t = { left / 1000000000, left % 1000000000 };
		struct pollfd ready = { .fd = w->fd, .events = POLLIN };

		if (left <= 0)
			return -EAGAIN;
		(void)ppoll(&ready, 1, &t, NULL);
		r = take_answer(w, MSG_DONTWAIT);
	}
	return r;
}

void worker_release(struct worker *w, bool wait)
{
	if (wait && w->pid > 0 && waitpid(w->pid, NULL, WNOHANG) == 0) {
		(void)kill(w->pid, SIGKILL);
		while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
			;
		w->pid = 0;
	}
	/* What can be killed is dead in a moment; for what cannot, that is all the patience. */
	worker_abandon(w);
	for (int i = 0; i < 10; i++) {
		struct timespec moment = { 0, 1000000 };

		worker_reap(w);
		if (!w->n_lost)
			break;
		(void)nanosleep(&moment, NULL);
	}
}

/* "PID (COMM) S ..." in a process' stat file: the state and field 22, the time of its start. */
uint64_t worker_started(pid_t pid)
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
