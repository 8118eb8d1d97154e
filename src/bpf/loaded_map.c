/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All entries of a map, by batches: ten times cheaper than one by one, and a key that vanishes
 * meanwhile does not send it back to the start. Batches of hash maps came with Linux 5.6, of
 * per-CPU arrays with 5.13; what has none is read key by key.
 */
#include <stdlib.h>

#include "bpf/call.h"
#include "bpf/loaded.h"

enum {
	BATCH_BYTES = 256 << 10, /* of one batch, if it is no less than BATCH_MIN entries */
	BATCH_MIN = 16,
};

typedef int each_fn(void *arg, const void *key, const void *value, size_t n_cpus);

/* One map being read. */
struct reading {
	int fd;
	uint32_t type;
	size_t n_cpus;
	size_t key, value; /* bytes of one in a batch */
	uint32_t max_entries;
	struct buf *scratch;
	each_fn *each;
	void *arg;
};

static bool is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool is_array(uint32_t type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Room for what is read; the same in each cycle. */
static char *room(const struct reading *reading, size_t n)
{
	buf_reset(reading->scratch);
	return buf_reserve(reading->scratch, n);
}

static int lookup(const struct reading *reading, const void *key, void *value)
{
	union bpf_attr attr = {
		.map_fd = (uint32_t)reading->fd,
		.key = (uintptr_t)key,
		.value = (uintptr_t)value,
	};

	return bpf_call(BPF_MAP_LOOKUP_ELEM, &attr);
}

static int by_index(const struct reading *reading)
{
	char *value = room(reading, padded(reading->value));
	int r = value ? 0 : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < reading->max_entries; i++) {
		r = lookup(reading, &i, value);
		if (r == 0)
			r = reading->each(reading->arg, &i, value, reading->n_cpus);
	}
	return r;
}

static int compare_keys(const void *a, const void *b, void *size)
{
	return memcmp(a, b, *(const size_t *)size);
}

/*
 * All keys first, each of them once: when the key that was last seen is gone, the kernel starts
 * anew, and what is read twice would be counted twice. Up to twice as many as the map holds.
 */
static int gather_keys(const struct reading *reading, char *keys, size_t *ret_n)
{
	union bpf_attr attr = { .map_fd = (uint32_t)reading->fd };
	size_t n = 0, unique = 0, size = reading->key;
	int r = 0;

	while (n < 2 * (size_t)reading->max_entries) {
		attr.key = n ? (uintptr_t)keys + (n - 1) * size : 0;
		attr.next_key = (uintptr_t)keys + n * size;
		r = bpf_call(BPF_MAP_GET_NEXT_KEY, &attr);
		if (r < 0)
			break;
		n++;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	qsort_r(keys, n, size, compare_keys, &size);
	for (size_t i = 0; i < n; i++)
		if (!unique || memcmp(keys + (unique - 1) * size, keys + i * size, size) != 0)
			memmove(keys + unique++ * size, keys + i * size, size);
	*ret_n = unique;
	return 0;
}

static int by_key(const struct reading *reading)
{
	size_t value_size = padded(reading->value), n;
	char *value = room(reading, value_size + 2 * (size_t)reading->max_entries * reading->key);
	int r;

	if (!value)
		return -ENOMEM;
	r = gather_keys(reading, value + value_size, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *key = value + value_size + i * reading->key;

		r = lookup(reading, key, value);
		if (r == -ENOENT)
			r = 0;
		else if (r == 0)
			r = reading->each(reading->arg, key, value, reading->n_cpus);
	}
	return r;
}

static int one_by_one(const struct reading *reading)
{
	return is_array(reading->type) ? by_index(reading) : by_key(reading);
}

static int hand_out(const struct reading *reading, const char *keys, const char *values, uint32_t n)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = reading->each(reading->arg, keys + i * reading->key,
				  values + i * reading->value, reading->n_cpus);
	return r;
}

/* How many entries to ask for at once. */
static uint32_t batch_size(const struct reading *reading)
{
	size_t n = BATCH_BYTES / (reading->key + reading->value);

	if (n < BATCH_MIN)
		n = BATCH_MIN;
	return n < reading->max_entries ? (uint32_t)n : reading->max_entries;
}

/*
 * One batch after the other. A hash map hands over whole buckets: when one of them is larger than
 * the batch (-ENOSPC), that asks for more room. The kernel's cursor, 4 bytes or a key, stands at
 * the front, where it outlives that the room grows.
 */
static int by_batches(const struct reading *reading)
{
	size_t cursor_size = padded(reading->key < 8 ? 8 : reading->key);
	uint32_t n = batch_size(reading);
	bool begun = false;
	int r;

	for (;;) {
		size_t values_size = padded(n * reading->value);
		char *cursor = room(reading, cursor_size + values_size + n * reading->key);
		union bpf_attr attr = { 0 };

		if (!cursor)
			return -ENOMEM;

		char *values = cursor + cursor_size, *keys = values + values_size;

		attr.batch.map_fd = (uint32_t)reading->fd;
		attr.batch.in_batch = begun ? (uintptr_t)cursor : 0;
		attr.batch.out_batch = (uintptr_t)cursor;
		attr.batch.values = (uintptr_t)values;
		attr.batch.keys = (uintptr_t)keys;
		attr.batch.count = n;
		r = bpf_call(BPF_MAP_LOOKUP_BATCH, &attr);
		if (r == -ENOSPC && n < reading->max_entries) {
			n = 2 * n < reading->max_entries ? 2 * n : reading->max_entries;
			continue;
		}
		if (r < 0 && r != -ENOENT)
			return begun ? r : one_by_one(reading);

		int stop = hand_out(reading, keys, values, attr.batch.count);

		if (stop || r == -ENOENT)
			return stop;
		begun = true;
	}
}

static int prepare(int fd, const struct spec_map *map, struct buf *scratch, each_fn *each,
		   void *arg, struct reading *ret)
{
	bool per_cpu = is_per_cpu(map->type);
	size_t n_cpus = !per_cpu ? 1 : map->n_cpus ? map->n_cpus : loaded_cpus();

	if (fd < 0)
		return fd;
	if (!is_array(map->type) && !per_cpu && map->type != BPF_MAP_TYPE_HASH &&
	    map->type != BPF_MAP_TYPE_LRU_HASH && map->type != BPF_MAP_TYPE_LPM_TRIE)
		return -EOPNOTSUPP;
	if (!n_cpus || !map->max_entries || (is_array(map->type) && map->key_size != 4))
		return -EINVAL;
	*ret = (struct reading){
		.fd = fd,
		.type = map->type,
		.n_cpus = n_cpus,
		.key = map->key_size,
		.value = per_cpu ? padded(map->value_size) * n_cpus : map->value_size,
		.max_entries = map->max_entries,
		.scratch = scratch,
		.each = each,
		.arg = arg,
	};
	return 0;
}

int loaded_each(int fd, const struct spec_map *map, struct buf *scratch, each_fn *each, void *arg)
{
	struct reading reading;
	int r = prepare(fd, map, scratch, each, arg, &reading);

	if (r < 0)
		return r;
	/* The usual array has one entry. */
	if (is_array(map->type) && map->max_entries == 1)
		return by_index(&reading);
	return by_batches(&reading);
}

int loaded_each_slowly(int fd, const struct spec_map *map, struct buf *scratch, each_fn *each,
		       void *arg)
{
	struct reading reading;
	int r = prepare(fd, map, scratch, each, arg, &reading);

	return r < 0 ? r : one_by_one(&reading);
}
