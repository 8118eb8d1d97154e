/* SPDX-License-Identifier: Apache-2.0 */
#include "host/nvml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "host/nvml_block.h"

enum { END_MS = 1000 };

/*
 * A driver that is loaded with its first user takes seconds for its first answer; an agent lets
 * it and looks again in the next cycle, a oneshot has this cycle only.
 */
static const struct nvml_patience usual = {
	.cycle_ns = 2000000000,
	.oneshot_ns = 5000000000,
	.timer_ns = 250000000,
	.late_ns = 10000000,
	.give_up_ns = 60000000000,
	.retry_ns = 60000000000,
};

static const char key;

/* Nobody starts another one as long as one hangs: they would pile up, cycle for cycle. */
static void give_up(struct nvml_block *b)
{
	if (b->worker.pid && b->late && b->dev >= 0)
		(void)flock(b->dev, LOCK_EX | LOCK_NB);
	worker_abandon(&b->worker);
	if (b->dev >= 0)
		(void)close(b->dev);
	b->dev = -1;
	b->late = false;
}

static void release(void *block)
{
	struct nvml_block *b = block;

	give_up(b);
	worker_release(&b->worker, false);
	free(b->child);
}

struct nvml_block *nvml_block_of(struct host *host)
{
	struct nvml_block *b = host_shared(host, &key, sizeof(*b), release);

	if (!b->worker.task) {
		worker_init(&b->worker, "peekpush-nvml", nvml_child_task);
		b->dev = -1;
		b->patience = usual;
	}
	return b;
}

void nvml_be_patient(struct host *host, const struct nvml_patience *patience)
{
	nvml_block_of(host)->patience = *patience;
}

static int fail(struct nvml_block *b, int r, const char *why)
{
	(void)snprintf(b->why, sizeof(b->why), "%s", why);
	b->result = r;
	return r;
}

/*
 * Whether GPUs may be asked: the kernel can suspend those of laptops, asking would wake them, and
 * having them open would keep them awake.
 */
