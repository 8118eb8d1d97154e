/* SPDX-License-Identifier: Apache-2.0 */
/* What feed.c and feed_parts.c share. */
#pragma once

#include "metric/feed.h"
#include "metric/scan.h"

/* A name that the text gives a type or a help, or that has samples. */
struct entry {
	struct str name, help;
	enum metric_type type;
	bool typed, clash;
	struct family *family;
	struct entry *next; /* in its slot */
};

/* A histogram or summary of one label set, as far as it has come. */
struct gathered {
	const struct entry *entry;
	const struct labels *labels;
	uint32_t line; /* of its first part */
	bool has_sum, has_count;
	double sum, count;
	size_t n;
	struct point {
		double at, value;
	} * points; /* le or quantile, and what stands there */
	struct gathered *next, *next_in_slot;
};

struct feed {
	struct metrics *out;
	struct arena *arena;
	struct str file;
	struct feed_report *report;
	const struct feed_hook *hook; /* NULL: none */
	struct label *hooked;         /* its labels, FEED_LABELS_MAX */
	size_t slots;                 /* of both tables, a power of two */
	struct entry **entries;
	struct gathered **parts, *first_part, **last_part;
	struct label *labels; /* FEED_LABELS_MAX, reused */
	bool flooded;         /* a limit has kept something out, which was said */
};

/* What a line is of a histogram or summary. */
enum part { PART_NONE, PART_POINT, PART_SUM, PART_COUNT };

/* The entry of a name, or NULL; and the same made when it is not there. */
struct entry *feed_find(const struct feed *f, struct str name);
struct entry *feed_get(struct feed *f, struct str name);
/* The typed family that `name` without `suffix` is, or NULL. */
struct entry *feed_whole_of(const struct feed *f, struct str name, struct str suffix);
/* The gate's family of it. */
struct family *feed_family(struct feed *f, struct entry *e);

/*
 * True when a source of others' metrics tells, in `lines` lines, what only we can know; results of
 * jobs may.
 */
bool feed_not_theirs(struct feed *f, uint32_t line, struct str name, uint32_t lines);
/* True when it is the gateway's own, and no fault of who tells it. */
bool feed_gateways(struct feed *f, const struct entry *e, uint32_t lines);

/* Counts and names what is kept out. */
void feed_keep_out(struct feed *f, uint32_t line, struct str name, const char *why);
/* So does this, but a flood is one message, and what labels_drop makes equal no fault. */
void feed_keep_out_for(struct feed *f, uint32_t line, struct str name, enum drop_reason reason);
/* Which reason was counted since `before`, or DROP_REASONS. */
enum drop_reason feed_new_drop(const struct metrics *m, const uint64_t *before);
/*
 * No room for any series: a name not met yet would only cost memory. The gate itself has dropped
 * the first, so that there is an example. A filter may not want the name, and would not count it.
 */
bool feed_no_room(struct feed *f, const struct entry *e);

/* Which part of which histogram or summary a name is. */
enum part feed_part_of(struct feed *f, struct str name, struct entry **ret);
/* How the name of such a part ends. */
struct str feed_suffix(const struct entry *e, enum part part);
void feed_add_part(struct feed *f, const struct scan_item *item, const struct entry *e,
		   enum part part);
/* Adds what was put together. */
void feed_add_gathered(struct feed *f, struct gathered *g);
