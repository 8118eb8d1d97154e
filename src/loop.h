/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One wait for everything: signals (SIGCHLD among them) and a timer behind one epoll fd, which can
 * also be watched beside a delivery. What happens meanwhile is kept as bits until it is taken, so
 * that ticks missed by a slow gateway coalesce into one.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum loop_event {
	LOOP_TICK = 1,    /* the timer */
	LOOP_STOP = 2,    /* SIGTERM or SIGINT, unless they are to be forwarded */
	LOOP_RELOAD = 4,  /* SIGHUP, likewise */
	LOOP_CHILD = 8,   /* SIGCHLD, only where signals are to be forwarded */
	LOOP_SIGNAL = 16, /* a signal to forward waits in `queue` */
};

/* More than there are different ones; beyond it the kernel keeps them in line. */
enum { LOOP_QUEUE_MAX = 128 };

struct loop_signal {
	int number;
	bool from_kernel; /* the terminal sent it: the whole foreground group has it already */
	bool has_value;   /* sent by sigqueue(3), with `value` */
	pid_t sender;     /* 0 where it is in another pid namespace, or the kernel */
	union sigval value;
};

struct loop {
	int epoll, signals, timer;
	sigset_t before; /* the mask to give back to children and at the end */
	bool forward;    /* hand signals on instead of acting on them */
	unsigned pending;
	struct loop_signal queue[LOOP_QUEUE_MAX];
	size_t queued;
};

/*
 * Blocks the signals and opens the fds. Without `forward`, TERM, INT and HUP become events. With
 * it SIGCHLD does, and all the others are queued for LOOP_SIGNAL, save those that a fault of our
 * own raises and those from ourselves: whoever waits has to empty the queue. 0 or -errno.
 */
int loop_open(struct loop *loop, bool forward);
/* Closes everything and restores the signal mask. */
void loop_close(struct loop *loop);

/*
 * Ticks at `first_ns` on CLOCK_BOOTTIME and each `interval_ns` after it (0: once). The wall
 * clock has no say: it may jump.
 */
int loop_tick_at(struct loop *loop, int64_t first_ns, int64_t interval_ns);

/*
 * Waits until something is pending or `timeout_ns` is over (negative: for ever); returns the
 * pending bits and forgets them.
 */
unsigned loop_wait(struct loop *loop, int64_t timeout_ns);

/* Takes in what has happened, without waiting; returns the pending bits and keeps them. */
unsigned loop_poll(struct loop *loop);
