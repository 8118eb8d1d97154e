/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's table beside that of /proc, of two thousand processes in every condition. What is
 * the same in /proc before and after must be so in between.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "live-processes.h"

#ifdef __SANITIZE_ADDRESS__
enum { PLAIN = 150 };
#else
enum { PLAIN = 1900 };
#endif
enum { TICK = 10000000, EACH = 8, MB = 1 << 20 };

enum kind {
	PLAIN_ONE,
	THREADS,
	ENDED, /* has had threads that used something */
	ZOMBIE,
	STOPPED,
	DELETED,  /* the file it runs */
	HEADLESS, /* its first thread has ended */
	FILES,
	MANY_FILES,
	MEMORY,
	NAMED,
	USER,
	LIMIT,
	KINDS,
};

struct scene {
	struct live live;
	struct host host;
	int ready[2];
	size_t n;
	struct {
		enum kind kind;
		pid_t pid;
	} child[PLAIN + KINDS * EACH];
};

static void *wait_for_ever(void *arg)
{
	while (arg == NULL)
		(void)pause();
	return NULL;
}

static void burn(int64_t ns)
{
	int64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		continue;
}

static void touch(size_t n)
{
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 1, n);
}

static void *use(void *arg)
{
	char name[] = "/tmp/peekpush-live-XXXXXX";
	int fd = mkstemp(name);

	(void)arg;
	(void)unlink(name);
	burn(5000000);
	touch(MB);
	if (fd < 0 || write(fd, name, sizeof(name)) < 0 || fsync(fd) < 0)
		_exit(1);
	(void)close(fd);
	return NULL;
}

static void start(void *(*run)(void *), bool join)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL) != 0 ||
	    (join && pthread_join(thread, NULL) != 0))
		_exit(1);
}

