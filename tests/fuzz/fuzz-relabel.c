/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page through rules. Input: how many rules there are, a few bytes for each, and behind them the
 * page. What the rules make of it is sound all the same: written as text and read again nobody has
 * anything to say of it. Expressions come from a list; fuzz-regex makes them up.
 * runner: -runs=22000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "collect/source/relabel.h"
#include "encode/encoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES_MAX = 6, RULE_BYTES = 4 };

static struct str words[] = {
	{ "__name__", 8 }, { "a", 1 },     { "le", 2 },  { "quantile", 8 },
	{ "b", 1 },        { "__tmp", 5 }, { "job", 3 },
};
static const char *const regexes[] = {
	"", "(.*)", "a.*", "([^_]*)_(?P<rest>.*)", "le|b", "[0-9]+", "(a|b)?(.*)",
};
static const struct str replacements[] = {
	{ "$1", 2 }, { "", 0 },       { "$2_$1", 5 },  { "${1}x", 5 },
	{ "b", 1 },  { "no way", 6 }, { "$0$$$9", 6 }, { "${rest}_", 8 },
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void make_rule(struct relabel_conf *rule, const uint8_t *bytes, struct arena *arena)
{
	struct str text = str_of(regexes[bytes[1] % ARRAY_SIZE(regexes)]), why;

	*rule = (struct relabel_conf){
		.action = bytes[0] % (RELABEL_DROPEQUAL + 1),
		.separator = STR(";"),
		.regex.text = text,
		.target_label = words[bytes[2] % ARRAY_SIZE(words)],
		.replacement = replacements[bytes[3] % ARRAY_SIZE(replacements)],
		.source_labels = { bytes[2] >> 4 & 1, &words[(bytes[3] >> 4) % ARRAY_SIZE(words)] },
	};
	if (text.n)
		must(regex_compile(text, REGEX_WHOLE | REGEX_GROUPS, arena, &rule->regex.compiled,
				   &why) == 0);
}

static void pass(struct str text, const struct feed_hook *hook, struct arena *arena,
		 struct buf *out, struct feed_report *report)
{
	static struct str grouping[] = { { "job", 3 } };
	struct metrics metrics;

	metrics_init(&metrics, (struct metrics_limits){ 0 });
	metrics_set_grouping(&metrics, ARRAY_SIZE(grouping), grouping);
	feed_text_through(&metrics, text, STR("x"), hook, arena, report);
	encoder_text.encode(&metrics, out);
	metrics_release(&metrics);
}

/* Of its lines, in whatever order: what a rule had left out may have made its family's place. */
static uint64_t sum(struct str text)
{
	struct str line;
	uint64_t all = 0;

	while (str_line(&text, &line))
		all += str_hash(line);
	return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf first = { 0 }, second = { 0 };
	struct relabel_conf confs[RULES_MAX];
	struct opt_groups rules = { 0, confs, { 0 } };
	struct opt_pair pair = { STR("site"), STR("x") };
	struct relabel relabel = {
		.rules = &rules,
		.labels = { 1, &pair },
		.owner = { STR("target"), STR("me") },
	};
	struct feed_report report;

	if (!size)
		return 0;
	rules.n = *data % (RULES_MAX + 1);
	data++;
	size--;
	if (size < rules.n * RULE_BYTES)
		return 0;
	for (size_t i = 0; i < rules.n; i++, data += RULE_BYTES, size -= RULE_BYTES)
		make_rule(&confs[i], data, &arena);
	pass((struct str){ (const char *)data, size },
	     &(struct feed_hook){ relabel_sample, &relabel, false }, &arena, &first, &report);
	must(report.left_out <= report.samples);
	must(report.n > 0 || report.bad + report.dropped == 0);
	must(!first.err);
	pass(buf_view(&first), NULL, &arena, &second, &report);
	must(report.n + report.bad + report.dropped == 0);
	must(sum(buf_view(&first)) == sum(buf_view(&second)));
	for (size_t i = 0; i < rules.n; i++)
		regex_free(confs[i].regex.compiled);
	return 0;
}
