/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a description back. It lies in a directory that only root writes, but a reader is a
 * service that goes on for months: a text of another version, or a damaged one, is an error and
 * nothing else.
 */
#include <errno.h>

#include "base/num.h"
#include "bpf/decode.h"
#include "bpf/spec_internal.h"

struct parser {
	struct arena *arena;
	struct spec spec;
	struct str fields; /* what is left of the line; .p NULL: nothing */
	bool has_histogram;
};

/* Takes the next field. An empty one is one, too. */
static bool take(struct parser *parser, struct str *ret)
{
	struct str field = parser->fields;
	size_t tab;
	char *copy;
	size_t n = 0;

	if (!field.p)
		return false;
	tab = str_find(field, '\t');
	parser->fields = tab < field.n ? str_skip(field, tab + 1) : (struct str){ 0 };
	field.n = tab;
	if (str_find(field, '\\') == field.n) {
		*ret = field;
		return true;
	}
	copy = arena_alloc(parser->arena, field.n);
	for (size_t i = 0; i < field.n; i++) {
		if (field.p[i] != '\\') {
			copy[n++] = field.p[i];
			continue;
		}
		if (++i == field.n)
			return false;
		switch (field.p[i]) {
		case '\\':
			copy[n++] = '\\';
			break;
		case 't':
			copy[n++] = '\t';
			break;
		case 'n':
			copy[n++] = '\n';
			break;
		case '0':
			copy[n++] = '\0';
			break;
		default:
			return false;
		}
	}
	*ret = (struct str){ copy, n };
	return true;
}

static bool take_u64(struct parser *parser, uint64_t max, uint64_t *ret)
{
	struct str field;

	return take(parser, &field) && num_u64(field, ret) == 0 && *ret <= max;
}

static bool take_u32(struct parser *parser, uint32_t *ret)
{
	uint64_t value;

	if (!take_u64(parser, UINT32_MAX, &value))
		return false;
	*ret = (uint32_t)value;
	return true;
}

static bool take_bool(struct parser *parser, bool *ret)
{
	uint64_t value;

	if (!take_u64(parser, 1, &value))
		return false;
	*ret = value;
	return true;
}

static bool take_f64(struct parser *parser, double *ret)
{
	struct str field;

	return take(parser, &field) && num_f64(field, ret) == 0;
}

static bool take_word(struct parser *parser, const char *const *list, int *ret)
{
	struct str field;

	if (!take(parser, &field))
		return false;
	*ret = spec_word(list, field);
	return *ret >= 0;
}

static const char *parse_program(struct parser *parser)
{
	struct spec *spec = &parser->spec;
	struct spec_program program = { 0 };
	struct str tag;
	int refresh;

	if (spec->n_programs == SPEC_THINGS_MAX)
		return "too many programs";
	if (!take(parser, &program.name) || !take(parser, &program.hook) ||
	    !take_u32(parser, &program.id) || !take(parser, &tag) || tag.n >= sizeof(program.tag) ||
	    !take_word(parser, spec_refresh_names, &refresh) || !take(parser, &program.why))
		return "not a program";
	for (size_t i = 0; i < tag.n; i++)
		program.tag[i] = tag.p[i];
	program.refresh = (enum spec_refresh)refresh;
	spec->programs = arena_grow(parser->arena, spec->programs, spec->n_programs,
				    sizeof(*spec->programs));
	spec->programs[spec->n_programs++] = program;
	return NULL;
}

static const char *parse_map(struct parser *parser)
{
	struct spec *spec = &parser->spec;
	struct spec_map map;

	if (spec->n_maps == SPEC_THINGS_MAX)
		return "too many maps";
	if (!take(parser, &map.name) || !take_u32(parser, &map.type) ||
	    !take_u32(parser, &map.key_size) || !take_u32(parser, &map.value_size) ||
	    !take_u32(parser, &map.max_entries))
		return "not a map";
	spec->maps = arena_grow(parser->arena, spec->maps, spec->n_maps, sizeof(*spec->maps));
	spec->maps[spec->n_maps++] = map;
	return NULL;
}

