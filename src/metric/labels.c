/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interning of label sets. A set is sorted, repaired and escaped once, when it is first seen
 * in a cycle; a device's twenty families then share the one pointer and its text.
 */
#include "metric/metrics.h"

enum { STACK_LABELS = 64 };

/* Nonzero when one of the eight bytes is `c`. */
static uint64_t with_byte(uint64_t eight, char c)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t x = eight ^ (ones * (unsigned char)c);

	return (x - ones) & ~x & (ones << 7);
}

static size_t escaped_size(struct str s)
{
	size_t n = s.n, i = 0;
	uint64_t eight;

	for (; i + sizeof(eight) <= s.n; i += sizeof(eight)) {
		memcpy(&eight, s.p + i, sizeof(eight));
		if (with_byte(eight, '\\') | with_byte(eight, '"') | with_byte(eight, '\n'))
			break;
	}
	for (; i < s.n; i++)
		n += s.p[i] == '\\' || s.p[i] == '"' || s.p[i] == '\n';
	return n;
}

static char *escape(char *to, struct str s, size_t size)
{
	if (size == s.n) {
		if (s.n)
			memcpy(to, s.p, s.n);
		return to + s.n;
	}
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\' || c == '"' || c == '\n')
			*to++ = '\\';
		*to++ = c == '\n' ? 'n' : c;
	}
	return to;
}

static struct str make_text(struct arena *arena, const struct label *v, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += v[i].name.n + escaped_size(v[i].value) + 4;

	char *p = arena_alloc(arena, size), *to = p;

	for (size_t i = 0; i < n; i++) {
		if (i)
			*to++ = ',';
		memcpy(to, v[i].name.p, v[i].name.n);
		to += v[i].name.n;
		*to++ = '=';
		*to++ = '"';
		to = escape(to, v[i].value, escaped_size(v[i].value));
		*to++ = '"';
	}
	return str_between(p, to);
}

static bool same_set(const struct labels *labels, const struct label *v, size_t n)
{
	if (labels->n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!str_eq(labels->v[i].name, v[i].name) ||
		    !str_eq(labels->v[i].value, v[i].value))
			return false;
	return true;
}

static void grow_table(struct metrics *m)
{
	uint32_t old_slots = m->labels_slots, slots = old_slots ? old_slots * 2 : 256;
	struct labels **old = m->labels_table;

	m->labels_table = arena_zalloc(&m->arena, slots, sizeof(*m->labels_table));
	m->labels_slots = slots;
	for (uint32_t i = 0; i < old_slots; i++) {
		if (!old[i])
			continue;
		uint32_t at = old[i]->hash & (slots - 1);

		while (m->labels_table[at])
			at = (at + 1) & (slots - 1);
		m->labels_table[at] = old[i];
	}
}

void metrics_set_grouping(struct metrics *m, size_t n, struct str *names)
{
	m->n_grouping = n;
	m->grouping = names;
}

void metrics_set_group(struct metrics *m, struct str *values)
{
	m->group = values;
}

/* Whether the label is `wanted` after `depth` times exported_, which whoever relayed it put before.
 */
static bool is_exported(struct str name, struct str wanted, size_t depth)
{
	static const struct str exported = { "exported_", 9 };

	for (; depth && str_starts(name, exported); depth--)
		name = str_skip(name, exported.n);
	return !depth && str_eq(name, wanted);
}

static struct str exported_value(size_t n, const struct label *labels, struct str name,
				 size_t depth)
{
	for (size_t i = 0; i < n; i++)
		if (is_exported(labels[i].name, name, depth))
			return labels[i].value;
	return STR("");
}

bool metrics_is_group(const struct metrics *m, size_t n, const struct label *labels)
{
	enum { DEEPEST = 4 };

	for (size_t depth = 0; m->group && depth < DEEPEST; depth++) {
		bool same = m->n_grouping > 0;

		for (size_t g = 0; same && g < m->n_grouping; g++)
			same = str_eq(exported_value(n, labels, m->grouping[g], depth),
				      m->group[g]);
		if (same)
			return true;
	}
	return false;
}

bool metrics_is_grouping(const struct metrics *m, struct str name)
{
	for (size_t g = 0; g < m->n_grouping; g++)
		if (str_eq(m->grouping[g], name))
			return true;
	return false;
}

static bool is_taken(const struct metrics *m, const struct label *v, size_t n, struct str name)
{
	if (metrics_is_grouping(m, name))
		return true;
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i].name, name))
			return true;
	return false;
}

static struct str exported(struct arena *arena, struct str name)
{
	static const struct str prefix = { "exported_", 9 };
	char *p = arena_alloc(arena, prefix.n + name.n);

	memcpy(p, prefix.p, prefix.n);
	memcpy(p + prefix.n, name.p, name.n);
	return (struct str){ p, prefix.n + name.n };
}

/* Sorts by name (sets are short), and says whether all names are legal and differ. */
static bool prepare(struct metrics *m, struct label *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (metrics_is_grouping(m, v[i].name)) {
			struct str name = v[i].name;

			for (size_t j = i + 1; j < n; j++)
				if (str_eq(v[j].name, name))
					return false;
			do
				name = exported(&m->arena, name);
			while (is_taken(m, v, n, name));
			v[i].name = name;
		}
		v[i].value = arena_utf8(&m->arena, v[i].value);

		struct label moved = v[i];
		size_t j = i;

		for (; j && str_cmp(v[j - 1].name, moved.name) > 0; j--)
			v[j] = v[j - 1];
		v[j] = moved;
	}
	for (size_t i = 0; i < n; i++)
		if (!label_name_valid(v[i].name) || (i && str_eq(v[i].name, v[i - 1].name)))
			return false;
	return true;
}

const struct labels *metrics_labels(struct metrics *m, size_t n, const struct label *given)
{
	struct label stack[STACK_LABELS], *v = stack;
	uint64_t hash = n;

	if (n > STACK_LABELS)
		v = arena_alloc(&m->arena, n * sizeof(*v));
	if (n)
		memcpy(v, given, n * sizeof(*v));
	if (!prepare(m, v, n))
		return NULL;
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ str_hash(v[i].name)) * 0x9e3779b97f4a7c15u + str_hash(v[i].value);
	hash ^= hash >> 32;

	if (m->labels_slots < 2 * (m->labels + 1))
		grow_table(m);

	uint32_t at = (uint32_t)hash & (m->labels_slots - 1);

	for (; m->labels_table[at]; at = (at + 1) & (m->labels_slots - 1))
		if (m->labels_table[at]->hash == (uint32_t)hash &&
		    same_set(m->labels_table[at], v, n))
			return m->labels_table[at];

	struct labels *labels = arena_alloc(&m->arena, sizeof(*labels) + n * sizeof(*v));

	m->marks = arena_grow(&m->arena, m->marks, m->labels, sizeof(*m->marks));
	m->marks[m->labels] = (struct family_marks){ .first = UINT32_MAX };
	labels->hash = (uint32_t)hash;
	labels->id = m->labels++;
	labels->n = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		labels->v[i].name = arena_str(&m->arena, v[i].name);
		labels->v[i].value = arena_str(&m->arena, v[i].value);
	}
	labels->text = make_text(&m->arena, labels->v, n);
	m->labels_table[at] = labels;
	return labels;
}

const struct labels *metrics_no_labels(struct metrics *m)
{
	return metrics_labels(m, 0, NULL);
}
