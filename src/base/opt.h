/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options as tables. Every setting of the program is one row: its config key, its spelling on
 * the command line and in the environment, its type, default and help. The same row parses
 * the value from any of these sources, prints it, and documents it.
 */
#pragma once

#include "base/arena.h"
#include "base/regex.h"

enum opt_type {
	OPT_STRING,   /* struct str, NUL-ended */
	OPT_BOOL,     /* bool: true/false, yes/no, on/off, 1/0 */
	OPT_INT,      /* int64_t; min and max hold */
	OPT_NUMBER,   /* double: "0.35", never below 0; max holds */
	OPT_SIZE,     /* uint64_t bytes: "64k" */
	OPT_DURATION, /* int64_t ns: "15s"; min and max hold; -1 for the word in `choices` */
	OPT_CHOICE,   /* int: index into `choices` */
	OPT_LIST,     /* struct opt_list; text form is comma separated, each use adds */
	OPT_MAP,      /* struct opt_map; text form is key=value, each use adds or replaces */
	OPT_REGEX,    /* struct opt_regex: has to match the whole of a text; "" matches nothing */
	OPT_GROUPS,   /* struct opt_groups: a list of groups of options; text form as in a file */
};

/* Of a list or map. */
enum { OPT_ITEMS_MAX = 10000 };

struct opt_list {
	size_t n;
	struct str *v;
};

struct opt_pair {
	struct str key, value;
};

struct opt_map {
	size_t n;
	struct opt_pair *v;
};

struct opt_regex {
	struct str text;
	struct regex *compiled; /* NULL when text is empty */
};

struct opt_groups {
	size_t n;
	void *v; /* of them, one behind the other */
	struct str text;
};

struct opt_section;

struct opt {
	const char *name; /* last part of the config key: "timeout" of push.timeout */
	enum opt_type type;
	size_t offset;       /* of the value in the section's struct */
	const char *preset;  /* built-in default, in the text form */
	const char *flag;    /* "timeout" for --timeout, or NULL: only --set reaches it */
	char letter;         /* 'l' for -l, or 0 */
	const char *env;     /* environment variable, or NULL */
	const char *arg;     /* metavariable in --help, NULL for a flag without value */
	const char *help;    /* one sentence, lower case start, no full stop */
	const char *choices; /* OPT_CHOICE: "auto|text|protobuf"; OPT_DURATION: "auto" */
	const char *bare;    /* value of a flag that stands without "=", for one that may */
	int64_t min, max;    /* OPT_INT, OPT_DURATION, OPT_NUMBER; both 0: no bound */
	bool groups;         /* OPT_REGEX: what its groups matched is wanted */
	/*
	 * For text with a syntax of its own: 0, or -EINVAL with what is wrong. Sees a string, each
	 * item of a list, each value of a map.
	 */
	int (*check)(struct str text, struct arena *arena, struct str *ret_why);
	/*
	 * OPT_GROUPS: what stands in each. Where the first of it is called "name", a group takes
	 * the place of an earlier source's of that name; others are added to what there is.
	 */
	const struct opt_section *group;
};

/* What each row has; its flag, bounds and the like follow as members. */
#define OPT_ROW(name_, type_, conf, member, preset_, arg_, help_)                                \
	.name = (name_), .type = (type_), .offset = offsetof(conf, member), .preset = (preset_), \
	.arg = (arg_), .help = help_

/*
 * A group of options under one config path, with the struct they fill. Several may share a path, if
 * their options differ in name.
 */
struct opt_section {
	const char *path; /* "push", "push.tls", "collectors.filesystem" */
	const char *help;
	const struct opt *opts; /* ends with a row whose name is NULL */
	size_t size;            /* of the struct */
	/* Of a group: what no option can see by itself. 0, or -EINVAL with what is wrong. */
	int (*check)(const void *data, struct arena *arena, struct str *ret_why);
	bool quiet; /* one of many alike, without defaults: conf_each() tells only what is set */
};

/*
 * Parses `text` into the value at `section_data + opt->offset`; memory comes from the arena.
 * `fresh` replaces a list or map instead of adding to it. Returns 0 or -EINVAL, then ret_why
 * says what was expected ("a time span such as 15s or 2m").
 */
int opt_parse(const struct opt *opt, void *section_data, struct str text, bool fresh,
	      struct arena *arena, struct str *ret_why);

/* Adds one item to a list or map, which may have commas in it. 0 or -EINVAL. */
int opt_add(const struct opt *opt, void *section_data, struct str key, struct str item,
	    struct arena *arena, struct str *ret_why);

/* Fills in the defaults. Expressions are not compiled yet. */
void opt_preset(const struct opt_section *section, void *section_data, struct arena *arena);

/*
 * The value in its text form: what opt_parse() reads back to the same value. Only a map needs
 * it pair by pair, cut at the commas.
 */
struct str opt_print(const struct opt *opt, const void *section_data, struct arena *arena);

static inline bool opt_regex_match(const struct opt_regex *regex, struct str text)
{
	return regex->compiled && regex_match(regex->compiled, text);
}

/* Compiles the expressions that have none yet; aborts when one is none. */
void opt_compile(const struct opt_section *section, void *section_data);

/* The compiled expressions among a section's values. */
void opt_each_regex(const struct opt_section *section, const void *section_data, regex_fn *fn,
		    void *arg);

/* Looks a key up; the empty slice when it is not there. */
struct str opt_map_get(const struct opt_map *map, struct str key);

/* Frees what a section's values hold outside the arena (compiled expressions). */
void opt_release(const struct opt_section *section, void *section_data);
