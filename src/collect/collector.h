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
#include "host/host.h"
#include "metric/metrics.h"
#include "metric/state.h"

enum { COLLECT_NOTES_MAX = 32 };

struct collect_note {
	uint64_t hash;
	struct str text;
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
};

struct collector {
	const char *name;  /* node_exporter's, where it has the same */
	const char *help;  /* one sentence for `list` and --help */
	const char *reads; /* files and calls, for `list`: "/proc/loadavg" */
	/* What --procfs and its like cannot redirect ("adjtimex(2)"), or NULL. */
	const char *live_only;
	bool on;                                    /* part of "default" */
	bool (*on_by)(const struct conf *settings); /* ... or where another section says so */
	const struct opt_section *section;          /* "collectors.NAME", or NULL */
	size_t self_size;
	int (*open)(struct collect *c); /* once, before the first run; may be NULL */
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

/* -ENODATA with the words for it when `root` is not the running kernel's own tree. */
int collect_needs_live(struct collect *c, enum host_root root);

/* A row of a table collector: one sysfs attribute that holds one number is one sample. */
struct attr_row {
	const char *file;
	struct metric_desc desc;
	double scale; /* 0 means 1 */
};

/*
 * Adds a sample for each row whose file is there and holds a number; what is missing or
 * refuses to be read is left out. Returns how many were added.
 */
size_t collect_attrs(struct collect *c, int dir, const struct labels *labels,
		     const struct attr_row *rows, size_t n);

/* Every collector of the program, in the order they run. */
extern const struct collector *const collector_registry[];
size_t collector_count(void);
