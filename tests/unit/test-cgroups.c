/* SPDX-License-Identifier: Apache-2.0 */
/* The table of control groups: of trees made here, and of this machine beside its own files. */
#include "unit.h"

#include <errno.h>

#include "host/cgroups_internal.h"

#define CPU_STAT "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_periods 0\n"

struct world {
	char path[64];
	int dir;
	struct host host;
	const struct cgroup_table *t;
};

static void start(struct world *w)
{
	w->dir = unit_dir(w->path);
	assert_int_equal(mkdirat(w->dir, "fs", 0755), 0);
	assert_int_equal(mkdirat(w->dir, "fs/cgroup", 0755), 0);
	host_open(&w->host, &(struct host_paths){ .path = { [HOST_SYS] = w->path } }, true);
}

static void stop(struct world *w)
{
	host_close(&w->host);
	unit_remove(w->dir);
}

/* A group below fs/cgroup with a list of processes, and cpu.stat where it is given. */
static void put(const struct world *w, const char *path, const char *cpu_stat)
{
	_cleanup_fd_ int base = openat(w->dir, "fs/cgroup", O_PATH | O_CLOEXEC), dir = -1;

	assert_true(mkdirat(base, path, 0755) == 0 || errno == EEXIST);
	dir = file_open_dir(base, path);
	unit_write(dir, "cgroup.procs", STR(""));
	if (cpu_stat)
		unit_write(dir, "cpu.stat", str_of(cpu_stat));
}

static void put_file(const struct world *w, const char *path, const char *content)
{
	_cleanup_fd_ int base = openat(w->dir, "fs/cgroup", O_PATH | O_CLOEXEC);

	unit_write(base, path, str_of(content));
}

static int read_again(struct world *w)
{
	w->host.cycle++;
	return cgroups_of_cycle(&w->host, &w->t);
}

static const struct cgroup *get(const struct world *w, const char *path)
{
	const struct cgroup *found = cgroup_find(w->t, str_of(path));

	assert_non_null(found);
	assert_text(found->path, path);
	assert_int_equal(found->path.p[found->path.n], '\0');
	return found;
}

static void test_v2(void **state)
{
	struct world w;
	_cleanup_fd_ int dir = -1;
	struct stat st;
	uint64_t weight;

	(void)state;
	start(&w);
	put(&w, ".", CPU_STAT);
	put(&w, "a-b", CPU_STAT);
	put(&w, "a", CPU_STAT);
	put(&w, "a/z", CPU_STAT);
	put(&w, "a/c", NULL);
	put(&w, "a/c/d", "usage_usec 18446744073709551615\nuser_usec 1\nsystem_usec 1\n");
	put_file(&w, "a/z/cpu.weight", "100\n");
	put_file(&w, "cgroup.subtree_control", "memory io rdma\n");
	put_file(&w, "a/cgroup.subtree_control", "\n");
	assert_int_equal(read_again(&w), 0);
	static const char *const order[] = { "/", "/a", "/a/c", "/a/c/d", "/a/z", "/a-b" };

	assert_int_equal(w.t->n, ARRAY_SIZE(order));
	assert_int_equal(w.t->trees, 1 << CGROUP_V2);
	for (size_t i = 0; i < w.t->n; i++)
		assert_text(w.t->v[i].path, order[i]);
	assert_int_equal(w.t->v[0].parent, 0);
	assert_int_equal(w.t->v[3].parent, 2);
	assert_int_equal(w.t->v[4].parent, 1);
	assert_int_equal(w.t->v[5].parent, 0);
	assert_true(w.t->v[1].has_cpu);
	assert_int_equal(w.t->v[1].usage_ns, 3000000000);
	assert_int_equal(w.t->v[1].user_ns, 2000000000);
	assert_int_equal(w.t->v[1].system_ns, 1000000000);
	assert_null(w.t->v[1].percpu_ns);
	/* No file, and one that no counter of nanoseconds holds. */
	assert_false(get(&w, "/a/c")->has_cpu);
	assert_false(get(&w, "/a/c/d")->has_cpu);

	assert_true(get(&w, "/")->controllers & 1 << CGROUP_MEMORY);
	assert_int_equal(get(&w, "/a")->controllers, 1 << CGROUP_MEMORY | 1 << CGROUP_BLKIO);
	assert_int_equal(get(&w, "/a/z")->controllers, 0);
	/* Nobody says. */
	assert_true(get(&w, "/a/c/d")->controllers & 1 << CGROUP_MEMORY);
	dir = cgroup_open(&w.host, get(&w, "/a/z"), CGROUP_V2);
	assert_true(dir >= 0);
	assert_int_equal(host_attr_u64(dir, "cpu.weight", &weight), 0);
	assert_int_equal(weight, 100);
	assert_int_equal(cgroup_open(&w.host, get(&w, "/a/z"), CGROUP_MEMORY), -ENOENT);
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(get(&w, "/a/z")->id, st.st_ino);
	assert_true(get(&w, "/a/z")->created_ns > 0);
	assert_true(get(&w, "/a/z")->created_ns / 1000000000 <= st.st_mtim.tv_sec);
	assert_ptr_equal(cgroup_by_id(w.t, st.st_ino), get(&w, "/a/z"));
	assert_null(cgroup_by_id(w.t, 1));
	assert_null(cgroup_find(w.t, STR("/a/")));
	assert_null(cgroup_find(w.t, STR("")));
	stop(&w);
}

