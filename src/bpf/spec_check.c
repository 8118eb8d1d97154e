/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true of a description before anybody reads a map by it. Readers index keys and
 * values by these numbers and open files by these names, and rely on nothing else.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <math.h>

#include "bpf/spec_internal.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(struct str s, char also)
{
	if (!s.n || s.n > SPEC_NAME_MAX || !(is_letter(s.p[0]) || s.p[0] == also))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_letter(s.p[i]) && s.p[i] != also && !(s.p[i] >= '0' && s.p[i] <= '9'))
			return false;
	return true;
}

/* An object's name comes from its file's: it may begin with a digit, and never has a dot. */
static bool is_object_name(struct str s)
{
	if (!s.n || s.n > SPEC_NAME_MAX || s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_letter(s.p[i]) && s.p[i] != '-' && !(s.p[i] >= '0' && s.p[i] <= '9'))
			return false;
	return true;
}

static bool is_number_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

static bool lies_within(uint32_t offset, uint32_t size, uint32_t whole)
{
	return offset <= whole && size <= whole - offset;
}

/* NULL, or why the first decoder cannot read so many bytes. */
static const char *size_error(enum decoder_kind kind, uint32_t size)
{
	switch (kind) {
	case DECODE_HEX:
	case DECODE_STRING:
	case DECODE_DNAME:
	case DECODE_MAP:
	case DECODE_REGEXP:
		return NULL;
	case DECODE_INET_IP:
		return size == 4 || size == 16 ? NULL : "an address has 4 or 16 bytes";
	case DECODE_KSTACK:
		return size % 8 == 0 ? NULL : "a stack has 8 bytes an entry";
	default:
		return is_number_size(size) ? NULL : "a number has 1, 2, 4 or 8 bytes";
	}
}

static const char *decoders_error(const struct spec_label *label, struct arena *arena)
{
	struct str why;

	if (!label->n)
		return "no decoder";
	for (size_t i = 0; i < label->n; i++) {
		const struct spec_decoder *decoder = &label->decoders[i];

		if (decoder->kind >= DECODERS)
			return "no such decoder";
		if (decoder->kind == DECODE_MAP && (!decoder->n || decoder->n % 2))
			return "map needs pairs";
		if (decoder->kind == DECODE_REGEXP && !decoder->n)
			return "regexp needs an expression";
		if (decoder->kind == DECODE_REGEXP && i + 1 < label->n)
			return "regexp must be the last decoder";
		if (decoder->kind != DECODE_MAP && decoder->kind != DECODE_REGEXP && decoder->n)
			return "an argument too many";
		if (decoder->kind != DECODE_REGEXP)
			continue;
		for (size_t a = 0; a < decoder->n; a++)
			if (spec_check_expression(decoder->args[a], arena, &why) < 0)
				return why.p;
	}
	/* Of the text that a decoder made, the next may read the number in it; or leave it. */
	for (size_t i = 1; i < label->n; i++)
		if (label->decoders[i].kind == DECODE_INET_IP ||
		    label->decoders[i].kind == DECODE_KSTACK ||
		    label->decoders[i].kind == DECODE_BE)
			return "be, inet_ip and kstack read bytes, so they come first";
	return size_error(label->decoders[0].kind, label->size);
}

static const char *label_error(const struct spec_metric *metric, size_t index, uint32_t key_size,
			       struct arena *arena)
{
	const struct spec_label *label = &metric->labels[index];

	if (!is_name(label->name, '_') || str_starts(label->name, STR("__")))
		return "not a label's name";
	if (metric->type == SPEC_HISTOGRAM && str_eq(label->name, STR("le")))
		return "le is the buckets' own label";
	for (size_t i = 0; i < index; i++)
		if (str_eq(metric->labels[i].name, label->name))
			return "is there twice";
	if (!label->size || !lies_within(label->offset, label->size, key_size))
		return "is not inside of the key";
	return decoders_error(label, arena);
}

static const char *slots_error(const struct spec_histogram *histogram)
{
	uint32_t limit = histogram->buckets == BUCKETS_EXP2       ? 63
			 : histogram->buckets == BUCKETS_EXP2ZERO ? 64
								  : SPEC_SLOT_MAX;

	if (!(histogram->factor > 0 && histogram->factor <= 1e18))
		return "not a factor";
	if (histogram->min > histogram->max || histogram->max > limit ||
	    histogram->max - histogram->min >= SPEC_SLOTS_MAX)
		return "too many buckets, or none";
	if (histogram->buckets != BUCKETS_FIXED)
		return histogram->n_keys ? "keys, but the buckets are not fixed" : NULL;
	if (histogram->min || histogram->n_keys != (size_t)histogram->max + 1)
		return "as many keys as buckets, please";
	for (size_t i = 1; i < histogram->n_keys; i++)
		if (histogram->keys[i] <= histogram->keys[i - 1])
			return "keys must rise";
	return NULL;
}

