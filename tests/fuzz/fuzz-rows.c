/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of maps, to rows and samples: whatever a description that is accepted says, and whatever
 * bytes the kernel hands over, what is counted is counted once. Input: the description, a NUL, then
 * keys and values in turn.
 * runner: -runs=60000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "collect/ebpf/rows.h"
#include "encode/encoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = 50, ENTRIES_MAX = 200 };

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Two CPUs' values, each with what follows it up to 8 bytes. */
static size_t add_entries(struct rows *rows, const struct spec_map *map, struct str bytes)
{
	size_t value = 2 * ((map->value_size + 7) & ~(size_t)7), n = 0;

	for (; n < ENTRIES_MAX && bytes.n >= map->key_size + value; n++) {
		/* Of their exact size, so that a byte too far is seen. */
		_cleanup_free_ char *k = malloc(map->key_size + 1), *v = malloc(value);

		must(k && v);
		memcpy(k + 1, bytes.p, map->key_size);
		memcpy(v, bytes.p + map->key_size, value);
		must(rows_add(rows, k + 1, v, n % 2 ? 2 : 1) == 0);
		bytes = str_skip(bytes, map->key_size + value);
	}
	return n;
}

static void check_samples(const struct metrics *out)
{
	for (const struct family *f = out->first; f; f = f->next)
		for (const struct block *b = f->first; b && f->type == METRIC_HISTOGRAM;
		     b = b->next)
			for (uint32_t i = 0; i < b->n; i++) {
				const struct histogram *h = b->samples[i].histogram;

				must(h->n && h->buckets[h->n - 1].count == h->count);
				for (size_t k = 1; k < h->n; k++)
					must(h->buckets[k].upper > h->buckets[k - 1].upper);
			}
}

static void try_metric(const struct spec *spec, const struct spec_metric *metric,
		       struct decoder *decoder, struct str bytes)
{
	const struct spec_map *map = &spec->maps[metric->map];
	_cleanup_arena_ struct arena memory = { 0 }, text = { 0 };
	_cleanup_buf_ struct buf values = { 0 }, encoded = { 0 };
	struct rows rows = {
		.decoder = decoder,
		.memory = &memory,
		.text = &text,
		.values = &values,
		.max = ROWS_MAX,
	};
	struct metrics out;

	metrics_init(&out, (struct metrics_limits){ 0 });
	rows_begin(&rows, metric);
	rows_from(&rows, metric, map);
	must(rows.entries <= add_entries(&rows, map, bytes));
	must(rows.n <= ROWS_MAX && rows.n + rows.bad + rows.over <= rows.entries);
	rows_emit(&rows, &out);
	check_samples(&out);
	must(out.series + out.dropped[DROP_NAME] + out.dropped[DROP_DUPLICATE] +
		     out.dropped[DROP_RESERVED] ==
	     rows.n);
	encoder_text.encode(&out, &encoded);
	metrics_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct host_paths nowhere = { { "/nonexistent", "/nonexistent", "/nonexistent",
						     "/nonexistent" } };
	const struct str input = { (const char *)data, size };
	struct str text = { input.p, str_find(input, '\0') };
	_cleanup_arena_ struct arena arena = { 0 };
	struct decoder *decoder;
	struct str why;
	struct spec spec;
	struct host host;

	if (spec_parse(text, &arena, &spec, &why) < 0)
		return 0;
	host_open(&host, &nowhere, false);
	decoder = decoder_new();
	decoder_begin(decoder, &host);
	for (size_t i = 0; i < spec.n_metrics && i < 4; i++)
		if (spec.maps[spec.metrics[i].map].value_size <= 4096)
			try_metric(&spec, &spec.metrics[i], decoder, str_skip(input, text.n + 1));
	decoder_free(decoder);
	host_close(&host);
	return 0;
}
