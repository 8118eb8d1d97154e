/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/common/stuck_mounts.h"

#include <time.h>

#include "base/clock.h"

#define PREFIX "filesystem.stuck."

static struct str key_of(struct collect *c, struct str point)
{
	return arena_printf(c->scratch, PREFIX "%016llx", (unsigned long long)str_hash(point));
}

/* Process numbers and the time since boot mean nothing in another boot. */
static uint64_t boot_hash(struct collect *c)
{
	struct str id;

	return host_read(c->host, HOST_PROC, "sys/kernel/random/boot_id", c->scratch, &id) == 0
		       ? str_hash(id)
		       : 0;
}

struct keys {
	struct arena *arena;
	struct key {
		struct key *next;
		struct str text;
	} * first;
	size_t n;
};

static void gather(void *arg, struct str text, struct str value)
{
	struct keys *keys = arg;
	struct key *key = arena_alloc(keys->arena, sizeof(*key));

	(void)value;
	*key = (struct key){ keys->first, arena_str(keys->arena, text) };
	keys->first = key;
	keys->n++;
}

static bool is_key_of_any(struct collect *c, struct str key, const struct mount *mounts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(key_of(c, mounts[i].point), key))
			return true;
	return false;
}

void stuck_mounts_review(struct stuck_mounts *stuck, struct collect *c, const struct mount *mounts,
			 size_t n)
{
	struct keys keys = { .arena = c->scratch };

	if (stuck->counted && !stuck->n)
		return;
	state_each(c->state, STR(PREFIX), gather, &keys);
	stuck->counted = true;
	stuck->n = keys.n;
	for (const struct key *key = keys.first; key; key = key->next) {
		if (is_key_of_any(c, key->text, mounts, n))
			continue;
		state_unset(c->state, key->text);
		stuck->n--;
	}
}

bool stuck_mounts_skip(struct stuck_mounts *stuck, struct collect *c, struct str point,
		       int64_t retry_ns)
{
	struct str key = key_of(c, point), value = state_get(c->state, key);
	uint64_t boot, since, pid, started, now = (uint64_t)clock_ns(CLOCK_BOOTTIME) / 1000000000;

	if (!value.n)
		return false;
	if (num_take_u64(&value, &boot) && num_take_u64(&value, &since) &&
	    num_take_u64(&value, &pid) && num_take_u64(&value, &started) && boot == boot_hash(c) &&
	    now >= since &&
	    (statfs_still_stuck((pid_t)pid, started) ||
	     now - since < (uint64_t)retry_ns / 1000000000))
		return true;
	state_unset(c->state, key);
	stuck->n--;
	return false;
}

void stuck_mounts_add(struct stuck_mounts *stuck, struct collect *c, struct str point,
		      const struct statfs_figures *figures)
{
	struct str value = arena_printf(
		c->scratch, "%llu %llu %llu %llu", (unsigned long long)boot_hash(c),
		(unsigned long long)(uint64_t)clock_ns(CLOCK_BOOTTIME) / 1000000000,
		(unsigned long long)figures->stuck, (unsigned long long)figures->stuck_since);

	state_set(c->state, key_of(c, point), value);
	stuck->n++;
}