static bool is_asleep(struct host *host, struct nvml_block *b)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_fd_ int drivers = host_open_dir(host, HOST_SYS, "bus/pci/drivers/nvidia");
	struct str *names;
	size_t n = 0, gpus = 0, asleep = 0;

	b->may_sleep = false;
	if (drivers < 0 || host_list_dir(drivers, &arena, &names, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		_cleanup_fd_ int power = -1;
		struct str text;

		if (str_find(names[i], ':') == names[i].n)
			continue;
		power = openat(drivers, ARENA_CONCAT(&arena, names[i], STR("/power")).p,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		gpus++;
		if (power < 0)
			continue;
		if (host_attr(power, "runtime_status", &arena, &text) == 0 &&
		    str_starts(text, STR("suspend")))
			asleep++;
		if (host_attr(power, "control", &arena, &text) == 0 && str_eq(text, STR("auto")))
			b->may_sleep = true;
	}
	return gpus && asleep == gpus;
}

/* The driver's control device; in Windows' Linux the one of its own. */
static bool is_present(const struct host *host)
{
	static const char *const nodes[] = { "dev/nvidiactl", "dev/dxg" };

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		if (host->dir[HOST_ROOT] >= 0 &&
		    faccessat(host->dir[HOST_ROOT], nodes[i], F_OK, 0) == 0)
			return true;
	return false;
}

/* What was killed has to give the driver back first, which takes a moment once. */
static bool has_ended(struct nvml_block *b)
{
	for (int i = 0; b->worker.n_lost && !b->stuck && i < END_MS; i++) {
		struct timespec moment = { 0, 1000000 };

		(void)nanosleep(&moment, NULL);
		worker_reap(&b->worker);
	}
	b->stuck = b->worker.n_lost;
	return !b->stuck;
}

static int begin(const struct host *host, struct nvml_block *b)
{
	if (!has_ended(b))
		return fail(b, -EBUSY, "the driver hangs: a process that asked it cannot end");
	if (!b->child)
		b->child = calloc(1, sizeof(*b->child));
	if (!b->child)
		return fail(b, -ENOMEM, "out of memory");
	b->child->watch = host->keep;
	b->dev = host_open_dir(host, HOST_ROOT, "dev");
	if (b->dev >= 0 && flock(b->dev, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		(void)close(b->dev);
		b->dev = -1;
		return fail(b, -EBUSY, "the driver hangs: an earlier peekpush is still in it");
	}
	if (b->dev >= 0)
		(void)flock(b->dev, LOCK_UN);

	b->started_ns = clock_ns(CLOCK_MONOTONIC);

	int r = worker_start(&b->worker, sizeof(struct nvml_shared), -1, b->dev, b->child);

	if (r < 0) {
		give_up(b);
		return fail(b, r, strerror(-r));
	}
	return 0;
}

static int say_late(struct nvml_block *b)
{
	const struct nvml_shared *shared = b->worker.shared;
	uint32_t at = atomic_load(&shared->at);

	if (at < NVML_AT_GPU)
		return fail(b, -ETIMEDOUT, "the driver is still being started, or hangs");
	(void)snprintf(b->why, sizeof(b->why), "the driver hangs when it is asked for GPU %u",
		       at - NVML_AT_GPU);
	b->result = -ETIMEDOUT;
	return b->result;
}

/* One that was late is asked anew only when it has answered. */
static int await_late(struct nvml_block *b, int64_t now)
{
	int r = worker_wait(&b->worker, now + b->patience.late_ns);

	if (r == -EAGAIN) {
		r = say_late(b);
		if (now - b->asked_ns > b->patience.give_up_ns)
			give_up(b);
		return r;
	}
	b->late = false;
	if (r < 0)
		give_up(b);
	return 0;
}

/* Asks the child, which is started for it. 0: it has answered all, and not an error. */
static int ask(const struct host *host, struct nvml_block *b, uint32_t want, int64_t patience)
{
	int64_t now = clock_ns(CLOCK_MONOTONIC);
	int r = 0;

	worker_reap(&b->worker);
	if (b->late && (r = await_late(b, now)) < 0)
		return r;
	if (!b->worker.pid) {
		if (now < b->again_ns)
			return b->result = b->again_result;
		r = begin(host, b);
		if (r < 0)
			return r;
	}

	struct nvml_shared *shared = b->worker.shared;

	shared->want = want;
	atomic_store(&shared->gpus_done, 0);
	atomic_store(&shared->processes_done, 0);
	worker_ask(&b->worker);
	b->asked_ns = now;
	r = worker_look(&b->worker);
	if (r == -EAGAIN)
		r = worker_wait(&b->worker, now + patience);
	if (r == -EAGAIN) {
		b->late = true;
		return say_late(b);
	}
	if (r < 0) {
		give_up(b);
		b->again_ns = now + b->patience.retry_ns;
		b->again_result = -EIO;
		return fail(b, -EIO, "the process that asked the driver has died");
	}
	shared->why[sizeof(shared->why) - 1] = '\0';
	return shared->error ? fail(b, shared->error, shared->why) : 0;
}

/* What has been answered and is taken: a child that is of no more use ends. */
static void done(struct nvml_block *b)
{
	const struct nvml_shared *shared = b->worker.shared;

	if (!b->worker.pid || b->late)
		return;

	int64_t now = clock_ns(CLOCK_MONOTONIC);

	if (shared->stale) {
		b->again_ns = now + b->patience.retry_ns;
		b->again_result = b->result;
	}
	if (shared->stale || b->may_sleep ||
	    (shared->lost && now - b->started_ns > b->patience.retry_ns))
		give_up(b);
}

static void end_text(char *text, size_t size)
{
	text[size - 1] = '\0';
}

static void merge_gpu(struct nvml_gpu *to, const struct nvml_gpu *from, uint32_t want)
{
	for (int i = 0; i < NVML_FIGURES; i++)
		if (from->known & UINT64_C(1) << i)
			to->value[i] = from->value[i];
	to->known |= from->known;
	to->index = from->index;
	if (from->error)
		to->error = from->error;
	if (want & (NVML_WANT_ENERGY | NVML_WANT_ALL))
		to->energy_at_ns = from->energy_at_ns;
	if (want & NVML_WANT_USE)
		to->has_process_util = from->has_process_util;
	memcpy(to->uuid, from->uuid, sizeof(to->uuid));
	memcpy(to->name, from->name, sizeof(to->name));
	memcpy(to->bus, from->bus, sizeof(to->bus));
	end_text(to->uuid, sizeof(to->uuid));
	end_text(to->name, sizeof(to->name));
	end_text(to->bus, sizeof(to->bus));
	if (!(want & NVML_WANT_ALL))
		return;
	to->n_mig = from->n_mig < NVML_MIG_MAX ? from->n_mig : NVML_MIG_MAX;
	memcpy(to->mig, from->mig, sizeof(to->mig));
	for (uint32_t i = 0; i < to->n_mig; i++) {
		end_text(to->mig[i].uuid, sizeof(to->mig[i].uuid));
		end_text(to->mig[i].name, sizeof(to->mig[i].name));
	}
}

static int compare_processes(const void *a, const void *b)
{
	const struct nvml_process *x = a, *y = b;

	if (x->gpu != y->gpu)
		return x->gpu < y->gpu ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->gpu_instance > y->gpu_instance) - (x->gpu_instance < y->gpu_instance);
}

/* The child may still be writing what is not done; and a broken library could have written all. */
static void merge(struct nvml_block *b, uint32_t want)
{
	const struct nvml_shared *shared = b->worker.shared;
	const struct nvml_snapshot *from = &shared->snapshot;
	struct nvml_snapshot *to = &b->snapshot;
	uint32_t n_gpus = atomic_load(&shared->gpus_done);
	uint32_t n_processes = atomic_load(&shared->processes_done);

	if (n_gpus > NVML_GPUS_MAX)
		n_gpus = NVML_GPUS_MAX;
	if (n_processes > NVML_PROCESSES_MAX)
		n_processes = NVML_PROCESSES_MAX;
	for (uint32_t i = 0; i < n_gpus; i++)
		merge_gpu(&to->gpus[i], &from->gpus[i], want);
	if (n_gpus > to->n_gpus)
		to->n_gpus = n_gpus;
	to->more_gpus = from->more_gpus;
	to->cuda = from->cuda;
	memcpy(to->driver, from->driver, sizeof(to->driver));
	memcpy(to->nvml, from->nvml, sizeof(to->nvml));
	end_text(to->driver, sizeof(to->driver));
	end_text(to->nvml, sizeof(to->nvml));
	if (!(want & NVML_WANT_USE))
		return;
	to->n_processes = 0;
	to->more_processes = from->more_processes;
	for (uint32_t i = 0; i < n_processes; i++)
		if (from->processes[i].gpu < to->n_gpus)
			to->processes[to->n_processes++] = from->processes[i];
	if (to->n_processes)
		qsort(to->processes, to->n_processes, sizeof(to->processes[0]), compare_processes);
}

static void forget(struct nvml_block *b, uint64_t cycle)
{
	memset(b->snapshot.gpus, 0, b->snapshot.n_gpus * sizeof(b->snapshot.gpus[0]));
	b->snapshot.n_gpus = b->snapshot.n_processes = 0;
	b->snapshot.incomplete = false;
	b->cycle = cycle;
	b->has = 0;
	b->result = 0;
}

static int look(struct host *host, struct nvml_block *b)
{
	if (!is_present(host)) {
		give_up(b);
		b->again_ns = 0;
		return fail(b, -ENODATA, "there is no NVIDIA driver: no /dev/nvidiactl");
	}
	if (!b->worker.pid && is_asleep(host, b))
		return fail(b, -ENODATA, "the GPU is suspended; asking would wake it");
	return 0;
}

int nvml_of_cycle(struct host *host, uint32_t want, const struct nvml_snapshot **ret)
{
	struct nvml_block *b = nvml_block_of(host);
	int r = 0;

	if (!host->cycle || b->cycle != host->cycle)
		forget(b, host->cycle);
	if (b->result < 0 && !b->snapshot.n_gpus)
		return b->result;
	if (!(want & ~b->has) || b->result < 0) {
		*ret = &b->snapshot;
		return 0;
	}
	r = look(host, b);
	if (r < 0)
		return r;

	/* Of a child that does not stay all is wanted at once. */
	uint32_t all = b->may_sleep ? NVML_WANT_ENERGY | NVML_WANT_USE | NVML_WANT_ALL : 0;
	uint32_t missing = (want | all) & ~b->has;
	int64_t asked_ns = b->asked_ns;

	r = ask(host, b, missing, host->keep ? b->patience.cycle_ns : b->patience.oneshot_ns);
	/* What was answered to the question of an earlier cycle is old. */
	if (r == 0 || (b->late && b->asked_ns != asked_ns))
		merge(b, missing);
	if (r == 0)
		b->has |= missing | (missing & NVML_WANT_ALL ? NVML_WANT_ENERGY : 0);
	done(b);
	b->snapshot.incomplete = r < 0;
	if (r < 0 && !b->snapshot.n_gpus)
		return r;
	*ret = &b->snapshot;
	return 0;
}

const char *nvml_why(struct host *host)
{
	return nvml_block_of(host)->why;
}

int nvml_refresh(struct host *host, struct nvml_block *b)
{
	struct nvml_shared *shared;
	int r = look(host, b);

	/* Those that may sleep are not opened for this. */
	if (r < 0 || (b->may_sleep && !b->worker.pid))
		return r;
	r = ask(host, b, NVML_WANT_ENERGY, b->patience.timer_ns);
	if (r < 0)
		return r;
	shared = b->worker.shared;
	for (uint32_t i = 0; i < b->snapshot.n_gpus && i < atomic_load(&shared->gpus_done); i++)
		merge_gpu(&b->snapshot.gpus[i], &shared->snapshot.gpus[i], NVML_WANT_ENERGY);
	done(b);
	return 0;
}
