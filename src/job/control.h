/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Job control: a shell sees us and not CMD, so when CMD stops we stop, and when the shell
 * continues us we continue CMD. The terminal speaks to its whole foreground group, which is CMD's
 * too; all else that is sent to us is meant for CMD.
 */
#pragma once

#include <sys/types.h>

#include "loop.h"

/* Hands a signal on to CMD, unless it has had it. */
void control_forward(pid_t command, const struct loop_signal *s);

/*
 * CMD has been stopped by this signal: stops us, too, and continues CMD once we are continued.
 * Returns at once when CMD runs again already, or where nobody watches us who could continue us
 * (under cron, as PID 1): the kernel stops no member of an orphaned process group for the terminal.
 */
void control_stop(struct loop *loop, pid_t command, int number);
