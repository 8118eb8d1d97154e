/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/wait.h>

#include "unit.h"

struct world {
	int dir;
	char path[64];
	struct arena arena;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->dir = unit_dir(w->path);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	arena_release(&w->arena);
	unit_remove(w->dir);
	free(w);
	return 0;
}

static size_t entries(int dir)
{
	_cleanup_dir_ DIR *stream = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	assert_non_null(stream);
	while (readdir(stream))
		n++;
	return n - 2;
}

static mode_t mode_of(int dir, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static void test_read(void **state)
{
	static const size_t sizes[] = { 0, 1, 4093, 4094, 4095, 4096, 4097, 70000 };
	struct world *w = *state;
	char *content = malloc(70000);
	struct str text;

	assert_non_null(content);
	for (size_t i = 0; i < 70000; i++)
		content[i] = (char)(i * 7);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		static const size_t hints[] = { 0, 1, 2, 3, 100, 4096, 100000 };

		unit_write(w->dir, "file", (struct str){ content, sizes[i] });
		assert_int_equal(file_read(w->dir, "file", 1 << 20, &w->arena, &text), 0);
		assert_int_equal(text.n, sizes[i]);
		assert_memory_equal(text.p, content, sizes[i]);
		assert_int_equal(text.p[text.n], '\0');
		assert_int_equal(file_read(w->dir, "file", sizes[i], &w->arena, &text), 0);
		if (sizes[i])
			assert_int_equal(file_read(w->dir, "file", sizes[i] - 1, &w->arena, &text),
					 -EFBIG);

		_cleanup_fd_ int fd = openat(w->dir, "file", O_RDONLY | O_CLOEXEC);

		for (size_t k = 0; k < ARRAY_SIZE(hints); k++) {
			assert_int_equal(file_read_fd(fd, hints[k], 1 << 20, &w->arena, &text), 0);
			assert_int_equal(text.n, sizes[i]);
			assert_memory_equal(text.p, content, sizes[i]);
			assert_int_equal(text.p[text.n], '\0');
		}
	}
	free(content);
}

static void test_read_errors(void **state)
{
	struct world *w = *state;
	struct str text = STR("untouched");
	uid_t user;

	assert_int_equal(file_read(w->dir, "nothing", 100, &w->arena, &text), -ENOENT);
	assert_int_equal(mkdirat(w->dir, "dir", 0755), 0);
	assert_int_equal(file_read(w->dir, "dir", 100, &w->arena, &text), -EISDIR);
	unit_write(w->dir, "secret", STR("x"));
	assert_int_equal(fchmodat(w->dir, "secret", 0, 0), 0);
	user = unit_as_nobody();
	assert_int_equal(file_read(w->dir, "secret", 100, &w->arena, &text), -EACCES);
	unit_as(user);
	assert_int_equal(file_read(AT_FDCWD, "/dev/zero", 100000, &w->arena, &text), -EFBIG);
	assert_int_equal(file_read_fd(-1, 0, 100, &w->arena, &text), -EBADF);
	assert_text(text, "untouched");

	/* A FIFO without a writer must not hold us up. */
	assert_int_equal(mkfifoat(w->dir, "fifo", 0600), 0);
	(void)alarm(60);
	assert_int_equal(file_read(w->dir, "fifo", 100, &w->arena, &text), 0);
	(void)alarm(0);
	assert_text(text, "");

	assert_int_equal(file_read(AT_FDCWD, "/proc/self/stat", 1 << 20, &w->arena, &text), 0);
	assert_true(text.n > 20);
}

static void test_replace(void **state)
{
	struct world *w = *state;
	struct str text;
	char *large = malloc(3 << 20);

	assert_non_null(large);
	memset(large, 'l', 3 << 20);
	assert_int_equal(file_replace(w->dir, "f", STR("one"), 0600, false), 0);
	assert_int_equal(mode_of(w->dir, "f"), 0600);
	assert_int_equal(file_replace(w->dir, "f", STR(""), 0640, true), 0);
	assert_int_equal(mode_of(w->dir, "f"), 0640);
	assert_int_equal(file_read(w->dir, "f", 10, &w->arena, &text), 0);
	assert_text(text, "");
	assert_int_equal(file_replace(w->dir, "f", (struct str){ large, 3 << 20 }, 0600, true), 0);
	assert_int_equal(file_read(w->dir, "f", 4 << 20, &w->arena, &text), 0);
	assert_int_equal(text.n, 3 << 20);
	assert_int_equal(entries(w->dir), 1);
	free(large);

	/* A link is replaced, not what it points to. */
	unit_write(w->dir, "precious", STR("keep"));
	assert_int_equal(symlinkat("precious", w->dir, "link"), 0);
	assert_int_equal(file_replace(w->dir, "link", STR("new"), 0600, false), 0);
	assert_int_equal(file_read(w->dir, "precious", 10, &w->arena, &text), 0);
	assert_text(text, "keep");
	assert_int_equal(entries(w->dir), 3);
}