static const char *parse_metric(struct parser *parser)
{
	struct spec *spec = &parser->spec;
	struct spec_metric metric = { 0 };
	int type;

	if (spec->n_metrics == SPEC_THINGS_MAX)
		return "too many metrics";
	if (!take(parser, &metric.name) || !take_word(parser, spec_type_names, &type) ||
	    !take_u32(parser, &metric.map) || !take_bool(parser, &metric.is_signed) ||
	    !take_bool(parser, &metric.skip_zero) || !take_f64(parser, &metric.scale) ||
	    !take(parser, &metric.help))
		return "not a metric";
	metric.type = (enum spec_type)type;
	spec->metrics =
		arena_grow(parser->arena, spec->metrics, spec->n_metrics, sizeof(*spec->metrics));
	spec->metrics[spec->n_metrics++] = metric;
	parser->has_histogram = false;
	return NULL;
}

static struct spec_metric *last_metric(struct parser *parser)
{
	struct spec *spec = &parser->spec;

	return spec->n_metrics ? &spec->metrics[spec->n_metrics - 1] : NULL;
}

static const char *parse_histogram(struct parser *parser)
{
	struct spec_metric *metric = last_metric(parser);
	struct spec_histogram histogram = { 0 };
	int buckets;

	if (!metric || metric->type != SPEC_HISTOGRAM || parser->has_histogram)
		return "belongs to no metric";
	if (!take_word(parser, spec_bucket_names, &buckets) ||
	    !take_bool(parser, &histogram.in_key) || !take_u32(parser, &histogram.offset) ||
	    !take_u32(parser, &histogram.size) || !take_u32(parser, &histogram.sum_offset) ||
	    !take_u32(parser, &histogram.min) || !take_u32(parser, &histogram.max) ||
	    !take_f64(parser, &histogram.factor))
		return "not a histogram";
	while (parser->fields.p) {
		uint64_t key;

		if (histogram.n_keys == SPEC_SLOTS_MAX || !take_u64(parser, UINT64_MAX, &key))
			return "not a key, or too many";
		histogram.keys = arena_grow(parser->arena, histogram.keys, histogram.n_keys,
					    sizeof(*histogram.keys));
		histogram.keys[histogram.n_keys++] = key;
	}
	histogram.buckets = (enum spec_buckets)buckets;
	metric->histogram = histogram;
	parser->has_histogram = true;
	return NULL;
}

static const char *parse_label(struct parser *parser)
{
	struct spec_metric *metric = last_metric(parser);
	struct spec_label label = { 0 };

	if (!metric || (metric->type == SPEC_HISTOGRAM && !parser->has_histogram))
		return "belongs to no metric";
	if (metric->n_labels == SPEC_LABELS_MAX)
		return "too many labels";
	if (!take(parser, &label.name) || !take_u32(parser, &label.offset) ||
	    !take_u32(parser, &label.size))
		return "not a label";
	metric->labels = arena_grow(parser->arena, metric->labels, metric->n_labels, sizeof(label));
	metric->labels[metric->n_labels++] = label;
	return NULL;
}

static const char *parse_decoder(struct parser *parser)
{
	struct spec_metric *metric = last_metric(parser);
	struct spec_decoder decoder = { 0 };
	struct spec_label *label;
	struct str name;
	int kind;

	if (!metric || !metric->n_labels)
		return "belongs to no label";
	label = &metric->labels[metric->n_labels - 1];
	if (label->n == SPEC_DECODERS_MAX)
		return "too many decoders";
	if (!take(parser, &name) || (kind = decoder_kind(name)) < 0 ||
	    !take_bool(parser, &decoder.keep_unknown))
		return "not a decoder";
	decoder.kind = (enum decoder_kind)kind;
	while (parser->fields.p) {
		struct str arg;

		if (decoder.n == SPEC_ARGS_MAX || !take(parser, &arg))
			return "not an argument, or too many";
		decoder.args = arena_grow(parser->arena, decoder.args, decoder.n, sizeof(arg));
		decoder.args[decoder.n++] = arg;
	}
	label->decoders =
		arena_grow(parser->arena, label->decoders, label->n, sizeof(*label->decoders));
	label->decoders[label->n++] = decoder;
	return NULL;
}

