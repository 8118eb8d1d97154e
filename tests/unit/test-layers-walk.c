/* SPDX-License-Identifier: Apache-2.0 */
/* The size of a tree, against what stat(2) says of what the test put into it. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "collect/container/layers.h"

enum { DEEP = 3000, MANY = 3000 };

struct sum {
	uint64_t bytes, inodes;
};

static void add(struct sum *sum, int dir, const char *name)
{
	struct stat s;

	assert_int_equal(fstatat(dir, name, &s, AT_SYMLINK_NOFOLLOW), 0);
	sum->bytes += (uint64_t)s.st_blocks * 512;
	sum->inodes++;
}

static void assert_measured(int root, const char *path, struct sum wanted)
{
	uint64_t bytes = 0, inodes = 0;

	assert_int_equal(layer_measure(root, path, 60, &bytes, &inodes), 0);
	assert_int_equal(inodes, wanted.inodes);
	assert_int_equal(bytes, wanted.bytes);
}

static void put_size(int dir, const char *name, size_t n)
{
	char *content = malloc(n + 1);

	assert_non_null(content);
	memset(content, 'x', n);
	unit_write(dir, name, (struct str){ content, n });
	free(content);
}

static int make_dir(int dir, const char *name)
{
	assert_int_equal(mkdirat(dir, name, 0755), 0);
	return file_open_dir(dir, name);
}

static void test_tree(void **state)
{
	int root = unit_dir(NULL);
	struct sum sum = { 0 };

	(void)state;

	{
		_cleanup_fd_ int top = make_dir(root, "top"), a = make_dir(top, "a"),
				 b = make_dir(a, "b"), empty = make_dir(top, "empty");
		_cleanup_fd_ int sparse = -1;

		put_size(a, "file", 100000);
		put_size(b, "small", 1);
		unit_write(top, "nothing", STR(""));
		assert_int_equal(linkat(a, "file", b, "again", 0), 0);
		assert_int_equal(linkat(a, "file", top, "and again", 0), 0);
		assert_int_equal(symlinkat("..", b, "up"), 0);
		assert_int_equal(symlinkat("/", top, "away"), 0);
		assert_int_equal(mkfifoat(b, "fifo", 0600), 0);
		sparse = openat(top, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(ftruncate(sparse, 1 << 30), 0);
		put_size(root, "outside", 50000);
		add(&sum, root, "top");
		add(&sum, top, "a");
		add(&sum, a, "b");
		add(&sum, top, "empty");
		add(&sum, a, "file");
		add(&sum, b, "small");
		add(&sum, top, "nothing");
		add(&sum, b, "up");
		add(&sum, top, "away");
		add(&sum, b, "fifo");
		add(&sum, top, "sparse");
		assert_true(sum.bytes >= 100000 && sum.bytes < 1 << 24);
		assert_measured(root, "top", sum);
		(void)empty;
	}
	unit_remove(root);
}

static void test_many_links(void **state)
{
	int root = unit_dir(NULL);
	struct sum sum = { 0 };

	(void)state;
	for (int i = 0; i < MANY; i++) {
		char first[32], second[32];

		(void)snprintf(first, sizeof(first), "a%d", i);
		(void)snprintf(second, sizeof(second), "b%d", i);
		unit_write(root, first, STR("x"));
		assert_int_equal(linkat(root, first, root, second, 0), 0);
		add(&sum, root, first);
	}
	/* Last, for it grows with its names. */
	add(&sum, root, ".");
	assert_measured(root, ".", sum);
	unit_remove(root);
}

/* Deeper than there are descriptors, and than a path may be long. */
static void test_deep(void **state)
{
	int root = unit_dir(NULL);
	struct sum sum = { 0 };

	(void)state;

	int at = dup(root);

	add(&sum, root, ".");
	for (int i = 0; i < DEEP; i++) {
		int below = make_dir(at, "d");

		add(&sum, at, "d");
		(void)close(at);
		at = below;
	}
	assert_measured(root, ".", sum);
	/* Up again, for what removes trees here would need a descriptor for each. */
	for (int i = 0; i < DEEP; i++) {
		int above = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_true(above >= 0);
		(void)close(at);
		at = above;
		assert_int_equal(unlinkat(at, "d", AT_REMOVEDIR), 0);
	}
	(void)close(at);
	unit_remove(root);
}

static void test_not_there(void **state)
{
	int root = unit_dir(NULL);
	uint64_t bytes, inodes;

	(void)state;
	unit_write(root, "file", STR("x"));
	assert_int_equal(symlinkat(".", root, "link"), 0);
	assert_int_equal(layer_measure(root, "none", 60, &bytes, &inodes), -ENOENT);
	assert_int_equal(layer_measure(root, "file", 60, &bytes, &inodes), -ENOTDIR);
	/* What it leads to is for whoever made it to say. */
	assert_true(layer_measure(root, "link", 60, &bytes, &inodes) < 0);
	unit_remove(root);
}

static void test_time(void **state)
{
	int root = unit_dir(NULL);
	uint64_t bytes, inodes;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "%d", i);
		unit_write(root, name, STR(""));
	}
	assert_int_equal(layer_measure(root, ".", -1, &bytes, &inodes), -ETIME);
	unit_remove(root);
}

static void test_forbidden(void **state)
{
	int root = unit_dir(NULL), r;
	uint64_t bytes, inodes;
	uid_t was;

	(void)state;
	assert_int_equal(fchmod(root, 0755), 0);
	(void)close(make_dir(root, "closed"));
	assert_int_equal(fchmodat(root, "closed", 0, 0), 0);
	was = unit_as_nobody();
	r = layer_measure(root, ".", 60, &bytes, &inodes);
	unit_as(was);
	/* Half a sum is none. */
	assert_int_equal(r, -EACCES);
	unit_remove(root);
}

/* Things that come, go and change their kind all the time: whatever it says, it ends. */
static void test_restless(void **state)
{
	int root = unit_dir(NULL);
	uint64_t bytes, inodes;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			(void)mkdirat(root, "x", 0755);
			(void)mkdirat(root, "x/y", 0755);
			(void)renameat(root, "x/y", root, "z");
			(void)unlinkat(root, "z", AT_REMOVEDIR);
			(void)unlinkat(root, "x", AT_REMOVEDIR);
			(void)symlinkat("/", root, "x");
			(void)unlinkat(root, "x", 0);
		}
	}
	for (int i = 0; i < 2000; i++) {
		int r = layer_measure(root, ".", 60, &bytes, &inodes);

		if (r == 0)
			assert_in_range(inodes, 1, 5);
		else
			assert_true(r == -ESTALE || r == -ENOENT);
	}
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	unit_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),     cmocka_unit_test(test_many_links),
		cmocka_unit_test(test_deep),     cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_time),     cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_restless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
