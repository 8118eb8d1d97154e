/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: sections of options filled from, in rising order, built-in defaults, the
 * file, what is in conf.d in name order, the environment, and the command line. Whatever is wrong
 * is reported with where it stands and the nearest name that exists; nothing is logged here.
 */
#pragma once

#include "base/opt.h"

struct conf;

/* `sections` ends with NULL; the table and what it points to must outlive the conf. */
struct conf *conf_new(const struct opt_section *const *sections);
void conf_free(struct conf *conf);

/* A section's struct; by the section's address, so a misspelt one does not link. */
const void *conf_get(const struct conf *conf, const struct opt_section *section);

/*
 * Reads `path` and the .conf files of the conf.d beside it. A missing file is -ENOENT and no
 * message: the caller knows whether it was asked for, and conf.d has been read all the same.
 * Anything else wrong is -EINVAL and conf_error() tells. A failed load leaves values half set:
 * throw the conf away.
 */
int conf_load(struct conf *conf, const char *path);

/* Reads NUL-ended text as if it were the file `name`, and no conf.d. 0 or -EINVAL. */
int conf_load_text(struct conf *conf, const char *text, const char *name);

/* Applies every option whose environment variable is set and not empty. */
int conf_load_environment(struct conf *conf);

/* One `section.key` = text; `origin` names the source in messages ("--set", "--timeout"). */
int conf_set(struct conf *conf, struct str key, struct str text, const char *origin);

/*
 * Takes the options off the front of argv that belong to one of `sections` (NULL-ended; all
 * options of the conf are reachable by `--set`, which is handled here too). Stops at "--",
 * which it consumes, or at the first word that is no option. ret_used is how many words were
 * consumed. `--help`/-h anywhere before that sets ret_help. Unknown options: -EINVAL with the
 * nearest name.
 */
int conf_parse_args(struct conf *conf, const struct opt_section *const *sections, int argc,
		    char *const argv[], int *ret_used, bool *ret_help);

/* What went wrong last, one line without the program's name: "FILE:LINE: push.timeuot: ...". */
struct str conf_error(const struct conf *conf);

/* Where an option's value came from: "built-in", "FILE:LINE", "PEEKPUSH_URL", "--timeout". */
struct str conf_origin(const struct conf *conf, const struct opt_section *section,
		       const void *value);
/* The same by the full key, "push.url"; empty when there is no such key. */
struct str conf_origin_of(const struct conf *conf, struct str key);

/* For `check`: calls `each` for every option, in table order; of quiet sections, those that are
 * set. */
void conf_each(const struct conf *conf,
	       void (*each)(void *arg, const struct opt_section *section, const struct opt *opt,
			    struct str value, struct str origin),
	       void *arg);
