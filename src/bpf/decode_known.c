/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with names: a table that is only ever added to, and now and then written anew. */
#include "bpf/decode_internal.h"

static size_t slot_of(const struct known *known, uint64_t id)
{
	size_t at = (size_t)((id * 0x9e3779b97f4a7c15u) >> 32) & (known->size - 1);

	while (known->v[at].taken && known->v[at].id != id)
		at = (at + 1) & (known->size - 1);
	return at;
}

struct known_entry *known_find(struct known *known, uint64_t id)
{
	struct known_entry *entry;

	if (!known->size)
		return NULL;
	entry = &known->v[slot_of(known, id)];
	return entry->taken ? entry : NULL;
}

static void make_room(struct known *known)
{
	struct known_entry *old = known->v;
	size_t n = known->size;

	known->size = n ? 2 * n : 64;
	known->v = arena_zalloc(&known->arena, known->size, sizeof(*known->v));
	for (size_t i = 0; i < n; i++)
		if (old[i].taken)
			known->v[slot_of(known, old[i].id)] = old[i];
}

struct known_entry *known_put(struct known *known, uint64_t id, struct str name)
{
	struct known_entry *entry;

	if (2 * known->n >= known->size)
		make_room(known);
	entry = &known->v[slot_of(known, id)];
	known->n += !entry->taken;
	*entry = (struct known_entry){ .id = id, .used = entry->used, .taken = true };
	if (name.p)
		entry->name = arena_str(&known->arena, name);
	return entry;
}

void known_forget(struct known *known, uint32_t since)
{
	struct known kept = { 0 };

	for (size_t i = 0; i < known->size; i++) {
		const struct known_entry *entry = &known->v[i];

		if (entry->taken && entry->used >= since)
			known_put(&kept, entry->id, entry->name)->used = entry->used;
	}
	known_release(known);
	*known = kept;
}

void known_release(struct known *known)
{
	arena_release(&known->arena);
	*known = (struct known){ 0 };
}
