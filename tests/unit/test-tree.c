/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMD's whole tree: what is said of it against what its members measured themselves and what the
 * kernel says; and its end. CMD is this program itself, told by its first word what to do.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"
#include "job/procs.h"
#include "job/tree.h"

/* What the members of a tree tell us. */
struct page {
	_Atomic uint64_t cpu_ns, done;
	uint64_t read_bytes, written_bytes;
};

enum { BURN_NS = 2000000, BOMB = 500 };

/* ---- what CMD does ---- */

static void burn(struct page *page, int64_t ns)
{
	volatile unsigned spin = 0;

	while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < ns)
		for (unsigned i = 0; i < 1000; i++)
			spin = spin + i;
	atomic_fetch_add(&page->cpu_ns, (uint64_t)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
	atomic_fetch_add(&page->done, 1);
}

static void bomb(struct page *page)
{
	for (int i = 0; i < BOMB; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			burn(page, BURN_NS);
			_exit(0);
		}
		if (i % 8 == 7)
			while (wait(NULL) > 0)
				;
	}
	while (wait(NULL) > 0)
		;
}

static void bomb_unwaited(struct page *page)
{
	(void)signal(SIGCHLD, SIG_IGN);
	bomb(page);
}

/* Forked twice and in a session of their own: whoever started them knows nothing of them. */
static void daemons(struct page *page)
{
	for (int i = 0; i < 20; i++) {
		if (fork() == 0) {
			(void)setsid();
			if (fork() == 0) {
				(void)usleep(100000);
				burn(page, 10 * BURN_NS);
			}
			_exit(0);
		}
		(void)wait(NULL);
	}
}

static void *thread(void *arg)
{
	struct page *page = arg;
	volatile unsigned spin = 0;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < 100000000)
		for (unsigned i = 0; i < 1000; i++)
			spin = spin + i;
	for (int i = 0; i < 100; i++)
		(void)usleep(1);
	atomic_fetch_add(&page->cpu_ns, (uint64_t)clock_ns(CLOCK_THREAD_CPUTIME_ID));
	atomic_fetch_add(&page->done, 1);
	(void)pause();
	return NULL;
}

static void threads(struct page *page)
{
	pthread_t id;

	for (int i = 0; i < 4; i++)
		if (pthread_create(&id, NULL, thread, page) != 0)
			_exit(1);
	(void)pause();
}

static uint64_t own_io(const char *key)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str text, line, word;
	uint64_t value;

	if (file_read(AT_FDCWD, "/proc/self/io", 4096, &arena, &text) < 0)
		_exit(1);
	while (str_line(&text, &line))
		if (str_word(&line, &word) && str_eq(word, str_of(key)) &&
		    num_take_u64(&line, &value))
			return value;
	return 0;
}

/* In the file system that the tests run in, which is a disk more often than not. */
static void disk(struct page *page)
{
	static _Alignas(4096) char block[1 << 20];
	int fd = open("tree-test.tmp", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		_exit(1);
	for (int i = 0; i < 4; i++)
		(void)!write(fd, block, sizeof(block));
	(void)fsync(fd);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	(void)close(fd);
	fd = open("tree-test.tmp", O_RDWR | O_CLOEXEC | O_DIRECT);
	if (fd < 0)
		fd = open("tree-test.tmp", O_RDWR | O_CLOEXEC);
	(void)!pread(fd, block, sizeof(block), 0);
	(void)!pwrite(fd, block, sizeof(block), 2 << 20);
	(void)fsync(fd);
	(void)unlink("tree-test.tmp");
	page->read_bytes = own_io("read_bytes:");
	page->written_bytes = own_io("write_bytes:");
	atomic_fetch_add(&page->done, 1);
}

static void memory(struct page *page)
{
	size_t n = 64 << 20;
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 1, n);
	atomic_fetch_add(&page->done, 1);
	(void)pause();
}

static void wait_for(const struct page *page, uint64_t done)
{
	while (atomic_load(&page->done) < done)
		(void)usleep(1000);
}

static void sleeper(struct page *page, void (*prepare)(void))
{
	if (fork() != 0)
		return;
	if (prepare)
		prepare();
	atomic_fetch_add(&page->done, 1);
	for (;;)
		(void)pause();
}

static void be_deaf(void)
{
	(void)signal(SIGTERM, SIG_IGN);
}

static void leave_session(void)
{
	(void)setsid();
	if (fork() != 0)
		_exit(0);
}

static void forget_children(void)
{
	(void)signal(SIGCHLD, SIG_IGN);
	(void)prctl(PR_SET_NAME, ") R 1 (2\n3 4");
}

/* Six of them with this one: plain, stopped, deaf, a daemon, one with a name that misleads. */
static void crowd(struct page *page)
{
	sleeper(page, NULL);
	sleeper(page, be_deaf);
	sleeper(page, leave_session);
	sleeper(page, forget_children);
	pid_t stopped = fork();

	if (stopped == 0)
		for (;;)
			(void)pause();
	wait_for(page, 4);
	(void)kill(stopped, SIGSTOP);
	(void)waitpid(stopped, NULL, WUNTRACED);
	atomic_fetch_add(&page->done, 1);
	for (;;)
		(void)pause();
}

