/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel keeps of the dead, beside what wait() told their parent. PEEKPUSH_FORKS makes the
 * long loop as long as one likes.
 */
#include "unit.h"

#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "host/process_record.h"
#include "live-processes.h"

#ifdef __SANITIZE_ADDRESS__
enum { FORKS = 1000 };
#else
enum { FORKS = 3000 };
#endif
enum { AT_ONCE = 8, PAGES = 4, TRIES = 40 };
#define WAIT_NS INT64_C(20000000000)
#define SHIELD_NS INT64_C(1500000000)

/* What the dead children of this process used, so far; in two places. */
struct used {
	uint64_t records, rows; /* how many */
	uint64_t cpu_ns, system_ns, minor_faults, switches, write_bytes;
};

static void add(struct used *to, const struct process_used *used)
{
	to->cpu_ns += used->user_ns + used->system_ns;
	to->system_ns += used->system_ns;
	to->minor_faults += used->minor_faults;
	to->switches += used->voluntary_switches + used->involuntary_switches;
	to->write_bytes += used->write_bytes;
}

/* All since the beginning of the maps; the records are read on from where the last call stood. */
static struct used ours(const struct live *live)
{
	static struct process_seen seen;
	static struct used records;
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_totals t;
	struct used u;

	assert_int_equal(process_totals_read(live->object, seen, &arena, &t), 0);
	assert_int_equal(t.lost, 0);
	seen = t.seen;
	for (size_t i = 0; i < t.n_dead; i++)
		if (t.dead[i].ppid == (uint32_t)getpid()) {
			records.records++;
			add(&records, &t.dead[i].used);
		}
	u = records;
	for (size_t i = 0; i < t.n; i++)
		if (t.v[i].kind.parent == (uint32_t)getpid()) {
			u.rows += t.v[i].sum.count;
			add(&u, &t.v[i].sum.used);
		}
	return u;
}

/*
 * The kernel tells of an end some time after wait() did. Where a sandbox shields its own process,
 * those whose memory is given back while that process happens to run are told to nobody.
 */
static struct used when_there_are(const struct live *live, uint64_t n)
{
	int64_t end = clock_ns(CLOCK_MONOTONIC) + (live->shielded ? SHIELD_NS : WAIT_NS);
	struct used u = ours(live);

	while (u.records + u.rows < n && clock_ns(CLOCK_MONOTONIC) < end) {
		(void)usleep(10000);
		u = ours(live);
	}
	if (!live->shielded)
		assert_int_equal(u.records + u.rows, n);
	return u;
}

static void pass(const struct live *live)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_table table;

	assert_int_equal(live_table(live, &arena, &table), 0);
}

static int64_t ns_of(struct timeval t)
{
	return t.tv_sec * INT64_C(1000000000) + t.tv_usec * 1000;
}

static void work(int64_t ns)
{
	int64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		continue;
}

static pid_t start(void (*run)(const void *), const void *arg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* Nobody may outlive us, and hold the pipe that the results go through. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(arg);
		_exit(0);
	}
	return pid;
}

/* Most of the time it does not read, however long a pass takes on a busy machine. */
static void read_always(const void *arg)
{
	for (;;) {
		struct arena arena = { 0 };
		struct process_table table;
		int64_t begin = clock_ns(CLOCK_MONOTONIC), took;

		if (live_table(arg, &arena, &table) < 0)
			_exit(1);
		arena_release(&arena);
		took = clock_ns(CLOCK_MONOTONIC) - begin;
		(void)usleep((useconds_t)(500000 + 9 * took / 1000));
	}
}

static void short_life(const void *arg)
{
	const int *i = arg;
	char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	for (int page = 0; p != MAP_FAILED && page < PAGES; page++)
		p[page * 4096] = 1;
	if (*i % 50 == 0)
		work(1000000);
}

