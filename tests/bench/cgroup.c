/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time of a cycle of collector cgroup, with its text, beside the plainest C that reads the
 * same files of the same groups. Prints microseconds for each group, the least of many rounds,
 * and the series and bytes of a group; argv: /proc, /sys, the folder of the groups below
 * sys/fs/cgroup, rounds, and the only way to take, for a profiler. Files that
 * are not there are not read by either.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "collect/container/settings.h"
#include "collect/run.h"
#include "encode/encoder.h"
#include "host/cgroups.h"

struct bench {
	struct host host;
	struct conf *conf;
	struct metrics metrics;
	struct state state;
	struct collectors all;
	struct log log;
	struct buf out;
	const char *groups;
	size_t n_groups;
};

static int64_t cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static int64_t by_files(struct bench *b)
{
	static const char *const files[] = {
		"cpu.stat",        "cpu.max",
		"cpu.weight",      "cpu.pressure",
		"memory.pressure", "io.pressure",
		"memory.current",  "memory.stat",
		"memory.peak",     "memory.swap.current",
		"memory.events",   "memory.max",
		"memory.swap.max", "memory.low",
		"memory.min",      "io.stat",

	};
	int64_t start = cpu_ns();
	DIR *base = opendir(b->groups);
	char text[16384];

	b->n_groups = 0;
	for (const struct dirent *e; base && (e = readdir(base));) {
		int dir;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		dir = openat(dirfd(base), e->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		b->n_groups++;
		for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
			int fd = openat(dir, files[i], O_RDONLY | O_CLOEXEC);

			if (fd < 0)
				continue;
			(void)!read(fd, text, sizeof(text));
			(void)close(fd);
		}
		(void)close(dir);
	}
	(void)closedir(base);
	return cpu_ns() - start;
}

static int64_t by_walk(struct bench *b)
{
	int64_t start = cpu_ns();
	const struct cgroup_table *table;

	b->host.cycle++;
	if (cgroups_of_cycle(&b->host, &table) < 0)
		exit(1);
	return cpu_ns() - start;
}

static int64_t by_collector(struct bench *b)
{
	int64_t start = cpu_ns();

	b->host.cycle++;
	metrics_reset(&b->metrics);
	collectors_run(&b->all, &b->log);
	return cpu_ns() - start;
}

static int64_t by_cycle(struct bench *b)
{
	int64_t start = cpu_ns();

	(void)by_collector(b);
	buf_reset(&b->out);
	encoder_text.encode(&b->metrics, &b->out);
	return cpu_ns() - start;
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		int64_t (*run)(struct bench *b);
	} ways[] = {
		{ "files", by_files },
		{ "walk", by_walk },
		{ "collector", by_collector },
		{ "cycle", by_cycle },
	};
	static const struct opt_section *sections[128];
	const char *const paths[] = {
		[HOST_PROC] = argc > 1 ? argv[1] : NULL, [HOST_SYS] = argc > 2 ? argv[2] : NULL
	};
	size_t n = 0;
	int64_t least[sizeof(ways) / sizeof(ways[0])] = { 0 };
	static struct bench b;
	static struct arena arena;
	struct str why;

	if (argc < 5)
		return 2;
	b.groups = argv[3];
	sections[n++] = &section_collectors;
	for (size_t i = 0; i < collector_count(); i++)
		if (collector_registry[i]->section)
			sections[n++] = collector_registry[i]->section;
	b.conf = conf_new(sections);
	if (!b.conf || conf_set(b.conf, STR("collectors.enable"), STR("cgroup"), "bench") < 0)
		return 1;
	log_init(&b.log);
	host_open(&b.host, &(struct host_paths){ .path = { paths[0], paths[1] } }, true);
	metrics_init(&b.metrics, (struct metrics_limits){ 0 });
	if (collectors_init(&b.all, b.conf, &b.host, &b.metrics, &b.state, &arena, &why) < 0)
		return 1;
	for (int round = 0; round < atoi(argv[4]); round++)
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			int64_t ns;

			if (argc > 5 && strcmp(argv[5], ways[i].name) != 0)
				continue;
			ns = ways[i].run(&b);

			if (!least[i] || ns < least[i])
				least[i] = ns;
		}
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		(void)printf("%s %.1f\n", ways[i].name,
			     (double)least[i] / 1000 / (double)b.n_groups);
	(void)printf("series %.1f\nbytes %.0f\n", (double)b.metrics.series / (double)b.n_groups,
		     (double)b.out.n / (double)b.n_groups);
	collectors_close(&b.all);
	metrics_release(&b.metrics);
	state_release(&b.state);
	host_close(&b.host);
	conf_free(b.conf);
	buf_release(&b.out);
	arena_release(&arena);
	return 0;
}
