/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words in which an author describes a map: buckets, and labels with their decoders. They
 * stand in tags and in sidecar files, so every mistake is told in the author's terms.
 */
#include <errno.h>

#include "base/num.h"
#include "base/regex.h"
#include "bpf/decode.h"
#include "bpf/spec_internal.h"

int spec_word(const char *const *list, struct str s)
{
	for (int i = 0; list[i]; i++)
		if (str_eq(str_of(list[i]), s))
			return i;
	return -1;
}

/* "0..27" */
static int parse_range(struct str text, struct arena *arena, struct spec_histogram *histogram,
		       struct str *ret_why)
{
	struct str rest = text, min, max;
	uint64_t low, high;

	if (!str_cut(&rest, '.', &min) || !str_starts(rest, STR("."))) {
		*ret_why = arena_printf(arena, "\"%.*s\" is not MIN..MAX", STR_ARG(text));
		return -EINVAL;
	}
	max = str_trim(str_skip(rest, 1));
	if (num_u64(str_trim(min), &low) || num_u64(max, &high) || low > high) {
		*ret_why = arena_printf(arena, "\"%.*s\" is not MIN..MAX", STR_ARG(text));
		return -EINVAL;
	}
	if (high > SPEC_SLOT_MAX || high - low >= SPEC_SLOTS_MAX) {
		*ret_why = arena_printf(arena, "\"%.*s\" are too many buckets", STR_ARG(text));
		return -EINVAL;
	}
	histogram->min = (uint32_t)low;
	histogram->max = (uint32_t)high;
	return 0;
}

/* "1,2,4" */
static int parse_keys(struct str text, struct arena *arena, struct spec_histogram *histogram,
		      struct str *ret_why)
{
	uint64_t *keys = NULL;
	struct str key;
	size_t n = 0;

	while (str_cut(&text, ',', &key)) {
		uint64_t value;

		if (num_u64(str_trim(key), &value)) {
			*ret_why = arena_printf(arena, "\"%.*s\" is not a number", STR_ARG(key));
			return -EINVAL;
		}
		if (n && value <= keys[n - 1]) {
			*ret_why = STR("keys must rise");
			return -EINVAL;
		}
		if (n == SPEC_SLOTS_MAX) {
			*ret_why = STR("too many keys");
			return -EINVAL;
		}
		keys = arena_grow(arena, keys, n, sizeof(*keys));
		keys[n++] = value;
	}
	if (!n) {
		*ret_why = STR("fixed buckets need keys: \"fixed 1,2,4\"");
		return -EINVAL;
	}
	histogram->keys = keys;
	histogram->n_keys = n;
	histogram->min = 0;
	histogram->max = (uint32_t)(n - 1);
	return 0;
}

int spec_parse_buckets(struct str text, struct arena *arena, struct spec_histogram *ret,
		       struct str *ret_why)
{
	struct spec_histogram histogram = *ret;
	size_t star = str_find(text, '*');
	struct str slots = { text.p, star };
	struct str kind;
	int r, which;

	histogram.factor = 1;
	if (star < text.n) {
		struct str factor = str_trim(str_skip(text, star + 1));

		/* The negation refuses NaN too. */
		if (num_f64(factor, &histogram.factor) ||
		    !(histogram.factor > 0 && histogram.factor <= 1e18)) {
			*ret_why = arena_printf(arena, "\"%.*s\" is not a factor", STR_ARG(factor));
			return -EINVAL;
		}
	}
	which = str_word(&slots, &kind) ? spec_word(spec_bucket_names, kind) : -1;
	if (which < 0) {
		*ret_why = arena_printf(arena, "\"%.*s\": exp2, exp2zero, linear or fixed?",
					STR_ARG(text));
		return -EINVAL;
	}
	histogram.buckets = (enum spec_buckets)which;
	histogram.keys = NULL;
	histogram.n_keys = 0;
	slots = str_trim(slots);
	r = which == BUCKETS_FIXED ? parse_keys(slots, arena, &histogram, ret_why)
				   : parse_range(slots, arena, &histogram, ret_why);
	if (r)
		return r;
	/* The slot's bound is 2^i, or 2^(i-1): of a u64 there are no more. */
	if ((which == BUCKETS_EXP2 && histogram.max > 63) ||
	    (which == BUCKETS_EXP2ZERO && histogram.max > 64)) {
		*ret_why = STR("no number of 64 bits has so many powers of 2");
		return -EINVAL;
	}
	*ret = histogram;
	return 0;
}

int spec_check_expression(struct str expression, struct arena *arena, struct str *ret_why)
{
	struct regex *regex;

	if (!expression.n || expression.n > SPEC_EXPRESSION_MAX) {
		*ret_why = expression.n ? STR("it is too long") : STR("it is empty");
		return -EINVAL;
	}
	if (regex_compile(expression, REGEX_GROUPS, arena, &regex, ret_why) < 0)
		return -EINVAL;
	regex_free(regex);
	return 0;
}

