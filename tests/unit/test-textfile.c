/* SPDX-License-Identifier: Apache-2.0 */
/* Files that other programs leave, and what else may lie among them. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "unit.h"

#include "one-collector.h"

#include "collect/source/textfile.h"

struct world {
	struct one one;
	struct textfile_conf conf;
	int dir;
	char path[64];
	struct str named;
};

static void name_directory(struct world *w, struct str path)
{
	w->named = path;
	w->conf.directory = (struct opt_list){ 1, &w->named };
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->dir = unit_dir(w->path);
	w->conf = (struct textfile_conf){ .max_size = 4096 };
	name_directory(w, str_of(w->path));
	one_start(&w->one, "textfile", &w->conf, false);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	one_stop(&w->one);
	unit_remove(w->dir);
	free(w);
	return 0;
}

/* Another cycle: what it notes, one a line. */
static struct str run(struct world *w)
{
	struct collect *c = &w->one.c;
	struct str all = STR("");

	arena_reset(&w->one.why);
	c->why = (struct str){ 0 };
	c->notes = NULL;
	c->n_notes = c->more_notes = 0;
	assert_int_equal(one_run(&w->one), 0);
	for (uint32_t i = 0; i < c->n_notes; i++)
		all = arena_printf(&w->one.memory, "%.*s%.*s\n", STR_ARG(all),
				   STR_ARG(c->notes[i].text));
	return all;
}

static double value(struct world *w, const char *family, const char *labels)
{
	return one_value(&w->one, family, labels);
}

static double failed(struct world *w)
{
	return value(w, "node_textfile_scrape_error", "");
}

/* Without the directory, which is another one each time. */
static void assert_note(struct world *w, const char *want)
{
	struct str got = run(w), prefix = arena_printf(&w->one.memory, "%s/", w->path);

	assert_true(str_starts(got, prefix));
	assert_text(str_skip(got, prefix.n), want);
	assert_true(failed(w) > 0);
}

static void test_files(void **state)
{
	struct world *w = *state;
	struct str label = arena_printf(&w->one.memory, "file=\"%s/b.prom\"", w->path);
	const struct timespec times[] = { { 1600000000, 0 }, { 1500000000, 700000000 } };

	unit_write(w->dir, "a.prom", STR("# HELP a A.\n# TYPE a counter\na{x=\"1\"} 1\n"));
	unit_write(w->dir, "b.prom.tmp", STR("d 4\n"));
	unit_write(w->dir, "prom", STR("e 4\n"));
	unit_write(w->dir, "empty.prom", STR(""));
	unit_write(w->dir, "b.prom", STR("# TYPE a counter\na{x=\"2\"} 2\nc 3"));
	assert_int_equal(utimensat(w->dir, "b.prom", times, 0), 0);
	assert_text(run(w), "");
	assert_true(failed(w) == 0);
	assert_true(value(w, "a", "x=\"1\"") == 1);
	assert_true(value(w, "a", "x=\"2\"") == 2);
	assert_true(value(w, "c", "") == 3);
	assert_true(isnan(value(w, "d", "")) && isnan(value(w, "e", "")));
	/* Whole seconds, as node_exporter tells them. */
	assert_true(value(w, "node_textfile_mtime_seconds", label.p) == 1500000000);
	assert_int_equal(metrics_find(&w->one.metrics, STR("node_textfile_mtime_seconds"))->series,
			 3);
	/* What is no longer there is no longer told. */
	assert_int_equal(unlinkat(w->dir, "a.prom", 0), 0);
	assert_text(run(w), "");
	assert_true(isnan(value(w, "a", "x=\"1\"")));
	assert_true(value(w, "a", "x=\"2\"") == 2);
}

static void test_bad_lines(void **state)
{
	struct world *w = *state;

	unit_write(w->dir, "a.prom", STR("a 1\nb{ 2\nc 3 1600000000000\n"));
	unit_write(w->dir, "z.prom", STR("a 2\nd 4\n"));
	struct str notes = run(w);

	assert_part(notes, "/a.prom:2: ");
	assert_part(notes, "/a.prom: timestamps are left out (1 samples)\n");
	assert_part(notes, "/z.prom:1: a: the same series a second time\n");
	assert_int_equal(w->one.c.n_notes, 3);
	assert_true(value(w, "a", "") == 1);
	assert_true(value(w, "c", "") == 3);
	assert_true(value(w, "d", "") == 4);
	assert_true(failed(w) == 1);
	/* All files are read, and their age is told. */
	assert_int_equal(metrics_find(&w->one.metrics, STR("node_textfile_mtime_seconds"))->series,
			 2);
	/* Timestamps alone are no error. */
	unit_write(w->dir, "a.prom", STR("a 1 1600000000000\n"));
	unit_write(w->dir, "z.prom", STR("d 4\n"));
	assert_part(run(w), "timestamps");
	assert_true(failed(w) == 0);
}

