/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of groups of v2. They are six files of sixteen, and nearly never change: a resident
 * agent reads them again only when something was written in the group's directory. The kernel
 * tells of that through inotify for each write(2) (fs/read_write.c), on kernfs as elsewhere.
 */
#include "collect/container/cgroup.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/statfs.h>

enum {
	DIRTY_MAX = 4096,
	WATCHED = IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR,
};

struct cgroup_known {
	uint64_t id;
	uint32_t controllers;
	int wd;
	struct cgroup_limits limits;
};

static int by_id(const void *a, const void *b)
{
	const struct cgroup_known *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

void cgroup_limits_release(struct cgroup_self *self)
{
	if (self->watching)
		(void)close(self->notify);
	arena_release(&self->arena[0]);
	arena_release(&self->arena[1]);
	*self = (struct cgroup_self){ 0 };
}

/* What was written in since the last cycle. False: too much, or nobody knows. */
static bool drain(struct cgroup_reader *r, struct cgroup_self *self)
{
	r->dirty = arena_alloc(r->c->scratch, DIRTY_MAX * sizeof(*r->dirty));
	for (;;) {
		ssize_t n = read(self->notify, r->buffer, CGROUP_FILE_MAX);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return false;
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event = (const void *)(r->buffer + at);

			at += (ssize_t)(sizeof(*event) + event->len);
			if (event->mask & IN_Q_OVERFLOW)
				return false;
			if (r->n_dirty && r->dirty[r->n_dirty - 1] == event->wd)
				continue;
			if (r->n_dirty == DIRTY_MAX)
				return false;
			r->dirty[r->n_dirty++] = event->wd;
		}
	}
	qsort(r->dirty, r->n_dirty, sizeof(*r->dirty), by_number);
	return true;
}

void cgroup_limits_begin(struct cgroup_reader *r)
{
	struct cgroup_self *self = r->c->self;

	if (!r->c->host->keep)
		return;
	if (self->watching && !drain(r, self)) {
		r->n_dirty = 0;
		cgroup_limits_release(self);
	}
	if (!self->watching) {
		self->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		self->watching = self->notify >= 0;
	}
	self->turn = !self->turn;
	arena_reset(&self->arena[self->turn]);
	r->n_known = 0;
	r->known = arena_alloc(&self->arena[self->turn],
			       (r->table->n ? r->table->n : 1) * sizeof(*r->known));
}

void cgroup_limits_end(struct cgroup_reader *r)
{
	struct cgroup_self *self = r->c->self;

	if (!self->watching)
		return;
	for (size_t i = 0; i < self->n; i++)
		if (self->known[i].wd > 0)
			(void)inotify_rm_watch(self->notify, self->known[i].wd);
	qsort(r->known, r->n_known, sizeof(*r->known), by_id);
	self->known = r->known;
	self->n = r->n_known;
}

/* Where inotify sees all writes; of a network's file system it sees one's own. */
static int watch(struct cgroup_self *self, int dir)
{
	char path[sizeof("/proc/self/fd/") + NUM_TEXT_MAX] = "/proc/self/fd/";
	size_t n = strlen(path);
	struct statfs fs;

	if (fstatfs(dir, &fs) < 0 || (fs.f_type != CGROUP2_SUPER_MAGIC && fs.f_type != TMPFS_MAGIC))
		return -1;
	path[n + num_print_u64(path + n, (uint64_t)dir)] = '\0';
	return inotify_add_watch(self->notify, path, WATCHED);
}

/* "QUOTA PERIOD", or "max PERIOD". */
static bool read_cpu_max(int dir, uint64_t *ret_quota, uint64_t *ret_period)
{
	char buffer[64];
	struct str text, word;

	if (cgroup_read_file(dir, "cpu.max", buffer, sizeof(buffer), &text) < 0 ||
	    !str_word(&text, &word) || !num_take_u64(&text, ret_period))
		return false;
	if (str_eq(word, STR("max"))) {
		*ret_quota = CGROUP_UNLIMITED;
		return true;
	}
	return num_u64(word, ret_quota) == 0;
}

/* What is kept for the group: memory.low (of Docker's --memory-reservation) or memory.min. */
static bool read_reservation(int dir, uint64_t *ret)
{
	uint64_t low, min;
	bool has_low = cgroup_limit(dir, "memory.low", &low);
	bool has_min = cgroup_limit(dir, "memory.min", &min);

	if (has_min && (!has_low || low < min))
		low = min;
	if (has_low || has_min)
		*ret = low;
	return has_low || has_min;
}

