/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { OLD_KERNEL_FDS = 4096 };

void fds_open_std(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		(void)close(fd);
}

static int compare_fds(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return *x - *y;
}

static void close_one_by_one(const int *keep, size_t n)
{
	for (int fd = 0; fd < OLD_KERNEL_FDS; fd++) {
		bool kept = false;

		for (size_t i = 0; i < n; i++)
			kept |= keep[i] == fd;
		if (!kept)
			(void)close(fd);
	}
}

void fds_close_all_but(int *keep, size_t n)
{
	unsigned int from = 0;
	bool closed = true;

	qsort(keep, n, sizeof(*keep), compare_fds);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < 0)
			continue;
		if ((unsigned int)keep[i] > from)
			closed &= close_range(from, (unsigned int)keep[i] - 1, 0) == 0;
		from = (unsigned int)keep[i] + 1;
	}
	closed &= close_range(from, ~0U, 0) == 0;
	/* Before Linux 5.9 there is no such call. */
	if (!closed)
		close_one_by_one(keep, n);
}

pid_t fds_fork(void)
{
	sigset_t all, before;
	pid_t pid;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid < 0)
		pid = -errno;
	if (pid != 0)
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}
