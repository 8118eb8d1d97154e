/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between peekpush and what is fetched stands a small process that reads what comes, ends what
 * takes too long, and is the parent of all that the other leaves behind: a subreaper, to which
 * daemons of daemons fall, so that whatever was started is found and ended.
 */
#include "collect/source/keeper_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fds.h"
#include "base/file.h"

#define SECOND INT64_C(1000000000)

enum { PIECE = 65536, TAIL_MAX = 4096, CHILDREN_MAX = 65536, END_TRIES = 200 };

/* How long it may take to end in its own way after its time is over. */
static const int64_t grace_ns = SECOND;

struct fetch {
	const struct keeper_source *source;
	pid_t pid;
	int out, err, signals;
	struct buf text;
	char tail[TAIL_MAX]; /* of stderr */
	size_t n_tail;
	bool stopped; /* by a SIGTERM to us: nobody wants the result */
	struct keeper_result result;
};

static _Noreturn void child(const struct keeper_source *source, int out, int err, pid_t parent)
{
	int keep[] = { 0, 1, 2 };
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;

	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(127);
	fds_close_all_but(keep, ARRAY_SIZE(keep));
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &usual, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	_exit(source->fetch(source));
}

static int start(struct fetch *f)
{
	int out[2], err[2];
	pid_t parent = getpid();

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		return -errno;
	f->pid = fork();
	if (f->pid < 0)
		return -errno;
	if (f->pid == 0)
		child(f->source, out[1], err[1], parent);
	(void)close(out[1]);
	(void)close(err[1]);
	f->out = out[0];
	f->err = err[0];
	(void)fcntl(f->out, F_SETFL, O_NONBLOCK);
	(void)fcntl(f->err, F_SETFL, O_NONBLOCK);
	return 0;
}

/* One piece. 1, 0 when there is no more for now, or -1 at the end. */
static int take(int fd, char *to, size_t room, size_t *ret_n)
{
	ssize_t n = read(fd, to, room);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	*ret_n = (size_t)n;
	return 1;
}

/* False when there is more than is allowed. */
static bool take_out(struct fetch *f)
{
	size_t n;
	int r = 1;

	while (r > 0 && f->text.n <= f->source->max_size) {
		char *to = buf_reserve(&f->text, PIECE);

		if (!to)
			return false;
		r = take(f->out, to, PIECE, &n);
		if (r > 0)
			f->text.n += n;
	}
	if (r < 0) {
		(void)close(f->out);
		f->out = -1;
	}
	return f->text.n <= f->source->max_size;
}

/* The end of it is what counts; in one go no more is read than a pipe can hold. */
static void take_err(struct fetch *f)
{
	char piece[PIECE];
	size_t n;
	int r = take(f->err, piece, sizeof(piece), &n);

	if (r < 0) {
		(void)close(f->err);
		f->err = -1;
	}
	if (r <= 0)
		return;

	size_t more = n < TAIL_MAX ? n : TAIL_MAX;
	size_t kept = f->n_tail + more <= TAIL_MAX ? f->n_tail : TAIL_MAX - more;

	memmove(f->tail, f->tail + f->n_tail - kept, kept);
	memcpy(f->tail + kept, piece + n - more, more);
	f->n_tail = kept + more;
}

static void take_signals(struct fetch *f)
{
	struct signalfd_siginfo info;

	while (read(f->signals, &info, sizeof(info)) == sizeof(info))
		f->stopped |= info.ssi_signo == SIGTERM;
}

/* It stays a zombie: as long as it is one, no group of somebody else's has its number. */
static bool has_ended(struct fetch *f)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)f->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	    info.si_pid != f->pid)
		return false;
	f->result.outcome = info.si_code == CLD_EXITED ? KEEPER_ENDED : KEEPER_KILLED;
	f->result.status = info.si_status;
	return true;
}

/* It has ended when its own process has; who still holds its stdout is not waited for. */
static void watch(struct fetch *f)
{
	int64_t deadline = clock_ns(CLOCK_BOOTTIME) + f->source->timeout_ns;
	bool late = false, ended = false;

	while (!ended && !f->stopped) {
		struct pollfd fds[] = {
			{ .fd = f->signals, .events = POLLIN },
			{ .fd = f->out, .events = POLLIN },
			{ .fd = f->err, .events = POLLIN },
		};
		int64_t left = deadline - clock_ns(CLOCK_BOOTTIME);
		struct timespec t = { left / SECOND, left % SECOND };

		if (left <= 0 && late)
			break;
		if (left <= 0) {
			late = true;
			deadline += grace_ns;
			(void)kill(-f->pid, SIGTERM);
			continue;
		}
		(void)ppoll(fds, ARRAY_SIZE(fds), &t, NULL);
		take_signals(f);
		ended = has_ended(f);
		if (f->err >= 0)
			take_err(f);
		if (f->out >= 0 && !take_out(f)) {
			f->result.outcome = KEEPER_TOO_MUCH;
			return;
		}
	}
	if (late)
		f->result.outcome = KEEPER_TIMED_OUT;
}

