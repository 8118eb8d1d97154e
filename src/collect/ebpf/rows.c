/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/ebpf/rows.h"

#include <math.h>
#include <stdlib.h>

enum { TABLE_FIRST = 64 };

void rows_begin(struct rows *rows, const struct spec_metric *metric)
{
	const struct spec_histogram *h = &metric->histogram;

	rows->metric = metric;
	rows->n = rows->table_size = 0;
	rows->v = NULL;
	rows->table = NULL;
	rows->bad = rows->over = rows->entries = 0;
	rows->n_slots = metric->type == SPEC_HISTOGRAM ? h->max - h->min + 1 : 0;
}

/* Little more than a memcpy(): neither keys nor values need be aligned. */
static uint64_t number_at(const void *p, size_t size, bool is_signed)
{
	uint64_t u64 = 0;
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;

	switch (size) {
	case 1:
		memcpy(&u8, p, 1);
		return is_signed ? (uint64_t)(int8_t)u8 : u8;
	case 2:
		memcpy(&u16, p, 2);
		return is_signed ? (uint64_t)(int16_t)u16 : u16;
	case 4:
		memcpy(&u32, p, 4);
		return is_signed ? (uint64_t)(int32_t)u32 : u32;
	default:
		memcpy(&u64, p, 8);
		return u64;
	}
}

static const char *skip(const void *p, size_t n)
{
	return (const char *)p + n;
}

static void grow_table(struct rows *rows)
{
	size_t size = rows->table_size ? 4 * rows->table_size : TABLE_FIRST;

	rows->table = arena_zalloc(rows->memory, size, sizeof(*rows->table));
	rows->table_size = size;
	for (size_t i = 0; i < rows->n; i++) {
		size_t at = rows->v[i].hash & (size - 1);

		while (rows->table[at])
			at = (at + 1) & (size - 1);
		rows->table[at] = (uint32_t)i + 1;
	}
}

/* The row of these labels, made when there is none; NULL when there are too many. */
static struct row *find_row(struct rows *rows, struct str values)
{
	uint64_t hash = str_hash(values);

	if (2 * (rows->n + 1) > rows->table_size)
		grow_table(rows);

	size_t mask = rows->table_size - 1, at = hash & mask;

	for (; rows->table[at]; at = (at + 1) & mask) {
		struct row *row = &rows->v[rows->table[at] - 1];

		if (row->hash == hash && str_eq(row->values, values))
			return row;
	}
	if (rows->n >= rows->max) {
		rows->over++;
		return NULL;
	}
	rows->v = arena_grow(rows->memory, rows->v, rows->n, sizeof(*rows->v));

	struct row *row = &rows->v[rows->n];

	*row = (struct row){ .hash = hash, .values = arena_str(rows->memory, values) };
	if (rows->n_slots)
		row->slots = arena_zalloc(rows->memory, rows->n_slots, sizeof(*row->slots));
	rows->table[at] = (uint32_t)++rows->n;
	return row;
}

/* The row that an entry belongs to, or NULL: it belongs to none, and that has been counted. */
static struct row *row_of(struct rows *rows, const void *key)
{
	const struct spec_metric *metric = rows->metric;

	arena_reset(rows->text);
	buf_reset(rows->values);
	for (size_t i = 0; i < metric->n_labels; i++) {
		struct str value;
		enum decoded decoded =
			decode_label(rows->decoder, &metric->labels[i], key, rows->text, &value);

		if (decoded == DECODED_BAD)
			rows->bad++;
		if (decoded != DECODED)
			return NULL;

		uint32_t size = (uint32_t)value.n;

		buf_put(rows->values, &size, sizeof(size));
		buf_str(rows->values, value);
	}
	return find_row(rows, buf_view(rows->values));
}

/* Where a bucket number of the key belongs: a slot, n_slots for the sum, or SIZE_MAX. */
static size_t slot_of(const struct spec_histogram *h, uint64_t bucket)
{
	if (h->buckets == BUCKETS_FIXED) {
		for (size_t i = 0; i < h->n_keys; i++)
			if (h->keys[i] == bucket)
				return i;
		return h->n_keys && bucket == h->keys[h->n_keys - 1] + 1 ? h->n_keys : SIZE_MAX;
	}
	if (bucket > (uint64_t)h->max + 1)
		return SIZE_MAX;
	/* What is below the first bound is not above it. */
	return bucket < h->min ? 0 : (size_t)bucket - h->min;
}

static void add_in_key(struct rows *rows, const void *key, uint64_t value)
{
	const struct spec_histogram *h = &rows->metric->histogram;
	size_t slot = slot_of(h, number_at(skip(key, h->offset), h->size, false));
	struct row *row;

	if (slot > rows->n_slots) {
		rows->bad++;
		return;
	}
	row = row_of(rows, key);
	if (row && slot == rows->n_slots)
		row->sum += value;
	else if (row)
		row->slots[slot] += value;
}

/* The array in a value; slots after the last bound count as what is over it. */
static void add_slots(struct rows *rows, struct row *row, const void *value)
{
	const struct spec_histogram *h = &rows->metric->histogram;
	size_t n = h->size / sizeof(uint64_t);

	for (size_t i = 0; i < n; i++) {
		size_t slot = i <= h->min ? 0 : i - h->min;

		if (slot >= rows->n_slots)
			slot = rows->n_slots - 1;
		row->slots[slot] += number_at(skip(value, h->offset + 8 * i), 8, false);
	}
	row->sum += number_at(skip(value, h->sum_offset), 8, false);
}

