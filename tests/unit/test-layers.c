/* SPDX-License-Identifier: Apache-2.0 */
/* Who measures writable layers, when, and what is told of them from cycle to cycle. */
#include "container-world.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "collect/container/layers.h"

static const int64_t hour_ns = INT64_C(3600) * 1000000000;

struct scene {
	struct world world;
	struct state state;
	int dir; /* of the state */
	const struct layer *told[WORLD_GROUPS_MAX];
};

/* Two containers, a and b, that have written something; c has no layer. */
static void start(struct scene *s, bool resident)
{
	struct world *w = &s->world;

	world_start(w);
	w->host.keep = resident;
	s->dir = unit_dir(NULL);
	s->state = (struct state){ .dir = s->dir };
	w->c.state = &s->state;
	world_group(w, "a", "");
	world_group(w, "b", "");
	world_group(w, "c", "");
	assert_int_equal(mkdirat(w->dir, "layer-a", 0755), 0);
	assert_int_equal(mkdirat(w->dir, "layer-b", 0755), 0);
	for (int i = 0; i < 10; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "layer-a/%d", i);
		unit_write(w->dir, name, STR("x"));
	}
	world_read(w);
	world_container(w, "/a", 0, 1)->layer = arena_printf(&w->arena, "%s/layer-a", w->path);
	world_container(w, "/b", 0, 2)->layer = arena_printf(&w->arena, "%s/layer-b", w->path);
	(void)world_container(w, "/c", 0, 3);
}

/* Whatever was started ends: by itself, or because a resident host is closed. */
static void stop(struct scene *s)
{
	world_stop(&s->world);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(errno, ECHILD);
	unit_remove(s->dir);
}

static int cycle(struct scene *s, int64_t interval_ns)
{
	world_forget(&s->world);
	return layers_of_cycle(&s->world.c, &s->world.table, interval_ns, s->told);
}

/* The root is first, and the groups follow by name. */
enum { A = 1, B, C };

static void moment(void)
{
	(void)nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
}

/* Cycle after cycle, until it is told. */
static void await(struct scene *s, size_t which)
{
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + INT64_C(60000000000);

	while (cycle(s, hour_ns) == 0 && !s->told[which]) {
		assert_true(clock_ns(CLOCK_MONOTONIC) < deadline);
		moment();
	}
	assert_non_null(s->told[which]);
}

/* Until nobody holds the lock. */
static void await_lock(struct scene *s)
{
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + INT64_C(60000000000);
	int fd;

	while ((fd = file_lock(s->dir, "layers.lock", 0)) < 0) {
		assert_true(clock_ns(CLOCK_MONOTONIC) < deadline);
		moment();
	}
	(void)close(fd);
}

static void test_resident(void **state)
{
	struct scene s;

	(void)state;
	start(&s, true);
	/* The first cycle starts a child, and waits for nothing. */
	assert_int_equal(cycle(&s, hour_ns), 0);
	await(&s, A);
	await(&s, B);
	assert_int_equal(s.told[A]->error, 0);
	assert_int_equal(s.told[A]->inodes, 11);
	assert_int_equal(s.told[B]->inodes, 1);
	assert_null(s.told[C]);
	assert_null(s.told[0]);
	/* Nothing is due: what is told stays, whatever was written. */
	await_lock(&s);
	unit_write(s.world.dir, "layer-b/new", STR("x"));
	for (int i = 0; i < 3; i++)
		assert_int_equal(cycle(&s, hour_ns), 0);
	await_lock(&s);
	assert_int_equal(cycle(&s, hour_ns), 0);
	assert_int_equal(s.told[B]->inodes, 1);
	stop(&s);
}

static void test_due_again(void **state)
{
	struct scene s;
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + INT64_C(60000000000);

	(void)state;
	start(&s, true);
	await(&s, B);
	unit_write(s.world.dir, "layer-b/new", STR("x"));
	do {
		assert_true(clock_ns(CLOCK_MONOTONIC) < deadline);
		moment();
		assert_int_equal(cycle(&s, 1000000000), 0);
	} while (s.told[B]->inodes != 2);
	stop(&s);
}

/* What it finds is kept for the next process, and for as long as the container is there. */
static void test_oneshots(void **state)
{
	struct scene s;
	struct str text;

	(void)state;
	start(&s, false);
	assert_int_equal(cycle(&s, hour_ns), 0);
	await_lock(&s);
	stop(&s);

	/* In a new world the same containers are known by what a child wrote. */
	start(&s, false);
	unit_write(s.dir, "layers", STR("a 1 0 7 7\nold 1 0 8 8\nb 99999999999 0 3 3\n"));
	assert_int_equal(cycle(&s, hour_ns), 0);
	/* The first is too old to be true, the second from a day that is to come. */
	assert_null(s.told[A]);
	assert_int_equal(s.told[B]->bytes, 3);
	await_lock(&s);
	assert_int_equal(cycle(&s, hour_ns), 0);
	assert_int_equal(s.told[A]->inodes, 11);
	assert_int_equal(s.told[B]->inodes, 1);
	assert_int_equal(file_read(s.dir, "layers", 4096, &s.world.arena, &text), 0);
	assert_null(memmem(text.p, text.n, "old", 3));
	stop(&s);
}

/* While another holds the lock, nobody starts. */
static void test_one_at_a_time(void **state)
{
	struct scene s;

	(void)state;
	start(&s, true);

	int lock = file_lock(s.dir, "layers.lock", 0);

	assert_true(lock >= 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(cycle(&s, hour_ns), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_null(s.told[A]);
	(void)close(lock);
	await(&s, A);
	stop(&s);
}

static void test_failure(void **state)
{
	struct scene s;

	(void)state;
	start(&s, true);
	s.world.v[A].layer = STR("/no/such/layer");
	await(&s, B);
	await(&s, A);
	assert_int_equal(s.told[A]->error, -ENOENT);
	assert_int_equal(s.told[B]->error, 0);
	stop(&s);
}

static void test_damaged_file(void **state)
{
	static const char *const texts[] = {
		"a",
		"a 1",
		"a 1 0 2",
		"a 99999999999 0 2 3 4\n",
		"a 99999999999 99999999 2 3\n",
		"a -1 0 2 3\n",
		"\n\n \n",
	};
	struct scene s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		start(&s, true);
		unit_write(s.dir, "layers", str_of(texts[i]));
		assert_int_equal(cycle(&s, hour_ns), 0);
		await(&s, A);
		assert_int_equal(s.told[A]->inodes, 11);
		stop(&s);
	}
}

static void test_no_state(void **state)
{
	struct scene s;

	(void)state;
	start(&s, true);
	s.state.dir = 0;
	assert_int_equal(cycle(&s, hour_ns), -EOPNOTSUPP);
	s.state.dir = -EACCES;
	assert_int_equal(cycle(&s, hour_ns), -EOPNOTSUPP);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resident), cmocka_unit_test(test_due_again),
		cmocka_unit_test(test_oneshots), cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_failure),  cmocka_unit_test(test_damaged_file),
		cmocka_unit_test(test_no_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
