/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that keep, drop, rename and relabel samples of other programs, as Prometheus'
 * metric_relabel_configs have it.
 */
#pragma once

#include "base/opt.h"
#include "metric/feed.h"

enum relabel_action {
	RELABEL_REPLACE,
	RELABEL_KEEP,
	RELABEL_DROP,
	RELABEL_RENAME,
	RELABEL_LABELDROP,
	RELABEL_LABELKEEP,
	RELABEL_LABELMAP,
	RELABEL_LOWERCASE,
	RELABEL_UPPERCASE,
	RELABEL_KEEPEQUAL,
	RELABEL_DROPEQUAL,
};

/* One rule as it is configured: a group of `section_relabel`. */
struct relabel_conf {
	int action;
	struct opt_list source_labels;
	struct opt_regex regex;
	struct str separator, target_label, replacement;
};

extern const struct opt_section section_relabel;

/* What stands in a configuration, which has to live on. */
struct relabel {
	const struct opt_groups *rules; /* of struct relabel_conf; may be NULL */
	struct opt_map labels;          /* added where a sample has none of that name */
	/* The families of this name get one more label, which tells whose they are. */
	const struct opt_regex *owned;
	struct label owner;
};

/* What a feed_hook calls; the argument is a struct relabel. */
bool relabel_sample(const void *relabel, struct feed_sample *sample);

/* For opt->check of labels to be added: their names cannot be seen by it, so these are checked
 * here. */
int relabel_check_labels(const struct opt_map *labels, struct arena *arena, struct str *ret_why);
