/* SPDX-License-Identifier: Apache-2.0 */
/* The process table from /proc: of trees made here, and of this machine beside getrusage(). */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "host/process_parse.h"
#include "host/processes.h"

#define STATUS                                                                         \
	"Name:\tx\nUid:\t1000\t1001\t1002\t1003\nVmRSS:\t    12 kB\nVmSwap:\t  3 kB\n" \
	"voluntary_ctxt_switches:\t70\nnonvoluntary_ctxt_switches:\t7\n"

static const struct process_wants everything = { true, true, true, true, true, true, true };

/* A process of a tree: its stat line with `comm` and `start`, and the files given, NULL for none.
 */
static void put(int root, const char *pid, const char *comm, unsigned start, const char *status,
		const char *io)
{
	_cleanup_fd_ int dir = -1;
	char stat[512];

	(void)snprintf(stat, sizeof(stat),
		       "%s (%s) S 1 1 1 0 -1 4194560 10 20 30 40 50 60 70 80 20 0 1 0 %u "
		       "8192 3 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0\n",
		       pid, comm, start);
	assert_int_equal(mkdirat(root, pid, 0755), 0);
	dir = file_open_dir(root, pid);
	unit_write(dir, "stat", str_of(stat));
	if (status)
		unit_write(dir, "status", str_of(status));
	if (io)
		unit_write(dir, "io", str_of(io));
}

static struct process_table read_tree(const char *path, struct arena *arena)
{
	struct host host;
	struct process_table table;
	struct host_paths paths = { .path = { [HOST_PROC] = path } };

	host_open(&host, &paths, false);
	assert_int_equal(processes_proc(&host, &everything, arena, &table), 0);
	host_close(&host);
	return table;
}

static void test_fields(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	char path[64];
	int dir = unit_dir(path);
	struct process_table t;
	_cleanup_fd_ int process = -1;

	(void)state;
	put(dir, "20", "second", 300, STATUS, "rchar: 1\nread_bytes: 4096\nwrite_bytes: 512\n");
	put(dir, "3", "first", 200, STATUS, NULL);
	process = file_open_dir(dir, "20");
	unit_write(
		process, "limits",
		STR("Limit                     Soft Limit           Hard Limit           Units\n"
		    "Max open files            1024                 4096                 files\n"));
	unit_write(process, "schedstat", STR("500 44 3\n"));
	assert_int_equal(mkdirat(process, "fd", 0755), 0);
	unit_write(process, "fd/0", STR(""));
	unit_write(process, "fd/12", STR(""));
	assert_int_equal(mkdirat(dir, "self", 0755), 0);
	assert_int_equal(mkdirat(dir, "99", 0755), 0);
	unit_write(dir, "7", STR("no directory"));

	t = read_tree(path, &arena);
	assert_int_equal(t.n, 2);
	assert_int_equal(t.v[0].pid, 3);
	assert_int_equal(t.v[0].has & PROCESS_IO, 0);

	const struct process *p = &t.v[1];

	assert_int_equal(p->pid, 20);
	assert_int_equal(p->ppid, 1);
	assert_string_equal(p->comm, "second");
	assert_int_equal(p->state, 'S');
	assert_int_equal(p->uid, 1001);
	assert_int_equal(p->threads, 1);
	assert_int_equal(p->minor_faults, 10);
	assert_int_equal(p->major_faults, 30);
	assert_int_equal(p->user_ns, 500000000);
	assert_int_equal(p->system_ns, 600000000);
	assert_int_equal(p->cpu_ns, 1100000000);
	assert_int_equal(p->start_ns, 3000000000);
	assert_int_equal(p->virtual_bytes, 8192);
	assert_int_equal(p->resident_bytes, 12 * 1024);
	assert_int_equal(p->swap_bytes, 3 * 1024);
	assert_int_equal(p->voluntary_switches, 70);
	assert_int_equal(p->involuntary_switches, 7);
	assert_int_equal(p->read_bytes, 4096);
	assert_int_equal(p->write_bytes, 512);
	assert_int_equal(p->fds, 2);
	assert_int_equal(p->fd_limit, 1024);
	assert_int_equal(p->delay_ns, 44);
	assert_false(p->kernel);
	assert_int_equal(p->has, PROCESS_IO | PROCESS_FDS | PROCESS_FD_LIMIT | PROCESS_SWITCHES |
					 PROCESS_SWAP | PROCESS_DELAY);
	unit_remove(dir);
}

