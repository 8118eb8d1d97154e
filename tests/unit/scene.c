/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"

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
	for (int i = 0; i < SCENE_BOMB; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			burn(page, SCENE_BURN_NS);
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
				/* For a minute at most. */
				for (int ms = 0; ms < 60000 && !atomic_load(&page->seen); ms++)
					(void)usleep(1000);
				burn(page, 10 * SCENE_BURN_NS);
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
	/* Long enough to be slept through, also on a busy machine. */
	for (int i = 0; i < 100; i++)
		(void)usleep(1000);
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

static void *linger(void *arg)
{
	struct page *page = arg;

	/* Until the first thread is gone. */
	(void)usleep(20000);
	atomic_fetch_add(&page->done, 1);
	(void)pause();
	return NULL;
}

/* The process is a zombie by its state, and lives. */
static void headless(struct page *page)
{
	pthread_t id;

	if (pthread_create(&id, NULL, linger, page) != 0)
		_exit(1);
	pthread_exit(NULL);
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

void scene_wait(const struct page *page, uint64_t done)
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

/* Returns when who forked it is gone: one more until then, and who looks just when it goes may find
 * its child below neither the old parent nor the new one. */
static void leave_session(void)
{
	pid_t parent = getpid();

	(void)setsid();
	if (fork() != 0)
		_exit(0);
	while (getppid() == parent)
		(void)usleep(1000);
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
	scene_wait(page, 4);
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
	{ "crowd", crowd }, { "fork-bomb", fork_bomb },    { "headless", headless },
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
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* When the test fails nobody may live on, or hold the pipe that its results go through. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(null, STDOUT_FILENO);
	(void)close(null);
	for (size_t i = 0; i < ARRAY_SIZE(deeds); i++)
		if (strcmp(deeds[i].name, name) == 0) {
			deeds[i].run(map(path));
			return 0;
		}
	return 1;
}

void scene_begin(struct scene *scene, enum tree_way way, const char *deed)
{
	char exe[] = "/proc/self/exe";
	char *argv[] = { exe, (char *)(uintptr_t)deed, scene->file, NULL };
	struct child_conf conf = { .argv = argv, .err = -1 };
	sigset_t mask;
	bool forked;

	*scene = (struct scene){ .free_fd = dup(STDIN_FILENO) };
	(void)close(scene->free_fd);
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

void scene_end(struct scene *scene)
{
	int parent = scene->tree.cgroup.parent, dir = -1, reaper = -1;
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
	/* Each descriptor is given back. */
	assert_int_equal(dup(STDIN_FILENO), scene->free_fd);
	(void)close(scene->free_fd);
	assert_int_equal(prctl(PR_GET_CHILD_SUBREAPER, &reaper), 0);
	assert_int_equal(reaper, 0);
}

void scene_reap(struct scene *scene, struct usage *ret)
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

int scene_main(int argc, char *argv[], int (*tests)(void))
{
	return argc == 3 ? act(argv[1], argv[2]) : tests();
}