static const char *parse_loaded(struct parser *parser)
{
	uint64_t loaded_ns;

	if (!take_u64(parser, INT64_MAX, &loaded_ns))
		return "not a time";
	parser->spec.loaded_ns = (int64_t)loaded_ns;
	return NULL;
}

static const char *parse_line(struct parser *parser, struct str key)
{
	struct spec *spec = &parser->spec;
	const struct {
		struct str key;
		const char *(*parse)(struct parser *);
		struct str *to;
	} lines[] = {
		{ STR("object"), NULL, &spec->object },
		{ STR("file"), NULL, &spec->file },
		{ STR("hash"), NULL, &spec->hash },
		{ STR("kernel"), NULL, &spec->kernel },
		{ STR("loaded"), parse_loaded, NULL },
		{ STR("program"), parse_program, NULL },
		{ STR("map"), parse_map, NULL },
		{ STR("metric"), parse_metric, NULL },
		{ STR("histogram"), parse_histogram, NULL },
		{ STR("label"), parse_label, NULL },
		{ STR("decoder"), parse_decoder, NULL },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *error = NULL;

		if (!str_eq(lines[i].key, key))
			continue;
		if (lines[i].parse)
			error = lines[i].parse(parser);
		else if (lines[i].to->p || !take(parser, lines[i].to))
			error = "is there twice, or empty";
		return error ? error : parser->fields.p ? "has a field too many" : NULL;
	}
	return "is unknown";
}

static bool is_nul(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i])
			return false;
	return true;
}

/* A metric that is a histogram but has no line of that name would be read by nonsense. */
static bool lacks_histogram(struct parser *parser)
{
	const struct spec_metric *metric = last_metric(parser);

	return metric && metric->type == SPEC_HISTOGRAM && !parser->has_histogram;
}

int spec_parse(struct str text, struct arena *arena, struct spec *ret, struct str *ret_why)
{
	struct parser parser = { .arena = arena };
	struct str line, why;
	unsigned number = 1;

	if (text.n > SPEC_TEXT_MAX) {
		*ret_why = STR("the description is too long");
		return -EBADMSG;
	}
	if (!str_cut(&text, '\n', &line) || !str_eq(line, STR(SPEC_FIRST_LINE))) {
		*ret_why = STR("the description is of another version");
		return -EBADMSG;
	}
	for (;;) {
		const char *error = NULL;
		struct str key;
		size_t tab;

		number++;
		if (str_find(text, '\n') == text.n) {
			*ret_why = arena_printf(arena, "line %u: it breaks off", number);
			return -EBADMSG;
		}
		(void)str_cut(&text, '\n', &line);
		tab = str_find(line, '\t');
		key = (struct str){ line.p, tab };
		parser.fields = tab < line.n ? str_skip(line, tab + 1) : (struct str){ 0 };
		if (str_eq(line, STR("end")) && !lacks_histogram(&parser))
			break;
		error = str_eq(key, STR("metric")) && lacks_histogram(&parser)
				? "the metric before has no histogram"
				: parse_line(&parser, key);
		if (!error)
			continue;
		*ret_why = arena_printf(arena, "line %u: %.*s: %s", number, STR_ARG(key), error);
		return -EBADMSG;
	}
	if (!is_nul(text)) {
		*ret_why = STR("something comes after the end");
		return -EBADMSG;
	}
	if (spec_check(&parser.spec, arena, &why)) {
		*ret_why = why;
		return -EBADMSG;
	}
	*ret = parser.spec;
	return 0;
}