static void test_once_a_cycle(void **state)
{
	struct world w;
	const struct cgroup_table *first;

	(void)state;
	start(&w);
	put(&w, ".", NULL);
	assert_int_equal(read_again(&w), 0);
	first = w.t;
	put(&w, "new", CPU_STAT);
	assert_int_equal(cgroups_of_cycle(&w.host, &w.t), 0);
	assert_ptr_equal(w.t, first);
	assert_null(cgroup_find(w.t, STR("/new")));
	assert_int_equal(read_again(&w), 0);
	assert_non_null(cgroup_find(w.t, STR("/new")));
	stop(&w);
}

#define CPUACCT(usage, percpu)                                               \
	"cpuacct.usage", usage "\n", "cpuacct.stat", "user 30\nsystem 12\n", \
		"cpuacct.usage_percpu", percpu "\n"

static void put_files(const struct world *w, const char *group, const char *const files[6])
{
	char path[128];

	for (int i = 0; i < 6; i += 2) {
		(void)snprintf(path, sizeof(path), "%s/%s", group, files[i]);
		put_file(w, path, files[i + 1]);
	}
}

static void test_v1(void **state)
{
	struct world w;
	_cleanup_fd_ int base = -1, dir = -1;
	const struct cgroup *both;

	(void)state;
	start(&w);
	base = openat(w.dir, "fs/cgroup", O_PATH | O_CLOEXEC);
	put(&w, "cpu,cpuacct", NULL);
	put_files(&w, "cpu,cpuacct", (const char *const[]){ CPUACCT("420000001", "420000000 1 ") });
	assert_int_equal(symlinkat("cpu,cpuacct", base, "cpu"), 0);
	assert_int_equal(symlinkat("cpu,cpuacct", base, "cpuacct"), 0);
	put(&w, "cpu,cpuacct/docker", NULL);
	put_files(&w, "cpu,cpuacct/docker", (const char *const[]){ CPUACCT("42", "20 22") });
	put(&w, "cpu,cpuacct/odd", NULL);
	put_files(&w, "cpu,cpuacct/odd", (const char *const[]){ CPUACCT("42", "20 22 1") });
	put(&w, "memory", NULL);
	put(&w, "memory/docker", NULL);
	put(&w, "memory/docker/only", NULL);
	put(&w, "systemd", NULL);
	put(&w, "systemd/x.service", NULL);
	put(&w, "devices", NULL);
	put(&w, "devices/nobody-asks", NULL);
	assert_int_equal(read_again(&w), 0);

	assert_int_equal(w.t->trees, 1 << CGROUP_CPU | 1 << CGROUP_CPUACCT | 1 << CGROUP_MEMORY |
					     1 << CGROUP_SYSTEMD);
	assert_int_equal(w.t->n, 5);
	assert_int_equal(w.t->cpus, 2);
	both = get(&w, "/docker");
	assert_int_equal(both->trees, 1 << CGROUP_CPU | 1 << CGROUP_CPUACCT | 1 << CGROUP_MEMORY);
	assert_true(both->has_cpu);
	assert_int_equal(both->usage_ns, 42);
	assert_int_equal(both->user_ns, 300000000);
	assert_int_equal(both->system_ns, 120000000);
	assert_int_equal(both->percpu_ns[0], 20);
	assert_int_equal(both->percpu_ns[1], 22);
	assert_true(get(&w, "/odd")->has_cpu);
	assert_null(get(&w, "/odd")->percpu_ns);
	assert_int_equal(get(&w, "/docker/only")->trees, 1 << CGROUP_MEMORY);
	assert_false(get(&w, "/docker/only")->has_cpu);
	assert_ptr_equal(&w.t->v[get(&w, "/docker/only")->parent], both);
	assert_int_equal(get(&w, "/x.service")->trees, 1 << CGROUP_SYSTEMD);
	dir = cgroup_open(&w.host, both, CGROUP_MEMORY);
	assert_true(dir >= 0);
	stop(&w);
}

