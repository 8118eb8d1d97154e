/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process table as bpf/processes.bpf.c writes it. A read gives at most the 32 KiB that the
 * kernel gathers at a time, and whole records; neither is relied on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/process_record.h"
#include "host/processes.h"

enum {
	BUFFER = 1 << 16,
	/* What version 1 began with: a record is never shorter, whatever wrote it. */
	RECORD_MIN = offsetof(struct process_record, comm) + PROCESS_RECORD_COMM,
	PROCESSES_MAX = 1 << 23,
	AGAIN_MAX = 1000,
};

struct units {
	uint64_t page, tick_ns;
};

static char state_letter(const struct process_record *r)
{
	enum { IDLE = 0x402, BLOCKED = 0x9000 /* in a lock, frozen */, REPORTED = 0x7f };
	uint32_t state = (r->state | r->exit_state) & REPORTED;
	size_t i = 0;

	if ((r->state & IDLE) == IDLE)
		state = REPORTED + 1;
	if (r->state & BLOCKED)
		state = 2;
	for (; state; state >>= 1)
		i++;
	return "RSDTtXZPI"[i];
}

void process_record_times(const struct process_record *r, uint64_t *ret_user_ns,
			  uint64_t *ret_system_ns)
{
	uint64_t user = r->said_user_ns, system = r->said_system_ns, all = r->runtime_ns;

	if (user + system < all) {
		unsigned __int128 ticks = (unsigned __int128)r->user_ns + r->system_ns;
		uint64_t scaled = 0;

		if (ticks)
			scaled = (uint64_t)((unsigned __int128)r->system_ns * all / ticks);
		if (scaled > system)
			system = scaled;
		if (all - system > user)
			user = all - system;
		else
			system = all - user;
	}
	*ret_user_ns = user;
	*ret_system_ns = system;
}

static uint64_t bytes_of(int64_t pages, uint64_t page)
{
	return pages > 0 ? (uint64_t)pages * page : 0;
}

static void process_of(const struct process_record *r, const struct units *units,
		       struct process *ret)
{
	struct process p = {
		.start_ns = r->start_ns - r->start_ns % units->tick_ns,
		.delay_ns = r->delay_ns,
		.minor_faults = r->minor_faults,
		.major_faults = r->major_faults,
		.read_bytes = r->read_bytes,
		.write_bytes = r->write_bytes,
		.voluntary_switches = r->voluntary_switches,
		.involuntary_switches = r->involuntary_switches,
		.virtual_bytes = r->pages_virtual * units->page,
		.resident_bytes = bytes_of(r->pages_resident, units->page),
		.swap_bytes = bytes_of(r->pages_swap, units->page),
		.cgroup = r->cgroup,
		.fd_limit = r->fd_limit,
		.pid = r->pid,
		.ppid = r->ppid,
		.uid = r->uid,
		.threads = r->threads,
		.fds = r->fds,
		.has = PROCESS_FD_LIMIT | PROCESS_SWITCHES | PROCESS_SWAP,
		.kernel = r->flags & PROCESS_RECORD_KERNEL,
		.state = state_letter(r),
	};

	if (r->flags & PROCESS_RECORD_IO)
		p.has |= PROCESS_IO;
	if (r->flags & PROCESS_RECORD_FDS)
		p.has |= PROCESS_FDS;
	if (r->flags & PROCESS_RECORD_CGROUP)
		p.has |= PROCESS_CGROUP;
	if (r->flags & PROCESS_RECORD_DELAY)
		p.has |= PROCESS_DELAY;
	process_record_times(r, &p.user_ns, &p.system_ns);
	p.cpu_ns = p.user_ns + p.system_ns;
	memcpy(p.comm, r->comm, sizeof(p.comm));
	*ret = p;
}

/* Takes whole records off the front. The number of bytes taken, or -errno. */
static ssize_t take(const char *bytes, size_t n, const struct units *units, struct arena *arena,
		    struct process_table *table)
{
	size_t at = 0;

	while (n - at >= RECORD_MIN) {
		struct process_record r = { 0 };

		memcpy(&r, bytes + at, RECORD_MIN);
		if (r.version != PROCESS_RECORD_VERSION)
			return -EPROTONOSUPPORT;
		if (r.size < RECORD_MIN || r.size % 8)
			return -EBADMSG;
		if (r.flags & PROCESS_RECORD_FOREIGN)
			return -EXDEV;
		if (r.size > n - at)
			break;
		memcpy(&r, bytes + at, r.size < sizeof(r) ? r.size : sizeof(r));
		if (!r.pid || r.pid > INT32_MAX || table->n == PROCESSES_MAX)
			return -EBADMSG;
		table->v = arena_grow(arena, table->v, table->n, sizeof(*table->v));
		process_of(&r, units, &table->v[table->n++]);
		at += r.size;
	}
	return (ssize_t)at;
}

static int by_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* The kernel goes through them by number; only a damaged stream is in another order. */
static void in_order(struct process_table *table)
{
	size_t n = 0, i = 1;

	while (i < table->n && table->v[i - 1].pid < table->v[i].pid)
		i++;
	if (i >= table->n)
		return;
	qsort(table->v, table->n, sizeof(*table->v), by_pid);
	for (i = 0; i < table->n; i++)
		if (!n || table->v[n - 1].pid != table->v[i].pid)
			table->v[n++] = table->v[i];
	table->n = n;
}

/* The kernel gives up for a while when a million tasks had nothing to say. */
static ssize_t read_some(int fd, char *p, size_t n)
{
	for (int i = 0;; i++) {
		ssize_t r = read(fd, p, n);

		if (r >= 0)
			return r;
		if (errno != EINTR && (errno != EAGAIN || i == AGAIN_MAX))
			return -errno;
	}
}

int processes_iter(int fd, struct arena *arena, struct process_table *ret)
{
	const struct units units = {
		.page = (uint64_t)sysconf(_SC_PAGESIZE),
		.tick_ns = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK),
	};
	struct process_table table = { 0 };
	char *buffer = arena_alloc(arena, BUFFER);
	size_t have = 0;

	for (;;) {
		ssize_t r = read_some(fd, buffer + have, BUFFER - have), taken;

		if (r < 0)
			return (int)r;
		if (r == 0)
			break;
		have += (size_t)r;
		taken = take(buffer, have, &units, arena, &table);
		if (taken < 0)
			return (int)taken;
		have -= (size_t)taken;
		memmove(buffer, buffer + taken, have);
	}
	/* A record is at most 64 KiB - 8, so that there was always room to read on. */
	if (have || !table.n)
		return -EBADMSG;
	in_order(&table);
	*ret = table;
	return 0;
}
