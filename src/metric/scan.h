/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pull parser of the Prometheus text format, as real programs write it: with HELP and TYPE
 * repeated or late, CRLF, timestamps, no last newline, and what OpenMetrics adds (# EOF, # UNIT,
 * exemplars, further types). It knows syntax only; whether names, types and series fit together
 * is for the gate, see metric/feed.h.
 */
#pragma once

#include "metric/metrics.h"

enum scan_kind {
	SCAN_SAMPLE,
	SCAN_TYPE,
	SCAN_HELP,
	SCAN_BAD, /* a line that is none of these */
};

struct scan_item {
	enum scan_kind kind;
	uint32_t line;
	struct str name;       /* as written, with _bucket, _sum, _count */
	enum metric_type type; /* SCAN_TYPE */
	struct str help;       /* SCAN_HELP, unescaped */
	size_t n;              /* SCAN_SAMPLE: labels, in the order written */
	const struct label *labels;
	double value;
	bool timestamp, exemplar; /* there was one; it is not kept */
	struct str text;          /* the line, without its end */
	const char *why;          /* SCAN_BAD: for a person */
};

enum { SCAN_LABELS_MAX = 512 };

struct scan {
	struct str rest;
	uint32_t line;
	bool ended; /* # EOF: what follows is not read */
	struct arena *arena;
	struct label *labels; /* SCAN_LABELS_MAX, reused */
};

/*
 * Slices of items point into the text or, where something was unescaped, into the arena; an
 * item's labels are overwritten by the next.
 */
void scan_begin(struct scan *scan, struct str text, struct arena *arena);

/* The next item; false at the end. Blank lines and comments are skipped. */
bool scan_next(struct scan *scan, struct scan_item *ret);

/* The same, but TYPE and HELP only; samples are not looked at. For a first pass. */
bool scan_next_header(struct scan *scan, struct scan_item *ret);
