/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the killed are: the kernel's counts, and when a cgroup is ours alone. */
#include "unit.h"

#include "job/cgroup.h"
#include "job/oom.h"

static void test_read(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	int dir = unit_dir(NULL);
	uint64_t n = 77;

	(void)state;
	assert_false(oom_read(dir, "memory.events", &arena, &n));
	unit_write(dir, "memory.events",
		   STR("low 0\nhigh 3\nmax 12\noom 2\noom_kill 5\noom_group_kill 1\n"));
	assert_true(oom_read(dir, "memory.events", &arena, &n));
	assert_int_equal(n, 5);
	unit_write(dir, "memory.oom_control", STR("oom_kill_disable 0\nunder_oom 1\noom_kill 6\n"));
	assert_true(oom_read(dir, "memory.oom_control", &arena, &n));
	assert_int_equal(n, 6);
	/* Linux before 4.13. */
	unit_write(dir, "memory.oom_control", STR("oom_kill_disable 0\nunder_oom 0\n"));
	assert_false(oom_read(dir, "memory.oom_control", &arena, &n));
	unit_write(dir, "memory.events", STR("oom_kill x\noom_kill\n"));
	assert_false(oom_read(dir, "memory.events", &arena, &n));
	unit_remove(dir);
}

static void test_alone(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	int dir = unit_dir(NULL), below;

	(void)state;
	assert_false(oom_alone(dir, 7, &arena));
	unit_write(dir, "cgroup.procs", STR("7\n"));
	assert_true(oom_alone(dir, 7, &arena));
	assert_false(oom_alone(dir, 8, &arena));
	unit_write(dir, "cgroup.procs", STR("7\n8\n"));
	assert_false(oom_alone(dir, 7, &arena));
	/* Somebody whom our pid namespace does not show. */
	unit_write(dir, "cgroup.procs", STR("0\n7\n"));
	assert_false(oom_alone(dir, 7, &arena));
	unit_write(dir, "cgroup.procs", STR(""));
	assert_false(oom_alone(dir, 7, &arena));
	unit_write(dir, "cgroup.procs", STR("7\n"));
	assert_int_equal(mkdirat(dir, "a", 0700), 0);
	below = file_open_dir(dir, "a");
	unit_write(below, "cgroup.procs", STR(""));
	assert_true(oom_alone(dir, 7, &arena));
	unit_write(below, "cgroup.procs", STR("9\n"));
	assert_false(oom_alone(dir, 7, &arena));
	(void)close(below);
	unit_remove(dir);
}

static void test_count(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct oom oom = { .dir = unit_dir(NULL), .file = "memory.events", .before = 3 };
	int dir = dup(oom.dir);
	uint64_t n = 77;

	(void)state;
	assert_false(oom_count(&oom, &arena, &n));
	unit_write(dir, "memory.events", STR("oom_kill 3\n"));
	assert_true(oom_count(&oom, &arena, &n));
	assert_int_equal(n, 0);
	unit_write(dir, "memory.events", STR("oom_kill 5\n"));
	assert_true(oom_count(&oom, &arena, &n));
	assert_int_equal(n, 2);
	/* Another group under that name. */
	unit_write(dir, "memory.events", STR("oom_kill 1\n"));
	assert_true(oom_count(&oom, &arena, &n));
	assert_int_equal(n, 0);
	oom_close(&oom);
	assert_false(oom_count(&oom, &arena, &n));
	unit_remove(dir);
}

/* What a cgroup made for a run has is told with its usage. */
static void test_usage(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct usage usage = { 0 };
	int dir = unit_dir(NULL);

	(void)state;
	cgroup_usage(dir, &arena, &usage);
	assert_false(usage.oom_known);
	unit_write(dir, "memory.events", STR("oom_kill 2\n"));
	cgroup_usage(dir, &arena, &usage);
	assert_true(usage.oom_known);
	assert_int_equal(usage.oom_kills, 2);
	unit_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests_name("oom", tests, NULL, NULL);
}
