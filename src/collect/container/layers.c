/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file "layers" has a line for each container, "ID SECOND ERRNO BYTES INODES", and is replaced
 * as a whole: by the child, which holds "layers.lock" as long as it lives.
 */
#include "collect/container/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fds.h"
#include "base/file.h"
#include "base/owned.h"
#include "collect/common/filesystems.h"

static const char file_name[] = "layers", lock_name[] = "layers.lock";

enum { FILE_BYTES_MAX = 16 << 20, WRITE_SECONDS = 1, AGES_MAX = 4 };
enum { KEPT_SECONDS_MIN = 3600 };

struct layers {
	struct arena arena; /* of the file's text */
	struct stat seen;   /* of the file that was read */
	struct layer *v;    /* by id */
	size_t n;
	pid_t child; /* of a resident process; 0: none */
};

/* What the child works on: all of it is the parent's memory, as it was when it forked. */
struct round {
	int root, dir, lock;
	struct layer_job *jobs;
	size_t n_jobs;
	struct layer *known; /* of containers that there are, and room for those of the jobs */
	size_t n_known;
};

static int compare_layers(const void *a, const void *b)
{
	return str_cmp(((const struct layer *)a)->id, ((const struct layer *)b)->id);
}

static const struct layer *find(const struct layers *layers, struct str id)
{
	const struct layer key = { .id = id };

	return layers->n ? bsearch(&key, layers->v, layers->n, sizeof(key), compare_layers) : NULL;
}

static bool parse_line(struct str line, struct layer *ret)
{
	uint64_t error;

	if (!str_word(&line, &ret->id) || ret->id.n > LAYER_ID_MAX ||
	    !num_take_u64(&line, &ret->second) || !num_take_u64(&line, &error) ||
	    !num_take_u64(&line, &ret->bytes) || !num_take_u64(&line, &ret->inodes) || line.n ||
	    error > INT16_MAX)
		return false;
	ret->error = -(int)error;
	return true;
}

static void read_file(struct layers *layers, int dir)
{
	struct str text, line, rest;
	struct stat s;
	size_t n = 0;

	/* Each is a new file, so that one that was read need not be read again. */
	if (fstatat(dir, file_name, &s, AT_SYMLINK_NOFOLLOW) < 0)
		s = (struct stat){ 0 };
	if (s.st_ino == layers->seen.st_ino && s.st_size == layers->seen.st_size &&
	    s.st_mtim.tv_sec == layers->seen.st_mtim.tv_sec &&
	    s.st_mtim.tv_nsec == layers->seen.st_mtim.tv_nsec)
		return;
	arena_reset(&layers->arena);
	layers->v = NULL;
	layers->n = 0;
	layers->seen = s;
	if (!s.st_ino || owned_read(dir, file_name, FILE_BYTES_MAX, &layers->arena, &text) < 0)
		return;
	for (rest = text; str_line(&rest, &line);)
		n++;
	layers->v = arena_zalloc(&layers->arena, n + 1, sizeof(*layers->v));
	while (str_line(&text, &line))
		if (parse_line(line, &layers->v[layers->n]))
			layers->n++;
	if (layers->n)
		qsort(layers->v, layers->n, sizeof(*layers->v), compare_layers);
}

static void write_file(const struct round *round)
{
	struct buf text = { .max = FILE_BYTES_MAX };

	for (size_t i = 0; i < round->n_known; i++) {
		const struct layer *layer = &round->known[i];
		const uint64_t numbers[] = { layer->second, (uint64_t)-layer->error, layer->bytes,
					     layer->inodes };

		buf_str(&text, layer->id);
		for (size_t k = 0; k < ARRAY_SIZE(numbers); k++) {
			buf_char(&text, ' ');
			buf_u64(&text, numbers[k]);
		}
		buf_char(&text, '\n');
	}
	if (!text.err)
		(void)file_replace(round->dir, file_name, buf_view(&text), 0600, false);
	buf_release(&text);
}

static struct layer *known_of(struct round *round, struct str id)
{
	for (size_t i = 0; i < round->n_known; i++)
		if (str_eq(round->known[i].id, id))
			return &round->known[i];
	round->known[round->n_known] = (struct layer){ .id = id };
	return &round->known[round->n_known++];
}

static void measure_all(struct round *round)
{
	int64_t written = clock_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < round->n_jobs; i++) {
		const struct layer_job *job = &round->jobs[i];
		struct layer *layer = known_of(round, job->id);
		uint64_t bytes = 0, inodes = 0;

		layer->error =
			layer_measure(round->root, job->path, LAYER_SECONDS_MAX, &bytes, &inodes);
		layer->bytes = bytes;
		layer->inodes = inodes;
		layer->second = (uint64_t)clock_wall_seconds();
		if (clock_ns(CLOCK_MONOTONIC) - written > INT64_C(1000000000) * WRITE_SECONDS) {
			write_file(round);
			written = clock_ns(CLOCK_MONOTONIC);
		}
	}
	write_file(round);
}

