/* SPDX-License-Identifier: Apache-2.0 */
/* A cgroup of the job's own: what it counts, its making and its removal; where a scope may be. */
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "job/cgroup.h"
#include "job/scope.h"

static void test_usage(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct usage usage = { .read_bytes = 1, .memory_peak_bytes = 5 };
	int dir = unit_dir(NULL);

	(void)state;
	/* Without files nothing changes. */
	cgroup_usage(dir, &arena, &usage);
	assert_int_equal(usage.read_bytes, 1);
	assert_int_equal(usage.user_ns, 0);
	unit_write(dir, "cpu.stat",
		   STR("usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_periods 7\nuser_usec x\n"));
	unit_write(dir, "memory.current", STR("4096\n"));
	unit_write(dir, "memory.peak", STR("8192\n"));
	unit_write(dir, "io.stat",
		   STR("7777:1 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n"
		       "7777:2 rbytes=10 wbytes=20 cost.usage=5\n"
		       "7777:3 \nrubbish\n7777:4 rbytes=-1 wbytes\n"));
	cgroup_usage(dir, &arena, &usage);
	assert_int_equal(usage.user_ns, 10000);
	assert_int_equal(usage.system_ns, 20000);
	assert_int_equal(usage.memory_bytes, 4096);
	assert_int_equal(usage.memory_peak_bytes, 8192);
	assert_int_equal(usage.read_bytes, 111);
	assert_int_equal(usage.written_bytes, 220);
	/* A second one adds; of peaks the higher counts. */
	unit_write(dir, "memory.peak", STR("6000\n"));
	cgroup_usage(dir, &arena, &usage);
	assert_int_equal(usage.user_ns, 20000);
	assert_int_equal(usage.memory_bytes, 8192);
	assert_int_equal(usage.memory_peak_bytes, 8192);
	unit_remove(dir);
}

/* proc files and cgroup.procs in a plain tree: nested ones count when they are asked for. */
static void test_pids(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct pids pids = { 0 };
	int dir = unit_dir(NULL), below;

	(void)state;
	unit_write(dir, "cgroup.procs", STR("12\n0\n7\nx\n99999999999\n"));
	assert_int_equal(mkdirat(dir, "a", 0700), 0);
	below = file_open_dir(dir, "a");
	unit_write(below, "cgroup.procs", STR("12\n3\n"));
	(void)close(below);
	cgroup_pids(dir, false, &arena, &pids);
	assert_int_equal(pids.n, 2);
	pids.n = 0;
	cgroup_pids(dir, true, &arena, &pids);
	pids_sort(&pids);
	assert_int_equal(pids.n, 3);
	assert_int_equal(pids.v[0], 3);
	assert_int_equal(pids.v[2], 12);
	assert_true(pids_have(&pids, 7));
	assert_false(pids_have(&pids, 8));
	unit_remove(dir);
}

