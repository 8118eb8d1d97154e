/* SPDX-License-Identifier: Apache-2.0 */
#include "job/control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/file.h"

/* How long CMD may run before we, still stopped, notice that somebody else has continued it. */
enum { GUARD_POLL_NS = 100000000 };

void control_forward(pid_t command, const struct loop_signal *s)
{
	if (s->from_kernel)
		return;
	if (s->has_value)
		(void)sigqueue(command, s->number, s->value);
	else
		(void)kill(command, s->number);
}

/* As far as its events tell that are not taken yet: one of its stop was the last one taken. */
static bool is_stopped(pid_t command)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)command, &info, WEXITED | WCONTINUED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

static void fill(sigset_t *set, int number)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, number);
}

/*
 * SIGCONT comes last when a shell continues a group, so CMD has had it if it is to have it. The
 * guard's says that CMD ran; if it has been stopped anew since, that is not ours to undo.
 */
static bool take_continue(struct loop *loop, pid_t guard)
{
	const struct timespec now = { 0 };
	bool seen = false;
	siginfo_t info;
	sigset_t set;
	size_t kept = 0;

	fill(&set, SIGCONT);
	while (sigtimedwait(&set, &info, &now) == SIGCONT)
		seen |= guard <= 0 || info.si_code != SI_USER || info.si_pid != guard;
	for (size_t i = 0; i < loop->queued; i++) {
		if (loop->queue[i].number == SIGCONT)
			seen = true;
		else
			loop->queue[kept++] = loop->queue[i];
	}
	loop->queued = kept;
	return seen;
}

/* 1, 0, or -errno. The field after the command's name, which may itself hold parentheses. */
static int is_listed_as_stopped(pid_t pid)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str path = arena_printf(&arena, "/proc/%ld", (long)pid), text;
	_cleanup_fd_ int dir = file_open_dir(AT_FDCWD, path.p);
	const char *paren;
	int r = dir < 0 ? dir : file_read(dir, "stat", 65536, &arena, &text);

	if (r < 0)
		return r;
	paren = memrchr(text.p, ')', text.n);
	if (!paren || paren + 2 >= text.p + text.n)
		return -EBADMSG;
	return paren[2] == 'T' || paren[2] == 't';
}

/*
 * While we are stopped, CMD may be continued or killed by its own number, and nobody would wait
 * for it. A child of ours looks after that. It may be faster than we are: it says so until it is
 * ended.
 */
static pid_t start_guard(pid_t command)
{
	const struct timespec pause = { .tv_nsec = GUARD_POLL_NS };
	pid_t watcher = getpid(), guard = fork();
	int stopped;

	if (guard != 0)
		return guard;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == watcher && (stopped = is_listed_as_stopped(command)) >= 0) {
		if (!stopped)
			(void)kill(watcher, SIGCONT);
		(void)nanosleep(&pause, NULL);
	}
	_exit(0);
}

static void end_guard(pid_t guard)
{
	if (guard <= 0)
		return;
	(void)kill(guard, SIGKILL);
	while (waitpid(guard, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Not by SIGSTOP, which would hold us also where nobody could continue us. */
static void stop_ourselves(int number)
{
	const struct sigaction stop = { .sa_handler = SIG_DFL };
	struct sigaction before;
	sigset_t set;

	if (number != SIGTTIN && number != SIGTTOU)
		number = SIGTSTP;
	fill(&set, number);
	(void)sigaction(number, &stop, &before);
	(void)kill(getpid(), number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* Here we stand. */
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)sigaction(number, &before, NULL);
}

/* The shell that continues us gives the terminal to our group; CMD may have made one of its own. */
static void give_terminal(int terminal, pid_t group)
{
	if (terminal >= 0 && group > 0 && tcgetpgrp(terminal) == getpgrp())
		(void)tcsetpgrp(terminal, group);
}

void control_stop(struct loop *loop, pid_t command, int number)
{
	_cleanup_fd_ int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	pid_t group = getpgid(command), guard;
	bool own_group = group > 0 && group != getpgrp();
	bool had_terminal = own_group && terminal >= 0 && tcgetpgrp(terminal) == group;

	(void)loop_poll(loop);
	/* To stop would make the kernel forget a SIGCONT that waits for us. */
	if (!take_continue(loop, 0)) {
		if (!is_stopped(command))
			return;
		guard = start_guard(command);
		stop_ourselves(number);
		end_guard(guard);
		if (!take_continue(loop, guard))
			return;
	}
	if (!is_stopped(command))
		return;
	if (had_terminal)
		give_terminal(terminal, group);
	(void)kill(own_group ? -group : command, SIGCONT);
}
