/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of the metric is a label, too: __name__. Labels whose names begin with __ may carry
 * something from one rule to another, and go when all rules have been applied.
 */
#include "collect/source/relabel.h"

#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum { VALUE_MAX_BYTES = 1 << 16 };

static const struct opt relabel_opts[] = {
	{ OPT_ROW("action", OPT_CHOICE, struct relabel_conf, action, "replace", NULL,
		  "what is done"),
	  .choices = "replace|keep|drop|rename|labeldrop|labelkeep|labelmap|lowercase|uppercase|"
		     "keepequal|dropequal" },
	{ OPT_ROW("source_labels", OPT_LIST, struct relabel_conf, source_labels, "", NULL,
		  "whose values are looked at, with separators between; none: the name") },
	{ OPT_ROW("separator", OPT_STRING, struct relabel_conf, separator, ";", NULL,
		  "what stands between these") },
	{ OPT_ROW("regex", OPT_REGEX, struct relabel_conf, regex, "", NULL,
		  "what has to match all of that; empty matches everything"),
	  .groups = true },
	{ OPT_ROW("target_label", OPT_STRING, struct relabel_conf, target_label, "", NULL,
		  "the label that is set") },
	{ OPT_ROW("replacement", OPT_STRING, struct relabel_conf, replacement, "$1", NULL,
		  "what it is set to") },
	{ 0 },
};

static bool wants_target(int action)
{
	return action == RELABEL_REPLACE || action == RELABEL_LOWERCASE ||
	       action == RELABEL_UPPERCASE || action == RELABEL_KEEPEQUAL ||
	       action == RELABEL_DROPEQUAL;
}

/* Whether `name` could be one: __name__ and others of that kind are none of a sample's. */
static bool can_be_label(struct str name)
{
	return label_name_valid(name) || (str_starts(name, STR("__")) && metric_name_valid(name) &&
					  str_find(name, ':') == name.n);
}

static int check_rule(const void *data, struct arena *arena, struct str *ret_why)
{
	const struct relabel_conf *rule = data;

	if (wants_target(rule->action) && !can_be_label(rule->target_label)) {
		*ret_why = rule->target_label.n
				   ? arena_printf(arena, "target_label: \"%.*s\" is no label name",
						  STR_ARG(rule->target_label))
				   : STR("this action needs a target_label");
		return -EINVAL;
	}
	if (rule->action >= RELABEL_RENAME && rule->action <= RELABEL_LABELMAP &&
	    !rule->regex.text.n) {
		*ret_why = STR("this action needs a regex");
		return -EINVAL;
	}
	return 0;
}

const struct opt_section section_relabel = {
	.path = "relabel",
	.help = "rules for the samples of a source",
	.opts = relabel_opts,
	.size = sizeof(struct relabel_conf),
	.check = check_rule,
};

int relabel_check_labels(const struct opt_map *labels, struct arena *arena, struct str *ret_why)
{
	for (size_t i = 0; i < labels->n; i++)
		if (!label_name_valid(labels->v[i].key)) {
			*ret_why = arena_printf(arena, "labels: \"%.*s\" is no label name",
						STR_ARG(labels->v[i].key));
			return -EINVAL;
		}
	return 0;
}

/* Without an expression everything matches, and is the first group. */
static bool matches(const struct relabel_conf *rule, struct str text, struct regex_groups *ret)
{
	if (rule->regex.compiled)
		return regex_find(rule->regex.compiled, text, ret);
	ret->n = 2;
	ret->v[0] = ret->v[1] = text;
	return true;
}

static struct str expand(const struct relabel_conf *rule, const struct regex_groups *groups,
			 struct arena *arena)
{
	_cleanup_buf_ struct buf out = { .max = VALUE_MAX_BYTES };

	regex_expand(rule->regex.compiled, rule->replacement, groups, &out);
	return out.err ? STR("") : arena_str(arena, buf_view(&out));
}

static struct str get(const struct feed_sample *sample, struct str name)
{
	if (str_eq(name, STR("__name__")))
		return sample->name;
	for (size_t i = 0; i < sample->n; i++)
		if (str_eq(sample->labels[i].name, name))
			return sample->labels[i].value;
	return STR("");
}

/* An empty value takes a label away; there is no sample without a name. */
static bool set(struct feed_sample *sample, struct str name, struct str value)
{
	size_t i = 0;

	if (str_eq(name, STR("__name__"))) {
		struct str end = str_skip(sample->name, sample->name.n - sample->suffix);

		if (value.n <= end.n || !str_ends(value, end))
			sample->suffix = 0;
		sample->name = value;
		return value.n > 0;
	}
	while (i < sample->n && !str_eq(sample->labels[i].name, name))
		i++;
	if (!value.n && i < sample->n) {
		memmove(&sample->labels[i], &sample->labels[i + 1],
			(--sample->n - i) * sizeof(*sample->labels));
	} else if (value.n && i < FEED_LABELS_MAX) {
		sample->labels[i] = (struct label){ name, value };
		sample->n += i == sample->n;
	}
	return true;
}

