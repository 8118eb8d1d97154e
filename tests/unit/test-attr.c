/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "host/attr.h"
#include "host/host.h"

struct fixture {
	char path[32];
	int dir;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memcpy(f->path, "/tmp/attr.XXXXXX", 17);
	assert_non_null(mkdtemp(f->path));
	f->dir = file_open_dir(AT_FDCWD, f->path);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlinkat(f->dir, "a", 0);
	(void)unlinkat(f->dir, "b", 0);
	(void)unlinkat(f->dir, "d", AT_REMOVEDIR);
	(void)close(f->dir);
	(void)rmdir(f->path);
	free(f);
	return 0;
}

/* In place, as a kernel's attribute changes: the file stays the same. */
static void put(int dir, const char *name, struct str content)
{
	_cleanup_fd_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(file_write_all(fd, content), 0);
}

static void assert_reads(struct attr_pool *pool, struct attr_file *file, const char *expected)
{
	char text[ATTR_TEXT_MAX];
	struct str got;

	assert_int_equal(attr_read(pool, file, text, &got), 0);
	assert_true(str_eq(got, str_of(expected)));
}

static void test_kept(void **state)
{
	const struct fixture *f = *state;
	struct attr_pool pool = { .max = 1 };
	struct attr_file a = { f->dir, "a", -1 }, b = { f->dir, "b", -1 };

	put(f->dir, "a", STR("one\n"));
	put(f->dir, "b", STR("1\n"));
	assert_reads(&pool, &a, "one\n");
	assert_reads(&pool, &b, "1\n");
	assert_true(a.fd >= 0);
	assert_int_equal(b.fd, -1);
	put(f->dir, "a", STR("two, and longer\n"));
	put(f->dir, "b", STR("2"));
	assert_reads(&pool, &a, "two, and longer\n");
	assert_reads(&pool, &b, "2");
	assert_int_equal(pool.open, 1);
	attr_close(&pool, &b);
	assert_int_equal(pool.open, 1);
	attr_close(&pool, &a);
	assert_int_equal(pool.open, 0);
	assert_reads(&pool, &b, "2");
	assert_int_equal(pool.open, 1);
	attr_close(&pool, &b);
}

/* Two pools of one host share what the process may have open. */
static void test_shared_limit(void **state)
{
	const struct fixture *f = *state;
	struct host resident = { .keep = true, .spare_fds = 1 }, oneshot = { .spare_fds = 9 };
	struct attr_pool first = { 0 }, second = { 0 }, third = { 0 };
	struct attr_file a = { f->dir, "a", -1 }, b = { f->dir, "b", -1 };

	put(f->dir, "a", STR("one"));
	put(f->dir, "b", STR("1"));
	attr_pool_allow(&first, &resident, 5);
	attr_pool_allow(&second, &resident, 5);
	attr_pool_allow(&third, &oneshot, 5);
	assert_reads(&first, &a, "one");
	assert_reads(&second, &b, "1");
	assert_int_equal(first.open, 1);
	assert_int_equal(second.open, 0);
	attr_close(&first, &a);
	assert_reads(&second, &b, "1");
	assert_int_equal(second.open, 1);
	assert_int_equal(resident.spare_fds, 0);
	attr_close(&second, &b);
	assert_int_equal(resident.spare_fds, 1);
	assert_reads(&third, &a, "one");
	assert_int_equal(third.open, 0);
}

static void test_refusals(void **state)
{
	const struct fixture *f = *state;
	struct attr_pool pool = { .max = 9 };
	struct attr_file none = { f->dir, NULL, -1 }, gone = { f->dir, "a", -1 };
	struct attr_file directory = { f->dir, "d", -1 }, fifo = { f->dir, "b", -1 };
	char text[ATTR_TEXT_MAX];
	struct str got;

	assert_int_equal(mkdirat(f->dir, "d", 0700), 0);
	assert_int_equal(mkfifoat(f->dir, "b", 0600), 0);
	assert_int_equal(attr_read(&pool, &none, text, &got), -ENOENT);
	assert_int_equal(attr_read(&pool, &gone, text, &got), -ENOENT);
	assert_int_equal(attr_read(&pool, &directory, text, &got), -EISDIR);
	assert_int_equal(pool.open, 0);
	assert_int_equal(attr_read(&pool, &fifo, text, &got), -ESPIPE);
	attr_close(&pool, &fifo);
	assert_int_equal(pool.open, 0);
}

static void test_cut(void **state)
{
	const struct fixture *f = *state;
	struct attr_pool pool = { 0 };
	struct attr_file a = { f->dir, "a", -1 };
	char text[ATTR_TEXT_MAX], big[4096];
	struct str got;

	memset(big, '7', sizeof(big));
	put(f->dir, "a", (struct str){ big, sizeof(big) });
	assert_int_equal(attr_read(&pool, &a, text, &got), 0);
	assert_int_equal(got.n, ATTR_TEXT_MAX);
	put(f->dir, "a", STR(""));
	assert_int_equal(attr_read(&pool, &a, text, &got), 0);
	assert_int_equal(got.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
