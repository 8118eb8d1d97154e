/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of one metric: what the entries of its maps come to when those that decode to the same
 * labels are added up. Lives for one metric in one cycle; its memory comes from the cycle's.
 */
#pragma once

#include "bpf/decode.h"
#include "bpf/loaded.h"
#include "metric/metrics.h"

struct row {
	uint64_t hash;
	struct str values; /* of the labels: size and bytes of each, in their order */
	uint64_t sum;      /* the value; or the sum of a histogram */
	uint64_t *slots;   /* of a histogram, of max - min + 1 */
};

struct rows {
	const struct spec_metric *metric;
	struct decoder *decoder;
	struct arena *memory; /* of the rows */
	struct arena *text;   /* of one row's labels */
	struct buf *values;   /* of one row's labels */
	size_t n, max, table_size;
	struct row *v;             /* in the order of their first entry */
	uint32_t *table;           /* row + 1 by hash; 0 is free */
	uint64_t bad;              /* entries that could not be decoded */
	uint64_t over;             /* entries that found `max` rows of other labels */
	uint64_t entries;          /* of the map that was read last */
	size_t value_size, stride; /* of one CPU's value, and to the next */
	size_t n_slots;
};

/* Decoder, memory and max are the caller's to set before. */
void rows_begin(struct rows *rows, const struct spec_metric *metric);
/*
 * Adds the entries of a map; `metric` is that of rows_begin(), or says the same. 0 or -errno;
 * entries until then stay.
 */
int rows_read(struct rows *rows, const struct spec_metric *metric, int fd,
	      const struct spec_map *map, struct buf *scratch);
/* Its two steps: the map that entries come from, and one of them; always 0, as loaded_each() wants.
 */
void rows_from(struct rows *rows, const struct spec_metric *metric, const struct spec_map *map);
int rows_add(void *rows, const void *key, const void *value, size_t n_cpus);
/* As samples of the metric's family. */
void rows_emit(const struct rows *rows, struct metrics *out);
