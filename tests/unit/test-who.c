/* SPDX-License-Identifier: Apache-2.0 */
/* The table of containers, on trees of control groups; names have an end-to-end test. */
#include <errno.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "unit.h"

#include "collect/container/files.h"
#include "collect/container/who.h"
#include "one-collector.h"

#define A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define CPU "usage_usec 3\nuser_usec 2\nsystem_usec 1\n"

static void group(const struct one *one, const char *path, const char *pids)
{
	_cleanup_arena_ struct arena arena = { 0 };

	one_write(one, arena_printf(&arena, "sys/fs/cgroup%s/cpu.stat", path).p, CPU);
	one_write(one, arena_printf(&arena, "sys/fs/cgroup%s/cgroup.procs", path).p, pids);
}

static const struct container *find(const struct container_table *table, const char *path)
{
	for (size_t i = 0; i < table->n; i++)
		if (str_eq(table->v[i].cgroup->path, str_of(path)))
			return &table->v[i];
	fail_msg("no group %s", path);
	return NULL;
}

static void start(struct one *one)
{
	one_start(one, "cgroup", NULL, false);
	one_write(one, "sys/fs/cgroup/cgroup.controllers", "");
	group(one, "", "1\n2\n");
	one->host.cycle = 1;
}

static void test_table(void **state)
{
	const struct container_table *table, *again;
	const struct container *c;
	struct one one;

	(void)state;
	start(&one);
	group(&one, "/system.slice", "");
	group(&one, "/system.slice/ssh.service", "77\n");
	group(&one, "/system.slice/var.mount", "");
	group(&one, "/system.slice/docker-" A ".scope", "101\n102\n");
	group(&one, "/system.slice/docker-" A ".scope/init", "103\n");
	group(&one, "/machine.slice", "");
	group(&one, "/machine.slice/libpod-" B ".scope", "");
	group(&one, "/machine.slice/libpod-" B ".scope/container", "0\n205\n");
	group(&one, "/machine.slice/libpod-" B ".scope/container/x", "206\n");
	group(&one, "/machine.slice/libpod-conmon-" B ".scope", "207\n");
	assert_int_equal(containers_of_cycle(&one.c, &table), 0);
	assert_int_equal(table->n, table->cgroups->n);
	for (size_t i = 0; i < table->n; i++) {
		assert_ptr_equal(table->v[i].cgroup, &table->cgroups->v[i]);
		assert_non_null(table->v[i].labels);
	}

	c = find(table, "/");
	assert_false(c->hidden || c->nested || c->id.n);
	c = find(table, "/system.slice/ssh.service");
	assert_int_equal(c->runtime, RUNTIME_NONE);
	assert_int_equal(c->pid, 0);
	assert_int_equal(c->n_label, 1);
	assert_true(find(table, "/system.slice/var.mount")->hidden);

	c = find(table, "/system.slice/docker-" A ".scope");
	assert_int_equal(c->runtime, RUNTIME_DOCKER);
	assert_text(c->id, A);
	assert_int_equal(c->pid, 101);
	assert_int_equal(c->health, -1);
	assert_false(c->hidden || c->nested);
	c = find(table, "/system.slice/docker-" A ".scope/init");
	assert_true(c->nested);
	assert_int_equal(c->runtime, RUNTIME_NONE);
	assert_int_equal(c->id.n, 0);

	/* Its own group is empty: the first process is in the first group that has one it may see.
	 */
	c = find(table, "/machine.slice/libpod-" B ".scope");
	assert_int_equal(c->runtime, RUNTIME_PODMAN);
	assert_int_equal(c->pid, 206);
	c = find(table, "/machine.slice/libpod-conmon-" B ".scope");
	assert_true(c->hidden);
	assert_int_equal(c->id.n, 0);

	/* The same for whoever asks next; made anew in the next cycle. */
	assert_int_equal(containers_of_cycle(&one.c, &again), 0);
	assert_ptr_equal(again, table);
	group(&one, "/system.slice/new.service", "");
	assert_int_equal(containers_of_cycle(&one.c, &again), 0);
	assert_int_equal(again->n, 11);
	one.host.cycle++;
	metrics_reset(&one.metrics);
	assert_int_equal(containers_of_cycle(&one.c, &again), 0);
	assert_int_equal(again->n, 12);
	one_stop(&one);
}

static void test_labels(void **state)
{
	const struct label more[] = { { STR("cpu"), STR("0") }, { STR("a"), STR("b") } };
	const struct container_table *table;
	const struct container *c;
	struct one one;

	(void)state;
	start(&one);
	group(&one, "/docker", "");
	group(&one, "/docker/" A, "5\n");
	assert_int_equal(containers_of_cycle(&one.c, &table), 0);
	c = find(table, "/docker/" A);
	assert_text(c->labels->text, "id=\"/docker/" A "\"");
	assert_ptr_equal(container_labels(&one.c, c, 0, NULL), c->labels);
	assert_text(container_labels(&one.c, c, 2, more)->text,
		    "a=\"b\",cpu=\"0\",id=\"/docker/" A "\"");
	one_stop(&one);
}

#define DOCKER_FILE "root/var/lib/docker/containers/" A "/config.v2.json"

/* Whether somebody has opened it to read or to write. */
static bool is_opened(int watch)
{
	char events[1024] __attribute__((aligned(8)));

	return read(watch, events, sizeof(events)) > 0;
}

/* Whatever a runtime's file is a link to: what is no regular file is not even opened. */
static void test_no_file(void **state)
{
	struct str docker = STR("docker");
	const struct cgroup_conf conf = { .runtimes = { .n = 1, .v = &docker } };
	const struct cgroup_name name = { .id = STR(A), .runtime = RUNTIME_DOCKER };
	_cleanup_fd_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	_cleanup_arena_ struct arena arena = { 0 };
	const struct known_maker maker = { &arena, &conf };
	struct json_lib lib = { 0 };
	struct known known = { 0 };
	struct files files = { .scratch = &arena, .lib = &lib };
	struct str place;
	struct one one;
	int64_t changed;

	(void)state;
	start(&one);
	files.host = &one.host;
	place = arena_printf(&arena, "%s/" DOCKER_FILE, one.path);
	one_write(&one, DOCKER_FILE, "");
	one_remove(&one, DOCKER_FILE);
	assert_int_equal(mkfifo(place.p, 0600), 0);
	(void)inotify_add_watch(watch, place.p, IN_OPEN);
	assert_true(files_find(&files, &maker, &name, &known, &changed) < 0);
	assert_false(is_opened(watch));
	one_remove(&one, DOCKER_FILE);
	(void)is_opened(watch);
	one_write(&one, DOCKER_FILE, "nonsense");
	/* Where there is no watching, nothing can be said. */
	if (watch >= 0 && inotify_add_watch(watch, place.p, IN_OPEN) >= 0) {
		assert_true(files_find(&files, &maker, &name, &known, &changed) < 0);
		assert_true(is_opened(watch));
	}
	files_close(&files);
	one_stop(&one);
}

static void test_nothing(void **state)
{
	const struct container_table *table = NULL;
	struct one one;

	(void)state;
	one_start(&one, "cgroup", NULL, false);
	one.host.cycle = 1;
	for (int i = 0; i < 2; i++) {
		one.c.why = (struct str){ 0 };
		assert_int_equal(containers_of_cycle(&one.c, &table), -ENODATA);
		assert_text(one.c.why, "there are no control groups");
	}
	assert_null(table);
	one_stop(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
