/* SPDX-License-Identifier: Apache-2.0 */
#include "job/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/num.h"

static const struct opt job_opts[] = {
	{
		.name = "name",
		.type = OPT_STRING,
		.offset = offsetof(struct job_conf, name),
		.preset = "",
		.flag = "job",
		.env = "PEEKPUSH_JOB",
		.arg = "NAME",
		.help = "name of the job; empty means the command's base name",
	},
	{
		.name = "heartbeat",
		.type = OPT_DURATION,
		.offset = offsetof(struct job_conf, heartbeat_ns),
		.preset = "15s",
		.flag = "heartbeat",
		.arg = "TIME",
		.help = "time between two pushes while the command runs",
		.min = INT64_C(100000000),
		.max = INT64_C(86400000000000),
	},
	{ 0 },
};

const struct opt_section section_job = {
	.path = "job",
	.help = "the job",
	.opts = job_opts,
	.size = sizeof(struct job_conf),
};

static _Noreturn void become(char *argv[], const sigset_t *mask, bool ignore_child, int report)
{
	int error;

	if (ignore_child)
		(void)signal(SIGCHLD, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execvp(argv[0], argv);
	error = errno;
	(void)!write(report, &error, sizeof(error));
	_exit(127);
}

int job_start(struct job *job, char *argv[], const sigset_t *mask, bool *ret_forked)
{
	struct sigaction before;
	int fds[2], error = 0;

	*ret_forked = false;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	/* With SIGCHLD ignored (inherited from some daemons) the kernel would keep no status. */
	(void)sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, &before);
	job->start_wall = clock_wall_seconds();
	job->start_ns = clock_ns(CLOCK_BOOTTIME);
	job->pid = fork();
	if (job->pid == 0)
		become(argv, mask, before.sa_handler == SIG_IGN, fds[1]);
	if (job->pid < 0)
		error = errno;
	(void)close(fds[1]);
	/* End of file is the success: exec closed the other end. */
	if (job->pid > 0) {
		*ret_forked = true;
		while (read(fds[0], &error, sizeof(error)) < 0 && errno == EINTR)
			;
	}
	(void)close(fds[0]);
	if (error) {
		if (job->pid > 0)
			(void)waitpid(job->pid, NULL, 0);
		(void)sigaction(SIGCHLD, &before, NULL);
		return -error;
	}
	job->pidfd = pidfd_open(job->pid, 0);
	return 0;
}

/* The fields after the command's name, which may itself hold blanks and parentheses. */
static bool read_stat(struct job *job, int dir, struct arena *arena)
{
	double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
	uint64_t f[16] = { 0 };
	struct str text, word;
	const char *paren;

	if (file_read(dir, "stat", 65536, arena, &text) < 0)
		return false;
	paren = memrchr(text.p, ')', text.n);
	if (!paren)
		return false;
	text = str_between(paren + 1, text.p + text.n);
	(void)str_word(&text, &word);
	/* proc_pid_stat(5): fields 4.. ; 10-13 are faults, 14-17 times, own and of waited-for. */
	for (size_t i = 0; i < 14 && str_word(&text, &word); i++)
		(void)num_u64(word, &f[i]);
	job->minor_faults = f[6] + f[7];
	job->major_faults = f[8] + f[9];
	job->user_seconds = (double)(f[10] + f[12]) * tick;
	job->system_seconds = (double)(f[11] + f[13]) * tick;
	return true;
}

static void read_status(struct job *job, int dir, struct arena *arena)
{
	static const struct str peak = { "VmHWM:", 6 };
	static const struct str voluntary = { "voluntary_ctxt_switches:", 24 };
	static const struct str involuntary = { "nonvoluntary_ctxt_switches:", 27 };
	struct str text, line;

	if (file_read(dir, "status", 65536, arena, &text) < 0)
		return;
	while (str_line(&text, &line)) {
		struct str word;
		uint64_t value;

		if (!str_word(&line, &word) || !num_take_u64(&line, &value))
			continue;
		if (str_eq(word, peak) && value * 1024 > job->peak_bytes)
			job->peak_bytes = value * 1024;
		else if (str_eq(word, voluntary))
			job->voluntary = value;
		else if (str_eq(word, involuntary))
			job->involuntary = value;
	}
}

void job_sample(struct job *job)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str path = arena_printf(&arena, "/proc/%ld", (long)job->pid);
	_cleanup_fd_ int dir = file_open_dir(AT_FDCWD, path.p);

	if (dir >= 0 && read_stat(job, dir, &arena))
		read_status(job, dir, &arena);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void job_reap(struct job *job)
{
	struct rusage usage = { 0 };
	int status = 0;

	while (wait4(job->pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	job->ended = true;
	job->end_ns = clock_ns(CLOCK_BOOTTIME);
	job->end_wall = clock_wall_seconds();
	job->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	job->exit_code = job->signal ? 128 + job->signal : WEXITSTATUS(status);
	job->user_seconds = seconds(usage.ru_utime);
	job->system_seconds = seconds(usage.ru_stime);
	job->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
	job->minor_faults = (uint64_t)usage.ru_minflt;
	job->major_faults = (uint64_t)usage.ru_majflt;
	job->voluntary = (uint64_t)usage.ru_nvcsw;
	job->involuntary = (uint64_t)usage.ru_nivcsw;
}