static _Noreturn void child(struct round *round, bool resident, pid_t parent)
{
	int keep[] = { round->root, round->dir, round->lock };
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;

	if (resident) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	} else {
		(void)setsid();
	}
	fds_close_all_but(keep, ARRAY_SIZE(keep));
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &usual, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_NAME, "peekpush-layers");
	(void)setpriority(PRIO_PROCESS, 0, 19);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		      IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT);
	measure_all(round);
	_exit(0);
}

static int start(struct layers *layers, struct round *round, bool resident)
{
	pid_t parent = getpid(), pid = fds_fork();

	if (pid == 0)
		child(round, resident, parent);
	if (pid > 0 && resident)
		layers->child = pid;
	return pid < 0 ? pid : 0;
}

static bool is_measured(const struct container *container)
{
	return container->id.n && container->id.n <= LAYER_ID_MAX && !container->hidden &&
	       !container->nested && container->layer.n > 1 && container->layer.p[0] == '/' &&
	       str_find(container->id, ' ') == container->id.n &&
	       str_find(container->id, '\n') == container->id.n;
}

/* A clock that was set back makes all of them due. */
static bool is_due(const struct layer *layer, uint64_t now, int64_t interval_ns)
{
	return !layer || layer->second > now ||
	       now - layer->second >= (uint64_t)interval_ns / 1000000000;
}

/* Those that are due, and what is known of the rest: containers that went are forgotten. */
static void plan(struct collect *c, const struct container_table *table, int64_t interval_ns,
		 const struct layers *layers, struct round *round)
{
	uint64_t now = (uint64_t)clock_wall_seconds();

	round->jobs = arena_zalloc(c->scratch, table->n + 1, sizeof(*round->jobs));
	round->known = arena_zalloc(c->scratch, table->n + 1, sizeof(*round->known));
	for (size_t i = 0; i < table->n; i++) {
		const struct container *container = &table->v[i];
		const struct layer *layer;

		if (!is_measured(container))
			continue;
		layer = find(layers, container->id);
		if (layer)
			round->known[round->n_known++] = *layer;
		if (is_due(layer, now, interval_ns))
			round->jobs[round->n_jobs++] = (struct layer_job){
				container->id,
				arena_cstr(c->scratch, str_skip(container->layer, 1)),
			};
	}
}

/* Starts a child when something is due and nobody is at it. */
static int measure(struct collect *c, const struct container_table *table, int64_t interval_ns,
		   struct layers *layers)
{
	struct round round = { .dir = c->state->dir };
	int r;

	if (layers->child && waitpid(layers->child, NULL, WNOHANG) == 0)
		return 0;
	layers->child = 0;
	plan(c, table, interval_ns, layers, &round);
	if (!round.n_jobs)
		return 0;
	round.lock = file_lock(round.dir, lock_name, 0);
	if (round.lock < 0)
		return round.lock == -EWOULDBLOCK ? 0 : round.lock;

	/* Whoever held the lock a moment ago may have measured what seemed to be due. */
	_cleanup_fd_ int lock = round.lock, root = filesystems_open_root(c->host);

	(void)lock; /* clang sees no use in what is closed at the end */
	read_file(layers, round.dir);
	round.n_jobs = round.n_known = 0;
	plan(c, table, interval_ns, layers, &round);
	round.root = root;
	if (root < 0)
		return root;
	r = round.n_jobs ? start(layers, &round, c->host->keep) : 0;
	return r;
}

static void release(void *block)
{
	struct layers *layers = block;

	if (layers->child && waitpid(layers->child, NULL, WNOHANG) == 0) {
		(void)kill(layers->child, SIGKILL);
		/* On a dead network mount it ends when it can; its lock keeps others away. */
		for (int i = 0; i < 10 && waitpid(layers->child, NULL, WNOHANG) == 0; i++)
			(void)nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	}
	arena_release(&layers->arena);
}

int layers_of_cycle(struct collect *c, const struct container_table *table, int64_t interval_ns,
		    const struct layer **ret)
{
	static const char key;
	struct layers *layers = host_shared(c->host, &key, sizeof(*layers), release);
	uint64_t now = (uint64_t)clock_wall_seconds();
	uint64_t kept = (uint64_t)interval_ns / 1000000000 * AGES_MAX;
	int r;

	if (!c->state || c->state->dir <= 0)
		return -EOPNOTSUPP;
	read_file(layers, c->state->dir);
	r = c->state->lent ? 0 : measure(c, table, interval_ns, layers);
	for (size_t i = 0; i < table->n; i++) {
		const struct container *container = &table->v[i];
		const struct layer *layer =
			is_measured(container) ? find(layers, container->id) : NULL;

		/* Nobody has measured it for long: the number would be a lie. */
		if (layer && layer->second < now &&
		    now - layer->second > (kept > KEPT_SECONDS_MIN ? kept : KEPT_SECONDS_MIN))
			layer = NULL;
		ret[i] = layer;
	}
	return r;
}
