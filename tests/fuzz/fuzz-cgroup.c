/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of a control group in a tree of its own. Input: a byte that says which file it is, then
 * its text. Whatever it says, no sample is below 0 or no number, and the group itself is told of.
 * runner: -runs=8000 -use_counters=0 -use_cmp=0
 */
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "collect/collector.h"
#include "collect/container/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const files[] = {
	"unified/g/cpu.stat",
	"unified/g/cpu.max",
	"unified/g/cpu.weight",
	"unified/g/cpu.pressure",
	"unified/g/memory.stat",
	"unified/g/memory.current",
	"unified/g/memory.max",
	"unified/g/memory.swap.max",
	"unified/g/memory.events",
	"unified/g/io.stat",
	"unified/g/pids.max",
	"unified/g/hugetlb.2MB.events",
	"unified/cgroup.subtree_control",
	"cpuacct/v1/cpuacct.usage",
	"cpuacct/v1/cpuacct.stat",
	"cpuacct/v1/cpuacct.usage_percpu",
	"cpu/v1/cpu.stat",
	"memory/v1/memory.stat",
	"memory/v1/memory.memsw.limit_in_bytes",
	"memory/v1/memory.oom_control",
	"blkio/v1/blkio.throttle.io_service_bytes_recursive",
};

/* What makes the others be read, and stays. */
static const char *const given[][2] = {
	{ "unified/g/cgroup.procs", "" },
	{ "unified/g/memory.current", "4096\n" },
	{ "unified/g/cpu.max", "1000 100000\n" },
	{ "cpuacct/v1/cpuacct.usage", "10\n" },
	{ "cpuacct/v1/cpuacct.stat", "user 1\nsystem 2\n" },
	{ "cpuacct/v1/cpuacct.usage_percpu", "10 20\n" },
	{ "cpu/v1/cpu.cfs_quota_us", "1000\n" },
	{ "memory/v1/memory.limit_in_bytes", "4096\n" },
};

struct fuzz {
	int base; /* sys/fs/cgroup */
	struct host host;
	struct metrics metrics;
	struct state state;
	struct arena scratch, why;
	const struct collector *type;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void put(const struct fuzz *f, const char *path, const void *data, size_t size)
{
	_cleanup_fd_ int fd = openat(f->base, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	must(fd >= 0 && file_write_all(fd, (struct str){ data, size }) == 0);
}

static void restore(const struct fuzz *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		put(f, given[i][0], given[i][1], strlen(given[i][1]));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static char tree[] = "/dev/shm/fuzz-cgroup.XXXXXX";

static void end(void)
{
	(void)nftw(tree, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct fuzz *begin(void)
{
	static const char *const folders[] = {
		"sys",
		"sys/kernel",
		"sys/kernel/mm",
		"sys/kernel/mm/hugepages",
		"sys/kernel/mm/hugepages/hugepages-2048kB",
		"sys/fs",
		"sys/fs/cgroup",
		"sys/fs/cgroup/unified",
		"sys/fs/cgroup/unified/g",
		"sys/fs/cgroup/cpu",
		"sys/fs/cgroup/cpu/v1",
		"sys/fs/cgroup/cpuacct",
		"sys/fs/cgroup/cpuacct/v1",
		"sys/fs/cgroup/memory",
		"sys/fs/cgroup/memory/v1",
		"sys/fs/cgroup/blkio",
		"sys/fs/cgroup/blkio/v1",
	};
	static struct fuzz f;
	struct host_paths paths;
	char *sys;
	int root;

	must(mkdtemp(tree) && atexit(end) == 0);
	root = file_open_dir(AT_FDCWD, tree);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		must(mkdirat(root, folders[i], 0755) == 0);
	f.base = openat(root, "sys/fs/cgroup", O_PATH | O_CLOEXEC);
	must(asprintf(&sys, "%s/sys", tree) > 0);
	paths = (struct host_paths){ .path = { tree, sys, tree, tree } };
	host_open(&f.host, &paths, true);
	free(sys);
	metrics_init(&f.metrics, (struct metrics_limits){ 0 });
	for (size_t i = 0; i < collector_count(); i++)
		if (strcmp(collector_registry[i]->name, "cgroup") == 0)
			f.type = collector_registry[i];
	restore(&f);
	return &f;
}

static void check(const struct fuzz *f)
{
	const struct family *seen = metrics_find(&f->metrics, STR("container_last_seen"));

	must(seen && seen->series == 3);
	for (const struct family *x = f->metrics.first; x; x = x->next)
		for (const struct block *b = x->first; b; b = b->next)
			for (uint32_t i = 0; i < b->n; i++)
				must(isfinite(b->samples[i].value) &&
				     (b->samples[i].value >= 0 ||
				      str_eq(x->name, STR("container_health_state"))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz *f;
	const struct cgroup_conf conf = { .percpu = true, .hugetlb = true, .processes = true };
	static struct cgroup_self self;
	struct collect c;
	const char *file;

	if (!f)
		f = begin();
	if (!size)
		return 0;
	file = files[data[0] % ARRAY_SIZE(files)];
	put(f, file, data + 1, size - 1);
	f->host.cycle++;
	metrics_reset(&f->metrics);
	arena_reset(&f->scratch);
	arena_reset(&f->why);
	c = (struct collect){
		.host = &f->host,
		.out = &f->metrics,
		.scratch = &f->scratch,
		.state = &f->state,
		.conf = &conf,
		.self = &self,
		.why_arena = &f->why,
	};
	must(f->type->run(&c) == 0);
	check(f);
	must(unlinkat(f->base, file, 0) == 0);
	restore(f);
	return 0;
}
