/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where samples come from: a collector, or within one a file, a command, a target. The gate keeps
 * out what the source's filter does not want, and more series than it may have. Sources nest; what
 * one adds has to pass all that it is part of. Without a filter none of this costs anything.
 */
#pragma once

#include "base/opt.h"
#include "metric/metrics.h"

/* Of a label: what its values have to be, or must not be. */
struct label_rule {
	struct str name;
	struct regex *value;
	bool exclude;
};

struct metrics_filter {
	struct opt_regex include, exclude;             /* names of families */
	struct opt_map labels_include, labels_exclude; /* expressions for values, by label */
	struct opt_list labels_drop;
	int64_t series; /* at most; 0: no limit */
	size_t n_rules; /* made of the two maps by metrics_filter_open() */
	struct label_rule *rules;
};

/* An expression of labels_include or labels_exclude. */
int metrics_check_regex(struct str text, struct arena *arena, struct str *ret_why);

/* The rows for a conf struct with a metrics_filter. Nothing has a default: that costs time. */
#define METRICS_FILTER_OPTS(conf, filter)                                                        \
	{ OPT_ROW("metrics_include", OPT_REGEX, conf, filter.include, NULL, "REGEX",             \
		  "when set, takes these metrics whatever metrics_exclude says") },              \
		{ OPT_ROW("metrics_exclude", OPT_REGEX, conf, filter.exclude, NULL, "REGEX",     \
			  "metrics to leave out, by name") },                                    \
		{ OPT_ROW("labels_include", OPT_MAP, conf, filter.labels_include, NULL,          \
			  "LABEL=REGEX",                                                         \
			  "of series that have this label, those with these values only"),       \
		  .check = metrics_check_regex },                                                \
		{ OPT_ROW("labels_exclude", OPT_MAP, conf, filter.labels_exclude, NULL,          \
			  "LABEL=REGEX", "series to leave out, by the value of a label"),        \
		  .check = metrics_check_regex },                                                \
		{ OPT_ROW("labels_drop", OPT_LIST, conf, filter.labels_drop, NULL, "NAME,...",   \
			  "labels to leave out; of series that become equal the first stays") }, \
	{                                                                                        \
		OPT_ROW("series", OPT_INT, conf, filter.series, NULL, "N",                       \
			"series at most; 0: no limit"),                                          \
			.max = 10000000                                                          \
	}

struct metrics_source {
	struct str name;
	const struct metrics_filter *filter; /* NULL: everything is wanted */
	struct metrics_source *parent;       /* set by metrics_enter() */
	bool free;                           /* the limits of all do not count for it */

	/* Of this cycle. */
	struct metrics_limits outer;
	uint32_t before, over;               /* series when it began; those its limit kept out */
	bool filters, looks, drops, bounded; /* ... at names, at labels, by a limit */
	uint64_t dropped[DROP_REASONS];      /* with those of sources within it */
	struct str example[DROP_REASONS];
	struct places *places;
	struct metrics_source *next; /* of metrics.offenders */
};

/*
 * What a conf struct says, ready for use; the struct has to stay. False when it wants everything,
 * which is as good as no filter.
 */
bool metrics_filter_open(const struct metrics_filter *conf, struct arena *arena,
			 struct metrics_filter *ret);
void metrics_filter_close(struct metrics_filter *filter);
void metrics_filter_each_regex(const struct metrics_filter *filter, regex_fn *fn, void *arg);

/* What is added between the two is the source's, which must live until the next cycle. */
void metrics_enter(struct metrics *metrics, struct metrics_source *source);
void metrics_leave(struct metrics *metrics);
/* The same for something within a collector; the name is copied, and tells it from all others. */
void metrics_enter_part(struct metrics *metrics, struct str name,
			const struct metrics_filter *filter);
/* The same for the few samples that tell how the collector fared: no limit counts for them. */
void metrics_enter_free(struct metrics *metrics);

/* A part of a family: the series from `from` on, up to the part that was noted before this. */
struct family_part {
	const struct metrics_source *source;
	uint32_t from;
	struct family_part *next; /* older */
};

/* The collector that a source is or is part of. */
const struct metrics_source *metrics_source_root(const struct metrics_source *source);

/* For the gate alone. */
bool source_wants(const struct metrics_source *source, struct str family);
void source_note_part(struct metrics *metrics, struct family *family);
bool source_has_room(struct metrics *metrics, struct family *family, const struct labels *labels);
/* What the set becomes; NULL when a series of these labels is not wanted. */
const struct labels *source_labels(struct metrics *metrics, const struct labels *labels);