static void test_hybrid(void **state)
{
	struct world w;
	_cleanup_fd_ int dir = -1;
	struct stat st;

	(void)state;
	start(&w);
	put(&w, "cpuacct", NULL);
	put_files(&w, "cpuacct", (const char *const[]){ CPUACCT("7", "7") });
	put(&w, "cpuacct/both", NULL);
	put_files(&w, "cpuacct/both", (const char *const[]){ CPUACCT("5", "5") });
	put(&w, "unified", CPU_STAT);
	put(&w, "unified/both", CPU_STAT);
	put(&w, "unified/v2", CPU_STAT);
	assert_int_equal(read_again(&w), 0);
	assert_int_equal(w.t->n, 3);
	assert_int_equal(get(&w, "/both")->usage_ns, 5);
	assert_int_equal(get(&w, "/v2")->usage_ns, 3000000000);
	dir = cgroup_open(&w.host, get(&w, "/both"), CGROUP_V2);
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(get(&w, "/both")->id, st.st_ino);
	assert_ptr_equal(cgroup_by_id(w.t, st.st_ino), get(&w, "/both"));
	stop(&w);
}

static void test_none(void **state)
{
	struct world w;

	(void)state;
	start(&w);
	assert_int_equal(read_again(&w), -ENOENT);
	assert_int_equal(unlinkat(w.dir, "fs/cgroup", AT_REMOVEDIR), 0);
	assert_int_equal(read_again(&w), -ENOENT);
	stop(&w);
}

/* Whatever the kernel allows: all but a slash. */
static void test_names(void **state)
{
	static const char *const names[] = { "/a\nb", "/quo\"te\\", "/\xff\xfe", "/a b", "/..." };
	_cleanup_fd_ int base = -1;
	struct world w;

	(void)state;
	start(&w);
	base = openat(w.dir, "fs/cgroup", O_PATH | O_CLOEXEC);
	put(&w, ".", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		put(&w, names[i] + 1, CPU_STAT);
	assert_int_equal(symlinkat("a b", base, "link"), 0);
	assert_int_equal(read_again(&w), 0);
	assert_int_equal(w.t->n, ARRAY_SIZE(names) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_true(get(&w, names[i])->has_cpu);
	stop(&w);
}

static void test_too_deep(void **state)
{
	_cleanup_fd_ int dir = -1;
	struct world w;

	(void)state;
	start(&w);
	put(&w, ".", NULL);
	dir = file_open_dir(w.dir, "fs/cgroup");
	for (int i = 0; i < 40; i++) {
		int below;

		assert_int_equal(mkdirat(dir, "d", 0755), 0);
		below = file_open_dir(dir, "d");
		unit_write(below, "cgroup.procs", STR(""));
		(void)close(dir);
		dir = below;
	}
	assert_int_equal(read_again(&w), 0);
	assert_int_equal(w.t->n, 33);
	assert_int_equal(w.t->left_out, 1);
	stop(&w);
}

/* Too many are told as many as there may be, and it is users who have too many. */
static void test_too_many(void **state)
{
	static const char *const trees[] = { "fs/cgroup/pids", "fs/cgroup/memory" };
	struct world w;
	char name[32];

	(void)state;
	start(&w);
	put(&w, "pids", NULL);
	put(&w, "memory", NULL);
	for (size_t tree = 0; tree < ARRAY_SIZE(trees); tree++) {
		_cleanup_fd_ int dir = openat(w.dir, trees[tree], O_PATH | O_CLOEXEC);

		assert_int_equal(mkdirat(dir, "a.slice", 0755), 0);
		assert_int_equal(mkdirat(dir, "user.slice", 0755), 0);
		for (int i = 0; i < 16400; i++) {
			(void)snprintf(name, sizeof(name), "user.slice/%d", i);
			assert_int_equal(mkdirat(dir, name, 0755), 0);
		}
		assert_int_equal(mkdirat(dir, "z.slice", 0755), 0);
	}
	assert_int_equal(read_again(&w), 0);
	assert_int_equal(w.t->n, 16384);
	assert_int_equal(w.t->left_out, 20);
	assert_non_null(cgroup_find(w.t, STR("/a.slice")));
	assert_non_null(cgroup_find(w.t, STR("/z.slice")));
	stop(&w);
}

static size_t open_files(void)
{
	_cleanup_dir_ DIR *stream = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(stream))
		n++;
	return n;
}

/* Groups that come and go leave neither an open file nor memory behind. */
static void test_no_growth(void **state)
{
	_cleanup_fd_ int dir = -1;
	struct world w;
	char name[32];
	size_t files = 0;

	(void)state;
	start(&w);
	put(&w, ".", CPU_STAT);
	dir = openat(w.dir, "fs/cgroup", O_PATH | O_CLOEXEC);
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(mkdirat(dir, name, 0755), 0);
		if (i % 10 == 0)
			assert_int_equal(read_again(&w), 0);
		if (i == 100)
			files = open_files();
		(void)snprintf(name, sizeof(name), "%d", i - 20);
		if (i >= 20)
			assert_int_equal(unlinkat(dir, name, AT_REMOVEDIR), 0);
	}
	assert_int_equal(open_files(), files);
	stop(&w);
}