/* A hundred thousand of them are a few rows, and nothing of them is missing. */
static void test_forks(void **state)
{
	const struct live *live = *state;
	const char *given = getenv("PEEKPUSH_FORKS");
	struct str text = str_of(given ? given : "");
	uint64_t forks = FORKS;
	struct rusage before, after;
	struct used first, last;
	pid_t reader;

	(void)num_take_u64(&text, &forks);
	pass(live);
	first = ours(live);
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &before), 0);
	reader = start(read_always, live);
	for (int i = 0; i < (int)forks; i++) {
		(void)start(short_life, &i);
		if (i % AT_ONCE == AT_ONCE - 1)
			for (int k = 0; k < AT_ONCE; k++)
				assert_true(wait(NULL) > 0);
		/* A cycle's reading. */
		if (i % 3000 == 2999)
			(void)ours(live);
	}
	(void)kill(reader, SIGKILL);
	while (wait(NULL) > 0)
		continue;
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &after), 0);
	last = when_there_are(live, first.records + first.rows + forks + 1);

	int64_t cpu = ns_of(after.ru_utime) + ns_of(after.ru_stime) - ns_of(before.ru_utime) -
		      ns_of(before.ru_stime);
	int64_t system = ns_of(after.ru_stime) - ns_of(before.ru_stime);
	int64_t faults = after.ru_minflt - before.ru_minflt;
	int64_t got = (int64_t)(last.cpu_ns - first.cpu_ns);
	int64_t got_system = (int64_t)(last.system_ns - first.system_ns);

	print_message("# %llu ends, %llu of them records: %lld us of CPU, wait() said %lld; system "
		      "%lld, %lld; faults %lld, %lld\n",
		      (unsigned long long)forks, (unsigned long long)(last.records - first.records),
		      (long long)got / 1000, (long long)cpu / 1000, (long long)got_system / 1000,
		      (long long)system / 1000, (long long)(last.minor_faults - first.minor_faults),
		      (long long)faults);
	if (live->shielded) {
		uint64_t told = last.records + last.rows - first.records - first.rows;

		assert_in_range(told, forks / 2, forks + 1);
		assert_in_range(got, cpu / 4, cpu + cpu / 100);
		assert_in_range(last.minor_faults - first.minor_faults, faults / 4, faults);
	} else {
		assert_in_range(got, cpu - cpu / 100, cpu + cpu / 100);
		assert_in_range(got_system, system - system / 50, system + system / 50);
		assert_int_equal(last.minor_faults - first.minor_faults, faults);
	}
	/* Those whom no pass met are no records. */
	assert_true(last.records - first.records < forks / 2);
}

static const struct process_dead *find_dead(const struct process_totals *t, pid_t pid)
{
	const struct process_dead *found = NULL;

	for (size_t i = 0; i < t->n_dead; i++)
		if (t->dead[i].pid == (uint32_t)pid) {
			assert_true(!found || found->start_ns < t->dead[i].start_ns);
			found = &t->dead[i];
		}
	return found;
}

/* Waits for the child's end and for its record; false: it was not told, and is to be repeated. */
static bool end_of(const struct live *live, pid_t pid, struct process_seen seen,
		   struct process_dead *ret)
{
	int64_t end;

	assert_int_equal(waitpid(pid, NULL, 0), pid);
	end = clock_ns(CLOCK_MONOTONIC) + (live->shielded ? SHIELD_NS : WAIT_NS);
	while (clock_ns(CLOCK_MONOTONIC) < end) {
		_cleanup_arena_ struct arena arena = { 0 };
		const struct process_dead *found;
		struct process_totals t;

		assert_int_equal(process_totals_read(live->object, seen, &arena, &t), 0);
		assert_true(t.known);
		found = find_dead(&t, pid);
		if (found) {
			*ret = *found;
			return true;
		}
		(void)usleep(10000);
	}
	assert_true(live->shielded);
	return false;
}

static struct process_seen now(const struct live *live)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_totals t;

	assert_int_equal(process_totals_read(live->object, (struct process_seen){ 0 }, &arena, &t),
			 0);
	assert_true(t.seen.load > 0);
	return t.seen;
}

struct step {
	int go[2];
	bool by_thread;
};

static void *exec(void *arg)
{
	(void)arg;
	(void)execl("/bin/true", "true", NULL);
	_exit(127);
}

static void wait_and_exec(const void *arg)
{
	const struct step *step = arg;
	pthread_t thread;
	char byte;

	work(10000000);
	if (read(step->go[0], &byte, 1) != 1)
		_exit(1);
	if (!step->by_thread)
		(void)exec(NULL);
	if (pthread_create(&thread, NULL, exec, NULL) == 0)
		(void)pthread_join(thread, NULL);
	_exit(1);
}

/* Whoever executes another program is the same process, also when a thread does it. */
static bool exec_once(const struct live *live, bool by_thread)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct step step = { .by_thread = by_thread };
	struct process_seen seen = now(live);
	struct process_table table;
	struct process_dead dead;
	const struct process *p;
	pid_t pid;

	assert_int_equal(pipe2(step.go, O_CLOEXEC), 0);
	pid = start(wait_and_exec, &step);
	do {
		(void)usleep(5000);
		assert_int_equal(live_table(live, &arena, &table), 0);
		p = live_find(&table, pid);
		assert_non_null(p);
	} while (p->cpu_ns < 10000000);
	assert_int_equal(write(step.go[1], "", 1), 1);
	(void)close(step.go[0]);
	(void)close(step.go[1]);
	if (!end_of(live, pid, seen, &dead))
		return false;
	assert_string_equal(dead.comm, "true");
	assert_int_equal(dead.start_ns, p->start_ns);
	assert_int_equal(dead.ppid, getpid());
	assert_int_equal(dead.uid, getuid());
	assert_int_equal(dead.cgroup, p->cgroup);
	assert_true(dead.used.user_ns + dead.used.system_ns > p->cpu_ns);
	assert_true(dead.used.minor_faults > p->minor_faults);
	return true;
}

