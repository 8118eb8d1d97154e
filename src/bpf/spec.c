/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text that is left beside the pins: a line for each thing, its fields between tabs, the
 * last line "end". What a field may not hold is escaped, as a help text may have any byte.
 */
#include "bpf/spec.h"

#include <math.h>

#include "bpf/decode.h"
#include "bpf/spec_internal.h"

const char *const spec_type_names[] = { "counter", "gauge", "histogram", NULL };
const char *const spec_bucket_names[] = { "exp2", "exp2zero", "linear", "fixed", NULL };
const char *const spec_refresh_names[] = { "none", "once", "each_cpu", NULL };

static void put_text(struct buf *out, struct str s)
{
	buf_char(out, '\t');
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '\\':
			buf_cstr(out, "\\\\");
			break;
		case '\t':
			buf_cstr(out, "\\t");
			break;
		case '\n':
			buf_cstr(out, "\\n");
			break;
		case '\0':
			buf_cstr(out, "\\0");
			break;
		default:
			buf_char(out, s.p[i]);
		}
	}
}

static void put_u64(struct buf *out, uint64_t value)
{
	buf_char(out, '\t');
	buf_u64(out, value);
}

static void put_f64(struct buf *out, double value)
{
	buf_char(out, '\t');
	buf_f64(out, value);
}

static void put_line(struct buf *out, const char *key, struct str value)
{
	buf_cstr(out, key);
	put_text(out, value);
	buf_char(out, '\n');
}

static void put_program(struct buf *out, const struct spec_program *program)
{
	buf_cstr(out, "program");
	put_text(out, program->name);
	put_text(out, program->hook);
	put_u64(out, program->id);
	put_text(out, str_of(program->tag));
	put_text(out, str_of(spec_refresh_names[program->refresh]));
	put_text(out, program->why);
	buf_char(out, '\n');
}

static void put_map(struct buf *out, const struct spec_map *map)
{
	buf_cstr(out, "map");
	put_text(out, map->name);
	put_u64(out, map->type);
	put_u64(out, map->key_size);
	put_u64(out, map->value_size);
	put_u64(out, map->max_entries);
	buf_char(out, '\n');
}

static void put_label(struct buf *out, const struct spec_label *label)
{
	buf_cstr(out, "label");
	put_text(out, label->name);
	put_u64(out, label->offset);
	put_u64(out, label->size);
	buf_char(out, '\n');
	for (size_t i = 0; i < label->n; i++) {
		const struct spec_decoder *decoder = &label->decoders[i];

		buf_cstr(out, "decoder");
		put_text(out, str_of(decoder_name(decoder->kind)));
		put_u64(out, decoder->keep_unknown);
		for (size_t a = 0; a < decoder->n; a++)
			put_text(out, decoder->args[a]);
		buf_char(out, '\n');
	}
}

static void put_histogram(struct buf *out, const struct spec_histogram *histogram)
{
	buf_cstr(out, "histogram");
	put_text(out, str_of(spec_bucket_names[histogram->buckets]));
	put_u64(out, histogram->in_key);
	put_u64(out, histogram->offset);
	put_u64(out, histogram->size);
	put_u64(out, histogram->sum_offset);
	put_u64(out, histogram->min);
	put_u64(out, histogram->max);
	put_f64(out, histogram->factor);
	for (size_t i = 0; i < histogram->n_keys; i++)
		put_u64(out, histogram->keys[i]);
	buf_char(out, '\n');
}

static void put_metric(struct buf *out, const struct spec_metric *metric)
{
	buf_cstr(out, "metric");
	put_text(out, metric->name);
	put_text(out, str_of(spec_type_names[metric->type]));
	put_u64(out, metric->map);
	put_u64(out, metric->is_signed);
	put_u64(out, metric->skip_zero);
	put_f64(out, metric->scale);
	put_text(out, metric->help);
	buf_char(out, '\n');
	if (metric->type == SPEC_HISTOGRAM)
		put_histogram(out, &metric->histogram);
	for (size_t i = 0; i < metric->n_labels; i++)
		put_label(out, &metric->labels[i]);
}

void spec_print(const struct spec *spec, struct buf *out)
{
	buf_cstr(out, SPEC_FIRST_LINE "\n");
	put_line(out, "object", spec->object);
	put_line(out, "file", spec->file);
	put_line(out, "hash", spec->hash);
	put_line(out, "kernel", spec->kernel);
	buf_cstr(out, "loaded");
	put_u64(out, spec->loaded_ns < 0 ? 0 : (uint64_t)spec->loaded_ns);
	buf_char(out, '\n');
	for (size_t i = 0; i < spec->n_programs; i++)
		put_program(out, &spec->programs[i]);
	for (size_t i = 0; i < spec->n_maps; i++)
		put_map(out, &spec->maps[i]);
	for (size_t i = 0; i < spec->n_metrics; i++)
		put_metric(out, &spec->metrics[i]);
	buf_cstr(out, "end\n");
}

static bool has_label(const struct spec_metric *metric, struct str name)
{
	for (size_t i = 0; i < metric->n_labels; i++)
		if (str_eq(metric->labels[i].name, name))
			return true;
	return false;
}

static bool same_buckets(const struct spec_histogram *a, const struct spec_histogram *b)
{
	if (a->buckets != b->buckets || fabs(a->factor - b->factor) > 0)
		return false;
	if (a->buckets != BUCKETS_FIXED)
		return a->min == b->min && a->max == b->max;
	return a->n_keys == b->n_keys &&
	       (a->n_keys == 0 || memcmp(a->keys, b->keys, a->n_keys * sizeof(*a->keys)) == 0);
}

bool spec_same_metric(const struct spec_metric *a, const struct spec_metric *b)
{
	if (!str_eq(a->name, b->name) || a->type != b->type || a->n_labels != b->n_labels)
		return false;
	for (size_t i = 0; i < a->n_labels; i++)
		if (!has_label(b, a->labels[i].name))
			return false;
	return a->type != SPEC_HISTOGRAM || same_buckets(&a->histogram, &b->histogram);
}
