/* SPDX-License-Identifier: Apache-2.0 */
/* Who belongs to CMD's tree, its end, and what stays of it. */
#include "scene.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "job/procs.h"

/* The lists of children and the scan of /proc tell the same; parents come before children. */
static void check_lists(struct tree *tree)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct procs lists[2];
	struct pids pids[2] = { 0 }, seen = { 0 };

	pids_add(&seen, getpid(), &arena);
	for (int i = 0; i < 2; i++) {
		procs_below(tree->proc, getpid(), &tree->ours, i, &arena, &lists[i]);
		for (size_t j = 0; j < lists[i].n; j++) {
			struct pids sorted = { 0 };

			for (size_t k = 0; k < seen.n; k++)
				pids_add(&sorted, seen.v[k], &arena);
			pids_sort(&sorted);
			assert_true(pids_have(&sorted, lists[i].v[j].parent));
			pids_add(&seen, lists[i].v[j].pid, &arena);
			pids_add(&pids[i], lists[i].v[j].pid, &arena);
		}
		pids_sort(&pids[i]);
		seen.n = 1;
	}
	assert_true(pids[0].n >= 6);
	assert_int_equal(pids[0].n, pids[1].n);
	assert_memory_equal(pids[0].v, pids[1].v, pids[0].n * sizeof(pid_t));
}

static void check_kill(enum tree_way way)
{
	pid_t stranger = fork(), helper;
	struct scene scene;
	struct usage usage;
	struct tree_event event;
	unsigned ended = 0;

	/* One that was there before us, and a helper of ours: neither is meant. */
	if (stranger == 0)
		for (;;)
			(void)pause();
	scene_begin(&scene, way, "crowd");
	helper = fork();
	if (helper == 0)
		for (;;)
			(void)pause();
	tree_ignore(&scene.tree, helper);
	scene_wait(scene.page, 5);
	tree_sample(&scene.tree, &usage);
	assert_int_equal(usage.processes, 6);
	check_lists(&scene.tree);
	assert_int_equal(tree_kill(&scene.tree, 0), 6);

	assert_int_equal(tree_kill(&scene.tree, SIGTERM), 6);
	do {
		(void)usleep(1000);
		(void)tree_reap(&scene.tree, &event);
		tree_sample(&scene.tree, &usage);
	} while (usage.processes > 1);
	assert_int_equal(tree_kill(&scene.tree, SIGTERM), 1);
	(void)usleep(20000);
	tree_sample(&scene.tree, &usage);
	assert_int_equal(usage.processes, 1);
	assert_int_equal(tree_kill(&scene.tree, SIGKILL), 1);
	do {
		(void)usleep(1000);
		tree_sample(&scene.tree, &usage);
	} while (usage.processes > 0);
	while (tree_reap(&scene.tree, &event))
		assert_false(event.ours);
	assert_int_equal(tree_kill(&scene.tree, SIGKILL), 0);

	assert_int_equal(kill(stranger, SIGKILL), 0);
	assert_int_equal(kill(helper, SIGKILL), 0);
	while (ended < 2)
		if (tree_reap(&scene.tree, &event)) {
			assert_true(event.ours);
			assert_true(event.pid == stranger || event.pid == helper);
			assert_int_equal(event.status, SIGKILL);
			ended++;
		}
	scene_end(&scene);
}

static void test_kill(void **state)
{
	(void)state;
	check_kill(TREE_SUBREAPER);
	check_kill(TREE_AUTO);
}

static void check_headless(enum tree_way way)
{
	struct scene scene;
	struct usage usage;

	scene_begin(&scene, way, "headless");
	scene_wait(scene.page, 1);
	tree_sample(&scene.tree, &usage);
	assert_int_equal(usage.processes, 1);
	assert_int_equal(tree_kill(&scene.tree, SIGKILL), 1);
	scene_reap(&scene, &usage);
	scene_end(&scene);
}

static void test_headless(void **state)
{
	(void)state;
	check_headless(TREE_SUBREAPER);
	check_headless(TREE_AUTO);
}

/* Whoever is born while the others are being killed is killed as well. */
static void check_fork_bomb(enum tree_way way)
{
	struct scene scene;
	struct usage usage;

	scene_begin(&scene, way, "fork-bomb");
	scene_wait(scene.page, 50);
	assert_true(tree_kill(&scene.tree, SIGKILL) > 1);
	scene_reap(&scene, &usage);
	scene_end(&scene);
}

static void test_fork_bomb(void **state)
{
	(void)state;
	check_fork_bomb(TREE_SUBREAPER);
	check_fork_bomb(TREE_AUTO);
}

static void test_stop_and_continue(void **state)
{
	struct scene scene;
	struct tree_event event;

	(void)state;
	scene_begin(&scene, TREE_AUTO, "memory");
	scene_wait(scene.page, 1);
	assert_int_equal(kill(scene.pid, SIGSTOP), 0);
	while (!tree_reap(&scene.tree, &event))
		(void)usleep(1000);
	assert_int_equal(event.kind, TREE_STOPPED);
	assert_int_equal(event.pid, scene.pid);
	assert_int_equal(WSTOPSIG(event.status), SIGSTOP);
	assert_int_equal(kill(scene.pid, SIGCONT), 0);
	while (!tree_reap(&scene.tree, &event))
		(void)usleep(1000);
	assert_int_equal(event.kind, TREE_CONTINUED);
	assert_int_equal(kill(scene.pid, SIGKILL), 0);
	while (!tree_reap(&scene.tree, &event))
		(void)usleep(1000);
	assert_int_equal(event.kind, TREE_EXITED);
	assert_int_equal(event.status, SIGKILL);
	scene_end(&scene);
}

/* Who outlives us lives on, and no cgroup stays behind. */
static void test_left_behind(void **state)
{
	struct scene scene;
	struct tree_event event;
	siginfo_t info;

	(void)state;
	scene_begin(&scene, TREE_AUTO, "memory");
	scene_wait(scene.page, 1);
	struct tree other = scene.tree;

	scene_end(&scene);
	assert_int_equal(kill(scene.pid, 0), 0);
	assert_int_equal(kill(scene.pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)scene.pid, &info, WEXITED | WNOWAIT), 0);
	other = (struct tree){ .proc = -1, .scope = -1, .cgroup = { .parent = -1, .dir = -1 } };
	assert_true(tree_reap(&other, &event));
	tree_close(&other);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_kill),        cmocka_unit_test(test_headless),
		cmocka_unit_test(test_fork_bomb),   cmocka_unit_test(test_stop_and_continue),
		cmocka_unit_test(test_left_behind),
	};

	return cmocka_run_group_tests_name("tree-end", all, NULL, NULL);
}

int main(int argc, char *argv[])
{
	return scene_main(argc, argv, tests);
}