static const char *histogram_error(const struct spec_histogram *histogram,
				   const struct spec_map *map)
{
	uint32_t slots = histogram->max + 1;

	if (slots_error(histogram))
		return slots_error(histogram);
	if (histogram->in_key) {
		if (!is_number_size(histogram->size) ||
		    !lies_within(histogram->offset, histogram->size, map->key_size))
			return "the bucket is not a number inside of the key";
		return map->value_size == 8 ? NULL : "the value of a bucket has 8 bytes";
	}
	if (!lies_within(histogram->offset, histogram->size, map->value_size) ||
	    histogram->size / 8 < slots)
		return "the buckets do not fit into the value";
	if (!lies_within(histogram->sum_offset, 8, map->value_size))
		return "the sum is not inside of the value";
	return NULL;
}

static bool is_readable_map(uint32_t type)
{
	return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_ARRAY ||
	       type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static int check_metric(const struct spec *spec, const struct spec_metric *metric,
			struct arena *arena, struct str *ret_why)
{
	const struct spec_map *map;
	const char *error = NULL;

	if (!is_name(metric->name, ':') || metric->map >= spec->n_maps) {
		*ret_why = arena_printf(arena, "\"%.*s\" is not a metric's name, or has no map",
					STR_ARG(metric->name));
		return -EINVAL;
	}
	map = &spec->maps[metric->map];
	if (metric->type > SPEC_HISTOGRAM)
		error = "no such type";
	else if (!str_utf8_valid(metric->help))
		error = "its help is not UTF-8";
	else if (!is_readable_map(map->type))
		error = "only hash and array maps can be metrics";
	else if (map->value_size > SPEC_VALUE_MAX)
		error = "its values are too large";
	else if (!isfinite(metric->scale))
		error = "its scale is not a number";
	else if (metric->type == SPEC_HISTOGRAM)
		error = histogram_error(&metric->histogram, map);
	else if (!is_number_size(map->value_size))
		error = "its value is not a number of 1, 2, 4 or 8 bytes";
	if (!error && metric->n_labels > SPEC_LABELS_MAX)
		error = "too many labels";
	if (error) {
		*ret_why = arena_printf(arena, "%.*s: %s", STR_ARG(metric->name), error);
		return -EINVAL;
	}
	for (size_t i = 0; i < metric->n_labels; i++) {
		error = label_error(metric, i, map->key_size, arena);
		if (!error)
			continue;
		*ret_why = arena_printf(arena, "%.*s: label \"%.*s\": %s", STR_ARG(metric->name),
					STR_ARG(metric->labels[i].name), error);
		return -EINVAL;
	}
	return 0;
}

static const char *map_error(const struct spec *spec, size_t index)
{
	const struct spec_map *map = &spec->maps[index];

	if (!is_name(map->name, '_'))
		return "not a map's name";
	for (size_t i = 0; i < index; i++)
		if (str_eq(spec->maps[i].name, map->name))
			return "is there twice";
	return map->key_size > SPEC_KEY_MAX ? "its keys are too large" : NULL;
}

static const char *program_error(const struct spec *spec, size_t index)
{
	const struct spec_program *program = &spec->programs[index];

	if (!is_name(program->name, '_'))
		return "not a program's name";
	for (size_t i = 0; i < index; i++)
		if (str_eq(spec->programs[i].name, program->name))
			return "is there twice";
	if (program->refresh > REFRESH_EACH_CPU)
		return "no such refresh";
	return program->tag[sizeof(program->tag) - 1] ? "its tag does not end" : NULL;
}

int spec_check(const struct spec *spec, struct arena *arena, struct str *ret_why)
{
	const char *error;

	if (!is_object_name(spec->object)) {
		*ret_why = arena_printf(arena, "\"%.*s\" is not an object's name",
					STR_ARG(spec->object));
		return -EINVAL;
	}
	if (spec->n_programs > SPEC_THINGS_MAX || spec->n_maps > SPEC_THINGS_MAX ||
	    spec->n_metrics > SPEC_THINGS_MAX) {
		*ret_why = STR("too many programs, maps or metrics");
		return -EINVAL;
	}
	for (size_t i = 0; i < spec->n_programs; i++) {
		error = program_error(spec, i);
		if (!error)
			continue;
		*ret_why = arena_printf(arena, "program \"%.*s\": %s",
					STR_ARG(spec->programs[i].name), error);
		return -EINVAL;
	}
	for (size_t i = 0; i < spec->n_maps; i++) {
		error = map_error(spec, i);
		if (!error)
			continue;
		*ret_why =
			arena_printf(arena, "map \"%.*s\": %s", STR_ARG(spec->maps[i].name), error);
		return -EINVAL;
	}
	for (size_t i = 0; i < spec->n_metrics; i++) {
		const struct spec_metric *metric = &spec->metrics[i];
		int r = check_metric(spec, metric, arena, ret_why);

		if (r)
			return r;
		for (size_t other = 0; other < i; other++) {
			if (!str_eq(spec->metrics[other].name, metric->name) ||
			    spec_same_metric(&spec->metrics[other], metric))
				continue;
			*ret_why = arena_printf(arena, "%.*s is described in two ways",
						STR_ARG(metric->name));
			return -EINVAL;
		}
	}
	return 0;
}
