/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Since when there are groups. The kernel does not keep it: the time of a directory is when its
 * inode was made, and under memory pressure inodes are forgotten and made anew. The earliest that
 * was ever seen is kept in the state, by a hash of path and id, for as long as the host is up.
 */
#include "collect/container/cgroup.h"

#include <stdlib.h>

#include "base/buf.h"

enum { KEPT_MAX = 4096, NS_PER_MS = 1000000, BOOT_ID = 36 };

struct cgroup_made {
	uint64_t key;
	int64_t ms; /* Unix time */
};

static const struct str state_key = STR("cgroup.made");

static int by_key(const void *a, const void *b)
{
	const struct cgroup_made *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

/* "BOOT KEY MS KEY MS ...", sorted; of another boot it is forgotten. */
void cgroup_made_begin(struct cgroup_reader *r)
{
	struct str text = state_get(r->c->state, state_key), word, boot;
	struct cgroup_made one;
	uint64_t ms;

	r->made = arena_alloc(r->c->scratch, KEPT_MAX * sizeof(*r->made));
	r->made_before = arena_alloc(r->c->scratch, KEPT_MAX * sizeof(*r->made_before));
	if (host_read_once(r->c->host, HOST_PROC, "sys/kernel/random/boot_id", &boot) < 0)
		return;
	r->boot = str_trim(boot);
	if (r->boot.n != BOOT_ID || !str_word(&text, &word) || !str_eq(word, r->boot))
		return;
	while (r->n_made_before < KEPT_MAX && str_word(&text, &word) &&
	       num_hex(word, &one.key) == 0 && str_word(&text, &word) && num_hex(word, &ms) == 0 &&
	       ms < INT64_MAX / NS_PER_MS) {
		one.ms = (int64_t)ms;
		r->made_before[r->n_made_before++] = one;
	}
}

int64_t cgroup_made_ns(struct cgroup_reader *r)
{
	const struct cgroup *group = r->group;
	struct cgroup_made one = {
		.key = str_hash(group->path) + group->id * UINT64_C(0x9e3779b97f4a7c15),
		.ms = group->created_ns / NS_PER_MS,
	};
	const struct cgroup_made *before =
		bsearch(&one, r->made_before, r->n_made_before, sizeof(one), by_key);

	if (before && (!one.ms || before->ms < one.ms))
		one.ms = before->ms;
	if (one.ms && r->boot.n == BOOT_ID && r->n_made < KEPT_MAX)
		r->made[r->n_made++] = one;
	return one.ms * NS_PER_MS;
}

void cgroup_made_end(struct cgroup_reader *r)
{
	_cleanup_buf_ struct buf text = { 0 };

	if (r->boot.n != BOOT_ID)
		return;
	qsort(r->made, r->n_made, sizeof(*r->made), by_key);
	if (r->n_made == r->n_made_before &&
	    memcmp(r->made, r->made_before, r->n_made * sizeof(*r->made)) == 0)
		return;
	buf_str(&text, r->boot);
	for (size_t i = 0; i < r->n_made; i++)
		buf_printf(&text, " %llx %llx", (unsigned long long)r->made[i].key,
			   (unsigned long long)r->made[i].ms);
	if (!text.err)
		state_set(r->c->state, state_key, buf_view(&text));
}