/* Each begets as fast as it can, while there are not too many; nobody may be missed. */
static void fork_bomb(struct page *page)
{
	(void)signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if (atomic_fetch_add(&page->done, 1) > 300 || fork() < 0)
			(void)usleep(20000);
	}
}

static const struct {
	const char *name;
	void (*run)(struct page *page);
} deeds[] = {
	{ "bomb", bomb },   { "unwaited", bomb_unwaited }, { "daemons", daemons },
	{ "disk", disk },   { "threads", threads },        { "memory", memory },
	{ "crowd", crowd }, { "fork-bomb", fork_bomb },
};

static struct page *map(const char *path)
{
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *p;

	if (fd < 0 || ftruncate(fd, sizeof(struct page)) < 0)
		_exit(1);
	p = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		_exit(1);
	return p;
}

static int act(const char *name, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(deeds); i++)
		if (strcmp(deeds[i].name, name) == 0) {
			deeds[i].run(map(path));
			return 0;
		}
	return 1;
}

/* ---- what we see of it ---- */

struct scene {
	struct tree tree;
	struct page *page;
	char path[64], file[80];
	int dir;
	pid_t pid;
	struct rusage before;
};

static void begin(struct scene *scene, enum tree_way way, const char *deed)
{
	char exe[] = "/proc/self/exe";
	char *argv[] = { exe, (char *)(uintptr_t)deed, scene->file, NULL };
	struct child_conf conf = { .argv = argv, .err = -1 };
	sigset_t mask;
	bool forked;

	*scene = (struct scene){ 0 };
	scene->dir = unit_dir(scene->path);
	(void)snprintf(scene->file, sizeof(scene->file), "%s/page", scene->path);
	scene->page = map(scene->file);
	(void)getrusage(RUSAGE_CHILDREN, &scene->before);
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	tree_open(&scene->tree, way);
	conf.mask = &mask;
	conf.cgroup = tree_cgroup(&scene->tree);
	assert_int_equal(child_start(&conf, &scene->pid, &forked), 0);
	tree_started(&scene->tree, scene->pid);
}

static void end(struct scene *scene)
{
	int parent = scene->tree.cgroup.parent, dir = -1;
	char name[32];

	memcpy(name, scene->tree.cgroup.name, sizeof(name));
	if (parent >= 0)
		dir = file_open_dir(parent, ".");
	tree_close(&scene->tree);
	if (dir >= 0) {
		assert_int_equal(faccessat(dir, name, F_OK, 0), -1);
		(void)close(dir);
	}
	(void)munmap(scene->page, sizeof(*scene->page));
	unit_remove(scene->dir);
}

/* Until nobody is left, looking at them all the while. */
static void reap_all(struct scene *scene, struct usage *ret)
{
	int64_t deadline = clock_ns(CLOCK_BOOTTIME) + INT64_C(60000000000);
	struct usage last = { 0 }, now;
	struct tree_event event;
	siginfo_t info;

	do {
		while (tree_reap(&scene->tree, &event))
			;
		tree_sample(&scene->tree, &now);
		assert_true(now.user_ns >= last.user_ns);
		assert_true(now.system_ns >= last.system_ns);
		assert_true(now.memory_peak_bytes >= last.memory_peak_bytes);
		assert_true(now.minor_faults >= last.minor_faults);
		assert_true(now.voluntary >= last.voluntary);
		assert_true(clock_ns(CLOCK_BOOTTIME) < deadline);
		last = now;
		(void)usleep(5000);
	} while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
	assert_int_equal(errno, ECHILD);
	tree_sample(&scene->tree, ret);
	assert_int_equal(ret->processes, 0);
	assert_int_equal(ret->threads, 0);
}

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

	begin(&scene, way, "bomb");
	reap_all(&scene, &usage);
	measured = atomic_load(&scene.page->cpu_ns);
	kernel = kernel_ns(&scene);
	assert_int_equal(atomic_load(&scene.page->done), BOMB);
	assert_true(measured >= (uint64_t)BOMB * BURN_NS);
	assert_true(total_ns(&usage) >= measured);
	assert_true(total_ns(&usage) >= kernel - 1000);
	if (way == TREE_SUBREAPER)
		assert_true(total_ns(&usage) <= kernel);
	/* The cgroup counts what a process uses after its own account is closed. */
	assert_true(total_ns(&usage) <= kernel + kernel / 10);
	assert_true(usage.minor_faults > BOMB);
	end(&scene);
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
	begin(&scene, TREE_AUTO, "unwaited");
	bool counted = strcmp(tree_accounting(&scene.tree), "cgroup") == 0;

	assert_int_equal(counted, tree_cgroup(&scene.tree) >= 0);
	reap_all(&scene, &usage);
	assert_int_equal(atomic_load(&scene.page->done), BOMB);
	if (counted)
		assert_true(total_ns(&usage) >= atomic_load(&scene.page->cpu_ns));
	end(&scene);
}

