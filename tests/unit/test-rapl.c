/* SPDX-License-Identifier: Apache-2.0 */
/* Zones in a class directory of plain files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "host/rapl.h"

struct world {
	char path[32];
	int root;
	struct host host;
	struct arena arena;
	struct rapl rapl;
};

static void write_file(const struct world *w, const char *zone, const char *file,
		       const char *content)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "class/powercap/%s", zone);
	(void)mkdirat(w->root, path, 0755);
	(void)snprintf(path, sizeof(path), "class/powercap/%s/%s", zone, file);
	fd = openat(w->root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, str_of(content)), 0);
	(void)close(fd);
}

static void remove_file(const struct world *w, const char *zone, const char *file)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "class/powercap/%s/%s", zone, file);
	assert_int_equal(unlinkat(w->root, path, 0), 0);
}

static void add_zone(const struct world *w, const char *zone, const char *name,
		     const char *energy_uj)
{
	write_file(w, zone, "name", name);
	write_file(w, zone, "max_energy_range_uj", "262143328850\n");
	write_file(w, zone, "energy_uj", energy_uj);
}

static int start(void **state)
{
	static struct world w;

	w = (struct world){ .path = "/tmp/rapl.XXXXXX" };
	assert_non_null(mkdtemp(w.path));
	w.root = file_open_dir(AT_FDCWD, w.path);
	assert_int_equal(mkdirat(w.root, "class", 0755), 0);
	host_open(&w.host, &(struct host_paths){ .path[HOST_SYS] = w.path }, true);
	*state = &w;
	return 0;
}

static void remove_tree(int dir)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str *names;
	size_t n;

	assert_int_equal(host_list_dir(dir, &arena, &names, &n), 0);
	for (size_t i = 0; i < n; i++) {
		_cleanup_fd_ int below = file_open_dir(dir, names[i].p);

		if (below >= 0)
			remove_tree(below);
		(void)unlinkat(dir, names[i].p, below >= 0 ? AT_REMOVEDIR : 0);
	}
}

static int stop(void **state)
{
	struct world *w = *state;

	rapl_release(&w->rapl);
	host_close(&w->host);
	arena_release(&w->arena);
	remove_tree(w->root);
	(void)close(w->root);
	return rmdir(w->path);
}

static int find(struct world *w)
{
	return rapl_find(&w->host, &w->rapl, &w->arena);
}

static void assert_zone(struct world *w, size_t i, const char *dir, const char *name,
			uint64_t energy_uj)
{
	uint64_t got;

	assert_true(i < w->rapl.n);
	assert_string_equal(w->rapl.zones[i].dir.p, dir);
	assert_string_equal(w->rapl.zones[i].name.p, name);
	assert_int_equal(w->rapl.zones[i].max_uj, 262143328850);
	assert_int_equal(rapl_read(&w->rapl.zones[i], &got), 0);
	assert_int_equal(got, energy_uj);
}

static void with_class(const struct world *w)
{
	assert_int_equal(mkdirat(w->root, "class/powercap", 0755), 0);
}

static void test_nothing(void **state)
{
	struct world *w = *state;

	assert_int_equal(find(w), -ENOENT);
	with_class(w);
	assert_int_equal(find(w), 0);
	assert_int_equal(w->rapl.n, 0);
	assert_int_equal(find(w), 0);
}

static void test_zones_in_byte_order(void **state)
{
	struct world *w = *state;

	with_class(w);
	add_zone(w, "intel-rapl:2", "package-2\n", "2\n");
	add_zone(w, "intel-rapl:10", "psys\n", "10\n");
	add_zone(w, "intel-rapl:0", "package-0\n", "18446744073709551615\n");
	add_zone(w, "intel-rapl-mmio:0", "package-0\n", "1\n");
	write_file(w, "intel-rapl", "enabled", "1\n");
	write_file(w, "dtpm:0", "name", "cpu0\n");
	write_file(w, "nameless", "max_energy_range_uj", "1\n");
	assert_int_equal(find(w), 0);
	assert_int_equal(w->rapl.n, 4);
	assert_zone(w, 0, "intel-rapl-mmio:0", "package-0", 1);
	assert_zone(w, 1, "intel-rapl:0", "package-0", UINT64_MAX);
	assert_zone(w, 2, "intel-rapl:10", "psys", 10);
	assert_zone(w, 3, "intel-rapl:2", "package-2", 2);
}

static void test_kept_open(void **state)
{
	struct world *w = *state;

	with_class(w);
	add_zone(w, "intel-rapl:0", "package-0\n", "1\n");
	assert_int_equal(find(w), 0);
	assert_zone(w, 0, "intel-rapl:0", "package-0", 1);

	int fd = w->rapl.zones[0].fd;

	write_file(w, "intel-rapl:0", "energy_uj", "23\n");
	assert_int_equal(find(w), 0);
	assert_int_equal(w->rapl.zones[0].fd, fd);
	assert_zone(w, 0, "intel-rapl:0", "package-0", 23);
	/* Another zone: all are found anew. */
	add_zone(w, "intel-rapl:0:0", "dram\n", "7\n");
	assert_int_equal(find(w), 0);
	assert_int_equal(w->rapl.n, 2);
	assert_zone(w, 1, "intel-rapl:0:0", "dram", 7);
	rapl_release(&w->rapl);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_unreadable(void **state)
{
	struct world *w = *state;
	uint64_t energy_uj = 99;

	with_class(w);
	add_zone(w, "a", "core\n", "\n");
	add_zone(w, "b", "dram\n", "1\n");
	remove_file(w, "b", "energy_uj");
	add_zone(w, "c", "psys\n", "3\n");
	assert_int_equal(find(w), 0);
	assert_int_equal(w->rapl.n, 3);
	assert_int_equal(rapl_read(&w->rapl.zones[0], &energy_uj), -EINVAL);
	assert_int_equal(rapl_read(&w->rapl.zones[1], &energy_uj), -ENOENT);
	assert_int_equal(energy_uj, 99);
	assert_zone(w, 2, "c", "psys", 3);
	/* Tried again though the directory is the same. */
	write_file(w, "b", "energy_uj", "5\n");
	assert_int_equal(find(w), 0);
	assert_zone(w, 1, "b", "dram", 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_zones_in_byte_order),
		TEST(test_kept_open),
		TEST(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