/* Slots of an array that nobody used, where those are to be no series. */
static bool is_nothing(const struct rows *rows, const void *value, size_t n_cpus)
{
	size_t n = (n_cpus - 1) * rows->stride + rows->value_size;
	const char *p = value;

	return rows->metric->skip_zero && *p == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static uint64_t add_cpus(const struct rows *rows, const void *value, size_t n_cpus)
{
	uint64_t sum = 0;

	for (size_t cpu = 0; cpu < n_cpus; cpu++)
		sum += number_at(skip(value, cpu * rows->stride), rows->value_size,
				 rows->metric->is_signed);
	return sum;
}

int rows_add(void *arg, const void *key, const void *value, size_t n_cpus)
{
	struct rows *rows = arg;
	const struct spec_metric *metric = rows->metric;
	struct row *row;

	rows->entries++;
	if (is_nothing(rows, value, n_cpus))
		return 0;
	if (metric->type == SPEC_HISTOGRAM && metric->histogram.in_key) {
		add_in_key(rows, key, add_cpus(rows, value, n_cpus));
		return 0;
	}
	row = row_of(rows, key);
	if (row && metric->type != SPEC_HISTOGRAM)
		row->sum += add_cpus(rows, value, n_cpus);
	else if (row)
		for (size_t cpu = 0; cpu < n_cpus; cpu++)
			add_slots(rows, row, skip(value, cpu * rows->stride));
	return 0;
}

void rows_from(struct rows *rows, const struct spec_metric *metric, const struct spec_map *map)
{
	rows->metric = metric;
	rows->value_size = map->value_size;
	rows->stride = (map->value_size + 7) & ~(size_t)7;
	rows->entries = 0;
}

int rows_read(struct rows *rows, const struct spec_metric *metric, int fd,
	      const struct spec_map *map, struct buf *scratch)
{
	rows_from(rows, metric, map);
	return loaded_each(fd, map, scratch, rows_add, rows);
}

/* A factor of 1e-9 is a division by 1e9: that has an exact quotient more often. */
static double scaled(double value, double factor)
{
	double inverse = rint(1 / factor);

	return inverse > 1 && 1 / inverse == factor ? value / inverse : value * factor;
}

static double upper_bound(const struct spec_histogram *h, size_t slot)
{
	double i = (double)(h->min + slot);

	switch (h->buckets) {
	case BUCKETS_EXP2:
		return scaled(ldexp(1, (int)i), h->factor);
	case BUCKETS_EXP2ZERO:
		return i > 0 ? scaled(ldexp(1, (int)i - 1), h->factor) : 0;
	case BUCKETS_FIXED:
		return scaled((double)h->keys[slot], h->factor);
	case BUCKETS_LINEAR:
		break;
	}
	return scaled(i, h->factor);
}

static const struct histogram *make_histogram(const struct rows *rows, const struct row *row,
					      const double *upper, struct arena *arena)
{
	struct histogram_bucket *buckets = arena_alloc(arena, rows->n_slots * sizeof(*buckets));
	struct histogram *h = arena_alloc(arena, sizeof(*h));

	*h = (struct histogram){ .n = rows->n_slots, .buckets = buckets };
	for (size_t i = 0; i < rows->n_slots; i++) {
		h->count += row->slots[i];
		buckets[i] = (struct histogram_bucket){ upper[i], h->count };
	}
	h->sum = scaled((double)row->sum, rows->metric->scale);
	return h;
}

static double value_of(const struct spec_metric *metric, const struct row *row)
{
	return scaled(metric->is_signed ? (double)(int64_t)row->sum : (double)row->sum,
		      metric->scale);
}

static const struct labels *labels_of(const struct rows *rows, const struct row *row,
				      struct label *room, struct metrics *out)
{
	const char *p = row->values.p;
	size_t n = rows->metric->n_labels;

	for (size_t i = 0; i < n; i++) {
		uint32_t size;

		memcpy(&size, p, sizeof(size));
		room[i] = (struct label){
			rows->metric->labels[i].name,
			{ p + sizeof(size), size },
		};
		p += sizeof(size) + size;
	}
	return metrics_labels(out, n, room);
}

void rows_emit(const struct rows *rows, struct metrics *out)
{
	static const enum metric_type types[] = {
		[SPEC_COUNTER] = METRIC_COUNTER,
		[SPEC_GAUGE] = METRIC_GAUGE,
		[SPEC_HISTOGRAM] = METRIC_HISTOGRAM,
	};
	const struct spec_metric *metric = rows->metric;
	struct label *room = arena_alloc(rows->memory, metric->n_labels * sizeof(*room));
	double *upper = arena_alloc(rows->memory, rows->n_slots * sizeof(*upper));
	struct family *f;

	if (!rows->n)
		return;
	f = metrics_family_named(out, metric->name, metric->help, types[metric->type]);
	for (size_t i = 0; i < rows->n_slots; i++)
		upper[i] = upper_bound(&metric->histogram, i);
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->v[i];
		const struct labels *labels = labels_of(rows, row, room, out);

		if (metric->type == SPEC_HISTOGRAM)
			family_add_histogram(f, labels,
					     make_histogram(rows, row, upper, &out->arena));
		else
			family_add(f, labels, value_of(metric, row));
	}
}