static void make_socket(const struct world *w, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", w->path, name);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void test_no_files(void **state)
{
	static const struct {
		const char *name, *target, *note;
	} all[] = {
		{ "dir.prom", NULL, "dir.prom: a directory, not a file\n" },
		{ "fifo.prom", NULL, "fifo.prom: a FIFO, not a file\n" },
		{ "socket.prom", NULL, "socket.prom: a socket, not a file\n" },
		{ "device.prom", "/dev/zero", "device.prom: a device, not a file\n" },
		{ "out.prom", "/etc/passwd", "out.prom: a link that leads out of the directory\n" },
		{ "up.prom", "../../../../../etc/passwd",
		  "up.prom: a link that leads out of the directory\n" },
		{ "nowhere.prom", "nothing", "nowhere.prom: a link to nowhere\n" },
		{ "loop.prom", "loop.prom", "loop.prom: Too many levels of symbolic links\n" },
	};
	struct world *w = *state;

	unit_write(w->dir, "good.prom", STR("good 1\n"));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].target)
			assert_int_equal(symlinkat(all[i].target, w->dir, all[i].name), 0);
		else if (i == 0)
			assert_int_equal(mkdirat(w->dir, all[i].name, 0755), 0);
		else if (i == 1)
			assert_int_equal(mkfifoat(w->dir, all[i].name, 0644), 0);
		else
			make_socket(w, all[i].name);
		assert_note(w, all[i].note);
		assert_true(value(w, "good", "") == 1);
		assert_int_equal(unlinkat(w->dir, all[i].name, i == 0 ? AT_REMOVEDIR : 0), 0);
	}
	assert_text(run(w), "");
	assert_true(failed(w) == 0);
}

/* As Kubernetes places what it mounts: a.prom -> ..data/a.prom, ..data -> ..1/. */
static void test_links_inside(void **state)
{
	struct world *w = *state;

	assert_int_equal(mkdirat(w->dir, "..1", 0755), 0);
	unit_write(w->dir, "..1/a.prom", STR("a 1\n"));
	assert_int_equal(symlinkat("..1", w->dir, "..data"), 0);
	assert_int_equal(symlinkat("..data/a.prom", w->dir, "a.prom"), 0);
	assert_text(run(w), "");
	assert_true(value(w, "a", "") == 1);
	assert_true(failed(w) == 0);
}

static void test_sizes(void **state)
{
	struct world *w = *state;
	char text[4097];
	_cleanup_fd_ int fd = -1;

	memset(text, '\n', sizeof(text));
	memcpy(text, "a 1\n", 4);
	unit_write(w->dir, "a.prom", (struct str){ text, 4096 });
	assert_text(run(w), "");
	assert_true(value(w, "a", "") == 1);
	unit_write(w->dir, "a.prom", (struct str){ text, 4097 });
	assert_note(w, "a.prom: larger than textfile.max_size, left out\n");
	assert_true(isnan(value(w, "a", "")));
	fd = openat(w->dir, "a.prom", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, INT64_C(100) << 30), 0);
	assert_note(w, "a.prom: larger than textfile.max_size, left out\n");
}

static void test_permissions(void **state)
{
	struct world *w = *state;
	uid_t was;

	unit_write(w->dir, "good.prom", STR("good 1\n"));
	unit_write(w->dir, "secret.prom", STR("secret 1\n"));
	assert_int_equal(fchmodat(w->dir, "secret.prom", 0, 0), 0);
	assert_int_equal(fchmod(w->dir, 0755), 0);
	was = unit_as_nobody();
	assert_note(w, "secret.prom: Permission denied\n");
	unit_as(was);
	assert_true(value(w, "good", "") == 1);
}

static void test_directories(void **state)
{
	struct world *w = *state;

	/* One that was named has to be there. */
	name_directory(w, STR("/nowhere/at/all//"));
	assert_text(run(w), "/nowhere/at/all: No such file or directory\n");
	assert_true(failed(w) == 1);
	name_directory(w, STR("/dev/null"));
	assert_text(run(w), "/dev/null: Not a directory\n");
	assert_true(failed(w) == 1);
	/* With slashes behind it, it is the same. */
	name_directory(w, arena_printf(&w->one.memory, "%s//", w->path));
	unit_write(w->dir, "a.prom", STR("a 1\n"));
	assert_text(run(w), "");
	struct str label = arena_printf(&w->one.memory, "file=\"%s/a.prom\"", w->path);

	assert_true(value(w, "node_textfile_mtime_seconds", label.p) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_permissions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