static void check_daemons(enum tree_way way)
{
	struct scene scene;
	struct usage usage;
	struct tree_event event;
	uint64_t measured;

	begin(&scene, way, "daemons");
	/* CMD is long at its end when they are not. */
	do
		(void)usleep(1000);
	while (!tree_reap(&scene.tree, &event) || event.pid != scene.pid);
	assert_int_equal(event.kind, TREE_EXITED);
	assert_int_equal(event.status, 0);
	tree_sample(&scene.tree, &usage);
	assert_true(usage.processes > 0);
	reap_all(&scene, &usage);
	measured = atomic_load(&scene.page->cpu_ns);
	assert_int_equal(atomic_load(&scene.page->done), 20);
	assert_true(total_ns(&usage) >= measured);
	if (way == TREE_SUBREAPER)
		assert_true(total_ns(&usage) <= kernel_ns(&scene));
	end(&scene);
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

	begin(&scene, way, "threads");
	wait_for(scene.page, 4);
	tree_sample(&scene.tree, &usage);
	assert_int_equal(usage.processes, 1);
	assert_int_equal(usage.threads, 5);
	/* Of one that lives the kernel tells user and system in hundredths of a second. */
	assert_true(total_ns(&usage) + 20000000 >= atomic_load(&scene.page->cpu_ns));
	assert_true(usage.voluntary >= 400);
	assert_int_equal(tree_kill(&scene.tree, SIGKILL), 1);
	reap_all(&scene, &usage);
	assert_true(total_ns(&usage) >= atomic_load(&scene.page->cpu_ns));
	end(&scene);
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

	begin(&scene, way, "disk");
	wait_for(scene.page, 1);
	/* The same while it is a zombie and when it is reaped. */
	(void)waitid(P_PID, (id_t)scene.pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	tree_sample(&scene.tree, &usage);
	assert_true(usage.read_bytes >= scene.page->read_bytes);
	assert_true(usage.written_bytes >= scene.page->written_bytes);
	assert_true(tree_reap(&scene.tree, &event));
	assert_int_equal(event.status, 0);
	tree_sample(&scene.tree, &usage);
	assert_true(usage.read_bytes >= scene.page->read_bytes);
	assert_true(usage.written_bytes >= scene.page->written_bytes);
	if (way == TREE_SUBREAPER) {
		assert_true(usage.read_bytes <= scene.page->read_bytes + 4096);
		assert_true(usage.written_bytes <= scene.page->written_bytes + 4096);
	}
	end(&scene);
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

	begin(&scene, way, "memory");
	wait_for(scene.page, 1);
	tree_sample(&scene.tree, &usage);
	assert_true(usage.memory_bytes >= 64 << 20);
	assert_true(usage.memory_bytes < 512 << 20);
	assert_true(usage.memory_peak_bytes >= usage.memory_bytes);
	assert_true(usage.minor_faults >= (64 << 20) / 4096 / 512);
	(void)tree_kill(&scene.tree, SIGTERM);
	reap_all(&scene, &usage);
	assert_true(usage.memory_bytes < 64 << 20);
	assert_true(usage.memory_peak_bytes >= 64 << 20);
	end(&scene);
}

static void test_memory(void **state)
{
	(void)state;
	check_memory(TREE_SUBREAPER);
	check_memory(TREE_AUTO);
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
	begin(&scene, way, "crowd");
	helper = fork();
	if (helper == 0)
		for (;;)
			(void)pause();
	tree_ignore(&scene.tree, helper);
	wait_for(scene.page, 5);
	tree_sample(&scene.tree, &usage);
	assert_int_equal(usage.processes, 6);
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
	end(&scene);
}

static void test_kill(void **state)
{
	(void)state;
	check_kill(TREE_SUBREAPER);
	check_kill(TREE_AUTO);
}

/* Whoever is born while the others are being killed is killed as well. */
static void check_fork_bomb(enum tree_way way)
{
	struct scene scene;
	struct usage usage;

	begin(&scene, way, "fork-bomb");
	wait_for(scene.page, 50);
	assert_true(tree_kill(&scene.tree, SIGKILL) > 1);
	reap_all(&scene, &usage);
	end(&scene);
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
	begin(&scene, TREE_AUTO, "memory");
	wait_for(scene.page, 1);
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
	end(&scene);
}

/* Who outlives us lives on, and no cgroup stays behind. */
static void test_left_behind(void **state)
{
	struct scene scene;
	struct tree_event event;
	siginfo_t info;

	(void)state;
	begin(&scene, TREE_AUTO, "memory");
	wait_for(scene.page, 1);
	struct tree other = scene.tree;

	end(&scene);
	assert_int_equal(kill(scene.pid, 0), 0);
	assert_int_equal(kill(scene.pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)scene.pid, &info, WEXITED | WNOWAIT), 0);
	other = (struct tree){ .proc = -1, .cgroup = { .parent = -1, .dir = -1 } };
	assert_true(tree_reap(&other, &event));
	tree_close(&other);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_unwaited),
		cmocka_unit_test(test_daemons),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_disk),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_fork_bomb),
		cmocka_unit_test(test_stop_and_continue),
		cmocka_unit_test(test_left_behind),
	};

	if (argc == 3)
		return act(argv[1], argv[2]);
	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