static pid_t sleeper_in(int dir)
{
	pid_t pid = fork();

	if (pid == 0) {
		_cleanup_fd_ int fd = openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd < 0 || write(fd, "0", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	for (;;) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct pids pids = { 0 };

		cgroup_pids(dir, false, &arena, &pids);
		pids_sort(&pids);
		if (pids_have(&pids, pid))
			return pid;
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
		(void)usleep(1000);
	}
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Empty nested ones go, lived in ones stay with who lives there, and are swept later. */
static void test_remove(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct cgroup cgroup, again;
	struct str path;
	int below, own;
	pid_t direct, nested, watcher;
	char dead[32], alive[32];

	(void)state;
	if (cgroup_make(&cgroup, &arena) < 0) {
		assert_int_equal(cgroup.dir, -1);
		assert_int_equal(cgroup.parent, -1);
		return;
	}
	assert_int_equal(cgroup_make(&again, &arena), 0);
	(void)close(cgroup.dir);
	(void)close(cgroup.parent);
	cgroup = again;
	assert_int_equal(mkdirat(cgroup.dir, "empty", 0755), 0);
	assert_int_equal(mkdirat(cgroup.dir, "full", 0755), 0);
	below = file_open_dir(cgroup.dir, "full");
	direct = sleeper_in(cgroup.dir);
	nested = sleeper_in(below);
	/* While somebody lives there it is nobody else's to make. */
	assert_int_equal(cgroup_make(&again, &arena), -EEXIST);
	assert_int_equal(again.dir, -1);

	own = file_open_dir(cgroup.parent, ".");
	char name[sizeof(cgroup.name)];

	memcpy(name, cgroup.name, sizeof(name));
	cgroup_remove(&cgroup, &arena);
	assert_int_equal(cgroup.dir, -1);
	assert_int_equal(faccessat(own, name, F_OK, 0), 0);
	assert_int_equal(kill(nested, 0), 0);
	int moved = cgroup_of(direct, &arena, &path);

	assert_true(moved >= 0);
	assert_null(memmem(path.p, path.n, name, strlen(name)));
	(void)close(moved);
	moved = cgroup_of(nested, &arena, &path);
	assert_true(moved >= 0);
	assert_true(str_ends(path, STR("/full")));
	(void)close(moved);
	end(direct);
	end(nested);
	(void)close(below);
	watcher = fork();
	if (watcher == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}
	assert_true(watcher > 0);
	/* A dead watcher's is swept, a living one's is not. No other test has these. */
	(void)snprintf(dead, sizeof(dead), "peekpush-job-%d", INT_MAX - getpid());
	(void)snprintf(alive, sizeof(alive), "peekpush-job-%d", watcher);
	assert_int_equal(mkdirat(own, dead, 0755), 0);
	assert_int_equal(mkdirat(own, alive, 0755), 0);
	assert_int_equal(cgroup_make(&again, &arena), -EEXIST);
	assert_int_equal(unlinkat(own, name, AT_REMOVEDIR), -1);
	below = file_open_dir(own, name);
	assert_int_equal(unlinkat(below, "full", AT_REMOVEDIR), 0);
	(void)close(below);
	assert_int_equal(cgroup_make(&again, &arena), 0);
	cgroup_remove(&again, &arena);
	assert_int_equal(faccessat(own, name, F_OK, 0), -1);
	assert_int_equal(faccessat(own, dead, F_OK, 0), -1);
	assert_int_equal(faccessat(own, alive, F_OK, 0), 0);
	assert_int_equal(unlinkat(own, alive, AT_REMOVEDIR), 0);
	end(watcher);
	(void)close(own);
}

static void test_service(void **state)
{
	static const struct {
		const char *path;
		bool want;
	} cases[] = {
		{ "/", false },
		{ "/system.slice/cron.service", true },
		{ "/system.slice/cron.service/below", true },
		{ "/user.slice/user-0.slice/session-1.scope", false },
		{ "/user.slice/user-7.slice/user@7.service/app.slice/term.scope", false },
		{ "/user.slice/user-7.slice/user@7.service/app.slice/x.service", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(cgroup_in_service(str_of(cases[i].path)), cases[i].want);
}

static void test_place(void **state)
{
	static const struct {
		const char *path;
		bool user, lingers, want;
		const char *slice;
	} cases[] = {
		{ "/user.slice/user-0.slice/session-1.scope", 0, 0, 1, "user-0.slice" },
		{ "/", 0, 0, 1, "" },
		{ "/init.scope", 0, 1, 1, "" },
		{ "/system.slice/cron.service", 0, 1, 0, "" },
		{ "/user.slice/user-0.slice/user@0.service/app.slice/t.scope", 0, 1, 0, "" },
		{ "/user.slice/user-7.slice/session-1.scope", 1, 0, 0, "" },
		{ "/user.slice/user-7.slice/session-1.scope", 1, 1, 1, "" },
		{ "/user.slice/user-7.slice/user@7.service/app.slice/t.scope", 1, 0, 1,
		  "app.slice" },
		{ "/user.slice/user-7.slice/user@7.service/app.slice/x.service", 1, 1, 0, "" },
		{ "/system.slice/peekpush-job-77.scope", 0, 0, 0, "" },
		{ "/user.slice/user-0.slice/session-1.scope/peekpush-job-5", 0, 0, 0, "" },
	};
	_cleanup_arena_ struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scope_conf conf = { 0 };
		char want[64];

		assert_int_equal(scope_place(str_of(cases[i].path), cases[i].user, cases[i].lingers,
					     &conf, &arena),
				 cases[i].want);
		if (!cases[i].want)
			continue;
		assert_text(conf.slice, cases[i].slice);
		assert_int_equal(conf.user, cases[i].user);
		(void)snprintf(want, sizeof(want), "/a/%s", conf.name);
		assert_true(scope_is(&conf, str_of(want)));
		assert_false(scope_is(&conf, STR("/a/other.scope")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usage),  cmocka_unit_test(test_pids),
		cmocka_unit_test(test_remove), cmocka_unit_test(test_service),
		cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
