/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum { SECOND_NS = 1000000000 };

static int watch(struct loop *loop, int fd, unsigned event)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = event };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/*
 * All but those that a fault of our own raises. glibc keeps 32 and 33 for itself and leaves them
 * out here, as it does everywhere.
 */
static void fill_forwarded(sigset_t *set)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };

	(void)sigfillset(set);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		(void)sigdelset(set, own[i]);
}

static void fill_acted(sigset_t *set)
{
	static const int acted[] = { SIGTERM, SIGINT, SIGHUP };

	(void)sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(acted); i++)
		(void)sigaddset(set, acted[i]);
}

int loop_open(struct loop *loop, bool forward)
{
	sigset_t set;

	*loop = (struct loop){ .signals = -1, .timer = -1, .forward = forward };
	if (forward)
		fill_forwarded(&set);
	else
		fill_acted(&set);
	(void)sigprocmask(SIG_BLOCK, &set, &loop->before);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		return -errno;
	loop->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	loop->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->signals < 0 || loop->timer < 0)
		return -errno;

	int r = watch(loop, loop->signals, LOOP_SIGNAL);

	return r < 0 ? r : watch(loop, loop->timer, LOOP_TICK);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void loop_close(struct loop *loop)
{
	close_fd(&loop->signals);
	close_fd(&loop->timer);
	close_fd(&loop->epoll);
	(void)sigprocmask(SIG_SETMASK, &loop->before, NULL);
}

int loop_tick_at(struct loop *loop, int64_t first_ns, int64_t interval_ns)
{
	struct itimerspec spec = {
		.it_value = { first_ns / SECOND_NS, first_ns % SECOND_NS },
		.it_interval = { interval_ns / SECOND_NS, interval_ns % SECOND_NS },
	};

	/* All zero would disarm it. */
	if (first_ns <= 0)
		spec.it_value.tv_nsec = 1;
	return timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &spec, NULL) < 0 ? -errno : 0;
}

/*
 * Whether all of the terminal's foreground group has had it, and CMD with it. An alarm set before
 * we were executed is for us alone, and so is the hangup that a session's leader is told of.
 */
static bool whole_group_has(const struct signalfd_siginfo *info)
{
	if (info->ssi_code != SI_KERNEL || info->ssi_signo == SIGALRM)
		return false;
	return (info->ssi_signo != SIGHUP && info->ssi_signo != SIGCONT) || getsid(0) != getpid();
}

static void take_signal(struct loop *loop, const struct signalfd_siginfo *info)
{
	const struct loop_signal s = {
		.number = (int)info->ssi_signo,
		.from_kernel = whole_group_has(info),
		.has_value = info->ssi_code == SI_QUEUE,
		.sender = (pid_t)info->ssi_pid,
		.value.sival_ptr = (void *)(uintptr_t)info->ssi_ptr,
	};

	if (!loop->forward) {
		loop->pending |= s.number == SIGHUP ? LOOP_RELOAD : LOOP_STOP;
		return;
	}
	if (s.number == SIGCHLD) {
		loop->pending |= LOOP_CHILD;
		return;
	}
	/* Such as the SIGPIPE of a message to a stderr that nobody reads. */
	if (info->ssi_code != SI_KERNEL && s.sender == getpid())
		return;
	/* Twice before it is taken is once, as the kernel has it for all but real-time signals. */
	for (size_t i = 0; s.number < SIGRTMIN && i < loop->queued; i++)
		if (loop->queue[i].number == s.number &&
		    loop->queue[i].from_kernel == s.from_kernel)
			return;
	loop->queue[loop->queued++] = s;
	loop->pending |= LOOP_SIGNAL;
}

/* Takes what is ready now off the fds; never blocks. */
static void drain(struct loop *loop)
{
	struct signalfd_siginfo info;
	uint64_t ticks;

	while (loop->queued < LOOP_QUEUE_MAX &&
	       read(loop->signals, &info, sizeof(info)) == sizeof(info))
		take_signal(loop, &info);
	if (read(loop->timer, &ticks, sizeof(ticks)) == sizeof(ticks))
		loop->pending |= LOOP_TICK;
}

/* Rounded up; what is beyond an int (24 days) is waited for in turns. */
static int milliseconds(int64_t ns)
{
	int64_t ms = ns / 1000000 + (ns % 1000000 > 0);

	return ms > INT_MAX ? INT_MAX : (int)ms;
}

unsigned loop_wait(struct loop *loop, int64_t timeout_ns)
{
	int64_t deadline = timeout_ns < 0 ? -1 : clock_ns(CLOCK_BOOTTIME) + timeout_ns;

	for (;;) {
		struct epoll_event ready[4];
		int64_t left = deadline < 0 ? -1 : deadline - clock_ns(CLOCK_BOOTTIME);
		int ms = deadline < 0 ? -1 : left <= 0 ? 0 : milliseconds(left);

		drain(loop);
		if (loop->pending || (deadline >= 0 && left <= 0))
			break;
		if (epoll_wait(loop->epoll, ready, 4, ms) < 0 && errno != EINTR)
			break;
	}

	unsigned pending = loop->pending;

	loop->pending = 0;
	return pending;
}

unsigned loop_poll(struct loop *loop)
{
	drain(loop);
	return loop->pending;
}