/* Children are ours to name until we have waited for them. */
static void kill_children(void)
{
	_cleanup_fd_ int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	struct arena arena = { 0 };
	struct str text;
	uint64_t pid;

	if (fd >= 0 && file_read_fd(fd, 0, CHILDREN_MAX, &arena, &text) == 0)
		while (num_take_u64(&text, &pid))
			(void)kill((pid_t)pid, SIGKILL);
	arena_release(&arena);
}

/* Those of a process that has gone become ours, and are next. */
static void end_all(struct fetch *f)
{
	(void)kill(-f->pid, SIGKILL);
	for (int i = 0; i < END_TRIES; i++) {
		pid_t pid;

		kill_children();
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			break;
		(void)poll(NULL, 0, i < 10 ? 1 : 10);
	}
}

static struct str last_line(const struct fetch *f)
{
	struct str rest = { f->tail, f->n_tail }, line, last = { 0 };

	while (str_line(&rest, &line))
		if (str_trim(line).n)
			last = str_trim(line);
	return last;
}

void keeper_print(const struct keeper_result *result, uint64_t version, struct buf *out)
{
	buf_printf(out, "%llu %lld %lld %d %d %zu\n", (unsigned long long)version,
		   (long long)result->at_ns, (long long)result->duration_ns, (int)result->outcome,
		   result->status, result->message.n);
	buf_str(out, result->message);
	buf_str(out, result->text);
}

static void put_result(struct fetch *f, const struct keeper_place *place)
{
	struct keeper_result *result = &f->result;
	struct buf out = { 0 };
	int r = -ENOENT;

	if (result->outcome == KEEPER_ENDED && result->status == 0)
		result->text = buf_view(&f->text);
	result->message = last_line(f);
	keeper_print(result, f->source->version, &out);
	if (!out.err && place->dir >= 0)
		r = file_replace(place->dir, f->source->name.p, buf_view(&out), 0600, false);
	if (!out.err && r < 0 && place->memory >= 0)
		(void)file_write_all(place->memory, buf_view(&out));
	buf_release(&out);
}

int keeper_parse(struct str text, uint64_t version, struct keeper_result *ret)
{
	struct keeper_result result = { 0 };
	uint64_t of, outcome, message;
	int64_t status;
	struct str line;

	if (!str_line(&text, &line) || !num_take_u64(&line, &of) ||
	    !num_take_i64(&line, &result.at_ns) || !num_take_i64(&line, &result.duration_ns) ||
	    !num_take_u64(&line, &outcome) || !num_take_i64(&line, &status) ||
	    !num_take_u64(&line, &message) || line.n || outcome > KEEPER_FAILED ||
	    message > text.n || status != (int)status || result.at_ns < 0 ||
	    result.at_ns > INT64_MAX / 2 || result.duration_ns < 0)
		return -EBADMSG;
	if (of != version)
		return -ESTALE;
	result.outcome = (enum keeper_outcome)outcome;
	result.status = (int)status;
	result.message = (struct str){ text.p, message };
	result.text = str_skip(text, message);
	*ret = result;
	return 0;
}

static void open_std_fds(void)
{
	fds_open_std();
	for (int fd = 0; fd <= 2; fd++)
		(void)fcntl(fd, F_SETFD, 0);
}

static _Noreturn void run(const struct keeper_source *source, const struct keeper_place *place,
			  pid_t parent)
{
	int keep[] = { place->dir, place->lock, place->memory };
	struct fetch f = { .source = source, .out = -1, .err = -1 };
	int64_t begin = clock_ns(CLOCK_BOOTTIME);
	sigset_t set;
	int r;

	(void)setsid();
	if (!place->leave) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(1);
	}
	fds_close_all_but(keep, ARRAY_SIZE(keep));
	open_std_fds();
	(void)prctl(PR_SET_NAME, "peekpush-source");
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGCHLD);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
	f.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	f.text.max = source->max_size + 2 * PIECE;
	f.result.at_ns = clock_ns(CLOCK_REALTIME);
	r = f.signals < 0 ? -errno : start(&f);
	if (r < 0) {
		f.result.outcome = KEEPER_FAILED;
		f.result.status = r;
	} else {
		watch(&f);
		f.result.duration_ns = clock_ns(CLOCK_BOOTTIME) - begin;
		end_all(&f);
	}
	if (!f.stopped)
		put_result(&f, place);
	_exit(0);
}

pid_t keeper_run(const struct keeper_source *source, const struct keeper_place *place)
{
	pid_t parent = getpid(), pid = fds_fork();

	if (pid == 0)
		run(source, place, parent);
	return pid;
}