static void test_parse(void **state)
{
	struct cgroup group = { 0 };
	uint64_t v[4];

	(void)state;
	assert_false(cgroup_parse_cpu_stat(STR(""), &group));
	assert_false(cgroup_parse_cpu_stat(STR("usage_usec 1\nuser_usec 1\n"), &group));
	assert_false(
		cgroup_parse_cpu_stat(STR("usage_usec -1\nuser_usec 1\nsystem_usec 1\n"), &group));
	assert_true(
		cgroup_parse_cpu_stat(STR("system_usec 1\n\nuser_usec 2\nusage_usec 3"), &group));
	assert_int_equal(group.usage_ns, 3000);
	assert_false(cgroup_parse_cpuacct_stat(STR("user 1\n"), &group));
	assert_false(cgroup_parse_cpuacct_stat(STR("user 1\nsystem x\n"), &group));
	assert_int_equal(cgroup_parse_percpu(STR("1 2 3 4 \n"), v, 4), 4);
	assert_int_equal(v[3], 4);
	assert_int_equal(cgroup_parse_percpu(STR("1 2 3 4 5"), v, 4), 0);
	assert_int_equal(cgroup_parse_percpu(STR("1 x"), v, 4), 0);
	assert_int_equal(cgroup_parse_percpu(STR(" \n"), v, 4), 0);
}

/* This machine's own: what the table says of the root lies between two readings of its file. */
static void test_live(void **state)
{
	struct host host;
	const struct cgroup_table *t;
	char buffer[8192];
	struct str text;
	int r;

	(void)state;
	host_open(&host, &(struct host_paths){ 0 }, false);
	host.cycle = 1;
	r = cgroups_of_cycle(&host, &t);
	if (r == 0) {
		_cleanup_fd_ int dir = cgroup_open(&host, &t->v[0], CGROUP_V2);

		assert_text(t->v[0].path, "/");
		for (size_t i = 1; i < t->n; i++) {
			assert_true(t->v[i].parent < i);
			assert_true(t->v[i].trees != 0);
			assert_ptr_equal(cgroup_find(t, t->v[i].path), &t->v[i]);
		}
		if (dir >= 0 && t->v[0].has_cpu && !t->v[0].percpu_ns) {
			struct cgroup after = { 0 };

			assert_int_equal(
				cgroup_read_file(dir, "cpu.stat", buffer, sizeof(buffer), &text),
				0);
			assert_true(cgroup_parse_cpu_stat(text, &after));
			assert_true(t->v[0].usage_ns <= after.usage_ns);
		}
	} else {
		assert_int_equal(r, -ENOENT);
	}
	host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v2),        cmocka_unit_test(test_once_a_cycle),
		cmocka_unit_test(test_v1),        cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_none),      cmocka_unit_test(test_names),
		cmocka_unit_test(test_too_deep),  cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_no_growth), cmocka_unit_test(test_parse),
		cmocka_unit_test(test_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
