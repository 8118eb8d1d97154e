/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exposition text into the gate: lines of histograms and summaries are put together and
 * checked, and what the gate or these checks keep out is named with file and line. One bad line
 * costs itself, or the one histogram it belongs to. A _sum that is not there is NaN.
 */
#pragma once

#include "metric/metrics.h"

enum { FEED_MESSAGES_MAX = 8 };

struct feed_report {
	uint32_t samples;               /* lines that were read as samples */
	uint32_t bad;                   /* lines that could not be read */
	uint32_t dropped;               /* samples and histograms that were kept out */
	uint32_t timestamps, exemplars; /* not kept */
	size_t n;
	struct str messages[FEED_MESSAGES_MAX]; /* the first of them: "FILE:LINE: why" */
};

/*
 * Adds what `text` holds. The text may go afterwards; messages live in the arena, which needs
 * several times the text's size.
 */
void feed_text(struct metrics *out, struct str text, struct str file, struct arena *arena,
	       struct feed_report *ret);
