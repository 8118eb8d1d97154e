/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that reading the host can cost: files named on standard input are opened once and
 * read to their end again and again. Prints CPU nanoseconds per round, and the number of files.
 * floor ROUNDS [reopen]: with the second word they are opened anew in each round.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 4096 };

static char *paths[FILES_MAX];
static int fds[FILES_MAX];
static char data[1 << 20];

static long long cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void read_all(int fd)
{
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, data, sizeof(data), at)) > 0)
		at += n;
}

int main(int argc, char *argv[])
{
	int rounds = argc > 1 ? (int)strtoul(argv[1], NULL, 10) : 100, reopen = argc > 2, n = 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t length;
	long long begin;

	while (n < FILES_MAX && (length = getline(&line, &cap, stdin)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		fds[n] = open(line, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fds[n] >= 0)
			paths[n++] = strdup(line);
	}
	for (int warm = 0; warm < 2; warm++)
		for (int i = 0; i < n; i++)
			read_all(fds[i]);
	begin = cpu_ns();
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++) {
			if (reopen) {
				close(fds[i]);
				fds[i] = open(paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
			}
			read_all(fds[i]);
		}
	printf("%lld %d\n", (cpu_ns() - begin) / rounds, n);
	free(line);
	return 0;
}
