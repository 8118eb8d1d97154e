/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of collector cgroup share: each reads some files of a group and adds what they
 * say. A file or line that is not there leaves its series out; nothing becomes 0 by absence.
 */
#pragma once

#include "collect/container/cgroup_families.h"
#include "collect/container/settings.h"
#include "collect/container/who.h"

enum cgroup_family {
#define X(id, name, help, type) FAMILY_##id,
	CGROUP_FAMILY_LIST(X)
#undef X
		CGROUP_FAMILIES,
	CGROUP_NO_FAMILY = CGROUP_FAMILIES,
};

extern const struct metric_desc cgroup_families[CGROUP_FAMILIES];

struct cgroup_device; /* a block device */
struct cgroup_known;  /* limits of a group, and how one knows that they are these */
struct cgroup_made;   /* since when there is a group */

enum { CGROUP_FILE_MAX = 64 * 1024 };

/* What v2 has of limits; CGROUP_UNLIMITED stands for none. */
struct cgroup_limits {
	bool has_cpu, has_weight, has_memory, has_swap, has_reservation;
	uint64_t quota, period, weight, memory, swap, reservation;
};

/* What an agent keeps between cycles: the limits of groups whose directories it watches. */
struct cgroup_self {
	bool watching;
	int notify; /* inotify */
	unsigned turn;
	struct arena arena[2]; /* of this cycle and of the one before */
	size_t n;
	struct cgroup_known *known; /* by id */
};

/* The reading of all groups in one cycle. */
struct cgroup_reader {
	struct collect *c;
	const struct cgroup_conf *conf;
	const struct cgroup_table *table;
	struct family *family[CGROUP_FAMILIES];
	char *buffer;
	uint64_t memory_total, swap_total, swap_free; /* the host's, in bytes */
	bool has_memory, has_swap;
	int64_t boot_ns; /* 0: not known */
	double now;
	size_t n_sizes; /* of huge pages: "2MB" */
	const struct str *sizes;
	int block; /* /sys/dev/block, or -errno */
	size_t n_devices;
	struct cgroup_device *devices;
	struct str boot; /* its id; empty: not known */
	size_t n_made_before, n_made;
	struct cgroup_made *made_before, *made;
	size_t n_dirty, n_known;
	int *dirty; /* watched directories in which something was written */
	struct cgroup_known *known;
	/* The group it is at. */
	const struct container *container;
	const struct cgroup *group;
	bool root, leaf;
	/*
	 * crun puts a container of v2 into the group "container" in the one of its name, and writes
	 * its limits there. NULL and -1 where there is none.
	 */
	const struct cgroup *inner;
	int inner_v2;
	bool quota_inside;           /* the quota is that of `inner` */
	struct cgroup_limits limits; /* of v2; the tighter ones of both */
};

static inline void cgroup_add(const struct cgroup_reader *r, enum cgroup_family family,
			      double value)
{
	family_add(r->family[family], r->container->labels, value);
}

void cgroup_add_cpu(struct cgroup_reader *r, int v2);
void cgroup_add_pressure(struct cgroup_reader *r, int v2);
void cgroup_add_pids(struct cgroup_reader *r, int v2);
void cgroup_add_memory(struct cgroup_reader *r, int v2);
void cgroup_add_io(struct cgroup_reader *r, int v2);
void cgroup_add_diskstats(struct cgroup_reader *r);
void cgroup_add_hugetlb(struct cgroup_reader *r, int v2);

/* Whether v2 may have files of that controller for the group. */
static inline bool cgroup_has_v2(const struct cgroup_reader *r, int v2, enum cgroup_tree controller)
{
	return v2 >= 0 && r->group->controllers & 1u << controller;
}

/* The same of the group within it. */
static inline bool cgroup_has_inner(const struct cgroup_reader *r, enum cgroup_tree controller)
{
	return r->inner_v2 >= 0 && r->inner->controllers & 1u << controller;
}

/* r->limits of the group it is at; around all of them, and when the collector ends. */
void cgroup_limits_begin(struct cgroup_reader *r);
void cgroup_limits_get(struct cgroup_reader *r, int v2);
void cgroup_limits_end(struct cgroup_reader *r);
void cgroup_limits_release(struct cgroup_self *self);

/* Since when there are groups: around all of them, and of the one it is at (0: not known). */
void cgroup_made_begin(struct cgroup_reader *r);
int64_t cgroup_made_ns(struct cgroup_reader *r);
void cgroup_made_end(struct cgroup_reader *r);

/* Reads a file into r->buffer; 0 or -errno. */
int cgroup_text(const struct cgroup_reader *r, int dir, const char *name, struct str *ret);

/* "max" and what v1 writes for it. */
#define CGROUP_UNLIMITED UINT64_MAX

/* A file that holds one number. False when it is not there or something else. */
bool cgroup_number(int dir, const char *name, uint64_t *ret);
/* The same of a limit, which may be "max", -1 or a number too large to be meant. */
bool cgroup_limit(int dir, const char *name, uint64_t *ret);
/* Adds the number of a file. */
void cgroup_add_number(const struct cgroup_reader *r, int dir, const char *name,
		       enum cgroup_family family);
/* Adds a limit; none is 0, as cAdvisor has it. */
void cgroup_add_limit(const struct cgroup_reader *r, int dir, const char *name,
		      enum cgroup_family family);

/* "KEY NUMBER" lines, and where their numbers go. */
struct cgroup_key {
	struct str key;
	enum cgroup_family family; /* CGROUP_NO_FAMILY: only its value is wanted */
	double per;                /* how many make one of the family's unit; 0 means 1 */
};

enum { CGROUP_KEYS_MAX = 32 };

/* The numbers of at most CGROUP_KEYS_MAX keys; bit i of the result: ret_values[i] was found. */
uint32_t cgroup_keys(struct str text, const struct cgroup_key *keys, size_t n,
		     uint64_t *ret_values);
void cgroup_add_keys(const struct cgroup_reader *r, const struct cgroup_key *keys, size_t n,
		     uint32_t found, const uint64_t *values);