static void test_exec(void **state)
{
	for (int by_thread = 0; by_thread < 2; by_thread++) {
		int tries = TRIES;

		while (!exec_once(*state, by_thread) && --tries)
			continue;
		assert_true(tries > 0);
	}
}

static void *use(void *arg)
{
	(void)arg;
	work(5000000);
	return NULL;
}

static void threads(const void *arg)
{
	const struct step *step = arg;
	pthread_t thread[4];
	char byte;

	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		if (pthread_create(&thread[i], NULL, use, NULL) != 0)
			_exit(1);
	if (read(step->go[0], &byte, 1) != 1)
		_exit(1);
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		(void)pthread_join(thread[i], NULL);
}

/* Lives until a pass has met it. */
static pid_t start_threads(const struct live *live)
{
	struct step step;
	pid_t pid;

	assert_int_equal(pipe2(step.go, O_CLOEXEC), 0);
	pid = start(threads, &step);
	pass(live);
	assert_int_equal(write(step.go[1], "", 1), 1);
	(void)close(step.go[0]);
	(void)close(step.go[1]);
	return pid;
}

/* One process, one record, with all its threads used. */
static void test_threads(void **state)
{
	const struct live *live = *state;
	struct process_seen seen;
	struct process_dead dead;
	int tries = TRIES;
	pid_t pid;

	do {
		seen = now(live);
		pid = start_threads(live);
	} while (!end_of(live, pid, seen, &dead) && --tries);
	assert_true(tries > 0);
	assert_in_range(dead.used.user_ns + dead.used.system_ns, 20000000, 2000000000);
}

static void nested(const void *arg)
{
	pid_t pid = fork();

	(void)arg;
	(void)prctl(PR_SET_NAME, pid ? "nest-outer" : "nest-inner");
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

static size_t count_nested(const struct live *live)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_totals t;
	size_t n = 0;

	assert_int_equal(process_totals_read(live->object, (struct process_seen){ 0 }, &arena, &t),
			 0);
	for (size_t i = 0; i < t.n; i++)
		n += strncmp(t.v[i].kind.comm, "nest-", 5) == 0 &&
		     t.v[i].kind.parent == (uint32_t)getpid();
	return n;
}

/* The ancestor that a reader may know, not a parent that nobody saw. */
static void test_ancestor(void **state)
{
	const struct live *live = *state;
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_totals t;
	struct process_table table;
	pid_t outer[TRIES];
	size_t found = 0;
	int tries = 0;

	assert_int_equal(live_table(live, &arena, &table), 0);
	/*
	 * One after the other, until both have been told. On a busy machine the outer one's memory
	 * may be another's by the time at which the kernel tells of the inner one's end.
	 */
	for (; found < 2 && tries < TRIES; tries++) {
		int64_t end;

		outer[tries] = start(nested, NULL);
		assert_int_equal(waitpid(outer[tries], NULL, 0), outer[tries]);
		end = clock_ns(CLOCK_MONOTONIC) + SHIELD_NS;
		while ((found = count_nested(live)) < 2 && clock_ns(CLOCK_MONOTONIC) < end)
			(void)usleep(10000);
	}
	assert_int_equal(found, 2);
	found = 0;
	assert_int_equal(process_totals_read(live->object, (struct process_seen){ 0 }, &arena, &t),
			 0);
	for (size_t i = 0; i < t.n; i++) {
		if (strncmp(t.v[i].kind.comm, "nest-", 5) != 0)
			continue;
		for (int k = 0; k < tries; k++)
			assert_int_not_equal(t.v[i].kind.parent, outer[k]);
		if (t.v[i].kind.parent != (uint32_t)getpid())
			continue;
		found++;
		assert_int_equal(t.v[i].kind.parent_start_ns,
				 live_find(&table, getpid())->start_ns);
		assert_true(t.v[i].sum.count >= 1);
		assert_true(t.v[i].sum.born_ns > 0);
	}
	assert_int_equal(found, 2);
}

/* As fork() does, but with a number of our choice; -1 and errno where somebody has it. */
static pid_t start_as(pid_t number, const struct step *step)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&number,
		.set_tid_size = 1,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		wait_and_exec(step);
		_exit(0);
	}
	return pid;
}

