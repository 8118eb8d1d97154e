/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cycle's samples, family by family, in one arena. This is also the gate: a Pushgateway
 * refuses a whole push for one bad series, so what it would refuse never gets in. A sample
 * that cannot be kept is dropped and counted by reason here; adding never fails.
 */
#pragma once

#include "base/arena.h"

enum metric_type {
	METRIC_COUNTER,
	METRIC_GAUGE,
	METRIC_UNTYPED,
	METRIC_HISTOGRAM,
	METRIC_SUMMARY,
};

enum drop_reason {
	DROP_DUPLICATE, /* the same name and labels twice */
	DROP_TYPE,      /* a name with two types, or next to a histogram's _sum/_count/_bucket */
	DROP_NAME,      /* not a legal metric or label name, or a histogram's with a label le, */
			/* or a summary's with a label quantile */
	DROP_RESERVED,  /* a name the Pushgateway keeps for itself */
	DROP_LIMIT,     /* over limits.series or limits.series_per_family */
	DROP_REJECTED,  /* a receiver refused this family before */
	DROP_EQUAL,     /* equal to another series, now that labels_drop has been applied */
	DROP_REASONS,
};

struct metric_desc {
	const char *name; /* with the unit and, for counters, _total */
	const char *help;
	enum metric_type type;
};

struct label {
	struct str name, value;
};

/* An interned label set, sorted by name: the same pointer is the same set. */
struct labels {
	uint32_t hash, id, n;
	struct str text; /* a="x",b="y" with values escaped; what every text line repeats */
	struct label v[];
};

struct histogram_bucket {
	double upper;   /* inclusive, rising; the last may be +Inf or is implied */
	uint64_t count; /* cumulative */
};

struct histogram {
	double sum;
	uint64_t count;
	size_t n;
	const struct histogram_bucket *buckets; /* lives at least as long as the cycle */
};

struct quantile {
	double quantile, value;
};

struct summary {
	double sum;
	uint64_t count;
	size_t n;
	const struct quantile *quantiles; /* rising; lives at least as long as the cycle */
};

struct sample {
	const struct labels *labels;
	union {
		double value;
		const struct histogram *histogram;
		const struct summary *summary;
	};
};

struct block {
	struct block *next;
	uint32_t n;
	struct sample samples[];
};

struct metrics_source;
struct family_part;
struct places;
struct places_book;

struct family {
	struct metrics *owner;
	struct str name, help;
	enum metric_type type;
	uint32_t id, series;
	struct block *first, *last;
	struct family *next; /* in order of creation */
	uint32_t last_cap;
	bool listed; /* a family that is claimed is not, before it has a sample */
	int refused; /* -1, or the drop_reason that every sample meets; FAMILY_UNWANTED */
	const struct metrics_source *source; /* that asked for it last */
	const struct metrics_source *barred; /* the source that does not want it */
	struct family_part *parts;           /* which source added what, newest first */
	uint32_t over;                       /* series that limits.series_per_family kept out */
	struct places *places;
	uint64_t hash; /* of the name, once it is needed */
};

/* What is added to it vanishes, and is not counted: a filter said so. */
enum { FAMILY_UNWANTED = DROP_REASONS };

struct metrics_limits {
	uint32_t series, series_per_family; /* 0: no limit */
};

/* Which families a label set was given to: those from `first` on by bit, others by table. */
struct family_marks {
	uint32_t first; /* UINT32_MAX: it was given to none yet */
	uint64_t bits[2];
};

/* What a label set is without the labels that a source drops. */
struct labels_reduced {
	const struct metrics_source *by;
	const struct labels *to;
};

