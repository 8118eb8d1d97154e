/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptions of loaded objects. What is accepted must print to a text that is accepted again
 * and prints the same, and every number in it must lie inside of its map.
 * Input: the first byte chooses the grammar: a description, a label, or buckets.
 * runner: -runs=200000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "bpf/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_inside(const struct spec *spec)
{
	for (size_t i = 0; i < spec->n_metrics; i++) {
		const struct spec_metric *metric = &spec->metrics[i];
		const struct spec_histogram *histogram = &metric->histogram;
		const struct spec_map *map;

		must(metric->map < spec->n_maps);
		map = &spec->maps[metric->map];
		for (size_t l = 0; l < metric->n_labels; l++)
			must((uint64_t)metric->labels[l].offset + metric->labels[l].size <=
			     map->key_size);
		if (metric->type != SPEC_HISTOGRAM)
			continue;
		must((uint64_t)histogram->offset + histogram->size <=
		     (histogram->in_key ? map->key_size : map->value_size));
		must(histogram->in_key || (uint64_t)histogram->sum_offset + 8 <= map->value_size);
		must(histogram->in_key || histogram->max < histogram->size / 8);
		must(histogram->buckets != BUCKETS_FIXED ||
		     histogram->n_keys == (size_t)histogram->max + 1);
	}
}

static void try_spec(struct str text, struct arena *arena)
{
	_cleanup_buf_ struct buf once = { 0 }, twice = { 0 };
	struct spec spec, again;
	struct str why = { 0 };

	if (spec_parse(text, arena, &spec, &why)) {
		must(why.n > 0);
		return;
	}
	must_be_inside(&spec);
	spec_print(&spec, &once);
	must(!once.err && spec_parse(buf_view(&once), arena, &again, &why) == 0);
	spec_print(&again, &twice);
	must(str_eq(buf_view(&once), buf_view(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct spec_histogram histogram = { 0 };
	struct spec_label label = { 0 };
	struct str text, why = { 0 };

	if (!size)
		return 0;
	text = (struct str){ (const char *)data + 1, size - 1 };
	if (data[0] == 'l')
		must(spec_parse_label(text, &arena, &label, &why) == 0 || why.n > 0);
	else if (data[0] == 'b')
		must(spec_parse_buckets(text, &arena, &histogram, &why) == 0 || why.n > 0);
	else
		try_spec(text, &arena);
	return 0;
}
