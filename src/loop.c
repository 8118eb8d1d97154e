/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { SECOND_NS = 1000000000 };

static int watch(struct loop *loop, int fd, unsigned event)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = event };

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

int loop_open(struct loop *loop, bool forward)
{
	static const int acted[] = { SIGTERM, SIGINT, SIGHUP };
	static const int forwarded[] = { SIGTERM, SIGINT,  SIGHUP,   SIGQUIT, SIGUSR1,
					 SIGUSR2, SIGALRM, SIGWINCH, SIGCONT, SIGCHLD };
	const int *list = forward ? forwarded : acted;
	size_t n = forward ? sizeof(forwarded) / sizeof(int) : sizeof(acted) / sizeof(int);
	sigset_t set;

	*loop = (struct loop){ .signals = -1, .timer = -1, .child = -1, .forward = forward };
	(void)sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		(void)sigaddset(&set, list[i]);
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
	close_fd(&loop->child);
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

int loop_watch_child(struct loop *loop, int pidfd)
{
	loop->child = pidfd;
	return watch(loop, pidfd, LOOP_CHILD);
}

static void take_signal(struct loop *loop, const struct signalfd_siginfo *info)
{
	if (info->ssi_signo == SIGCHLD) {
		loop->pending |= LOOP_CHILD;
		return;
	}
	if (!loop->forward) {
		loop->pending |= info->ssi_signo == SIGHUP ? LOOP_RELOAD : LOOP_STOP;
		return;
	}
	if (loop->queued == LOOP_QUEUE_MAX)
		return;
	loop->queue[loop->queued++] = (struct loop_signal){
		.number = (int)info->ssi_signo,
		.from_kernel = info->ssi_code == SI_KERNEL,
	};
	loop->pending |= LOOP_SIGNAL;
}

/* Takes what is ready now off the fds; never blocks. */
static void drain(struct loop *loop)
{
	struct signalfd_siginfo info;
	uint64_t ticks;

	while (read(loop->signals, &info, sizeof(info)) == sizeof(info))
		take_signal(loop, &info);
	if (read(loop->timer, &ticks, sizeof(ticks)) == sizeof(ticks))
		loop->pending |= LOOP_TICK;
	if (loop->child >= 0) {
		struct epoll_event ready[4];
		int n = epoll_wait(loop->epoll, ready, 4, 0);

		for (int i = 0; i < n; i++)
			if (ready[i].data.u32 == LOOP_CHILD) {
				loop->pending |= LOOP_CHILD;
				/* It stays readable for ever: said once, it is not watched. */
				close_fd(&loop->child);
			}
	}
}

unsigned loop_wait(struct loop *loop, int64_t timeout_ns)
{
	int64_t deadline = timeout_ns < 0 ? -1 : clock_ns(CLOCK_BOOTTIME) + timeout_ns;

	for (;;) {
		struct epoll_event ready[4];
		int64_t left = deadline < 0 ? -1 : deadline - clock_ns(CLOCK_BOOTTIME);
		int ms = deadline < 0 ? -1 : left <= 0 ? 0 : (int)((left + 999999) / 1000000);

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
