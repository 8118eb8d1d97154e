/* SPDX-License-Identifier: Apache-2.0 */
/* Collector cgroup on trees made here: what docs/containers.md says of it, line by line. */
#include "unit.h"

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <sys/inotify.h>
#include <sys/mman.h>

#include "collect/container/settings.h"
#include "one-collector.h"

#define G "sys/fs/cgroup/g/"

static const struct cgroup_conf conf = { .percpu = true, .hugetlb = true, .processes = true };

static double value(const struct one *one, const char *family)
{
	return one_value(one, family, "id=\"/g\"");
}

static double root_value(const struct one *one, const char *family)
{
	return one_value(one, family, "id=\"/\"");
}

static void start(struct one *one)
{
	one_start(one, "cgroup", &conf, true);
	one_write(one, "sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
	one_write(one, "sys/fs/cgroup/cgroup.procs", "1\n");
	one_write(one, G "cgroup.procs", "2\n3\n");
}

static size_t series(const struct one *one, const char *family)
{
	const struct family *f = metrics_find(&one->metrics, str_of(family));

	return f ? f->series : 0;
}

/* Nothing but what every group has: no file, no series. */
static void test_absent(void **state)
{
	static const char *const always[] = {
		"container_last_seen",
		"container_start_time_seconds",
		"container_creation_time_seconds",
		"container_processes",
	};
	struct one one;
	size_t all = 0;

	(void)state;
	start(&one);
	assert_int_equal(one_run(&one), 0);
	for (const struct family *f = one.metrics.first; f; f = f->next)
		all += str_eq(f->name, STR("container_scrape_error")) ? 0 : f->series;
	/* The root has no start time without /proc/stat. */
	assert_int_equal(all, 6);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		assert_true(value(&one, always[i]) >= 0);
	one_write(&one, "proc/stat", "cpu 1 2 3\nbtime 1767225600\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(root_value(&one, "container_start_time_seconds") == 1767225600);
	one_stop(&one);
}

static void test_no_groups(void **state)
{
	struct one one;

	(void)state;
	one_start(&one, "cgroup", &conf, false);
	assert_int_equal(one_run(&one), -ENODATA);
	assert_int_equal(one.metrics.series, 0);
	one_stop(&one);
}

/* Those of cAdvisor that are always 0 on v2, and that the kernel tells by another name. */
static void test_gaps(void **state)
{
	struct one one;

	(void)state;
	start(&one);
	one_write(&one, G "memory.current", "1000\n");
	one_write(&one, G "memory.peak", "3000\n");
	one_write(&one, G "memory.stat", "kernel 70\ninactive_file 1200\n");
	one_write(&one, G "memory.events", "low 0\nhigh 2\nmax 5\noom 1\noom_kill 1\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, "container_memory_kernel_usage") == 70);
	assert_true(value(&one, "container_memory_failcnt") == 5);
	assert_true(value(&one, "container_memory_events_max_total") == 5);
	assert_true(value(&one, "container_memory_max_usage_bytes") == 3000);
	assert_true(value(&one, "container_oom_events_total") == 1);
	/* Never below 0, though the two are not of one moment. */
	assert_true(value(&one, "container_memory_working_set_bytes") == 0);
	assert_true(isnan(value(&one, "container_memory_rss")));
	assert_true(isnan(value(&one, "container_memory_file_dirty_bytes")));
	one_stop(&one);
}

static void test_quota(void **state)
{
	struct one one;

	(void)state;
	start(&one);
	one_write(&one, G "cpu.stat",
		  "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 10\nnr_throttled 4\n"
		  "throttled_usec 2500000\n");
	one_write(&one, G "cpu.max", "max 100000\n");
	one_write(&one, G "cpu.weight", "100\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, "container_spec_cpu_period") == 100000);
	assert_true(value(&one, "container_spec_cpu_shares") == 2597);
	assert_true(isnan(value(&one, "container_spec_cpu_quota")));
	assert_true(isnan(value(&one, "container_cpu_cfs_periods_total")));
	/* A changed limit is told in the next cycle. */
	one_write(&one, G "cpu.max", "20000 50000\n");
	one_write(&one, G "cpu.weight", "1\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, "container_spec_cpu_period") == 50000);
	assert_true(value(&one, "container_spec_cpu_quota") == 20000);
	assert_true(value(&one, "container_spec_cpu_shares") == 2);
	assert_true(value(&one, "container_cpu_cfs_periods_total") == 10);
	assert_true(value(&one, "container_cpu_cfs_throttled_periods_total") == 4);
	assert_true(value(&one, "container_cpu_cfs_throttled_seconds_total") == 2.5);
	/* This kernel knows no bursts. */
	assert_true(isnan(value(&one, "container_cpu_cfs_burst_periods_total")));
	/* An idle group has weight 0. */
	one_write(&one, G "cpu.weight", "0\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, "container_spec_cpu_shares") == 2);
	one_stop(&one);
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SCOPE "libpod-" ID ".scope"
#define S "sys/fs/cgroup/" SCOPE "/"

static double scope_value(const struct one *one, const char *family)
{
	return one_value(one, family, "id=\"/" SCOPE "\"");
}

/* crun's scope has no limits: they are in the one group within it. */
static void test_limits_within(void **state)
{
	static const char *const files[][3] = {
		{ "cpu.max", "max 100000\n", "20000 50000\n" },
		{ "cpu.weight", "100\n", "50\n" },
		{ "memory.current", "5000\n", "5000\n" },
		{ "memory.max", "max\n", "67108864\n" },
		{ "memory.low", "0\n", "4096\n" },
		{ "memory.swap.max", "max\n", "1000\n" },
		{ "pids.max", "max\n", "2048\n" },
		{ "cpu.stat",
		  "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 0\nnr_throttled 0\n",
		  "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 10\nnr_throttled 4\n" },
	};
	struct one one;

	(void)state;
	start(&one);
	one_write(&one, S "cgroup.procs", "");
	one_write(&one, S "container/cgroup.procs", "2\n");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), S "%s", files[i][0]);
		one_write(&one, path, files[i][1]);
		(void)snprintf(path, sizeof(path), S "container/%s", files[i][0]);
		one_write(&one, path, files[i][2]);
	}
	assert_int_equal(one_run(&one), 0);
	assert_true(scope_value(&one, "container_spec_cpu_quota") == 20000);
	assert_true(scope_value(&one, "container_spec_cpu_period") == 50000);
	assert_true(scope_value(&one, "container_spec_cpu_shares") == 1286);
	assert_true(scope_value(&one, "container_cpu_cfs_periods_total") == 10);
	assert_true(scope_value(&one, "container_cpu_cfs_throttled_periods_total") == 4);
	assert_true(scope_value(&one, "container_spec_memory_limit_bytes") == 67108864);
	assert_true(scope_value(&one, "container_spec_memory_reservation_limit_bytes") == 4096);
	assert_true(scope_value(&one, "container_spec_memory_swap_limit_bytes") == 1000);
	assert_true(scope_value(&one, "container_threads_max") == 2048);
	assert_true(scope_value(&one, "container_processes") == 1);
	/* What is changed shows, in either of them; the tighter one is what holds. */
	one_write(&one, S "memory.max", "8192\n");
	one_write(&one, S "cpu.max", "10000 100000\n");
	one_write(&one, S "container/memory.max", "16384\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(scope_value(&one, "container_spec_memory_limit_bytes") == 8192);
	assert_true(scope_value(&one, "container_spec_cpu_quota") == 10000);
	assert_true(scope_value(&one, "container_cpu_cfs_throttled_periods_total") == 0);
	one_write(&one, S "memory.max", "max\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(scope_value(&one, "container_spec_memory_limit_bytes") == 16384);
	/* Of several groups none is the container. */
	one_write(&one, S "other/cgroup.procs", "3\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(scope_value(&one, "container_spec_memory_limit_bytes") == 0);
	assert_true(scope_value(&one, "container_processes") == 2);
	one_stop(&one);
}

static void test_swap_limit(void **state)
{
	const char *limit = "container_spec_memory_swap_limit_bytes";
	struct one one;

	(void)state;
	start(&one);
	one_write(&one, G "memory.current", "1000\n");
	one_write(&one, G "memory.max", "max\n");
	one_write(&one, G "memory.swap.max", "max\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(isnan(value(&one, limit)));
	assert_true(value(&one, "container_spec_memory_limit_bytes") == 0);
	assert_true(isnan(value(&one, "container_memory_swap")));
	one_write(&one, G "memory.swap.max", "0\n");
	one_write(&one, G "memory.swap.current", "4096\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, limit) == 0);
	assert_true(value(&one, "container_memory_swap") == 4096);
	/* None is used where there is none. */
	one_write(&one, "proc/meminfo", "MemTotal: 100 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, "container_memory_swap") == 0);
	one_stop(&one);

	one_start(&one, "cgroup", &conf, true);
	one_write(&one, "sys/fs/cgroup/memory/g/memory.limit_in_bytes", "100\n");
	one_write(&one, "sys/fs/cgroup/memory/g/memory.memsw.limit_in_bytes", "150\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, limit) == 50);
	one_write(&one, "sys/fs/cgroup/memory/g/memory.memsw.limit_in_bytes",
		  "9223372036854771712\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(isnan(value(&one, limit)));
	assert_true(value(&one, "container_spec_memory_limit_bytes") == 100);
	one_stop(&one);
}

static void test_reservation(void **state)
{
	const char *family = "container_spec_memory_reservation_limit_bytes";
	struct one one;

	(void)state;
	start(&one);
	one_write(&one, G "memory.current", "1000\n");
	one_write(&one, G "memory.min", "10\n");
	one_write(&one, G "memory.low", "500\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, family) == 500);
	one_write(&one, G "memory.min", "700\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, family) == 700);
	one_stop(&one);
}

/*
 * An agent reads limits again when something was written beside them. What is stored through a
 * mapping is no write: so one sees that they were not read.
 */
static void test_limits_watched(void **state)
{
	const char *family = "container_spec_memory_limit_bytes";
	_cleanup_fd_ int fd = -1, probe = -1;
	struct one one;
	char *map;

	(void)state;
	start(&one);
	one_write(&one, G "memory.current", "1000\n");
	one_write(&one, G "memory.max", "500\n");
	assert_int_equal(one_run(&one), 0);
	fd = openat(one.root, G "memory.max", O_RDWR | O_CLOEXEC);
	map = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	map[0] = '6';
	assert_int_equal(one_run(&one), 0);
	probe = inotify_init1(IN_CLOEXEC);
	/* Where there is no watching, or not in memory, it is read. */
	if (probe >= 0 && strncmp(one.path, "/dev/shm", 8) == 0)
		assert_true(value(&one, family) == 500);
	else
		assert_true(value(&one, family) == 600);
	one_write(&one, G "cgroup.procs", "2\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, family) == 600);
	map[0] = '7';
	assert_int_equal(munmap(map, 4), 0);
	one_restart(&one);
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, family) == 700);
	/* A group of the same name that came in its place. */
	assert_int_equal(renameat(one.root, "sys/fs/cgroup/g", one.root, "sys/fs/cgroup/h"), 0);
	one_write(&one, G "memory.current", "1000\n");
	one_write(&one, G "memory.max", "300\n");
	one_write(&one, G "cgroup.procs", "4\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, family) == 300);
	assert_true(one_value(&one, family, "id=\"/h\"") == 700);
	one_stop(&one);
}

/* Of the whole host only, in seconds, and of whole disks. */
static void test_diskstats(void **state)
{
	struct one one;

	(void)state;
	start(&one);
	one_write(&one, "proc/diskstats",
		  "   8  0 sda 10 1 80 1500 20 2 160 2500 3 4000 5000\n"
		  "   8  1 sda1 10 1 80 1500 20 2 160 2500 3 4000 5000\n"
		  "   7  0 loop0 10 1 80 1500 20 2 160 2500 3 4000 5000\n");
	one_write(&one, "sys/dev/block/x", "");
	_cleanup_fd_ int dir = openat(one.root, "sys/dev/block", O_PATH | O_CLOEXEC);

	assert_int_equal(symlinkat("../../devices/pci/block/sda", dir, "8:0"), 0);
	assert_int_equal(symlinkat("../../devices/pci/block/sda/sda1", dir, "8:1"), 0);
	assert_int_equal(symlinkat("../../devices/virtual/block/loop0", dir, "7:0"), 0);
	assert_int_equal(one_run(&one), 0);
	assert_int_equal(series(&one, "container_fs_io_time_seconds_total"), 1);
	const char *labels = "device=\"/dev/sda\",id=\"/\"";

	assert_true(one_value(&one, "container_fs_read_seconds_total", labels) == 1.5);
	assert_true(one_value(&one, "container_fs_write_seconds_total", labels) == 2.5);
	assert_true(one_value(&one, "container_fs_io_time_seconds_total", labels) == 4);
	assert_true(one_value(&one, "container_fs_io_time_weighted_seconds_total", labels) == 5);
	assert_true(one_value(&one, "container_fs_reads_bytes_total", labels) == 80 * 512);
	one_stop(&one);
}

static void test_faults(void **state)
{
	const char *own = "failure_type=\"pgfault\",id=\"/g\",scope=\"container\"";
	const char *all = "failure_type=\"pgfault\",id=\"/g\",scope=\"hierarchy\"";
	const char *family = "container_memory_failures_total";
	struct one one;

	(void)state;
	start(&one);
	one_write(&one, G "memory.current", "1\n");
	one_write(&one, G "memory.stat", "pgfault 9\npgmajfault 1\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(one_value(&one, family, own) == 9);
	assert_true(one_value(&one, family, all) == 9);
	/* With groups below, v2 does not tell which are its own. */
	one_write(&one, G "below/cgroup.procs", "");
	assert_int_equal(one_run(&one), 0);
	assert_true(isnan(one_value(&one, family, own)));
	assert_true(one_value(&one, family, all) == 9);
	one_stop(&one);
}

static void test_pressure(void **state)
{
	static const char text[] = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"
				   "full avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n";
	struct one one;

	(void)state;
	start(&one);
	one_write(&one, "sys/fs/cgroup/cpu.pressure", text);
	one_write(&one, G "cpu.pressure", text);
	one_write(&one, G "io.pressure", "some avg10=0.00 total=x\nfull\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(root_value(&one, "container_pressure_cpu_waiting_seconds_total") == 1.5);
	assert_true(isnan(root_value(&one, "container_pressure_cpu_stalled_seconds_total")));
	assert_true(value(&one, "container_pressure_cpu_stalled_seconds_total") == 0.5);
	assert_int_equal(series(&one, "container_pressure_io_waiting_seconds_total"), 0);
	one_stop(&one);
}

/* The kernel forgets inodes, and with them since when there is a group. */
static void test_made(void **state)
{
	static const char boot[] = "proc/sys/kernel/random/boot_id";
	const char *family = "container_start_time_seconds";
	const struct timespec first[2] = { { 1767300000, 0 }, { 1767300000, 250000000 } };
	const struct timespec later[2] = { { 1767400000, 0 }, { 1767400000, 0 } };
	_cleanup_fd_ int dir = -1;
	struct one one;
	size_t bytes;

	(void)state;
	start(&one);
	one_write(&one, "proc/stat", "cpu 1\nbtime 1767225600\n");
	one_write(&one, boot, "0badcafe-0000-4000-8000-000000000001\n");
	dir = openat(one.root, "sys/fs/cgroup/g", O_PATH | O_CLOEXEC);
	assert_int_equal(utimensat(dir, "cgroup.procs", later, 0), 0);
	assert_int_equal(utimensat(one.root, "sys/fs/cgroup/g", first, 0), 0);
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, family) == 1767300000.25);
	assert_int_equal(utimensat(one.root, "sys/fs/cgroup/g", later, 0), 0);
	one_restart(&one);
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, family) == 1767300000.25);
	bytes = state_get(&one.state, STR("cgroup.made")).n;

	/* After another boot it is another group. */
	one_write(&one, boot, "0badcafe-0000-4000-8000-000000000002\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, family) == 1767400000);
	assert_int_equal(state_get(&one.state, STR("cgroup.made")).n, bytes);
	/* A clock that was not set then. */
	one_write(&one, "proc/stat", "cpu 1\nbtime 1767500000\n");
	assert_int_equal(one_run(&one), 0);
	assert_true(value(&one, family) == 1767500000);
	one_stop(&one);
}

static size_t open_files(void)
{
	_cleanup_dir_ DIR *stream = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(stream))
		n++;
	return n;
}

/* What malloc() has given out and not got back; under a sanitizer 0, which finds leaks by itself.
 */
static size_t memory_held(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* Ten thousand containers come and go, twenty at a time: no file stays open, no memory is kept. */
static void test_come_and_go(void **state)
{
	_cleanup_fd_ int base = -1;
	size_t files = 0, entries = 0, memory = 0;
	char name[96], file[128];
	struct one one;

	(void)state;
	start(&one);
	one_write(&one, "proc/sys/kernel/random/boot_id", "0badcafe-0000-4000-8000-000000000001\n");
	base = openat(one.root, "sys/fs/cgroup", O_PATH | O_CLOEXEC);
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof(name), "docker-%064d.scope", i);
		(void)snprintf(file, sizeof(file), "%s/cpu.stat", name);
		assert_int_equal(mkdirat(base, name, 0755), 0);
		unit_write(base, file, STR("usage_usec 5\nuser_usec 3\nsystem_usec 2\n"));
		if (i % 10 == 0)
			assert_int_equal(one_run(&one), 0);
		if (i == 1000) {
			files = open_files();
			memory = memory_held();
			entries = one.state.n;
			assert_int_equal(series(&one, "container_cpu_usage_seconds_total"), 21);
		}
		(void)snprintf(name, sizeof(name), "docker-%064d.scope", i - 20);
		(void)snprintf(file, sizeof(file), "%s/cpu.stat", name);
		if (i >= 20) {
			assert_int_equal(unlinkat(base, file, 0), 0);
			assert_int_equal(unlinkat(base, name, AT_REMOVEDIR), 0);
		}
	}
	assert_int_equal(open_files(), files);
	assert_true(one.state.n <= entries);
	assert_in_range(state_get(&one.state, STR("cgroup.made")).n, 37, 37 + 22 * 29);
	/* The series of 9,000 more containers would be 20 MiB. */
	assert_true(memory_held() < memory + (1 << 20));
	one_stop(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent),         cmocka_unit_test(test_no_groups),
		cmocka_unit_test(test_gaps),           cmocka_unit_test(test_quota),
		cmocka_unit_test(test_swap_limit),     cmocka_unit_test(test_reservation),
		cmocka_unit_test(test_limits_watched), cmocka_unit_test(test_diskstats),
		cmocka_unit_test(test_faults),         cmocka_unit_test(test_made),
		cmocka_unit_test(test_pressure),       cmocka_unit_test(test_come_and_go),
		cmocka_unit_test(test_limits_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
