/* SPDX-License-Identifier: Apache-2.0 */
/* What `run --summary` prints: a table at a terminal, keys and values elsewhere. */
#include "unit.h"

#include <errno.h>
#include <pty.h>
#include <termios.h>

#include "job/summary.h"

static struct run_summary example(void)
{
	return (struct run_summary){
		.job = STR("backup"),
		.result = STR("success"),
		.delivery = STR("delivered"),
		.attempts = 1,
		.wall_ns = UINT64_C(83412345678),
		.user_ns = UINT64_C(45200000000),
		.system_ns = UINT64_C(3123000000),
		.memory_peak_bytes = UINT64_C(512) << 20,
		.read_bytes = 1500,
		.written_bytes = 0,
		.minor_faults = 1234567,
		.major_faults = 5,
		.voluntary = 1000,
		.involuntary = 999,
	};
}

static void test_table(void **state)
{
	_cleanup_buf_ struct buf got = { 0 };
	struct run_summary s = example();

	(void)state;
	summary_table(&s, &got);
	buf_char(&got, '\0');
	assert_string_equal(got.p, "peekpush: job backup\n"
				   "  result            success, exit status 0\n"
				   "  wall time         1 min 23 s\n"
				   "  CPU time          45.20 s user, 3.12 s system\n"
				   "  CPU use           58 %\n"
				   "  memory            512.0 MiB at its peak\n"
				   "  storage I/O       1.5 KiB read, 0 B written\n"
				   "  page faults       1 234 567 minor, 5 major\n"
				   "  context switches  1 000 voluntary, 999 involuntary\n"
				   "  gateway           delivered\n");
}

static void test_lines(void **state)
{
	_cleanup_buf_ struct buf got = { 0 };
	struct run_summary s = example();

	(void)state;
	s.stage = STR("copy");
	s.has_energy = true;
	s.energy_joules = 12.5;
	s.energy_idle_joules = 400;
	s.energy_watts = 0.15;
	summary_lines(&s, &got);
	buf_char(&got, '\0');
	assert_string_equal(got.p, "job backup\n"
				   "stage copy\n"
				   "result success\n"
				   "exit_code 0\n"
				   "signal 0\n"
				   "attempts 1\n"
				   "wall_seconds 83.412345\n"
				   "cpu_user_seconds 45.200000\n"
				   "cpu_system_seconds 3.123000\n"
				   "cpu_percent 57.9\n"
				   "memory_peak_bytes 536870912\n"
				   "io_read_bytes 1500\n"
				   "io_written_bytes 0\n"
				   "page_faults_minor 1234567\n"
				   "page_faults_major 5\n"
				   "context_switches_voluntary 1000\n"
				   "context_switches_involuntary 999\n"
				   "processes_left 0\n"
				   "energy_joules 12.5\n"
				   "energy_idle_joules 400\n"
				   "energy_mean_watts 0.15\n"
				   "gateway delivered\n");
}

static struct str table_of(const struct run_summary *s, struct arena *arena)
{
	_cleanup_buf_ struct buf got = { 0 };

	summary_table(s, &got);
	return arena_str(arena, buf_view(&got));
}

static void test_endings(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct run_summary s = example();

	(void)state;
	s.result = STR("failure");
	s.exit_code = 137;
	s.signal = 9;
	assert_part(table_of(&s, &arena), "failure, signal 9 (Killed)\n");
	s.signal = 0;
	s.exit_code = 3;
	s.attempts = 4;
	s.stage = STR("a\033[2Jb");
	s.processes = 2;
	s.has_energy = true;
	s.energy_joules = 123.456;
	s.energy_idle_joules = 12345678;
	s.energy_watts = 4.125;
	s.delivery = (struct str){ 0 };
	assert_part(table_of(&s, &arena), "failure, exit status 3, 4 attempts\n");
	assert_part(table_of(&s, &arena), "job backup, stage a?[2Jb\n");
	assert_part(table_of(&s, &arena), "\n  processes left    2\n");
	assert_part(table_of(&s, &arena),
		    "\n  energy            123.5 J, mean 4.12 W; host idle 12.35 MJ\n");
	assert_false(str_ends(table_of(&s, &arena), STR("delivered\n")));
}

