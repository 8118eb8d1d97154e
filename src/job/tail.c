/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fds.h"

enum {
	CHUNK = 65536, /* what a pipe holds */
	PAUSE_NS = 200000,
	PAUSE_MAX_NS = 10000000,
	STALL_NS = 1000000000, /* nobody reads stderr: no reason to keep our caller waiting */
	FINISH_NS = 2000000000,
	LOOKS = 8,
};

struct line {
	uint32_t n;
	bool cut;
	char text[TAIL_LINE_MAX];
};

/* One writer, the copier; what we read may be half of a change, which `version` tells. */
struct tail_ring {
	_Atomic uint64_t passed;  /* bytes that have left the pipe and been dealt with */
	_Atomic uint32_t version; /* odd while it changes */
	atomic_bool busy;         /* the copier holds bytes that it has not dealt with */
	bool open;                /* a line has begun that has not ended */
	bool back;                /* a carriage return: what follows replaces the line */
	uint64_t ended;           /* lines so far; the open one is slot[ended % slots] */
	size_t slots;             /* one more than the lines wanted */
	struct line slot[];
};

static size_t ring_size(size_t lines)
{
	return sizeof(struct tail_ring) + (lines + 1) * sizeof(struct line);
}

/* --- the copier */

static void add_text(struct tail_ring *ring, struct str text)
{
	struct line *line = &ring->slot[ring->ended % ring->slots];
	size_t room;

	if (!ring->open || ring->back)
		line->n = line->cut = 0;
	ring->open = true;
	ring->back = false;
	room = sizeof(line->text) - line->n;
	if (text.n > room) {
		line->cut = true;
		text.n = room;
	}
	memcpy(line->text + line->n, text.p, text.n);
	line->n += (uint32_t)text.n;
}

/* Text without a line end. A progress bar is one line, and its last state is the line. */
static void add_piece(struct tail_ring *ring, struct str piece)
{
	bool back = false;
	const char *at;

	while (piece.n && piece.p[piece.n - 1] == '\r') {
		piece.n--;
		back = true;
	}
	at = piece.n ? memrchr(piece.p, '\r', piece.n) : NULL;
	if (at) {
		ring->back = true;
		piece = str_between(at + 1, piece.p + piece.n);
	}
	if (piece.n)
		add_text(ring, piece);
	ring->back |= back;
}

static bool is_blank(const struct line *line)
{
	return str_trim((struct str){ line->text, line->n }).n == 0;
}

static void add_chunk(struct tail_ring *ring, struct str chunk)
{
	(void)atomic_fetch_add(&ring->version, 1);
	while (chunk.n) {
		size_t at = str_find(chunk, '\n');

		add_piece(ring, (struct str){ chunk.p, at });
		if (at == chunk.n)
			break;
		chunk = str_skip(chunk, at + 1);
		if (ring->open && !is_blank(&ring->slot[ring->ended % ring->slots]))
			ring->ended++;
		ring->open = ring->back = false;
	}
	(void)atomic_fetch_add(&ring->version, 1);
}

/* What stderr does not take, because it is closed, full or gone, is no matter of CMD's. */
static void pass_on(struct str chunk)
{
	while (chunk.n) {
		ssize_t n = write(STDERR_FILENO, chunk.p, chunk.n);

		if (n > 0) {
			chunk = str_skip(chunk, (size_t)n);
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

			(void)poll(&out, 1, -1);
		} else if (n == 0 || errno != EINTR) {
			return;
		}
	}
}

static _Noreturn void copy(struct tail_ring *ring)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char chunk[CHUNK];
	ssize_t n;

	do {
		/* A blocking read would be busy for ever. */
		(void)poll(&in, 1, -1);
		atomic_store(&ring->busy, true);
		n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n > 0) {
			add_chunk(ring, (struct str){ chunk, (size_t)n });
			pass_on((struct str){ chunk, (size_t)n });
			(void)atomic_fetch_add(&ring->passed, (uint64_t)n);
		}
		atomic_store(&ring->busy, false);
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	_exit(0);
}

/*
 * Locks, pipes and directories that we hold or were handed must not live as long as the copier.
 * In a session of its own neither the terminal nor a signal to CMD's process group reaches it;
 * with SIGTTOU blocked it may write to the terminal all the same.
 */
static _Noreturn void become_copier(struct tail_ring *ring, int from)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	(void)prctl(PR_SET_NAME, "peekpush-tail");
	(void)dup2(from, STDIN_FILENO);
	fds_close_all_but((int[]){ STDIN_FILENO, STDERR_FILENO }, 2);
	(void)!chdir("/");
	copy(ring);
}

/* --- the watcher */

