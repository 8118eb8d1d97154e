/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CMD's whole tree uses: what is said of it against what its members measured themselves and
 * what the kernel says.
 */
#include "scene.h"

#include <sys/wait.h>

/* Each rusage is cut to microseconds. */
enum { SLACK_NS = 100000 };

static uint64_t ns_of(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

/* What the kernel says of all that were waited for since the scene began. */
static uint64_t kernel_ns(const struct scene *scene)
{
	struct rusage now;

	(void)getrusage(RUSAGE_CHILDREN, &now);
	return ns_of(now.ru_utime) + ns_of(now.ru_stime) - ns_of(scene->before.ru_utime) -
	       ns_of(scene->before.ru_stime);
}

static uint64_t total_ns(const struct usage *usage)
{
	return usage->user_ns + usage->system_ns;
}

/* The sum of what each of them measured is in it, and nothing twice. */
static void check_bomb(enum tree_way way)
{
	struct scene scene;
	struct usage usage;
	uint64_t measured, kernel;

	scene_begin(&scene, way, "bomb");
	scene_reap(&scene, &usage);
	measured = atomic_load(&scene.page->cpu_ns);
	kernel = kernel_ns(&scene);
	assert_int_equal(atomic_load(&scene.page->done), SCENE_BOMB);
	assert_true(measured >= (uint64_t)SCENE_BOMB * SCENE_BURN_NS);
	assert_true(total_ns(&usage) >= measured);
	assert_true(total_ns(&usage) >= kernel - SLACK_NS);
	if (way == TREE_SUBREAPER)
		assert_true(total_ns(&usage) <= kernel + SLACK_NS);
	/* The cgroup counts what a process uses after its own account is closed. */
	assert_true(total_ns(&usage) <= kernel + kernel / 10);
	assert_true(usage.minor_faults > SCENE_BOMB);
	scene_end(&scene);
}

static void test_bomb(void **state)
{
	(void)state;
	check_bomb(TREE_SUBREAPER);
	check_bomb(TREE_AUTO);
}

/* Nobody waits for them: only a cgroup sees what they use. */
static void test_unwaited(void **state)
{
	struct scene scene;
	struct usage usage;

	(void)state;
	scene_begin(&scene, TREE_AUTO, "unwaited");
	bool counted = strcmp(tree_accounting(&scene.tree), "cgroup") == 0;

	assert_int_equal(counted, tree_cgroup(&scene.tree) >= 0);
	scene_reap(&scene, &usage);
	assert_int_equal(atomic_load(&scene.page->done), SCENE_BOMB);
	if (counted)
		assert_true(total_ns(&usage) >= atomic_load(&scene.page->cpu_ns));
	scene_end(&scene);
}

static void check_daemons(enum tree_way way)
{
	struct scene scene;
	struct usage usage;
	struct tree_event event;
	uint64_t measured;

	scene_begin(&scene, way, "daemons");
	/* CMD is long at its end when they are not. */
	do
		(void)usleep(1000);
	while (!tree_reap(&scene.tree, &event) || event.pid != scene.pid);
	assert_int_equal(event.kind, TREE_EXITED);
	assert_int_equal(event.status, 0);
	tree_sample(&scene.tree, &usage);
	assert_true(usage.processes > 0);
	atomic_store(&scene.page->seen, true);
	scene_reap(&scene, &usage);
	measured = atomic_load(&scene.page->cpu_ns);
	assert_int_equal(atomic_load(&scene.page->done), 20);
	assert_true(total_ns(&usage) >= measured);
	if (way == TREE_SUBREAPER)
		assert_true(total_ns(&usage) <= kernel_ns(&scene) + SLACK_NS);
	scene_end(&scene);
}

static void test_daemons(void **state)
{
	(void)state;
	check_daemons(TREE_SUBREAPER);
	check_daemons(TREE_AUTO);
}

static void check_threads(enum tree_way way)
{
	struct scene scene;
	struct usage usage;

	scene_begin(&scene, way, "threads");
	scene_wait(scene.page, 4);
	tree_sample(&scene.tree, &usage);
	assert_int_equal(usage.processes, 1);
	assert_int_equal(usage.threads, 5);
	/* Of one that lives the kernel tells user and system in hundredths of a second. */
	assert_true(total_ns(&usage) + 20000000 >= atomic_load(&scene.page->cpu_ns));
	/* A thread that is preempted while it falls asleep counts as involuntary. */
	assert_true(usage.voluntary + usage.involuntary >= 400 && usage.voluntary >= 200);
	assert_int_equal(tree_kill(&scene.tree, SIGKILL), 1);
	scene_reap(&scene, &usage);
	assert_true(total_ns(&usage) >= atomic_load(&scene.page->cpu_ns));
	scene_end(&scene);
}

static void test_threads(void **state)
{
	(void)state;
	check_threads(TREE_SUBREAPER);
	check_threads(TREE_AUTO);
}

static void check_disk(enum tree_way way)
{
	struct scene scene;
	struct usage usage;
	struct tree_event event;

	scene_begin(&scene, way, "disk");
	scene_wait(scene.page, 1);
	/* The same while it is a zombie, whose files are root's, and when it is reaped. */
	(void)waitid(P_PID, (id_t)scene.pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	tree_sample(&scene.tree, &usage);
	if (geteuid() == 0) {
		assert_true(usage.read_bytes >= scene.page->read_bytes);
		assert_true(usage.written_bytes >= scene.page->written_bytes);
	}
	assert_true(tree_reap(&scene.tree, &event));
	assert_int_equal(event.status, 0);
	tree_sample(&scene.tree, &usage);
	assert_true(usage.read_bytes >= scene.page->read_bytes);
	assert_true(usage.written_bytes >= scene.page->written_bytes);
	if (way == TREE_SUBREAPER) {
		assert_true(usage.read_bytes <= scene.page->read_bytes + 4096);
		assert_true(usage.written_bytes <= scene.page->written_bytes + 4096);
	}
	scene_end(&scene);
}

static void test_disk(void **state)
{
	(void)state;
	check_disk(TREE_SUBREAPER);
	check_disk(TREE_AUTO);
}

static void check_memory(enum tree_way way)
{
	struct scene scene;
	struct usage usage;

	scene_begin(&scene, way, "memory");
	scene_wait(scene.page, 1);
	tree_sample(&scene.tree, &usage);
	assert_true(usage.memory_bytes >= 64 << 20);
	assert_true(usage.memory_bytes < 512 << 20);
	assert_true(usage.memory_peak_bytes >= usage.memory_bytes);
	assert_true(usage.minor_faults >= (64 << 20) / 4096 / 512);
	(void)tree_kill(&scene.tree, SIGTERM);
	scene_reap(&scene, &usage);
	assert_true(usage.memory_bytes < 64 << 20);
	assert_true(usage.memory_peak_bytes >= 64 << 20);
	scene_end(&scene);
}

static void test_memory(void **state)
{
	(void)state;
	check_memory(TREE_SUBREAPER);
	check_memory(TREE_AUTO);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_bomb),    cmocka_unit_test(test_unwaited),
		cmocka_unit_test(test_daemons), cmocka_unit_test(test_threads),
		cmocka_unit_test(test_disk),    cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name("tree", all, NULL, NULL);
}

int main(int argc, char *argv[])
{
	return scene_main(argc, argv, tests);
}