static struct str join(const struct relabel_conf *conf, const struct feed_sample *sample)
{
	_cleanup_buf_ struct buf out = { .max = 1 << 20 };

	if (!conf->source_labels.n)
		return sample->name;
	for (size_t i = 0; i < conf->source_labels.n; i++) {
		if (i)
			buf_str(&out, conf->separator);
		buf_str(&out, get(sample, conf->source_labels.v[i]));
	}
	return arena_str(sample->arena, buf_view(&out));
}

static void keep_labels(const struct relabel_conf *rule, struct feed_sample *sample, bool keep)
{
	struct regex_groups groups;
	size_t n = 0;

	for (size_t i = 0; i < sample->n; i++)
		if (matches(rule, sample->labels[i].name, &groups) == keep)
			sample->labels[n++] = sample->labels[i];
	sample->n = n;
}

static void map_labels(const struct relabel_conf *rule, struct feed_sample *sample)
{
	size_t n = sample->n;
	struct label *before;

	if (!n)
		return;
	before = arena_alloc(sample->arena, n * sizeof(*before));
	memcpy(before, sample->labels, n * sizeof(*before));
	for (size_t i = 0; i < n; i++) {
		struct regex_groups groups;
		struct str name;

		if (!matches(rule, before[i].name, &groups))
			continue;
		name = expand(rule, &groups, sample->arena);
		if (can_be_label(name))
			(void)set(sample, name, before[i].value);
	}
}

/* By the family's name: what is behind it stays. */
static bool rename_family(const struct relabel_conf *rule, struct feed_sample *sample)
{
	struct str base = { sample->name.p, sample->name.n - sample->suffix };
	struct str suffix = str_skip(sample->name, base.n);
	struct regex_groups groups;

	if (!matches(rule, base, &groups))
		return true;
	base = expand(rule, &groups, sample->arena);
	sample->name = ARENA_CONCAT(sample->arena, base, suffix);
	return base.n > 0;
}

static struct str change_case(struct str text, bool upper, struct arena *arena)
{
	char *p = arena_cstr(arena, text);

	for (size_t i = 0; i < text.n; i++)
		if (upper ? p[i] >= 'a' && p[i] <= 'z' : p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] ^ 0x20);
	return (struct str){ p, text.n };
}

/* False: the sample goes. */
static bool apply(const struct relabel_conf *rule, struct feed_sample *sample)
{
	struct str name = rule->target_label;
	struct regex_groups groups;

	switch (rule->action) {
	case RELABEL_KEEP:
		return matches(rule, join(rule, sample), &groups);
	case RELABEL_DROP:
		return !matches(rule, join(rule, sample), &groups);
	case RELABEL_KEEPEQUAL:
		return str_eq(join(rule, sample), get(sample, name));
	case RELABEL_DROPEQUAL:
		return !str_eq(join(rule, sample), get(sample, name));
	case RELABEL_LABELDROP:
		keep_labels(rule, sample, false);
		return true;
	case RELABEL_LABELKEEP:
		keep_labels(rule, sample, true);
		return true;
	case RELABEL_LABELMAP:
		map_labels(rule, sample);
		return true;
	case RELABEL_RENAME:
		return rename_family(rule, sample);
	case RELABEL_LOWERCASE:
	case RELABEL_UPPERCASE:
		return set(sample, name,
			   change_case(join(rule, sample), rule->action == RELABEL_UPPERCASE,
				       sample->arena));
	default:
		if (!matches(rule, join(rule, sample), &groups))
			return true;
		return set(sample, name, expand(rule, &groups, sample->arena));
	}
}

/* As Prometheus keeps what its own labels would cover. */
static void put_owner(const struct relabel *relabel, struct feed_sample *sample)
{
	struct str base = { sample->name.p, sample->name.n - sample->suffix };
	struct str taken = get(sample, relabel->owner.name);

	if (!relabel->owned || !opt_regex_match(relabel->owned, base))
		return;
	if (taken.n)
		(void)set(sample,
			  ARENA_CONCAT(sample->arena, STR("exported_"), relabel->owner.name),
			  taken);
	(void)set(sample, relabel->owner.name, relabel->owner.value);
}

bool relabel_sample(const void *arg, struct feed_sample *sample)
{
	const struct relabel *relabel = arg;
	size_t n = 0;

	put_owner(relabel, sample);
	for (size_t i = 0; i < relabel->labels.n; i++) {
		const struct opt_pair *pair = &relabel->labels.v[i];

		if (!get(sample, pair->key).n)
			(void)set(sample, pair->key, pair->value);
	}
	for (size_t i = 0; relabel->rules && i < relabel->rules->n; i++)
		if (!apply((const struct relabel_conf *)relabel->rules->v + i, sample))
			return false;
	for (size_t i = 0; i < sample->n; i++)
		if (!str_starts(sample->labels[i].name, STR("__")))
			sample->labels[n++] = sample->labels[i];
	sample->n = n;
	return true;
}
