/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit.h"

#include "host/host.h"

struct world {
	int dir; /* stands for all four trees */
	char path[64];
	struct host host;
	struct arena arena;
};

static void open_host(struct world *w, bool keep)
{
	const struct host_paths paths = { .path = { w->path, w->path, w->path, w->path } };

	host_open(&w->host, &paths, keep);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->dir = unit_dir(w->path);
	open_host(w, false);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	host_close(&w->host);
	arena_release(&w->arena);
	unit_remove(w->dir);
	free(w);
	return 0;
}

static int reopen_resident(struct world *w)
{
	host_close(&w->host);
	open_host(w, true);
	return 0;
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void assert_reads(struct world *w, enum host_root root, const char *path, const char *want)
{
	struct str text = { 0 };

	assert_int_equal(host_read(&w->host, root, path, &w->arena, &text), 0);
	assert_text(text, want);
}

static void test_roots(void **state)
{
	struct world *w = *state;
	const struct host_paths live = { .path = { NULL, "", "/", "/run/udev" } };
	const struct host_paths odd = { .path = { "/nowhere", w->path, "/proc/self/stat", NULL } };
	struct host host;
	struct str text = STR("untouched");

	host_open(&host, &live, false);
	for (int i = 0; i < HOST_ROOTS; i++)
		assert_true(host_is_live(&host, (enum host_root)i));
	assert_true(host.dir[HOST_PROC] >= 0);
	assert_int_equal(fcntl(host.dir[HOST_PROC], F_GETFD), FD_CLOEXEC);
	assert_int_equal(host_read(&host, HOST_PROC, "self/stat", &w->arena, &text), 0);
	assert_true(text.n > 10);
	host_close(&host);

	text = STR("untouched");
	host_open(&host, &odd, true);
	assert_false(host_is_live(&host, HOST_PROC));
	assert_false(host_is_live(&host, HOST_SYS));
	assert_true(host_is_live(&host, HOST_UDEV));
	assert_int_equal(host_read(&host, HOST_PROC, "stat", &w->arena, &text), -ENOENT);
	assert_int_equal(host_read(&host, HOST_ROOT, "stat", &w->arena, &text), -ENOTDIR);
	assert_int_equal(host_open_dir(&host, HOST_PROC, "x"), -ENOENT);
	assert_text(text, "untouched");
	host_close(&host);
	host_close(&host);
}

static void test_net_of_init(void **state)
{
	struct world *w = *state;
	int fd;

	assert_int_equal(mkdirat(w->dir, "net", 0755), 0);
	assert_int_equal(mkdirat(w->dir, "1", 0755), 0);
	assert_int_equal(mkdirat(w->dir, "1/net", 0755), 0);
	fd = openat(w->dir, "net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unit_write(fd, "dev", STR("own"));
	unit_write(fd, "arp", STR("own"));
	(void)close(fd);
	fd = openat(w->dir, "1/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unit_write(fd, "dev", STR("host's"));
	(void)close(fd);
	assert_reads(w, HOST_PROC, "net/dev", "own");
	for (int round = 0; round < 2; round++) {
		host_close(&w->host);
		open_host(w, round);
		assert_reads(w, HOST_PROC, "net/dev", "host's");
		assert_reads(w, HOST_PROC, "net/arp", "own");
		assert_reads(w, HOST_SYS, "net/dev", "own");
	}
}

/* The kernel's own trees under other names, as a container has them. */
static void test_own_trees(void **state)
{
	const struct host_paths own = { .path = { "/proc/.", "/sys/.", "/.", NULL } };
	const struct host_paths parts = { .path = { "/proc/sys", "/sys/kernel", NULL, NULL } };
	struct stat ours, first;
	struct host host;

	(void)state;
	host_open(&host, &own, false);
	/* Tests may run in a network of their own. */
	assert_int_equal(stat("/proc/self/net/dev", &ours), 0);
	assert_int_equal(host_is_live(&host, HOST_PROC),
			 stat("/proc/1/net/dev", &first) == 0 && ours.st_ino == first.st_ino);
	assert_true(host.same_kernel);
	assert_true(host_is_live(&host, HOST_SYS));
	assert_false(host_is_live(&host, HOST_ROOT));
	host_close(&host);
	host_open(&host, &parts, false);
	assert_false(host_is_live(&host, HOST_PROC));
	assert_false(host_is_live(&host, HOST_SYS));
	host_close(&host);
}

static size_t lines_of(struct world *w, const char *path)
{
	struct str text = { 0 }, line;
	size_t n = 0;

	if (host_read(&w->host, HOST_PROC, path, &w->arena, &text) < 0)
		return SIZE_MAX;
	while (str_line(&text, &line))
		n++;
	return n;
}

/* In a network of its own a process is told of the host's all the same, and told apart. */
static void test_other_network(void **state)
{
	struct world *w = *state;
	const struct host_paths own = { .path = { "/proc/.", NULL, NULL, NULL } };
	int status, tries = 100;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		/* It takes root. */
		if (unshare(CLONE_NEWNET) < 0)
			_exit(0);
		host_close(&w->host);
		host_open(&w->host, &own, false);
		/* Others add devices to the host and take them away. */
		while (lines_of(w, "net/dev") != lines_of(w, "1/net/dev") && --tries)
			continue;
		_exit(host_is_live(&w->host, HOST_PROC)  ? 1
		      : !tries                           ? 2
		      : lines_of(w, "self/net/dev") != 3 ? 3
							 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void check_errors(struct world *w)
{
	struct str text = STR("untouched");
	uid_t user;

	assert_int_equal(mkdirat(w->dir, "directory", 0755), 0);
	assert_int_equal(mkfifoat(w->dir, "fifo", 0666), 0);
	unit_write(w->dir, "secret", STR("x"));
	assert_int_equal(fchmodat(w->dir, "secret", 0, 0), 0);
	assert_int_equal(symlinkat("nowhere", w->dir, "dangling"), 0);
	assert_int_equal(symlinkat("loop", w->dir, "loop"), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(host_read(&w->host, HOST_SYS, "none", &w->arena, &text), -ENOENT);
		assert_int_equal(host_read(&w->host, HOST_SYS, "directory", &w->arena, &text),
				 -EISDIR);
		assert_int_equal(host_read(&w->host, HOST_SYS, "dangling", &w->arena, &text),
				 -ENOENT);
		assert_int_equal(host_read(&w->host, HOST_SYS, "loop", &w->arena, &text), -ELOOP);
		assert_int_equal(host_read(&w->host, HOST_SYS, "secret/x", &w->arena, &text),
				 -ENOTDIR);
		user = unit_as_nobody();
		assert_int_equal(host_read(&w->host, HOST_SYS, "secret", &w->arena, &text),
				 -EACCES);
		unit_as(user);
		assert_text(text, "untouched");
	}
	(void)alarm(60);
	assert_int_equal(host_read(&w->host, HOST_SYS, "fifo", &w->arena, &text), 0);
	(void)alarm(0);
	assert_text(text, "");
	unit_write(w->dir, "real", STR("content\n"));
	assert_int_equal(symlinkat("real", w->dir, "link"), 0);
	assert_reads(w, HOST_SYS, "link", "content\n");
}

static void test_errors(void **state)
{
	check_errors(*state);
}

static void test_errors_resident(void **state)
{
	unsigned before = open_fds();
	struct world *w = *state;

	(void)reopen_resident(w);
	check_errors(w);
	/* Of all these only the readable ones stay open: fifo and link. */
	assert_int_equal(w->host.n_kept, 2);
	assert_int_equal(open_fds(), before + 2);
}

static void test_oneshot(void **state)
{
	struct world *w = *state;

	unit_write(w->dir, "f", STR("one"));
	assert_reads(w, HOST_PROC, "f", "one");
	unit_write(w->dir, "f", STR("two, longer"));
	assert_reads(w, HOST_PROC, "f", "two, longer");
	assert_int_equal(renameat(w->dir, "f", w->dir, "g"), 0);
	unit_write(w->dir, "f", STR("new"));
	assert_reads(w, HOST_PROC, "f", "new");
	assert_int_equal(w->host.n_kept, 0);
}

/* Kept open: what the file says now, however long; and the same file, whatever its name. */
static void test_resident(void **state)
{
	struct world *w = *state;
	char *big = malloc(100001);

	assert_non_null(big);
	memset(big, 'b', 100000);
	big[100000] = '\0';
	(void)reopen_resident(w);
	unit_write(w->dir, "f", STR("one"));
	assert_reads(w, HOST_PROC, "f", "one");
	unit_write(w->dir, "f", STR("two, longer"));
	assert_reads(w, HOST_PROC, "f", "two, longer");
	unit_write(w->dir, "f", str_of(big));
	assert_reads(w, HOST_PROC, "f", big);
	unit_write(w->dir, "f", STR(""));
	assert_reads(w, HOST_PROC, "f", "");
	unit_write(w->dir, "f", STR("x"));
	assert_reads(w, HOST_PROC, "f", "x");
	assert_int_equal(w->host.n_kept, 1);

	/* The same name below another root is another file. */
	assert_reads(w, HOST_SYS, "f", "x");
	assert_int_equal(w->host.n_kept, 2);

	unit_write(w->dir, "new", STR("renamed over"));
	assert_int_equal(renameat(w->dir, "new", w->dir, "f"), 0);
	assert_reads(w, HOST_PROC, "f", "x");
	assert_int_equal(unlinkat(w->dir, "f", 0), 0);
	assert_reads(w, HOST_PROC, "f", "x");
	free(big);
}

/* Files that people replace are looked up by name each time. */
static void test_other_trees(void **state)
{
	struct world *w = *state;

	(void)reopen_resident(w);
	for (int root = HOST_ROOT; root <= HOST_UDEV; root++) {
		unit_write(w->dir, "os-release", STR("old"));
		assert_reads(w, (enum host_root)root, "os-release", "old");
		unit_write(w->dir, "new", STR("upgraded"));
		assert_int_equal(renameat(w->dir, "new", w->dir, "os-release"), 0);
		assert_reads(w, (enum host_root)root, "os-release", "upgraded");
	}
	assert_int_equal(w->host.n_kept, 0);
}

/* An open file whose subject has gone, and is back under the same name. */
static void test_reopen(void **state)
{
	struct world *w = *state;
	struct str text = STR("untouched");
	unsigned before;

	(void)reopen_resident(w);
	unit_write(w->dir, "f", STR("first"));
	assert_reads(w, HOST_PROC, "f", "first");
	before = open_fds();

	/* A write-only descriptor in its place stands for one that reads an error. */
	for (size_t i = 0; i < HOST_KEPT_MAX; i++) {
		const struct host_kept *k = &w->host.kept[i];

		if (!k->path)
			continue;

		_cleanup_fd_ int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		assert_true(dup3(fd, k->fd, O_CLOEXEC) >= 0);
	}
	unit_write(w->dir, "f", STR("second"));
	assert_reads(w, HOST_PROC, "f", "second");
	assert_reads(w, HOST_PROC, "f", "second");
	for (size_t i = 0; i < HOST_KEPT_MAX; i++)
		if (w->host.kept[i].path) {
			_cleanup_fd_ int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

			assert_true(dup3(fd, w->host.kept[i].fd, O_CLOEXEC) >= 0);
		}
	assert_int_equal(unlinkat(w->dir, "f", 0), 0);
	assert_int_equal(host_read(&w->host, HOST_PROC, "f", &w->arena, &text), -ENOENT);
	assert_text(text, "untouched");
	unit_write(w->dir, "f", STR("third"));
	assert_reads(w, HOST_PROC, "f", "third");
	assert_int_equal(open_fds(), before);
}

/* More files than are kept: all are read, and those that are kept stay so. */
static void test_many(void **state)
{
	enum { N = 300 };
	struct world *w = *state;
	char(*names)[16] = calloc(N, sizeof(*names));
	unsigned before = open_fds();

	assert_non_null(names);
	(void)reopen_resident(w);
	for (int i = 0; i < N; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "f%d", i);
		unit_write(w->dir, names[i], str_of(names[i]));
	}
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++)
			assert_reads(w, HOST_PROC, names[i], names[i]);
		assert_int_equal(w->host.n_kept, HOST_KEPT_MAX / 2);
		assert_int_equal(open_fds(), before + HOST_KEPT_MAX / 2);
	}
	/* The first were kept: a new file of that name is not seen, of the last it is. */
	assert_int_equal(unlinkat(w->dir, names[0], 0), 0);
	assert_int_equal(unlinkat(w->dir, names[N - 1], 0), 0);
	unit_write(w->dir, names[0], STR("new"));
	unit_write(w->dir, names[N - 1], STR("new"));
	assert_reads(w, HOST_PROC, names[0], "f0");
	assert_reads(w, HOST_PROC, names[N - 1], "new");
	host_close(&w->host);
	open_host(w, false);
	assert_int_equal(open_fds(), before);
	free(names);
}

static void test_once(void **state)
{
	struct world *w = *state;
	struct str first, second;

	for (int resident = 0; resident < 2; resident++) {
		if (resident)
			(void)reopen_resident(w);
		unit_write(w->dir, "f", STR("one"));
		w->host.cycle++;
		assert_int_equal(host_read_once(&w->host, HOST_PROC, "f", &first), 0);
		unit_write(w->dir, "f", STR("two"));
		assert_int_equal(host_read_once(&w->host, HOST_PROC, "f", &second), 0);
		assert_text(first, "one");
		assert_text(second, "one");
		w->host.cycle++;
		assert_int_equal(host_read_once(&w->host, HOST_PROC, "f", &second), 0);
		assert_text(second, "two");
		assert_int_equal(host_read_once(&w->host, HOST_PROC, "none", &second), -ENOENT);
		assert_text(second, "two");
	}
}

static void test_list(void **state)
{
	static const char *const sorted[] = { "9",        "10",     "a",       "cpu",
					      "cpu2",     "cpu2a",  "cpu10",   "cpu10p2",
					      "cpu10p11", "cpu100", "cpufreq", "\xc3\xa9" };
	struct world *w = *state;
	struct str *names = NULL;
	size_t n = 42;
	uid_t user;

	assert_int_equal(mkdirat(w->dir, "d", 0755), 0);
	assert_int_equal(host_list(&w->host, HOST_SYS, "d", &w->arena, &names, &n), 0);
	assert_int_equal(n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
		_cleanup_fd_ int d = file_open_dir(w->dir, "d");

		unit_write(d, sorted[ARRAY_SIZE(sorted) - 1 - i], STR(""));
	}
	assert_int_equal(host_list(&w->host, HOST_SYS, "d", &w->arena, &names, &n), 0);
	assert_int_equal(n, ARRAY_SIZE(sorted));
	for (size_t i = 0; i < n; i++) {
		assert_text(names[i], sorted[i]);
		assert_int_equal(names[i].p[names[i].n], '\0');
	}
	n = 42;
	assert_int_equal(host_list(&w->host, HOST_SYS, "none", &w->arena, &names, &n), -ENOENT);
	assert_int_equal(host_list(&w->host, HOST_SYS, "d/cpu", &w->arena, &names, &n), -ENOTDIR);
	assert_int_equal(fchmodat(w->dir, "d", 0, 0), 0);
	user = unit_as_nobody();
	assert_int_equal(host_list(&w->host, HOST_SYS, "d", &w->arena, &names, &n), -EACCES);
	unit_as(user);
	assert_int_equal(n, 42);
}

static void test_long_list(void **state)
{
	struct world *w = *state;
	struct str *names;
	size_t n;
	char name[16];

	for (int i = 999; i >= 0; i--) {
		(void)snprintf(name, sizeof(name), "sda%d", i);
		unit_write(w->dir, name, STR(""));
	}
	assert_int_equal(host_list(&w->host, HOST_SYS, ".", &w->arena, &names, &n), 0);
	assert_int_equal(n, 1000);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "sda%d", i);
		assert_text(names[i], name);
	}
}

