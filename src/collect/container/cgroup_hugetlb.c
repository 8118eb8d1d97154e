/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huge pages of a group, by their size. Files with "rsvd" count what was promised, which is what
 * a program that maps them meets the limit with; they are there since Linux 5.7.
 */
#include "collect/container/cgroup.h"

static void add(struct cgroup_reader *r, struct str size, enum cgroup_family family, uint64_t value)
{
	const struct label label = { STR("pagesize"), size };

	family_add(r->family[family], container_labels(r->c, r->container, 1, &label),
		   (double)value);
}

static const char *file_of(struct cgroup_reader *r, struct str size, struct str what)
{
	return ARENA_CONCAT(r->c->scratch, STR("hugetlb."), size, what).p;
}

/* The number of the file with "rsvd", else of that without. */
static void add_either(struct cgroup_reader *r, int dir, struct str size, struct str reserved,
		       struct str used, enum cgroup_family family)
{
	uint64_t value;

	if (cgroup_number(dir, file_of(r, size, reserved), &value) ||
	    cgroup_number(dir, file_of(r, size, used), &value))
		add(r, size, family, value);
}

static void add_v2(struct cgroup_reader *r, int dir, struct str size)
{
	static const struct cgroup_key max[] = { { STR("max"), CGROUP_NO_FAMILY, 0 } };
	uint64_t value;
	struct str text;

	add_either(r, dir, size, STR(".rsvd.current"), STR(".current"), FAMILY_HUGETLB_USAGE);
	if (cgroup_text(r, dir, file_of(r, size, STR(".events")), &text) == 0 &&
	    cgroup_keys(text, max, ARRAY_SIZE(max), &value))
		add(r, size, FAMILY_HUGETLB_FAILCNT, value);
}

static void add_v1(struct cgroup_reader *r, int dir, struct str size)
{
	add_either(r, dir, size, STR(".rsvd.usage_in_bytes"), STR(".usage_in_bytes"),
		   FAMILY_HUGETLB_USAGE);
	add_either(r, dir, size, STR(".rsvd.max_usage_in_bytes"), STR(".max_usage_in_bytes"),
		   FAMILY_HUGETLB_MAX_USAGE);
	add_either(r, dir, size, STR(".rsvd.failcnt"), STR(".failcnt"), FAMILY_HUGETLB_FAILCNT);
}

void cgroup_add_hugetlb(struct cgroup_reader *r, int v2)
{
	_cleanup_fd_ int v1 = cgroup_open(r->c->host, r->group, CGROUP_HUGETLB);

	for (size_t i = 0; i < r->n_sizes; i++) {
		if (v1 >= 0)
			add_v1(r, v1, r->sizes[i]);
		else if (cgroup_has_v2(r, v2, CGROUP_HUGETLB))
			add_v2(r, v2, r->sizes[i]);
	}
}
