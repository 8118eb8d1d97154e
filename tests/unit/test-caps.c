/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/caps.h"

/* "CapEff:\t000001ffffffffff" of /proc/self/status. */
static uint64_t told(const char *set)
{
	struct arena arena = { 0 };
	struct str text, line;
	uint64_t value = UINT64_MAX;

	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &arena, &text), 0);
	while (str_line(&text, &line))
		if (str_starts(line, str_of(set)))
			value = strtoull(line.p + strlen(set) + 1, NULL, 16);
	arena_release(&arena);
	return value;
}

static bool first_namespace(void)
{
	struct arena arena = { 0 };
	struct str text;
	bool first;

	assert_int_equal(file_read(AT_FDCWD, "/proc/self/uid_map", 4096, &arena, &text), 0);
	first = str_eq(str_trim(text), STR("0          0 4294967295"));
	arena_release(&arena);
	return first;
}

/* In a process of its own: what is given up does not come back. */
static void in_child(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_effective(void **state)
{
	(void)state;
	assert_int_equal(caps_effective(), first_namespace() ? told("CapEff:") : 0);
}

static int drop_all(void)
{
	bool may_bound = caps_effective() & CAPS_BIT(CAP_SETPCAP);

	if (caps_drop(CAPS_ALL) < 0)
		return 1;
	if (told("CapEff:") || told("CapPrm:") || told("CapInh:") || told("CapAmb:"))
		return 2;
	if (may_bound && told("CapBnd:"))
		return 3;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && !caps_may_bpf() ? 0 : 4;
}

static void test_drop_all(void **state)
{
	(void)state;
	in_child(drop_all);
}

static int drop_some(void)
{
	uint64_t before = told("CapEff:");

	if (caps_drop(CAPS_BPF) < 0)
		return 1;
	if (told("CapEff:") != (before & ~CAPS_BPF) || told("CapPrm:") & CAPS_BPF)
		return 2;
	/* What is left must go on working, so must programs that are executed. */
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : 3;
}

static void test_drop_some(void **state)
{
	(void)state;
	in_child(drop_some);
}

/* CAP_BPF without CAP_PERFMON is not enough, and CAP_SYS_ADMIN alone is. */
static int may_admin(void)
{
	if (!(caps_effective() & CAPS_BIT(CAP_SYS_ADMIN)))
		return 0;
	if (caps_drop(CAPS_BPF) < 0 || !caps_may_bpf())
		return 1;
	return caps_drop(CAPS_BIT(CAP_SYS_ADMIN)) == 0 && !caps_may_bpf() ? 0 : 2;
}

static int may_pair(void)
{
	if ((caps_effective() & CAPS_BPF) != CAPS_BPF)
		return 0;
	if (caps_drop(CAPS_ALL & ~CAPS_BPF) < 0 || !caps_may_bpf())
		return 1;
	return caps_drop(CAPS_BIT(CAP_PERFMON)) == 0 && !caps_may_bpf() ? 0 : 2;
}

/* Root of a user namespace has every capability, over nothing. */
static int may_inside(void)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return 0;
	return told("CapEff:") && !caps_effective() && !caps_may_bpf() ? 0 : 1;
}

static void test_may(void **state)
{
	(void)state;
	in_child(may_admin);
	in_child(may_pair);
	in_child(may_inside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_effective),
		cmocka_unit_test(test_drop_all),
		cmocka_unit_test(test_drop_some),
		cmocka_unit_test(test_may),
	};

	return cmocka_run_group_tests_name("caps", tests, NULL, NULL);
}