static void test_hostile_names(void **state)
{
	static const char *const names[] = {
		"a) R 9 9", "((", "x\ny", ") (", "", "0123456789abcde"
	};
	_cleanup_arena_ struct arena arena = { 0 };
	char path[64];
	int dir = unit_dir(path);
	struct process_table t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		put(dir, (const char[]){ (char)('1' + i), '\0' }, names[i], 5, STATUS, NULL);
	t = read_tree(path, &arena);
	assert_int_equal(t.n, ARRAY_SIZE(names));
	for (size_t i = 0; i < t.n; i++) {
		assert_string_equal(t.v[i].comm, names[i]);
		assert_int_equal(t.v[i].state, 'S');
		assert_int_equal(t.v[i].ppid, 1);
	}
	unit_remove(dir);
}

static bool parse(const char *text, struct process *p)
{
	*p = (struct process){ 0 };
	return process_parse_stat(str_of(text), 10000000, p);
}

static void test_stat_lines(void **state)
{
	struct process p;

	(void)state;
	assert_true(parse("9 (kworker/0:1-events) I 2 0 0 0 -1 69238880 0 0 0 0 0 4 0 0 20 0 1 0 7 "
			  "0 0\n",
			  &p));
	assert_true(p.kernel);
	assert_string_equal(p.comm, "kworker/0:1");
	assert_true(parse("9 (kworker/R-rcu_gp) I 2 0 0 0 -1 69238880 0 0 0 0 0 4 0 0 20 0 1 0 7 "
			  "0 0\n",
			  &p));
	assert_string_equal(p.comm, "kworker/R-rcu_g");
	assert_true(parse(
		"9 (kworker/u4:2+x) S 2 0 0 0 -1 4194304 0 0 0 0 0 4 0 0 20 0 1 0 7 0 0\n", &p));
	assert_string_equal(p.comm, "kworker/u4:2+x");
	assert_false(parse("", &p));
	assert_false(parse("9 (x)", &p));
	assert_false(parse("9 (x) S 1 2 3", &p));
	assert_false(parse("9 )x( S 2 0 0 0 -1 4194304 0 0 0 0 0 4 0 0 20 0 1 0 7 0 0\n", &p));
	assert_false(parse("x (x) S 2 0 0 0 -1 4194304 0 0 0 0 0 4 0 0 20 0 1 0 7 0 0\n", &p));
	assert_false(parse("9 (x) S 2 0 0 0 -1 4194304 0 0 0 0 0 a 0 0 20 0 1 0 7 0 0\n", &p));
}

static void test_no_limit(void **state)
{
	struct process p = { 0 };

	(void)state;
	process_parse_limits(STR("Max open files   unlimited   unlimited files\n"), &p);
	assert_int_equal(p.has, PROCESS_FD_LIMIT);
	assert_true(p.fd_limit == UINT64_MAX);
	p = (struct process){ 0 };
	process_parse_limits(STR("Max open files   -\nMax open files  12\n"), &p);
	assert_int_equal(p.has, 0);
}

static void test_threads_are_summed(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	char path[64];
	int dir = unit_dir(path);
	struct process_table t;

	(void)state;
	assert_int_equal(mkdirat(dir, "5", 0755), 0);
	unit_write(dir, "5/stat",
		   STR("5 (t) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 2 0 9 8192 3\n"));
	unit_write(dir, "5/status", STR(STATUS));
	assert_int_equal(mkdirat(dir, "5/task", 0755), 0);
	assert_int_equal(mkdirat(dir, "5/task/5", 0755), 0);
	assert_int_equal(mkdirat(dir, "5/task/6", 0755), 0);
	unit_write(dir, "5/task/5/status", STR(STATUS));
	unit_write(dir, "5/task/6/status", STR(STATUS));
	unit_write(dir, "5/task/6/schedstat", STR("1 2 3\n"));
	t = read_tree(path, &arena);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.v[0].voluntary_switches, 140);
	assert_int_equal(t.v[0].involuntary_switches, 14);
	assert_int_equal(t.v[0].delay_ns, 2);
	unit_remove(dir);
}

static void test_cgroup(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	char path[64];
	int dir = unit_dir(path);
	struct process_table t;
	struct host host;
	struct stat st;

	(void)state;
	assert_int_equal(mkdirat(dir, "fs", 0755), 0);
	assert_int_equal(mkdirat(dir, "fs/cgroup", 0755), 0);
	unit_write(dir, "fs/cgroup/cgroup.procs", STR(""));
	assert_int_equal(mkdirat(dir, "fs/cgroup/a.slice", 0755), 0);
	assert_int_equal(fstatat(dir, "fs/cgroup/a.slice", &st, 0), 0);
	put(dir, "1", "root", 1, STATUS, NULL);
	put(dir, "2", "in", 1, STATUS, NULL);
	put(dir, "3", "gone", 1, STATUS, NULL);
	unit_write(dir, "1/cgroup", STR("3:cpu:/x\n0::/\n"));
	unit_write(dir, "2/cgroup", STR("0::/a.slice\n"));
	unit_write(dir, "3/cgroup", STR("0::/a.slice/../../../..\n"));

	struct host_paths paths = { .path = { [HOST_PROC] = path, [HOST_SYS] = path } };

	host_open(&host, &paths, false);
	assert_int_equal(processes_proc(&host, &everything, &arena, &t), 0);
	host_close(&host);
	assert_int_equal(t.n, 3);
	assert_true(t.v[0].has & PROCESS_CGROUP);
	assert_true(t.v[1].has & PROCESS_CGROUP);
	assert_int_equal(t.v[1].cgroup, st.st_ino);
	assert_int_not_equal(t.v[0].cgroup, st.st_ino);
	unit_remove(dir);
}

