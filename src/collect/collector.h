/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a collector: a name, what it reads, and one function that adds samples.
 * A collector is one file that ends in one const struct, one word in registry.c and one line
 * in Makefile.am. It never logs, never fails another, and keeps what it added when it fails.
 */
#pragma once

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/num.h"
#include "base/opt.h"
#include "collect/name_filter.h"
#include "host/host.h"
#include "metric/metrics.h"
#include "metric/source.h"
#include "metric/state.h"

enum { COLLECT_NOTES_MAX = 32 };

struct collect_note {
	uint64_t hash;
	struct str text;
};

/* One of several things that are read, each of which fares on its own: `list` shows it. */
struct collect_part {
	struct str name, reads;
	int result; /* as run()'s */
	uint32_t series;
	struct str why; /* empty when all is well */
};

struct collect {
	struct host *host;
	struct metrics *out;
	struct arena *scratch;       /* emptied before each run */
	struct state *state;         /* survives the process; keys "NAME.*" are the collector's */
	const void *conf;            /* the struct of its section */
	const struct conf *settings; /* for conf_get() of what is shared by several */
	void *self; /* its own zeroed block of self_size bytes, lives as long as the process */
	struct arena *why_arena;
	struct str why;               /* set by collect_fail() */
	uint32_t n_notes, more_notes; /* more: those for which there was no room */
	struct collect_note *notes;   /* by collect_note() */
	size_t n_parts;
	struct collect_part *parts; /* by collect_part() */
};

struct collector {
	const char *name;  /* node_exporter's, where it has the same */
	const char *help;  /* one sentence for `list` and --help */
	const char *reads; /* files and calls, for `list`: "/proc/loadavg" */
	/* What --procfs and its like cannot redirect ("adjtimex(2)"), or NULL. */
	const char *live_only;
	bool ours;                                  /* node_exporter has none of the name */
	bool unlimited;                             /* the limits of all do not count for it */
	bool on;                                    /* part of "default" */
	bool (*on_by)(const struct conf *settings); /* ... or where another section says so */
	const struct opt_section *section;          /* "collectors.NAME", or NULL */
	size_t self_size;
	int (*open)(struct collect *c); /* once, before the first run; may be NULL */
	/* In each cycle, before any runs: starts what takes its time; may be NULL. */
	void (*begin)(struct collect *c);
	int (*run)(struct collect *c);
	void (*close)(struct collect *c); /* may be NULL; called after a failed open too */
};

/*
 * Results of run(): 0; -ENODATA when this host simply has nothing of the kind (quiet, success
 * 0 as node_exporter has it); any other -errno is a failure that is logged once.
 * collect_fail() notes why, in words for a person, and returns r:
 *	return collect_fail(c, r, "/proc/stat: line %zu is not a cpu line", n);
 */
