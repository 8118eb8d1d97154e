/* SPDX-License-Identifier: Apache-2.0 */
#include "metric/places.h"

#include "metric/source.h"

static const struct str magic = { "places1\n", 8 };

enum { CAME = 1 };

static uint64_t mixed(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ (b * 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;

	return h ^ h >> 32;
}

static uint64_t scope_id(enum scope scope, struct str name)
{
	return mixed(str_hash(name), (uint64_t)scope + 1);
}

/* Never 0, and without the lowest bit. */
static uint64_t series_hash(struct family *f, const struct labels *labels)
{
	if (!f->hash)
		f->hash = str_hash(f->name) | 1;
	return (mixed(f->hash, labels->hash) | 2) & ~(uint64_t)CAME;
}

static uint64_t *slot_of(const struct places *p, uint64_t hash)
{
	uint32_t at = (uint32_t)(hash >> 8) & (p->slots - 1);

	while (p->table[at] && (p->table[at] & ~(uint64_t)CAME) != hash)
		at = (at + 1) & (p->slots - 1);
	return &p->table[at];
}

static struct places *new_places(struct places_book *book, unsigned turn, uint64_t id, size_t n)
{
	struct places *p;

	book->v = arena_grow(&book->arenas[turn], book->v, book->n, sizeof(*book->v));
	p = &book->v[book->n++];
	*p = (struct places){ .id = id, .slots = 64 };
	while (p->slots < 2 * n)
		p->slots *= 2;
	p->table = arena_zalloc(&book->arenas[turn], p->slots, sizeof(*p->table));
	return p;
}

static void add(struct places *p, uint64_t hash)
{
	uint64_t *slot = slot_of(p, hash);

	if (*slot)
		return;
	*slot = hash;
	p->left = ++p->n;
}

void places_release(struct places_book *book)
{
	arena_release(&book->arenas[0]);
	arena_release(&book->arenas[1]);
	*book = (struct places_book){ 0 };
}

struct places *places_find(const struct places_book *book, enum scope scope, struct str name)
{
	uint64_t id;

	if (!book || !book->n)
		return NULL;
	id = scope_id(scope, name);
	for (size_t i = 0; i < book->n; i++)
		if (book->v[i].id == id)
			return &book->v[i];
	return NULL;
}

bool places_admit(struct places *p, uint32_t used, uint32_t limit, struct family *f,
		  const struct labels *labels)
{
	uint64_t *slot;

	if (used >= limit)
		return false;
	if (!p)
		return true;
	slot = slot_of(p, series_hash(f, labels));
	if (!*slot)
		return p->left < limit - used;
	if (!(*slot & CAME)) {
		*slot |= CAME;
		p->left--;
	}
	return true;
}

static bool is_within(const struct metrics_source *source, const struct metrics_source *wanted)
{
	for (; source; source = source->parent)
		if (source == wanted)
			return true;
	return false;
}

/* The series of `f` that `source` (NULL: any that limits count for) has added. */
static void add_family(struct places *p, struct family *f, const struct metrics_source *source)
{
	uint32_t end = f->series;

	for (const struct family_part *part = f->parts; part; end = part->from, part = part->next) {
		uint32_t at = 0;

		if (source != part->source &&
		    (part->source->free || (source && !is_within(part->source, source))))
			continue;
		for (const struct block *b = f->first; b && at < end; at += b->n, b = b->next)
			for (uint32_t i = 0; i < b->n; i++)
				if (at + i >= part->from && at + i < end)
					add(p, series_hash(f, b->samples[i].labels));
	}
}

static bool is_same(const struct places *p, const struct places_book *book)
{
	const struct places *old = NULL;

	for (size_t i = 0; i < book->n && !old; i++)
		if (book->v[i].id == p->id)
			old = &book->v[i];
	if (!old || old->n != p->n)
		return false;
	for (uint32_t i = 0; i < p->slots; i++)
		if (p->table[i] && !*slot_of(old, p->table[i]))
			return false;
	return true;
}

bool places_settle(struct places_book *book, struct metrics *m)
{
	struct places_book next = *book;
	bool changed;

	if (!book->n && !m->dropped[DROP_LIMIT])
		return false;
	next.turn = !book->turn;
	next.n = 0;
	next.v = NULL;
	arena_reset(&next.arenas[next.turn]);
	if (m->over) {
		struct places *p =
			new_places(&next, next.turn, scope_id(SCOPE_ALL, STR("")), m->series);

		for (struct family *f = m->first; f; f = f->next)
			add_family(p, f, NULL);
	}
	for (struct family *f = m->first; f; f = f->next)
		if (f->over)
			add_family(new_places(&next, next.turn, scope_id(SCOPE_FAMILY, f->name),
					      f->series),
				   f, NULL);
	for (const struct metrics_source *s = m->offenders; s; s = s->next) {
		struct places *p;

		if (!s->over)
			continue;
		p = new_places(&next, next.turn, scope_id(SCOPE_SOURCE, s->name),
			       (size_t)s->filter->series);
		for (struct family *f = m->first; f; f = f->next)
			add_family(p, f, s);
	}
	changed = next.n != book->n;
	for (size_t i = 0; i < next.n && !changed; i++)
		changed = !is_same(&next.v[i], book);
	*book = next;
	return changed;
}

void places_begin(struct places_book *book)
{
	for (size_t i = 0; i < book->n; i++) {
		struct places *p = &book->v[i];

		p->left = p->n;
		for (uint32_t k = 0; k < p->slots; k++)
			p->table[k] &= ~(uint64_t)CAME;
	}
}

struct str places_save(const struct places_book *book, struct arena *arena)
{
	size_t size = magic.n;
	char *bytes, *to;

	for (size_t i = 0; i < book->n; i++)
		size += (2 + book->v[i].n) * sizeof(uint64_t);
	bytes = to = arena_alloc(arena, size);
	memcpy(to, magic.p, magic.n);
	to += magic.n;
	for (size_t i = 0; i < book->n; i++) {
		const struct places *p = &book->v[i];
		const uint64_t head[] = { p->id, p->n };

		memcpy(to, head, sizeof(head));
		to += sizeof(head);
		for (uint32_t k = 0; k < p->slots; k++) {
			uint64_t hash = p->table[k] & ~(uint64_t)CAME;

			if (!hash)
				continue;
			memcpy(to, &hash, sizeof(hash));
			to += sizeof(hash);
		}
	}
	return str_between(bytes, to);
}

void places_load(struct places_book *book, struct str bytes)
{
	uint64_t head[2], hash;

	places_release(book);
	if (!str_starts(bytes, magic))
		return;
	bytes = str_skip(bytes, magic.n);
	while (bytes.n >= sizeof(head)) {
		struct places *p;

		memcpy(head, bytes.p, sizeof(head));
		bytes = str_skip(bytes, sizeof(head));
		if (head[1] > bytes.n / sizeof(hash))
			return;
		p = new_places(book, book->turn, head[0], head[1]);
		for (; head[1]; head[1]--) {
			memcpy(&hash, bytes.p, sizeof(hash));
			bytes = str_skip(bytes, sizeof(hash));
			hash &= ~(uint64_t)CAME;
			if (hash)
				add(p, hash);
		}
	}
}