static void read_limits(const struct cgroup *group, int v2, struct cgroup_limits *limits)
{
	*limits = (struct cgroup_limits){ 0 };
	if (v2 < 0)
		return;
	if (group->controllers & 1u << CGROUP_CPU) {
		limits->has_cpu = read_cpu_max(v2, &limits->quota, &limits->period);
		limits->has_weight =
			limits->has_cpu && cgroup_number(v2, "cpu.weight", &limits->weight);
	}
	if (group->controllers & 1u << CGROUP_MEMORY) {
		limits->has_memory = cgroup_limit(v2, "memory.max", &limits->memory);
		/* Without swap accounting it is not there. */
		limits->has_swap = cgroup_limit(v2, "memory.swap.max", &limits->swap);
		limits->has_reservation = read_reservation(v2, &limits->reservation);
	}
}

/* The entry of the cycle before, if its directory is watched. */
static struct cgroup_known *take_known(struct cgroup_self *self, const struct cgroup *group)
{
	const struct cgroup_known wanted = { .id = group->id };
	struct cgroup_known *known = NULL;

	if (self->n)
		known = bsearch(&wanted, self->known, self->n, sizeof(wanted), by_id);
	return known && known->wd > 0 ? known : NULL;
}

static bool is_dirty(const struct cgroup_reader *r, int wd)
{
	return r->n_dirty && bsearch(&wd, r->dirty, r->n_dirty, sizeof(wd), by_number);
}

static void get(struct cgroup_reader *r, const struct cgroup *group, int v2,
		struct cgroup_limits *ret)
{
	struct cgroup_self *self = r->c->self;
	struct cgroup_known *before, *now;

	if (v2 < 0 || !self->watching) {
		read_limits(group, v2, ret);
		return;
	}
	before = take_known(self, group);
	now = &r->known[r->n_known++];
	now->id = group->id;
	now->controllers = group->controllers;
	if (before && before->controllers == now->controllers && !is_dirty(r, before->wd)) {
		now->wd = before->wd;
		now->limits = before->limits;
	} else {
		/*
		 * Watched before it is read: what is written meanwhile is told of in the next
		 * cycle. One that is watched already keeps its number, unless the kernel ended it.
		 */
		now->wd = watch(self, v2);
		read_limits(group, v2, &now->limits);
	}
	if (before)
		before->wd = 0;
	*ret = now->limits;
}

static void lower(uint64_t *limit, bool *has, uint64_t inner, bool has_inner)
{
	if (has_inner && (!*has || inner < *limit))
		*limit = inner;
	*has |= has_inner;
}

/* Less CPU time in the same time; no quota is the most there is. */
static bool is_less(const struct cgroup_limits *a, const struct cgroup_limits *b)
{
	if (a->quota == CGROUP_UNLIMITED || b->quota == CGROUP_UNLIMITED)
		return a->quota != CGROUP_UNLIMITED;
	return (double)a->quota * (double)b->period < (double)b->quota * (double)a->period;
}

static void take_inner(struct cgroup_reader *r, const struct cgroup_limits *inner)
{
	enum { WEIGHT_USUAL = 100 };
	struct cgroup_limits *own = &r->limits;

	r->quota_inside = inner->has_cpu && (!own->has_cpu || is_less(inner, own));
	if (r->quota_inside) {
		own->quota = inner->quota;
		own->period = inner->period;
	}
	own->has_cpu |= inner->has_cpu;
	if (inner->has_weight && (!own->has_weight || own->weight == WEIGHT_USUAL))
		own->weight = inner->weight;
	own->has_weight |= inner->has_weight;
	lower(&own->memory, &own->has_memory, inner->memory, inner->has_memory);
	lower(&own->swap, &own->has_swap, inner->swap, inner->has_swap);
	if (inner->has_reservation &&
	    (!own->has_reservation || own->reservation < inner->reservation))
		own->reservation = inner->reservation;
	own->has_reservation |= inner->has_reservation;
}

void cgroup_limits_get(struct cgroup_reader *r, int v2)
{
	struct cgroup_limits inner;

	get(r, r->group, v2, &r->limits);
	r->quota_inside = false;
	if (r->inner_v2 < 0)
		return;
	get(r, r->inner, r->inner_v2, &inner);
	take_inner(r, &inner);
}