static void test_units(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} spans[] = {
		{ 0, "wall time         0 us\n" },
		{ 999999, "wall time         999 us\n" },
		{ 1500000, "wall time         1.5 ms\n" },
		{ 99990000, "wall time         99.9 ms\n" },
		{ 999999999, "wall time         999 ms\n" },
		{ UINT64_C(59999999999), "wall time         59.99 s\n" },
		{ UINT64_C(60000000000), "wall time         1 min 00 s\n" },
		{ UINT64_C(3661000000000), "wall time         1 h 01 min 01 s\n" },
		{ UINT64_C(90061000000000), "wall time         1 d 01 h 01 min\n" },
	};
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 1023, "memory            1023 B at its peak\n" },
		{ 1024, "memory            1.0 KiB at its peak\n" },
		{ 1048575, "memory            1.0 MiB at its peak\n" },
		{ UINT64_C(3) << 60, "memory            3.0 EiB at its peak\n" },
	};
	_cleanup_arena_ struct arena arena = { 0 };
	struct run_summary s = example();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		s.wall_ns = spans[i].ns;
		assert_part(table_of(&s, &arena), spans[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		s.memory_peak_bytes = sizes[i].bytes;
		assert_part(table_of(&s, &arena), sizes[i].text);
	}
}

/* What is not known is not told as 18446744073709551615, nor as 0. */
static void test_unknown(void **state)
{
	_cleanup_buf_ struct buf lines = { 0 };
	_cleanup_arena_ struct arena arena = { 0 };
	struct run_summary s = {
		.job = STR("x"),
		.result = STR("failure"),
		.exit_code = 1,
		.attempts = 1,
		.wall_ns = SUMMARY_UNKNOWN,
		.user_ns = SUMMARY_UNKNOWN,
		.system_ns = SUMMARY_UNKNOWN,
		.memory_peak_bytes = SUMMARY_UNKNOWN,
		.read_bytes = SUMMARY_UNKNOWN,
		.written_bytes = 7,
		.minor_faults = SUMMARY_UNKNOWN,
		.major_faults = SUMMARY_UNKNOWN,
		.voluntary = SUMMARY_UNKNOWN,
		.involuntary = SUMMARY_UNKNOWN,
		.processes = SUMMARY_UNKNOWN,
	};

	(void)state;
	assert_text(table_of(&s, &arena), "peekpush: job x\n"
					  "  result            failure, exit status 1\n"
					  "  storage I/O       7 B written\n");
	summary_lines(&s, &lines);
	assert_text(buf_view(&lines), "job x\nresult failure\nexit_code 1\nsignal 0\nattempts 1\n"
				      "io_written_bytes 7\n");
}

static void test_write(void **state)
{
	struct termios raw = { 0 };
	struct run_summary s = example();
	int main_fd, fd, pipe_fds[2];
	char text[64];

	(void)state;
	assert_int_equal(openpty(&main_fd, &fd, NULL, &raw, NULL), 0);
	assert_int_equal(summary_write(&s, fd), 0);
	assert_true(read(main_fd, text, 21) == 21);
	assert_text(((struct str){ text, 21 }), "peekpush: job backup\n");
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(summary_write(&s, pipe_fds[1]), 0);
	assert_true(read(pipe_fds[0], text, 11) == 11);
	assert_text(((struct str){ text, 11 }), "job backup\n");
	(void)close(main_fd);
	(void)close(fd);
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	assert_int_equal(summary_write(&s, pipe_fds[1]), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),   cmocka_unit_test(test_lines),
		cmocka_unit_test(test_endings), cmocka_unit_test(test_units),
		cmocka_unit_test(test_unknown), cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