/* Beyond the standard ones, so that making one of those out of it is a real dup2(). */
static int open_pipe(int fds[2])
{
	int raw[2], r = 0;

	if (pipe2(raw, O_CLOEXEC) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		fds[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (fds[i] < 0)
			r = -errno;
		(void)close(raw[i]);
	}
	for (int i = 0; r < 0 && i < 2; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	return r;
}

int tail_open(struct tail *tail, size_t lines)
{
	struct tail_ring *ring;
	int fds[2], r;

	*tail = (struct tail){ .fd = -1 };
	if (lines == 0 || lines > TAIL_LINES_MAX)
		return -EINVAL;
	ring = mmap(NULL, ring_size(lines), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		    0);
	if (ring == MAP_FAILED)
		return -errno;
	ring->slots = lines + 1;
	r = open_pipe(fds);
	if (r < 0)
		goto out;

	pid_t copier = fork();

	if (copier == 0)
		become_copier(ring, fds[0]);
	if (copier < 0) {
		r = -errno;
		(void)close(fds[1]);
	} else {
		*tail = (struct tail){ fds[1], copier, lines, ring };
	}
	(void)close(fds[0]);
out:
	if (r < 0)
		(void)munmap(ring, ring_size(lines));
	return r;
}

static bool is_passed(const struct tail *tail, uint64_t limit)
{
	int left = 0;

	if (atomic_load(&tail->ring->passed) >= limit)
		return true;
	/* In this order: bytes that are not in the pipe any more have made the copier busy. */
	if (ioctl(tail->fd, FIONREAD, &left) < 0)
		return true;
	return left == 0 && !atomic_load(&tail->ring->busy);
}

void tail_finish(struct tail *tail)
{
	int64_t begin = clock_ns(CLOCK_MONOTONIC), moved = begin, now = begin, pause = PAUSE_NS;
	uint64_t passed, before, limit;
	int left = 0;

	if (tail->fd < 0)
		return;
	/* A daemon may write for ever; past this it is certain that CMD's own is through. */
	before = atomic_load(&tail->ring->passed);
	(void)ioctl(tail->fd, FIONREAD, &left);
	limit = before + (uint64_t)left + CHUNK;
	while (!is_passed(tail, limit) && now - begin < FINISH_NS && now - moved < STALL_NS) {
		(void)nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
		pause = pause * 2 < PAUSE_MAX_NS ? pause * 2 : PAUSE_MAX_NS;
		now = clock_ns(CLOCK_MONOTONIC);
		passed = atomic_load(&tail->ring->passed);
		if (passed != before)
			moved = now;
		before = passed;
	}
	(void)close(tail->fd);
	tail->fd = -1;
}

/* A tab is no control character to a reader, though to a log it is. */
static struct str readable(const struct line *line, struct arena *arena)
{
	size_t n = line->n < sizeof(line->text) ? line->n : sizeof(line->text);
	struct str text = str_trim((struct str){ line->text, n });
	const char *begin = text.n ? line->text : NULL;
	struct str pieces[] = { { begin, (size_t)(text.p + text.n - line->text) },
				line->cut ? STR("...") : STR("") };
	struct str copy;

	if (!text.n)
		return (struct str){ 0 };
	copy = arena_concat(arena, ARRAY_SIZE(pieces), pieces);
	for (size_t i = 0; i < copy.n; i++)
		if (copy.p[i] == '\t')
			((char *)(uintptr_t)copy.p)[i] = ' ';
	str_mask((char *)(uintptr_t)copy.p, copy.n);
	return copy;
}

static size_t take_lines(const struct tail *tail, struct arena *arena, struct str *v, size_t max)
{
	const struct tail_ring *ring = tail->ring;
	uint64_t end = ring->ended + ring->open, at;
	size_t n = 0;

	max = max < tail->lines ? max : tail->lines;
	for (at = end > max ? end - max : 0; at < end; at++) {
		struct str line = readable(&ring->slot[at % (tail->lines + 1)], arena);

		if (line.n)
			v[n++] = line;
	}
	return n;
}

size_t tail_lines(const struct tail *tail, struct arena *arena, struct str *v, size_t max)
{
	size_t n = 0;

	if (!tail->ring)
		return 0;
	/* Somebody who goes on writing may be too quick for us; mixed lines are lines all the same.
	 */
	for (int i = 0; i < LOOKS; i++) {
		uint32_t version = atomic_load(&tail->ring->version);

		n = take_lines(tail, arena, v, max);
		if (!(version & 1) && atomic_load(&tail->ring->version) == version)
			break;
	}
	return n;
}

void tail_close(struct tail *tail)
{
	if (tail->fd >= 0)
		(void)close(tail->fd);
	if (tail->ring)
		(void)munmap(tail->ring, ring_size(tail->lines));
	*tail = (struct tail){ .fd = -1 };
}