struct metrics {
	struct arena arena;
	struct metrics_limits limits;
	struct metrics_source *source; /* who adds at the moment; see metric/source.h */
	bool own; /* what is added is our word, and takes the place of the same series of others */
	struct metrics_source *offenders; /* those over their limit, or with equal series */
	struct places_book *places;       /* NULL: nothing is remembered of the last cycle */
	struct places *places_all;
	uint32_t over; /* series that limits.series kept out */
	struct family *first, *last;
	uint32_t families, series, labels;
	uint64_t dropped[DROP_REASONS];           /* in this cycle */
	struct str dropped_example[DROP_REASONS]; /* the first series of each, for the log */
	size_t n_grouping;
	struct str *grouping, *group; /* names, and values or NULL */
	struct family **family_table;
	struct labels **labels_table;
	struct family_marks *marks;     /* by label set's id */
	struct labels_reduced *reduced; /* so, too; NULL as long as nobody drops labels */
	uint32_t n_reduced;
	uint64_t *seen;
	uint32_t family_slots, labels_slots, seen_slots, n_seen;
};

void metrics_init(struct metrics *metrics, struct metrics_limits limits);
/* Empties it for the next cycle; memory and grouping names stay. */
void metrics_reset(struct metrics *metrics);
void metrics_release(struct metrics *metrics);

/*
 * Label names that the push's grouping key owns: the gateway would overwrite them silently,
 * so a sample's own becomes exported_NAME (once more where that is taken), as Prometheus does it.
 * The slices must live on.
 */
void metrics_set_grouping(struct metrics *metrics, size_t n, struct str *names);
/* Their values, too, in that order: what is told of this very group is known by them. */
void metrics_set_group(struct metrics *metrics, struct str *values);
bool metrics_is_group(const struct metrics *metrics, size_t n, const struct label *labels);
bool metrics_is_grouping(const struct metrics *metrics, struct str name);

/* Finds or makes the family; never NULL. A type conflict gives one that drops all. */
struct family *metrics_family(struct metrics *metrics, const struct metric_desc *desc);
/* The same before anybody has something for it, so that nobody gives it another type. */
void metrics_claim(struct metrics *metrics, const struct metric_desc *desc);
/* The same for a name made at run time (node_memory_<key>_bytes). */
struct family *metrics_family_named(struct metrics *metrics, struct str name, struct str help,
				    enum metric_type type);

/*
 * Interns a label set; names must be unique within it. Bytes that are not UTF-8 become
 * U+FFFD. NULL when a label name is illegal or repeated: family_add() then drops the sample.
 */
const struct labels *metrics_labels(struct metrics *metrics, size_t n, const struct label *v);

/* The family of that name, or NULL. */
struct family *metrics_find(const struct metrics *metrics, struct str name);

/* Counts what is kept out already before it comes here; the example is copied. */
void metrics_dropped(struct metrics *metrics, enum drop_reason reason, uint64_t n,
		     struct str example);

/*
 * Whether a limit that was met before leaves no place for whatever the source that adds now may
 * still have; then one more is counted as dropped.
 */
bool metrics_is_full(struct metrics *metrics);

/* Takes out a family that a receiver refused, and counts its samples as dropped. */
void metrics_reject(struct metrics *metrics, struct family *family);

/* METRIC_LABELS(m, { STR("device"), name }, ...) for the usual literal set. */
#define METRIC_LABELS(metrics, ...)                                                          \
	metrics_labels((metrics),                                                            \
		       sizeof((const struct label[]){ __VA_ARGS__ }) / sizeof(struct label), \
		       (const struct label[]){ __VA_ARGS__ })

/* The set without labels. */
const struct labels *metrics_no_labels(struct metrics *metrics);

/* What does not fit the family's type is dropped as DROP_TYPE. */
void family_add(struct family *family, const struct labels *labels, double value);
void family_add_histogram(struct family *family, const struct labels *labels,
			  const struct histogram *histogram);
void family_add_summary(struct family *family, const struct labels *labels,
			const struct summary *summary);

/* For a single sample without labels. */
void metrics_add(struct metrics *metrics, const struct metric_desc *desc, double value);

const char *metric_type_name(enum metric_type type);
const char *drop_reason_name(enum drop_reason reason);
bool metric_name_valid(struct str name);
bool metric_name_reserved(struct str name); /* by the Pushgateway */
/* Whether it takes a family of such a name all the same. */
bool metric_name_shared(struct str name, enum metric_type type);
/* Those that no source of others' metrics may bring. */
bool metric_name_own(struct str name);
bool label_name_valid(struct str name);
