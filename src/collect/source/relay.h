/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a keeper's results: samples through the gate, and how each source fared. */
#pragma once

#include "collect/source/keeper.h"
#include "metric/feed.h"
#include "metric/source.h"

/* What commands, or endpoints, are called, and where it is told how they fared. */
struct relay_kind {
	const char *label; /* "command" */
	const char
		*status; /* "exit status": what says that a fetch failed; NULL: its message does */
	bool timestamps; /* are usual there: nothing is said of them */
	struct metric_desc success, duration, timestamp, samples;
};

struct relay {
	const struct relay_kind *kind;
	struct str name;  /* the label's value */
	struct str reads; /* for `list` */
	const struct feed_hook *hook;
	const struct metrics_filter *filter; /* or NULL */
};

/*
 * Adds the newest result of sources[i], tells how it fared, and notes what is wrong with it.
 * `arena` is reset; it needs several times the text's size.
 */
void relay_result(struct collect *c, const struct relay *relay, struct keeper *keeper, size_t i,
		  struct arena *arena);
