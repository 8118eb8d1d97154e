/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/process/table.h"

#include <errno.h>

#include "bpf/loaded.h"
#include "bpf/processes.h"

/* Another tree than the kernel's own has other processes than its iterator tells. */
static int from_kernel(struct collect *c, struct process_shared *shared)
{
	struct loaded set;
	const struct loaded_object *object;
	int r = -ENOENT;

	if (!c->host->pins || !host_is_live(c->host, HOST_PROC))
		return r;
	if (loaded_open(c->host->pins, STR("processes"), &set) == 0 &&
	    (object = loaded_find(&set, STR("processes")))) {
		_cleanup_fd_ int fd = loaded_iterate(object, STR("table"));

		r = fd < 0 ? fd : processes_iter(fd, &shared->arena, &shared->table);
	}
	loaded_close(&set);
	return r;
}

static bool covers(const struct process_wants *has, const struct process_wants *wants)
{
	return has->io >= wants->io && has->fds >= wants->fds && has->fd_limit >= wants->fd_limit &&
	       has->switches >= wants->switches && has->delay >= wants->delay &&
	       has->swap >= wants->swap && has->cgroup >= wants->cgroup;
}

int process_table(struct collect *c, const struct process_wants *wants,
		  const struct process_shared **ret)
{
	struct process_shared *shared = processes_shared(c->host);
	int r = 0;

	if (!shared->cycle || (!shared->by_kernel && !covers(&shared->wants, wants))) {
		shared->wants = *wants;
		shared->by_kernel = from_kernel(c, shared) == 0;
		if (!shared->by_kernel)
			r = processes_proc(c->host, wants, &shared->arena, &shared->table);
		if (r < 0)
			return collect_fail(c, r, "/proc: %s", strerror(-r));
		shared->cycle = c->host->cycle;
	}
	if (!shared->table.n)
		return collect_fail(c, -ENODATA, "no process in /proc");
	*ret = shared;
	return 0;
}

int process_dead(struct collect *c, const struct process_shared *table, struct process_seen seen,
		 struct process_totals *ret)
{
	const struct loaded_object *object;
	struct loaded set;
	int r = -ENOENT;

	if (!table->by_kernel)
		return r;
	if (loaded_open(c->host->pins, STR("processes"), &set) == 0 &&
	    (object = loaded_find(&set, STR("processes"))))
		r = process_totals_read(object, seen, c->scratch, ret);
	loaded_close(&set);
	return r;
}

uint64_t process_boot(struct collect *c)
{
	struct str id;

	if (host_read_once(c->host, HOST_PROC, "sys/kernel/random/boot_id", &id) < 0)
		return 0;
	return str_hash(str_trim(id));
}

double process_boot_time(struct collect *c)
{
	struct str text, line;
	uint64_t seconds;

	if (host_read_once(c->host, HOST_PROC, "stat", &text) < 0)
		return 0;
	while (str_line(&text, &line))
		if (str_starts(line, STR("btime "))) {
			line = str_skip(line, 6);
			return num_take_u64(&line, &seconds) ? (double)seconds : 0;
		}
	return 0;
}
