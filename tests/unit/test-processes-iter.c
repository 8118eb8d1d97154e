/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "host/process_record.h"
#include "host/processes.h"

enum { TICK = 10000000 };

static struct process_record record(uint32_t pid)
{
	struct process_record r = {
		.version = PROCESS_RECORD_VERSION,
		.size = sizeof(r),
		.flags = PROCESS_RECORD_IO | PROCESS_RECORD_MM | PROCESS_RECORD_FDS,
		.pid = pid,
		.ppid = 1,
		.threads = 2,
		.fds = 3,
		.state = 1,
		.start_ns = 123456789012,
		.user_ns = 30 * TICK,
		.system_ns = 10 * TICK,
		.runtime_ns = 44 * TICK,
		.read_bytes = 4096,
		.pages_resident = 10,
		.pages_swap = -1,
		.comm = "sixteen-bytes!!",
	};

	return r;
}

static int file_of(const void *p, size_t n)
{
	int fd = memfd_create("records", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, (struct str){ p, n }), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int parse(const void *p, size_t n, struct arena *arena, struct process_table *ret)
{
	_cleanup_fd_ int fd = file_of(p, n);

	return processes_iter(fd, arena, ret);
}

static void test_record(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_record r = record(42);
	struct process_table t;

	(void)state;
	assert_int_equal(parse(&r, sizeof(r), &arena, &t), 0);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.v[0].pid, 42);
	assert_int_equal(t.v[0].threads, 2);
	assert_int_equal(t.v[0].fds, 3);
	assert_int_equal(t.v[0].state, 'S');
	assert_int_equal(t.v[0].start_ns, 123450000000);
	assert_int_equal(t.v[0].user_ns, 33 * TICK);
	assert_int_equal(t.v[0].system_ns, 11 * TICK);
	assert_int_equal(t.v[0].cpu_ns, 44 * TICK);
	assert_int_equal(t.v[0].resident_bytes, 10 * sysconf(_SC_PAGESIZE));
	assert_int_equal(t.v[0].swap_bytes, 0);
	assert_true(t.v[0].has & PROCESS_IO);
	assert_false(t.v[0].has & PROCESS_CGROUP);
	assert_memory_equal(t.v[0].comm, "sixteen-bytes!!", 16);
	assert_false(t.v[0].kernel);
}

/* As cputime_adjust() of the kernel divides. */
static void test_times(void **state)
{
	static const struct {
		uint64_t user, system, runtime, said_user, said_system, want_user, want_system;
	} rows[] = {
		{ 0, 0, 0, 0, 0, 0, 0 },
		{ 0, 0, 7, 0, 0, 7, 0 },
		{ 0, 4, 9, 0, 0, 0, 9 },
		{ 4, 0, 9, 0, 0, 9, 0 },
		{ 4, 4, 9, 0, 0, 5, 4 },
		/* What was said once is not taken back. */
		{ 4, 4, 9, 0, 6, 3, 6 },
		{ 4, 4, 9, 6, 0, 6, 3 },
		{ 4, 4, 9, 5, 5, 5, 5 },
		/* A century of it. */
		{ 1ULL << 61, 1ULL << 61, 1ULL << 62, 0, 0, 1ULL << 61, 1ULL << 61 },
		{ UINT64_MAX, 1, 5, 0, 0, 5, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct process_record r = {
			.user_ns = rows[i].user,
			.system_ns = rows[i].system,
			.runtime_ns = rows[i].runtime,
			.said_user_ns = rows[i].said_user,
			.said_system_ns = rows[i].said_system,
		};
		uint64_t user, system;

		process_record_times(&r, &user, &system);
		assert_int_equal(user, rows[i].want_user);
		assert_int_equal(system, rows[i].want_system);
	}
}

static void test_state(void **state)
{
	static const struct {
		uint32_t state, exit_state;
		char letter;
	} rows[] = {
		{ 0, 0, 'R' },       { 1, 0, 'S' },      { 2, 0, 'D' },
		{ 4, 0, 'T' },       { 8, 0, 't' },      { 0, 0x20, 'Z' },
		{ 0x80, 0x10, 'X' }, { 0x40, 0, 'P' },   { 0x402, 0, 'I' },
		{ 0x1000, 0, 'D' },  { 0x8000, 0, 'D' }, { 0xffffffff, 0xff, 'D' },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct process_record r = record(1);
		struct process_table t;

		r.state = rows[i].state;
		r.exit_state = rows[i].exit_state;
		assert_int_equal(parse(&r, sizeof(r), &arena, &t), 0);
		assert_int_equal(t.v[0].state, rows[i].letter);
	}
}

/* More than a buffer of them, in any order, and one twice. */
static void test_many(void **state)
{
	enum { N = 3000 };
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_record *r = calloc(N + 1, sizeof(*r));
	struct process_table t;

	(void)state;
	assert_non_null(r);
	for (uint32_t i = 0; i < N; i++)
		r[i] = record(i * 7919 % N + 1);
	r[N] = record(5);
	assert_int_equal(parse(r, (N + 1) * sizeof(*r), &arena, &t), 0);
	assert_int_equal(t.n, N);
	for (uint32_t i = 0; i < N; i++)
		assert_int_equal(t.v[i].pid, i + 1);
	free(r);
}

/* A pipe hands over what there is: pieces that end anywhere. */
static void test_pieces(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_record r[40];
	struct process_table t;
	int pipe_fd[2];
	pid_t pid;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(r); i++)
		r[i] = record(i + 1);
	assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (size_t at = 0, n; at < sizeof(r); at += n) {
			n = sizeof(r) - at < 77 ? sizeof(r) - at : 77;
			if (write(pipe_fd[1], (char *)r + at, n) != (ssize_t)n)
				_exit(1);
		}
		_exit(0);
	}
	(void)close(pipe_fd[1]);
	assert_int_equal(processes_iter(pipe_fd[0], &arena, &t), 0);
	assert_int_equal(t.n, ARRAY_SIZE(r));
	assert_int_equal(t.v[39].pid, 40);
	(void)close(pipe_fd[0]);
}

