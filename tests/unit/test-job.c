/* SPDX-License-Identifier: Apache-2.0 */
/* A wrapped command: starting, sampling, reaping, and what is remembered from run to run. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "encode/encoder.h"
#include "job/job.h"

static int start(struct job *job, const char *program, const char *script, bool *ret_forked)
{
	char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t) "-c",
			 (char *)(uintptr_t)script, NULL };
	sigset_t mask;

	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	*job = (struct job){ 0 };
	return job_start(job, argv, &mask, ret_forked);
}

static void test_exit_and_signal(void **state)
{
	struct job job;
	bool forked;

	(void)state;
	assert_int_equal(start(&job, "sh", "exit 7", &forked), 0);
	job_reap(&job);
	assert_true(forked && job.ended);
	assert_int_equal(job.exit_code, 7);
	assert_int_equal(job.signal, 0);
	assert_true(job.end_ns >= job.start_ns);
	(void)close(job.pidfd);
	assert_int_equal(start(&job, "sh", "kill -USR1 $$", &forked), 0);
	job_reap(&job);
	assert_int_equal(job.exit_code, 128 + SIGUSR1);
	assert_int_equal(job.signal, SIGUSR1);
	(void)close(job.pidfd);
}

static void test_cannot_start(void **state)
{
	struct job job;
	bool forked;

	(void)state;
	assert_int_equal(start(&job, "/no/such/program", "", &forked), -ENOENT);
	assert_true(forked);
	assert_int_equal(start(&job, "/etc/passwd", "", &forked), -EACCES);
	/* Nobody is left to wait for. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* proc_pid_stat(5): the name may hold what separates the fields. */
static void test_hostile_name(void **state)
{
	struct job job = { .pid = fork() };
	volatile unsigned spin = 0;

	(void)state;
	assert_true(job.pid >= 0);
	if (job.pid == 0) {
		(void)prctl(PR_SET_NAME, ") R 1 (2\n3 4");
		for (unsigned i = 0; i < 400000000; i++)
			spin = spin + i;
		(void)pause();
	}
	for (int i = 0; i < 200 && job.user_seconds <= 0; i++) {
		(void)usleep(20000);
		job_sample(&job);
	}
	assert_true(job.user_seconds > 0 && job.user_seconds < 60);
	assert_true(job.system_seconds < 60);
	assert_true(job.peak_bytes > 0);
	(void)kill(job.pid, SIGKILL);
	job_reap(&job);
	assert_int_equal(job.signal, SIGKILL);
	/* It is gone: a sample changes nothing. */
	double before = job.user_seconds;

	job_sample(&job);
	assert_true(job.user_seconds == before);
}

static void expose(const struct job *job, struct state *memory, struct buf *out)
{
	struct metrics metrics;

	metrics_init(&metrics, (struct metrics_limits){ 0 });
	job_metrics(job, &metrics, memory);
	buf_reset(out);
	encoder_text.encode(&metrics, out);
	for (int i = 0; i < DROP_REASONS; i++)
		assert_int_equal(metrics.dropped[i], 0);
	metrics_release(&metrics);
}

static void test_memory_of_runs(void **state)
{
	struct job job = { .command = STR("c"), .user = STR("u"), .start_wall = 100 };
	struct state memory = { 0 };
	struct buf out = { 0 };

	(void)state;
	expose(&job, &memory, &out);
	assert_part(buf_view(&out), "\npeekpush_job_running 1\n");
	assert_null(memmem(out.p, out.n, "exit_code", 9));

	job.ended = true;
	job.end_wall = 160.5;
	job.end_ns = 60500000000;
	expose(&job, &memory, &out);
	assert_part(buf_view(&out), "\npeekpush_job_success 1\n");
	assert_part(buf_view(&out), "\npeekpush_job_duration_seconds 60.5\n");
	assert_part(buf_view(&out), "\npeekpush_job_last_success_timestamp_seconds 160.5\n");

	/* A failure keeps the last success; the next run keeps both while it runs. */
	job.exit_code = 3;
	job.end_wall = 200;
	expose(&job, &memory, &out);
	job.ended = false;
	expose(&job, &memory, &out);
	assert_part(buf_view(&out), "\npeekpush_job_running 1\n");
	assert_part(buf_view(&out), "\npeekpush_job_exit_code 3\n");
	assert_part(buf_view(&out), "\npeekpush_job_success 0\n");
	assert_part(buf_view(&out), "\npeekpush_job_last_success_timestamp_seconds 160.5\n");
	assert_part(buf_view(&out), "\npeekpush_job_last_failure_timestamp_seconds 200\n");
	buf_release(&out);
	state_release(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_and_signal),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_hostile_name),
		cmocka_unit_test(test_memory_of_runs),
	};

	return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