static void open_files(int n, int keep)
{
	for (int i = 0; i < n; i++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			_exit(1);
	/* Holes. */
	for (int i = 0; i < n / 3; i++)
		if (n - 3 * i != keep)
			(void)close(n - 3 * i);
}

static void run_deleted(int ready)
{
	char name[] = "/tmp/peekpush-live-XXXXXX";
	int fd = mkstemp(name), from = open("/bin/sleep", O_RDONLY | O_CLOEXEC);
	char bytes[4096];
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		if (write(fd, bytes, (size_t)n) != n)
			_exit(1);
	if (fchmod(fd, 0700) < 0 || close(fd) < 0)
		_exit(1);
	fd = open(name, O_PATH | O_CLOEXEC);
	(void)unlink(name);
	if (write(ready, "", 1) == 1)
		(void)fexecve(fd, (char *[]){ name, (char[]){ "1000" }, NULL }, (char *[]){ NULL });
	_exit(1);
}

static void be(enum kind kind, int ready)
{
	struct rlimit limit = { 777, 4096 };

	switch (kind) {
	case THREADS:
	case HEADLESS:
		for (int i = 0; i < 3; i++)
			start(wait_for_ever, false);
		break;
	case ENDED:
		for (int i = 0; i < 3; i++)
			start(use, true);
		burn(7000000);
		break;
	case DELETED:
		run_deleted(ready);
		break;
	case FILES:
		open_files(100, ready);
		break;
	case MANY_FILES:
		limit = (struct rlimit){ 3000, 3000 };
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		open_files(900, ready);
		break;
	case MEMORY:
		touch(8 * MB);
		break;
	case NAMED:
		(void)pthread_setname_np(pthread_self(), "a) b\t(c R 1 2 3");
		break;
	case USER:
		if (setresuid(65534, 4711, 65534) < 0)
			_exit(1);
		/* Who changes users is told no more. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		break;
	case LIMIT:
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		break;
	default:
		break;
	}
	if (write(ready, "", 1) != 1 || kind == ZOMBIE)
		_exit(0);
	if (kind == HEADLESS)
		pthread_exit(NULL);
	(void)wait_for_ever(NULL);
}

static void add(struct scene *scene, enum kind kind)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* Nobody may outlive us, and hold the pipe that the results go through. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		be(kind, scene->ready[1]);
		_exit(0);
	}
	scene->child[scene->n].kind = kind;
	scene->child[scene->n++].pid = pid;
}

static size_t restless(const struct scene *scene)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_table table;
	size_t n = 0;

	assert_int_equal(live_table(&scene->live, &arena, &table), 0);
	for (size_t i = 0; i < scene->n; i++) {
		const struct process *p = live_find(&table, scene->child[i].pid);
		enum kind kind = scene->child[i].kind;
		bool dead = kind == ZOMBIE || kind == HEADLESS;

		/* One that is shielded is not told. */
		n += p && (p->state != (dead              ? 'Z'
					: kind == STOPPED ? 'T'
							  : 'S') ||
			   (kind == ZOMBIE && p->threads > 1) ||
			   (kind == DELETED && strncmp(p->comm, "test-", 5) == 0));
	}
	return n;
}

/* Until all have gone to sleep. */
static void settle(const struct scene *scene)
{
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + INT64_C(60000000000);

	do {
		(void)usleep(300000);
		assert_true(clock_ns(CLOCK_MONOTONIC) < deadline);
	} while (restless(scene));
}

static int begin(void **state)
{
	struct scene *scene = *state;
	char byte;

	assert_int_equal(pipe2(scene->ready, O_CLOEXEC), 0);
	for (int i = 0; i < PLAIN; i++)
		add(scene, PLAIN_ONE);
	for (int kind = PLAIN_ONE + 1; kind < KINDS; kind++)
		for (int i = 0; i < EACH; i++)
			add(scene, (enum kind)kind);
	for (size_t i = 0; i < scene->n; i++)
		assert_int_equal(read(scene->ready[0], &byte, 1), 1);
	for (size_t i = 0; i < scene->n; i++)
		if (scene->child[i].kind == STOPPED)
			(void)kill(scene->child[i].pid, SIGSTOP);
	settle(scene);
	return 0;
}

static int end(void **state)
{
	struct scene *scene = *state;

	for (size_t i = 0; i < scene->n; i++)
		(void)kill(scene->child[i].pid, SIGKILL);
	for (size_t i = 0; i < scene->n; i++)
		(void)waitpid(scene->child[i].pid, NULL, 0);
	(void)close(scene->ready[0]);
	(void)close(scene->ready[1]);
	return 0;
}

static enum kind kind_of(const struct scene *scene, uint32_t pid)
{
	for (size_t i = 0; i < scene->n; i++)
		if (scene->child[i].pid == (pid_t)pid)
			return scene->child[i].kind;
	return KINDS;
}

static size_t differs(const char *what, uint32_t pid, uint64_t got, uint64_t want)
{
	if (got == want)
		return 0;
	print_error("process %u: %s is %llu, in /proc %llu\n", pid, what, (unsigned long long)got,
		    (unsigned long long)want);
	return 1;
}

#define SAME(member) differs(#member, got->pid, (uint64_t)got->member, (uint64_t)want->member)

/* How many of its figures are others. */
static size_t compare(const struct process *got, const struct process *want, enum kind kind)
{
	size_t n = 0;

	n += SAME(start_ns) + SAME(ppid) + SAME(uid) + SAME(threads) + SAME(state) + SAME(kernel);
	n += SAME(minor_faults) + SAME(major_faults) + SAME(read_bytes) + SAME(write_bytes);
	n += SAME(cgroup) + SAME(fd_limit) + SAME(delay_ns) + SAME(has);
	n += differs("user_ns", got->pid, got->user_ns / TICK * TICK, want->user_ns);
	n += differs("system_ns", got->pid, got->system_ns / TICK * TICK, want->system_ns);
	/* /proc knows nothing of threads that have ended, and little of whose first one has. */
	if (kind < KINDS && kind != ENDED)
		n += SAME(voluntary_switches) + SAME(involuntary_switches);
	else if (got->voluntary_switches < want->voluntary_switches + (kind == ENDED))
		n += SAME(voluntary_switches);
	if (kind != HEADLESS && (want->state != 'Z' || want->threads <= 1))
		n += SAME(virtual_bytes) + SAME(resident_bytes) + SAME(swap_bytes) + SAME(fds);
	/* What a worker of the kernel is doing is a part of its name in /proc. */
	if (memcmp(got->comm, "kworker/", 8) != 0 && memcmp(got->comm, want->comm, PROCESS_COMM)) {
		print_error("process %u: name %.16s, in /proc %.16s\n", got->pid, got->comm,
			    want->comm);
		n++;
	}
	return n;
}

static void test_same_as_proc(void **state)
{
	static const struct process_wants all = { true, true, true, true, true, true, true };
	_cleanup_arena_ struct arena arena = { 0 };
	struct scene *scene = *state;
	struct process_table before, table, after;
	size_t compared[KINDS + 1] = { 0 }, kernel = 0, wrong = 0;

	assert_int_equal(processes_proc(&scene->host, &all, &arena, &before), 0);
	assert_int_equal(live_table(&scene->live, &arena, &table), 0);
	assert_int_equal(processes_proc(&scene->host, &all, &arena, &after), 0);
	assert_true(table.n > scene->n);
	for (size_t i = 0; i < before.n; i++) {
		const struct process *want = &before.v[i];
		const struct process *again = live_find(&after, (pid_t)want->pid);
		const struct process *got = live_find(&table, (pid_t)want->pid);
		enum kind kind = kind_of(scene, want->pid);

		if (!again || memcmp(want, again, sizeof(*want)) != 0)
			continue;
		/* Some sandboxes shield their own processes from whoever is root in them. */
		if (!got && !(want->has & PROCESS_IO))
			continue;
		if (!got) {
			print_error("process %u is missing\n", want->pid);
			wrong++;
			continue;
		}
		wrong += compare(got, want, kind) > 0;
		compared[kind]++;
		kernel += want->kernel;
	}
	for (int kind = PLAIN_ONE + 1; kind < KINDS; kind++)
		assert_in_range(compared[kind], EACH / 2, EACH);
	assert_in_range(compared[PLAIN_ONE], PLAIN * 9 / 10, PLAIN);
	assert_true(kernel > 0);
	assert_int_equal(wrong, 0);
}

/* What /proc does not tell. */
static void test_headless(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct scene *scene = *state;
	struct process_table table;
	size_t n = 0;

	assert_int_equal(live_table(&scene->live, &arena, &table), 0);
	for (size_t i = 0; i < scene->n; i++) {
		const struct process *p = live_find(&table, scene->child[i].pid);

		assert_non_null(p);
		if (scene->child[i].kind != HEADLESS)
			continue;
		n++;
		assert_int_equal(p->state, 'Z');
		assert_int_equal(p->threads, 4);
		assert_true(p->resident_bytes > 0);
		assert_true(p->virtual_bytes > p->resident_bytes);
		assert_true(p->fds > 2);
	}
	assert_int_equal(n, EACH);
}

/* In a pid namespace of its own the same file tells that it is of no use there. */
static void test_foreign(void **state)
{
	struct scene *scene = *state;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct process_table table;
		struct arena arena = { 0 };

		if (unshare(CLONE_NEWPID) < 0)
			_exit(2);
		pid = fork();
		if (pid == 0)
			_exit(live_table(&scene->live, &arena, &table) == -EXDEV ? 0 : 1);
		_exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									   : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	static struct scene scene;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_same_as_proc, &scene),
		cmocka_unit_test_prestate(test_headless, &scene),
		cmocka_unit_test_prestate(test_foreign, &scene),
	};
	int r;

	if (!live_begin(&scene.live))
		return 0;
	host_open(&scene.host, &(struct host_paths){ 0 }, false);
	(void)begin((void *[]){ &scene });
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)end((void *[]){ &scene });
	host_close(&scene.host);
	live_end(&scene.live);
	return r;
}