int collect_fail(struct collect *c, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * One of many things that are read (`about`: a file) is wrong, and the run is a success all the
 * same. The words are logged once for as long as this stays so; a number among them that changes
 * (of a line, say) does not make them new.
 */
void collect_note(struct collect *c, struct str about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A regex_fn: a note when a match of the expression was given up; `collect` is a struct collect. */
void collect_slow_regex(struct regex *regex, void *collect);

/* Takes a copy. */
void collect_part(struct collect *c, const struct collect_part *part);

/*
 * host_read() of a file without which there is nothing to say. ENOENT becomes -ENODATA
 * ("not there"), everything else a failure; both with the path named.
 */
int collect_read(struct collect *c, enum host_root root, const char *path, struct str *ret);
/* The same of host_read_once(). */
int collect_read_once(struct collect *c, enum host_root root, const char *path, struct str *ret);
/* A fixed file that holds one number, as the only sample of its family. */
int collect_number(struct collect *c, enum host_root root, const char *path,
		   const struct metric_desc *desc);
/* host_list() in the same way. */
int collect_list(struct collect *c, enum host_root root, const char *path, struct str **ret_names,
		 size_t *ret_n);

/* What the three above say of an error of a path; returns -ENODATA for ENOENT, else r. */
int collect_explain(struct collect *c, int r, enum host_root root, const char *path);
/* "/proc", "/sys", ... for messages. */
const char *collect_root(enum host_root root);

/* -ENODATA with the words for it when `root` is not the running kernel's own tree. */
int collect_needs_live(struct collect *c, enum host_root root);

/*
 * A collector that turns files into numbers is a table of rows: where the number stands, and what
 * it is called.
 */
enum row_form {
	ROW_NUMBER,      /* decimal, may be negative */
	ROW_HEX,         /* all ones: not counted, and left out */
	ROW_REAL,        /* "1.5" */
	ROW_SIZE,        /* "5.5k", "4.0M/sec", "99%": powers of 1024, cut to whole numbers */
	ROW_SIZE_BCACHE, /* the same as bcache prints it */
};

struct table_row {
	const char *at; /* an attribute's file ("stats/reads"), or the word that begins a line */
	struct metric_desc desc;
	double scale;       /* 0 means 1 */
	bool multiply;      /* by `scale` as it is: else 1e-9 is a division by 1e9 */
	uint8_t column;     /* of a line: which number after its word, from 0 */
	uint8_t form;       /* enum row_form */
	bool or_zero;       /* a file, or a line of one, that is not there counts as 0 */
	struct label label; /* one label more than the others have, or none */
};

#define TABLE_ROW(at_, name_, help_, type_, ...)                        \
	{                                                               \
		.at = at_, .desc = { name_, help_, type_ }, __VA_ARGS__ \
	}
#define ROW_COUNTER(at, name, help, ...) TABLE_ROW(at, name, help, METRIC_COUNTER, __VA_ARGS__)
#define ROW_GAUGE(at, name, help, ...) TABLE_ROW(at, name, help, METRIC_GAUGE, __VA_ARGS__)

/*
 * Adds a sample for each row whose file below `dir` is there and holds a number; what is missing
 * or refuses to be read is left out. Returns how many were added.
 */
size_t collect_attrs(struct collect *c, int dir, const struct labels *labels,
		     const struct table_row *rows, size_t n);

/*
 * The same for lines of a word ("word" or "word:") and numbers. Rows of a line that has fewer
 * numbers are left out, and it is -EBADMSG with `path` and the line named.
 */
int collect_lines(struct collect *c, const char *path, struct str text, const struct labels *labels,
		  const struct table_row *rows, size_t n);

/*
 * The same for lines of a name, which is the value of `label`, and numbers. Lines that begin with
 * '#' are no such, and names that `filter` does not want are left out; it may be NULL.
 */
int collect_named_lines(struct collect *c, const char *path, struct str text, const char *label,
			const struct name_filter *filter, const struct table_row *rows, size_t n);

/* The same of a file that lacks lines where the kernel has nothing of the kind: those are 0. */
int collect_known_lines(struct collect *c, const char *path, struct str text,
			const struct labels *labels, const struct table_row *rows, size_t n);

/* A label from an attribute that holds text. */
struct text_row {
	const char *file, *label;
};

/* Adds a 1 that has `labels` and one more for each row, empty where its file is not there. */
void collect_info(struct collect *c, int dir, const struct metric_desc *desc,
		  const struct labels *labels, const struct text_row *rows, size_t n);

/*
 * Calls `each` with every directory, or link to one, below a directory of the host, sorted by
 * name; a negative result is kept for the end, the others go on. Where there is none it is 0, with
 * the words for it: the kernel knows such devices, and there are none.
 */
typedef int collect_each_fn(struct collect *c, int dir, struct str name, void *arg);
int collect_each(struct collect *c, enum host_root root, const char *path, collect_each_fn *each,
		 void *arg);
/* The same below an open directory; none is no error. */
int collect_each_in(struct collect *c, int dir, const char *path, collect_each_fn *each, void *arg);

/* The family with a name that is only known now; what is illegal in a name becomes '_'. */
struct family *collect_familyf(struct collect *c, enum metric_type type, const char *help,
			       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Values for one label set, of which there may be several. */
struct merged {
	const struct labels *labels;
	double v[3];
};

/* Adds up those of equal labels, in the order of the sets' making; returns how many are left. */
size_t collect_merge(struct merged *v, size_t n);

/* `labels` and one more. */
const struct labels *collect_labels_and(struct collect *c, const struct labels *labels,
					struct str name, struct str value);

/* Every collector of the program, in the order they run. */
extern const struct collector *const collector_registry[];
/* What each has, under the path "collectors.NAME". */
struct collector_filter {
	struct metrics_filter filter;
};

/* Of each, in the same order. */
extern const struct opt_section collector_filters[];
size_t collector_count(void);