static void test_attr(void **state)
{
	static const struct {
		struct str text;
		int r, signed_r;
		int64_t value;
	} cases[] = {
		{ { "12\n", 3 }, 0, 0, 12 },
		{ { " 7 \n\n", 5 }, 0, 0, 7 },
		{ { "-5\n", 3 }, -EINVAL, 0, -5 },
		{ { "9223372036854775807", 19 }, 0, 0, INT64_MAX },
		{ { "9223372036854775808", 19 }, 0, -ERANGE, 0 },
		{ { "18446744073709551616", 20 }, -ERANGE, -ERANGE, 0 },
		{ { "", 0 }, -EINVAL, -EINVAL, 0 },
		{ { "\n", 1 }, -EINVAL, -EINVAL, 0 },
		{ { "1 2", 3 }, -EINVAL, -EINVAL, 0 },
		{ { "0x10", 4 }, -EINVAL, -EINVAL, 0 },
		{ { "1\0", 2 }, -EINVAL, -EINVAL, 0 },
		/* More than the buffer holds: its front alone would be a number. */
		{ { "1                                                                   2", 69 },
		  -EINVAL,
		  -EINVAL,
		  0 },
	};
	struct world *w = *state;
	struct str text;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t u = 42;
		int64_t s = 42;

		unit_write(w->dir, "attr", cases[i].text);
		assert_int_equal(host_attr_u64(w->dir, "attr", &u), cases[i].r);
		assert_int_equal(host_attr_i64(w->dir, "attr", &s), cases[i].signed_r);
		assert_true(s == (cases[i].signed_r ? 42 : cases[i].value));
		if (cases[i].r)
			assert_int_equal(u, 42);
		else if (!cases[i].signed_r)
			assert_int_equal(u, cases[i].value);
	}

	unit_write(w->dir, "attr", STR(" \tIntel(R) thing \n"));
	assert_int_equal(host_attr(w->dir, "attr", &w->arena, &text), 0);
	assert_text(text, "Intel(R) thing");
	assert_int_equal(text.p[text.n], '\0');
	assert_int_equal(host_attr(w->dir, "none", &w->arena, &text), -ENOENT);
	assert_int_equal(host_attr(w->dir, ".", &w->arena, &text), -EISDIR);
	assert_int_equal(host_attr_u64(w->dir, ".", &(uint64_t){ 0 }), -EISDIR);

	assert_int_equal(symlinkat("../../devices/pci/0", w->dir, "device"), 0);
	assert_int_equal(host_link(w->dir, "device", &w->arena, &text), 0);
	assert_text(text, "../../devices/pci/0");
	assert_int_equal(host_link(w->dir, "attr", &w->arena, &text), -EINVAL);
	assert_int_equal(host_link(w->dir, "none", &w->arena, &text), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_roots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_net_of_init, setup, teardown),
		cmocka_unit_test(test_own_trees),
		cmocka_unit_test_setup_teardown(test_other_network, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors_resident, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oneshot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resident, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_trees, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reopen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attr, setup, teardown),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