/* Burns some time, writes a file, and is then asleep; tells through the pipe when. */
static pid_t start_child(int pipe_end)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);

	struct rusage usage;
	volatile unsigned work = 0;

	do {
		for (int i = 0; i < 100000; i++)
			work = work + 1;
		(void)getrusage(RUSAGE_SELF, &usage);
	} while (usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec < 100000);
	(void)getrusage(RUSAGE_SELF, &usage);
	if (write(pipe_end, &usage, sizeof(usage)) < 0)
		_exit(1);
	for (;;)
		(void)pause();
}

static const struct process *find(const struct process_table *t, pid_t pid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].pid == (uint32_t)pid)
			return &t->v[i];
	return NULL;
}

static void test_live(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_table t;
	struct rusage usage;
	struct host host;
	struct host_paths none = { 0 };
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);

	pid_t pid = start_child(ends[1]);

	assert_int_equal(read(ends[0], &usage, sizeof(usage)), sizeof(usage));
	host_open(&host, &none, false);
	/* It is asleep a moment after it wrote. */
	for (int i = 0; i < 12000; i++) {
		arena_reset(&arena);
		assert_int_equal(processes_proc(&host, &everything, &arena, &t), 0);
		if (find(&t, pid) && find(&t, pid)->state == 'S')
			break;
		(void)usleep(5000);
	}

	const struct process *p = find(&t, pid), *self = find(&t, getpid());

	assert_non_null(p);
	assert_non_null(self);
	assert_int_equal(p->ppid, getpid());
	assert_int_equal(p->state, 'S');
	assert_int_equal(p->threads, 1);
	assert_int_equal(p->uid, geteuid());
	assert_string_equal(p->comm, self->comm);
	assert_true(p->start_ns >= self->start_ns);
	assert_true(p->cpu_ns >= 90000000 && p->cpu_ns <= 5000000000);
	assert_true(p->minor_faults >= (uint64_t)usage.ru_minflt);
	assert_true(p->minor_faults <= (uint64_t)usage.ru_minflt + 20);
	assert_true(p->voluntary_switches >= (uint64_t)usage.ru_nvcsw);
	assert_true(p->voluntary_switches <= (uint64_t)usage.ru_nvcsw + 5);
	assert_true(p->resident_bytes > 0 && p->resident_bytes < p->virtual_bytes);
	assert_true(p->has & PROCESS_FDS && p->has & PROCESS_FD_LIMIT && p->has & PROCESS_IO);
	for (size_t i = 1; i < t.n; i++)
		assert_true(t.v[i - 1].pid < t.v[i].pid);

	/* The child has what we had when it was made: both ends of the pipe among them. */
	int fds = 0;
	char name[64];
	struct rlimit limit;

	(void)snprintf(name, sizeof(name), "/proc/%d/fd", pid);

	DIR *stream = opendir(name);

	assert_non_null(stream);
	for (const struct dirent *e; (e = readdir(stream));)
		fds += e->d_name[0] != '.';
	(void)closedir(stream);
	assert_int_equal(p->fds, fds);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(limit.rlim_cur == RLIM_INFINITY ? p->fd_limit == UINT64_MAX
						    : p->fd_limit == limit.rlim_cur);

	/* A dead one that nobody has waited for. */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	arena_reset(&arena);
	assert_int_equal(processes_proc(&host, &everything, &arena, &t), 0);
	p = find(&t, pid);
	assert_non_null(p);
	assert_int_equal(p->state, 'Z');
	assert_true(p->cpu_ns >= 90000000);
	assert_int_equal(p->resident_bytes, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	arena_reset(&arena);
	assert_int_equal(processes_proc(&host, &everything, &arena, &t), 0);
	assert_null(find(&t, pid));
	host_close(&host);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void test_no_tree(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct host host;
	struct process_table t;
	struct host_paths paths = { .path = { [HOST_PROC] = "/nonexistent" } };

	(void)state;
	host_open(&host, &paths, false);
	assert_int_equal(processes_proc(&host, &everything, &arena, &t), -ENOENT);
	host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),     cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_stat_lines), cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_live),       cmocka_unit_test(test_threads_are_summed),
		cmocka_unit_test(test_cgroup),     cmocka_unit_test(test_no_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
