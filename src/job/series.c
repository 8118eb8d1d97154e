/* SPDX-License-Identifier: Apache-2.0 */
#include "job/series.h"

/* HELP and TYPE of a name. */
struct series_head {
	struct str name, help;
	enum metric_type type;
	bool typed;
	struct series_head *next, *next_in_slot;
};

enum { HEAD_SLOTS = 4096 };

static struct series **slot_of(const struct series_set *set, struct str key)
{
	return &set->table[str_hash(key) & (set->slots - 1)];
}

static void grow(struct series_set *set)
{
	set->slots = set->slots ? set->slots * 4 : 256;
	set->table = arena_zalloc(&set->arena, set->slots, sizeof(*set->table));
	for (struct series *s = set->first; s; s = s->next) {
		struct series **slot = slot_of(set, s->key);

		s->next_in_slot = *slot;
		*slot = s;
	}
}

static struct series *add(struct series_set *set, struct str key)
{
	struct series *s = set->idle, **slot;

	if (s)
		set->idle = s->next;
	else
		s = arena_zalloc(&set->arena, 1, sizeof(*s));
	if (s->cap < key.n) {
		s->cap = key.n + 16;
		s->key.p = arena_alloc(&set->arena, s->cap);
	}
	memcpy((char *)(uintptr_t)s->key.p, key.p, key.n);
	s->key.n = key.n;
	if (set->n >= set->slots)
		grow(set);
	s->next = set->first;
	set->first = s;
	set->n++;
	slot = slot_of(set, key);
	s->next_in_slot = *slot;
	*slot = s;
	return s;
}

static void put_value(struct buf *to, struct str value)
{
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\\' || c == '"' || c == '\n')
			buf_char(to, '\\');
		buf_char(to, c == '\n' ? 'n' : c);
	}
}

static struct str key_of(const struct scan_item *item, struct buf *key)
{
	struct label sorted[SCAN_LABELS_MAX];

	buf_reset(key);
	buf_str(key, item->name);
	for (size_t i = 0, j; i < item->n; i++) {
		for (j = i; j && str_cmp(sorted[j - 1].name, item->labels[i].name) > 0; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = item->labels[i];
	}
	for (size_t i = 0; i < item->n; i++) {
		buf_char(key, i ? ',' : '{');
		buf_str(key, sorted[i].name);
		buf_cstr(key, "=\"");
		put_value(key, sorted[i].value);
		buf_char(key, '"');
	}
	if (item->n)
		buf_char(key, '}');
	return buf_view(key);
}

struct series *series_get(struct series_set *set, const struct scan_item *item)
{
	struct str key = key_of(item, &set->key);
	struct series *s = set->slots ? *slot_of(set, key) : NULL;

	while (s && !str_eq(s->key, key))
		s = s->next_in_slot;
	if (!s && set->n < set->max && !set->key.err)
		s = add(set, key);
	return s;
}

void series_drop(struct series_set *set, const void *source, unsigned round)
{
	struct series **at = &set->first;

	while (*at) {
		struct series *s = *at, **slot;

		if (s->source != source || s->round >= round) {
			at = &s->next;
			continue;
		}
		slot = slot_of(set, s->key);
		while (*slot != s)
			slot = &(*slot)->next_in_slot;
		*slot = s->next_in_slot;
		*at = s->next;
		s->next = set->idle;
		set->idle = s;
		set->n--;
	}
}

void series_head(struct series_set *set, const struct scan_item *item)
{
	struct series_head *h, **slot;

	if (!set->head_table)
		set->head_table = arena_zalloc(&set->arena, HEAD_SLOTS, sizeof(*set->head_table));
	slot = &set->head_table[str_hash(item->name) & (HEAD_SLOTS - 1)];
	for (h = *slot; h && !str_eq(h->name, item->name); h = h->next_in_slot)
		;
	if (!h) {
		if (set->n_heads >= set->max)
			return;
		h = arena_zalloc(&set->arena, 1, sizeof(*h));
		h->name = arena_str(&set->arena, item->name);
		h->next = set->heads;
		set->heads = h;
		h->next_in_slot = *slot;
		*slot = h;
		set->n_heads++;
	}
	if (item->kind == SCAN_TYPE) {
		h->type = item->type;
		h->typed = true;
	} else if (!h->help.n) {
		h->help = arena_str(&set->arena, item->help);
	}
}

static void put_head(const struct series_head *h, struct buf *to)
{
	if (h->help.n) {
		buf_cstr(to, "# HELP ");
		buf_str(to, h->name);
		buf_char(to, ' ');
		for (size_t i = 0; i < h->help.n; i++) {
			char c = h->help.p[i];

			if (c == '\\' || c == '\n')
				buf_char(to, '\\');
			buf_char(to, c == '\n' ? 'n' : c);
		}
		buf_char(to, '\n');
	}
	if (h->typed) {
		buf_cstr(to, "# TYPE ");
		buf_str(to, h->name);
		buf_char(to, ' ');
		buf_cstr(to, metric_type_name(h->type));
		buf_char(to, '\n');
	}
}

void series_text(const struct series_set *set, struct buf *to)
{
	for (const struct series_head *h = set->heads; set->n && h; h = h->next)
		put_head(h, to);
	for (const struct series *s = set->first; s; s = s->next) {
		buf_str(to, s->key);
		buf_char(to, ' ');
		buf_f64(to, s->value);
		buf_char(to, '\n');
	}
}

void series_release(struct series_set *set)
{
	buf_release(&set->key);
	arena_release(&set->arena);
	*set = (struct series_set){ 0 };
}