/* The same number twice: told apart by their start. */
static void test_reuse(void **state)
{
	const struct live *live = *state;
	struct process_seen seen;
	struct step step = { 0 };
	struct process_dead dead, again;
	int64_t deadline = clock_ns(CLOCK_MONOTONIC) + 3 * WAIT_NS;
	pid_t pid, other;
	bool told = false;

	assert_int_equal(pipe2(step.go, O_CLOEXEC), 0);
	while (!told && clock_ns(CLOCK_MONOTONIC) < deadline) {
		seen = now(live);
		pid = start(wait_and_exec, &step);
		pass(live);
		assert_int_equal(write(step.go[1], "", 1), 1);
		if (!end_of(live, pid, seen, &dead))
			continue;
		seen = now(live);
		other = start_as(pid, &step);
		/* Whoever else forks may have got the number first. */
		if (other < 0 && errno == EEXIST)
			continue;
		if (other < 0) {
			print_message("# numbers cannot be chosen here: %s\n", strerror(errno));
			(void)close(step.go[0]);
			(void)close(step.go[1]);
			return;
		}
		pass(live);
		assert_int_equal(write(step.go[1], "", 1), 1);
		assert_int_equal(other, pid);
		told = end_of(live, other, seen, &again);
	}
	assert_true(told);
	assert_int_equal(again.pid, dead.pid);
	assert_true(again.start_ns > dead.start_ns);
	(void)close(step.go[0]);
	(void)close(step.go[1]);
}

/* Nobody who reads takes anything from anybody. */
static void test_readers(void **state)
{
	const struct live *live = *state;
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_seen seen = now(live), other = { seen.load + 1, 0 };
	struct process_totals a, b;
	struct process_dead dead;
	pid_t pid;

	do {
		pid = start_threads(live);
	} while (!end_of(live, pid, seen, &dead));
	assert_int_equal(process_totals_read(live->object, seen, &arena, &a), 0);
	assert_int_equal(process_totals_read(live->object, seen, &arena, &b), 0);
	assert_true(a.known && b.known);
	assert_true(a.n_dead >= 1 && b.n_dead >= a.n_dead);
	assert_memory_equal(a.dead, b.dead, a.n_dead * sizeof(*a.dead));
	assert_true(b.n >= a.n);
	assert_int_equal(process_totals_read(live->object, a.seen, &arena, &b), 0);
	assert_true(b.known);
	assert_null(find_dead(&b, pid));
	assert_int_equal(process_totals_read(live->object, other, &arena, &b), 0);
	assert_false(b.known);
	assert_non_null(find_dead(&b, pid));
}

/* Memory that is shared need not be copied eight thousand times, which under ASan takes minutes. */
static pid_t start_named(const char *name)
{
	pid_t pid = vfork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, name);
		_exit(0);
	}
	return pid;
}

/* More kinds than there is room for: told apart less well, but all there. Comes last. */
static void test_too_many_kinds(void **state)
{
	enum { MORE = PROCESS_RECORD_KINDS + 200 };
	const struct live *live = *state;
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_totals t;
	uint64_t named = 0, rest = 0;
	uint64_t enough = live->shielded ? MORE * 3 / 4 : MORE;
	int64_t end;

	for (int i = 0; i < MORE; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "kind-%d", i);
		assert_true(waitpid(start_named(name), NULL, 0) > 0);
	}
	end = clock_ns(CLOCK_MONOTONIC) + (live->shielded ? SHIELD_NS : WAIT_NS);
	while (named + rest < MORE && clock_ns(CLOCK_MONOTONIC) < end) {
		arena_reset(&arena);
		assert_int_equal(
			process_totals_read(live->object, (struct process_seen){ 0 }, &arena, &t),
			0);
		named = rest = 0;
		for (size_t i = 0; i < t.n; i++)
			if (strncmp(t.v[i].kind.comm, "kind-", 5) == 0)
				named += t.v[i].sum.count;
			else if (!t.v[i].kind.comm[0])
				rest += t.v[i].sum.count;
	}
	print_message("# %llu of %d, %llu without a row, %zu rows, %llu missed\n",
		      (unsigned long long)(named + rest), MORE, (unsigned long long)rest, t.n,
		      (unsigned long long)t.missed);
	/* Those without a row are also those of whatever else ends on this host. */
	assert_true(named + rest >= enough);
	assert_true(named <= PROCESS_RECORD_KINDS);
	assert_int_equal(t.missed, 0);
	if (!live->shielded) {
		assert_true(rest >= 200);
		assert_int_equal(t.n, PROCESS_RECORD_KINDS);
	}
}

int main(void)
{
	static struct live live;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_forks, &live),
		cmocka_unit_test_prestate(test_exec, &live),
		cmocka_unit_test_prestate(test_threads, &live),
		cmocka_unit_test_prestate(test_ancestor, &live),
		cmocka_unit_test_prestate(test_reuse, &live),
		cmocka_unit_test_prestate(test_readers, &live),
		cmocka_unit_test_prestate(test_too_many_kinds, &live),
	};
	int r;

	if (!live_begin(&live))
		return 0;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	live_end(&live);
	return r;
}