static void test_replace_errors(void **state)
{
	struct world *w = *state;
	struct str text;
	char name[400];
	uid_t user;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(file_replace(w->dir, name, STR("x"), 0600, false), -ENAMETOOLONG);
	name[255] = '\0';
	assert_int_equal(file_replace(w->dir, name, STR("x"), 0600, false), -ENAMETOOLONG);

	/* What cannot be renamed over leaves no temporary file behind. */
	assert_int_equal(mkdirat(w->dir, "d", 0755), 0);
	assert_int_equal(file_replace(w->dir, "d", STR("x"), 0600, false), -EISDIR);
	assert_int_equal(entries(w->dir), 1);

	/* An unwritable directory, and a full disk, leave the old file alone. */
	unit_write(w->dir, "f", STR("old"));
	assert_int_equal(fchmod(w->dir, 0555), 0);
	user = unit_as_nobody();
	assert_int_equal(file_replace(w->dir, "f", STR("new"), 0600, false), -EACCES);
	unit_as(user);
	assert_int_equal(fchmod(w->dir, 0755), 0);
	assert_int_equal(file_read(w->dir, "f", 10, &w->arena, &text), 0);
	assert_text(text, "old");

	_cleanup_fd_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	assert_int_equal(file_write_all(full, STR("x")), -ENOSPC);
	assert_int_equal(file_write_all(-1, STR("x")), -EBADF);
	assert_int_equal(file_write_all(-1, STR("")), 0);
}

static void test_write_all(void **state)
{
	enum { TOTAL = 1 << 20 };
	struct world *w = *state;
	char *content = malloc(TOTAL);
	size_t got = 0;
	int pipes[2], status;
	char part[5000];

	(void)w;
	assert_non_null(content);
	for (size_t i = 0; i < TOTAL; i++)
		content[i] = (char)(i / 3);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);

	pid_t child = fork();

	if (child == 0)
		_exit(file_write_all(pipes[1], (struct str){ content, TOTAL }) == 0 ? 0 : 1);
	(void)close(pipes[1]);
	for (ssize_t n; (n = read(pipes[0], part, sizeof(part))) > 0; got += (size_t)n)
		assert_memory_equal(part, content + got, (size_t)n);
	(void)close(pipes[0]);
	assert_int_equal(got, TOTAL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	free(content);
}

static void test_dirs(void **state)
{
	struct world *w = *state;
	char path[5000];
	mode_t mask = umask(022);

	(void)snprintf(path, sizeof(path), "%s/a//b/c", w->path);
	assert_int_equal(file_make_dirs(path, 0700), 0);
	assert_int_equal(mode_of(w->dir, "a"), 0755);
	assert_int_equal(mode_of(w->dir, "a/b"), 0755);
	assert_int_equal(mode_of(w->dir, "a/b/c"), 0700);
	assert_int_equal(file_make_dirs(path, 0755), 0);
	assert_int_equal(mode_of(w->dir, "a/b/c"), 0700);
	(void)snprintf(path, sizeof(path), "%s/private//", w->path);
	assert_int_equal(file_make_dirs(path, 0700), 0);
	assert_int_equal(mode_of(w->dir, "private"), 0700);
	(void)umask(mask);

	unit_write(w->dir, "file", STR(""));
	(void)snprintf(path, sizeof(path), "%s/file", w->path);
	assert_int_equal(file_make_dirs(path, 0700), -ENOTDIR);
	(void)snprintf(path, sizeof(path), "%s/file/x", w->path);
	assert_int_equal(file_make_dirs(path, 0700), -ENOTDIR);
	assert_int_equal(file_make_dirs("", 0700), -ENOENT);
	assert_int_equal(file_make_dirs("/", 0700), 0);
	memset(path, 'p', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(file_make_dirs(path, 0700), -ENAMETOOLONG);

	int fd = file_open_dir(w->dir, "a/b");

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	(void)close(fd);
	assert_int_equal(file_open_dir(w->dir, "file"), -ENOTDIR);
	assert_int_equal(file_open_dir(w->dir, "none"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dirs, setup, teardown),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
