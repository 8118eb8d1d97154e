/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of single processes, and the table that all share. */
#include "host/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

static void release(void *block)
{
	struct process_shared *shared = block;

	arena_release(&shared->arena);
}

struct process_shared *processes_shared(struct host *host)
{
	static const char key;
	struct process_shared *shared = host_shared(host, &key, sizeof(*shared), release);

	if (shared->cycle != host->cycle) {
		arena_reset(&shared->arena);
		shared->cycle = 0;
		shared->table = (struct process_table){ 0 };
	}
	return shared;
}

static int by_pid(const void *key, const void *element)
{
	const uint32_t *pid = key;
	const struct process *p = element;

	return (*pid > p->pid) - (*pid < p->pid);
}

const struct process *process_by_pid(const struct process_table *table, uint32_t pid)
{
	return table->n ? bsearch(&pid, table->v, table->n, sizeof(*table->v), by_pid) : NULL;
}

static int open_below(int dir, uint32_t number)
{
	char name[NUM_TEXT_MAX + 1];
	int fd;

	name[num_print_u64(name, number)] = '\0';
	fd = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int processes_open(const struct host *host, uint32_t pid, uint32_t thread)
{
	_cleanup_fd_ int dir = open_below(host->dir[HOST_PROC], pid), tasks = -1;

	if (dir < 0)
		return dir;
	if (!thread)
		return fcntl(dir, F_DUPFD_CLOEXEC, 0);
	tasks = openat(dir, "task", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return tasks < 0 ? -errno : open_below(tasks, thread);
}

/* What does not fit into `size` is not there. */
static struct str read_small(int dir, const char *name, char *text, size_t size)
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size);

	return (struct str){ text, n < 0 ? 0 : (size_t)n };
}

struct str processes_wchan(struct host *host, uint32_t pid, uint32_t thread, struct arena *arena)
{
	_cleanup_fd_ int dir = processes_open(host, pid, thread);
	char text[256];
	struct str name =
		dir < 0 ? STR("") : str_trim(read_small(dir, "wchan", text, sizeof(text)));

	/* "0" stands for both: it does not sleep, and one may not know. */
	return str_eq(name, STR("0")) ? STR("") : arena_str(arena, name);
}

bool processes_shares(struct host *host, uint32_t pid, uint64_t *ret_resident, uint64_t *ret_swap)
{
	_cleanup_fd_ int dir = processes_open(host, pid, 0);
	uint64_t resident = 0, swap = 0, value;
	char buffer[4096];
	struct str text, line, key;
	bool found = false;

	if (dir < 0)
		return false;
	text = read_small(dir, "smaps_rollup", buffer, sizeof(buffer));
	while (str_line(&text, &line)) {
		if (!str_word(&line, &key) || !num_take_u64(&line, &value))
			continue;
		if (str_eq(key, STR("Pss:"))) {
			resident = value * 1024;
			found = true;
		} else if (str_eq(key, STR("SwapPss:"))) {
			swap = value * 1024;
		}
	}
	if (!found)
		return false;
	*ret_resident = resident;
	*ret_swap = swap;
	return true;
}

static void count(uint64_t counts[128], const struct process *process)
{
	counts[(uint8_t)process->state % 128]++;
}

void processes_states(struct host *host, const struct process_table *table, struct arena *scratch,
		      struct process_states *ret)
{
	static const struct process_wants none = { 0 };
	struct process_table threads;

	*ret = (struct process_states){ 0 };
	for (size_t i = 0; i < table->n; i++) {
		const struct process *process = &table->v[i];

		ret->n_threads += process->threads;
		count(ret->processes, process);
		if (process->threads == 1 && host_is_live(host, HOST_PROC))
			count(ret->threads, process);
		else if (processes_threads(host, process->pid, &none, scratch, &threads) == 0)
			for (size_t t = 0; t < threads.n; t++)
				count(ret->threads, &threads.v[t]);
	}
}