/* A program of later days adds members at the end. */
static void test_longer(void **state)
{
	struct {
		struct process_record r;
		char more[24];
	} r[2] = { { record(1), "" }, { record(2), "" } };
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_table t;

	(void)state;
	r[0].r.size = r[1].r.size = sizeof(r[0]);
	assert_int_equal(parse(r, sizeof(r), &arena, &t), 0);
	assert_int_equal(t.n, 2);
	assert_int_equal(t.v[1].pid, 2);
}

static void test_refused(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_table t = { 0 };
	struct process_record r[2] = { record(1), record(2) };

	(void)state;
	assert_int_equal(parse(r, 0, &arena, &t), -EBADMSG);
	for (size_t n = 1; n < sizeof(r); n++)
		if (n != sizeof(r[0]))
			assert_int_equal(parse(r, n, &arena, &t), -EBADMSG);
	r[1].version++;
	assert_int_equal(parse(r, sizeof(r), &arena, &t), -EPROTONOSUPPORT);
	r[1] = record(2);
	r[1].size = 8;
	assert_int_equal(parse(r, sizeof(r), &arena, &t), -EBADMSG);
	r[1].size = sizeof(r[1]) - 8;
	assert_int_equal(parse(r, sizeof(r), &arena, &t), -EBADMSG);
	r[1].size = UINT16_MAX;
	assert_int_equal(parse(r, sizeof(r), &arena, &t), -EBADMSG);
	r[1] = record(0);
	assert_int_equal(parse(r, sizeof(r), &arena, &t), -EBADMSG);
	r[1] = record(UINT32_MAX);
	assert_int_equal(parse(r, sizeof(r), &arena, &t), -EBADMSG);
	assert_int_equal(processes_iter(-1, &arena, &t), -EBADF);
	/* Nothing was handed out by any of them. */
	assert_int_equal(t.n, 0);
	assert_null(t.v);
}

static void test_foreign(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct process_record r = { .version = PROCESS_RECORD_VERSION,
				    .size = sizeof(r),
				    .flags = PROCESS_RECORD_FOREIGN };
	struct process_table t;

	(void)state;
	assert_int_equal(parse(&r, sizeof(r), &arena, &t), -EXDEV);
}

/* Bytes that are anything: an error or a table in order, and no fault. */
static void test_noise(void **state)
{
	enum { ROUNDS = 3000, N = 4 };
	uint64_t seed = 88172645463325252;
	size_t good = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct process_record r[N];
		struct process_table t;

		for (uint32_t i = 0; i < N; i++)
			r[i] = record(i + 1);
		for (int k = 0; k < 3; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			((unsigned char *)r)[seed % sizeof(r)] = (unsigned char)(seed >> 32);
		}
		if (parse(r, sizeof(r), &arena, &t) < 0)
			continue;
		good++;
		for (size_t i = 1; i < t.n; i++)
			assert_true(t.v[i - 1].pid < t.v[i].pid);
	}
	assert_in_range(good, ROUNDS / 2, ROUNDS - 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),  cmocka_unit_test(test_times),
		cmocka_unit_test(test_state),   cmocka_unit_test(test_many),
		cmocka_unit_test(test_pieces),  cmocka_unit_test(test_longer),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