/* "0=read,1=write" */
static int parse_pairs(struct str text, struct arena *arena, struct spec_decoder *decoder,
		       struct str *ret_why)
{
	struct str pair;

	while (str_cut(&text, ',', &pair)) {
		struct str rest = pair, key;

		if (str_find(pair, '=') == pair.n || !str_cut(&rest, '=', &key) ||
		    !str_trim(key).n) {
			*ret_why = arena_printf(arena, "\"%.*s\" is not KEY=TEXT", STR_ARG(pair));
			return -EINVAL;
		}
		key = str_trim(key);
		for (size_t i = 0; i < decoder->n; i += 2) {
			if (!str_eq(decoder->args[i], key))
				continue;
			*ret_why = arena_printf(arena, "\"%.*s\" is there twice", STR_ARG(key));
			return -EINVAL;
		}
		if (decoder->n + 2 > SPEC_ARGS_MAX) {
			*ret_why = STR("too many pairs");
			return -EINVAL;
		}
		decoder->args =
			arena_grow(arena, decoder->args, decoder->n, sizeof(*decoder->args));
		decoder->args[decoder->n++] = key;
		decoder->args =
			arena_grow(arena, decoder->args, decoder->n, sizeof(*decoder->args));
		decoder->args[decoder->n++] = str_trim(rest);
	}
	if (!decoder->n) {
		*ret_why = STR("map needs pairs: \"map:0=read,1=write\"");
		return -EINVAL;
	}
	return 0;
}

static int parse_expressions(struct str text, struct arena *arena, struct spec_decoder *decoder,
			     struct str *ret_why)
{
	struct str word;

	while (str_word(&text, &word)) {
		struct str why = STR("too many");

		if (decoder->n == SPEC_ARGS_MAX || spec_check_expression(word, arena, &why) < 0) {
			*ret_why = arena_printf(arena, "regular expression \"%.*s\": %.*s",
						STR_ARG(word), STR_ARG(why));
			return -EINVAL;
		}
		decoder->args =
			arena_grow(arena, decoder->args, decoder->n, sizeof(*decoder->args));
		decoder->args[decoder->n++] = word;
	}
	if (!decoder->n) {
		*ret_why = STR("regexp needs an expression: \"regexp:^/system.slice/(.*)$\"");
		return -EINVAL;
	}
	return 0;
}

/* "map:0=read,1=write" */
static int parse_decoder(struct str text, struct arena *arena, struct spec_decoder *ret,
			 struct str *ret_why)
{
	struct str args = text, name = { 0 };
	bool has_args = str_find(text, ':') < text.n;
	int kind;

	(void)str_cut(&args, ':', &name);
	name = str_trim(name);
	if (str_eq(name, STR("map?"))) {
		ret->keep_unknown = true;
		name = STR("map");
	}
	kind = decoder_kind(name);
	if (kind < 0) {
		*ret_why = arena_printf(arena, "there is no decoder \"%.*s\"", STR_ARG(name));
		return -EINVAL;
	}
	ret->kind = (enum decoder_kind)kind;
	if (kind == DECODE_MAP)
		return parse_pairs(args, arena, ret, ret_why);
	if (kind == DECODE_REGEXP)
		return parse_expressions(args, arena, ret, ret_why);
	if (has_args) {
		*ret_why = arena_printf(arena, "%.*s takes no argument", STR_ARG(name));
		return -EINVAL;
	}
	return 0;
}

int spec_parse_label(struct str text, struct arena *arena, struct spec_label *ret,
		     struct str *ret_why)
{
	struct spec_label label = *ret;
	struct str name = { 0 };

	label.decoders = NULL;
	label.n = 0;
	(void)str_cut(&text, '|', &name);
	if (str_trim(name).n)
		label.name = str_trim(name);
	while (text.n) {
		struct spec_decoder decoder = { 0 };
		struct str piece;
		int r;

		if (str_starts(str_trim(text), STR("regexp:"))) {
			/* An expression may well have a | in it: it goes to the end. */
			piece = str_trim(text);
			text = (struct str){ 0 };
		} else {
			(void)str_cut(&text, '|', &piece);
		}
		r = parse_decoder(str_trim(piece), arena, &decoder, ret_why);
		if (r)
			return r;
		if (label.n == SPEC_DECODERS_MAX) {
			*ret_why = STR("too many decoders");
			return -EINVAL;
		}
		label.decoders =
			arena_grow(arena, label.decoders, label.n, sizeof(*label.decoders));
		label.decoders[label.n++] = decoder;
	}
	*ret = label;
	return 0;
}
