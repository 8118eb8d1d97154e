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
	uint32_t left_out;              /* by the hook, echoes, and what is reserved */
	uint32_t echoes;                /* what was pushed from here, come back */
	uint32_t reserved;              /* left out without a message, see feed_hook.lenient */
	size_t n;
	struct str messages[FEED_MESSAGES_MAX]; /* the first of them: "FILE:LINE: why" */
};

/* A sample on its way, for a hook to change; what it puts in lives in the arena or longer. */
struct feed_sample {
	struct str name;
	/* What the name's end says of a histogram or summary ("_bucket", "_sum"), else 0. */
	size_t suffix;
	size_t n;             /* of labels, whose names may repeat, or be illegal */
	struct label *labels; /* room for FEED_LABELS_MAX */
	struct arena *arena;
};

enum { FEED_LABELS_MAX = 1024 };

/*
 * What changes samples before anything is made of them. A part of a histogram or summary that is
 * renamed stays one while the name keeps its end; type and help go along with a new name.
 */
struct feed_hook {
	bool (*sample)(const void *arg, struct feed_sample *sample); /* false: leave it out */
	const void *arg;
	/* Names kept for peekpush or the Pushgateway are no fault: who tells them may be one. */
	bool lenient;
};

/*
 * Adds what `text` holds. The text may go afterwards; messages live in the arena, which needs
 * several times the text's size.
 */
void feed_text(struct metrics *out, struct str text, struct str file, struct arena *arena,
	       struct feed_report *ret);
/* The same through a hook, or NULL. */
void feed_text_through(struct metrics *out, struct str text, struct str file,
		       const struct feed_hook *hook, struct arena *arena, struct feed_report *ret);
