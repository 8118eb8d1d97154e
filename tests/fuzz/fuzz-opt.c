/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option values of every type. What is taken prints as text that is taken again and prints
 * alike; what is refused leaves the value alone and says why in bounded words.
 * runner: -runs=180000
 */
#include <stdlib.h>

#include "base/opt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct values {
	struct str string;
	bool flag;
	int64_t number, bounded, span, bounded_span;
	uint64_t size;
	int choice;
	struct opt_list list;
	struct opt_map map;
	struct opt_regex regex;
};

#define ROW(kind, field) .name = #field, .type = kind, .offset = offsetof(struct values, field)

static const struct opt opts[] = {
	{ ROW(OPT_STRING, string) },
	{ ROW(OPT_BOOL, flag) },
	{ ROW(OPT_INT, number) },
	{ ROW(OPT_INT, bounded), .min = -3, .max = 900 },
	{ ROW(OPT_SIZE, size) },
	{ ROW(OPT_DURATION, span) },
	{ ROW(OPT_DURATION, bounded_span), .min = 1000, .max = 90000000000 },
	{ ROW(OPT_CHOICE, choice), .choices = "auto|text|protobuf" },
	{ ROW(OPT_LIST, list) },
	{ ROW(OPT_MAP, map) },
	{ ROW(OPT_REGEX, regex) },
	{ 0 },
};

static const struct opt_section section = {
	.path = "fuzz",
	.opts = opts,
	.size = sizeof(struct values),
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct opt *opt, struct values *values, struct str text,
		  struct arena *arena)
{
	struct str before = opt_print(opt, values, arena), shown, why = { 0 };
	int r = opt_parse(opt, values, text, true, arena, &why);

	shown = opt_print(opt, values, arena);
	if (r < 0) {
		must(why.n > 0 && why.n < 300 + 3 * 4096);
		must(opt->type == OPT_LIST || opt->type == OPT_MAP || str_eq(before, shown));
		return;
	}
	if (opt->type == OPT_MAP)
		return;
	must(opt_parse(opt, values, shown, true, arena, &why) == 0);
	must(str_eq(opt_print(opt, values, arena), shown));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct values values = { 0 };
	struct arena arena = { 0 };

	for (const struct opt *opt = opts; opt->name; opt++) {
		check(opt, &values, text, &arena);
		if (opt->type == OPT_REGEX)
			(void)opt_regex_match(&values.regex, text);
	}
	opt_release(&section, &values);
	arena_release(&arena);
	return 0;
}
