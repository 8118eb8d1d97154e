/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time of reading all processes: by the kernel's iterator, with exact memory and descriptors;
 * by the plainest C that reads stat, statm and io of each; and by peekpush's own reader of /proc.
 * Prints microseconds, the least of many rounds; argv: processes to start, rounds.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/live-processes.h"
#include "base/cleanup.h"
#include "base/clock.h"

static int64_t by_iterator(const struct live *live, struct host *host)
{
	static struct arena arena;
	struct process_table table;
	int64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	(void)host;
	if (live_table(live, &arena, &table) < 0)
		exit(1);
	start = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
	arena_reset(&arena);
	return start;
}

static int64_t by_files(const struct live *live, struct host *host)
{
	static const char *const files[] = { "stat", "statm", "io" };
	int64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	DIR *proc = opendir("/proc");
	char text[4096], path[300];

	(void)live;
	(void)host;
	for (const struct dirent *e; (e = readdir(proc));) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			(void)snprintf(path, sizeof(path), "%s/%s", e->d_name, files[i]);
			int fd = openat(dirfd(proc), path, O_RDONLY | O_CLOEXEC);

			if (fd < 0)
				continue;
			(void)!read(fd, text, sizeof(text));
			(void)close(fd);
		}
	}
	(void)closedir(proc);
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
}

static int64_t by_proc(const struct live *live, struct host *host)
{
	static const struct process_wants all = { true, true, true, true, true, true, true };
	static struct arena arena;
	struct process_table table;
	int64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	(void)live;
	if (processes_proc(host, &all, &arena, &table) < 0)
		exit(1);
	start = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
	arena_reset(&arena);
	return start;
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		int64_t (*run)(const struct live *live, struct host *host);
	} ways[] = {
		{ "iterator", by_iterator },
		{ "files", by_files },
		{ "processes_proc", by_proc },
	};
	int n = argc > 1 ? atoi(argv[1]) : 2000, rounds = argc > 2 ? atoi(argv[2]) : 20;
	int64_t least[ARRAY_SIZE(ways)] = { 0 };
	pid_t *pids = calloc((size_t)n + 1, sizeof(*pids));
	struct live live;
	struct host host;

	if (!pids || !live_begin(&live))
		return 77;
	host_open(&host, &(struct host_paths){ 0 }, false);
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			for (;;)
				(void)pause();
		}
	}
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
			int64_t ns = ways[i].run(&live, &host);

			if (!least[i] || ns < least[i])
				least[i] = ns;
		}
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		(void)printf("%s %lld\n", ways[i].name, (long long)least[i] / 1000);
	(void)fflush(stdout);
	/* Whoever starts this may measure others on the same processes. */
	if (argc > 3)
		(void)getchar();
	for (int i = 0; i < n; i++)
		if (pids[i] > 0)
			(void)kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		continue;
	free(pids);
	host_close(&host);
	live_end(&live);
	return 0;
}
