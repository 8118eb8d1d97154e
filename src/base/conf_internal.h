/* SPDX-License-Identifier: Apache-2.0 */
/* What conf.c, conf_file.c and conf_args.c share. */
#pragma once

#include "base/conf.h"

/* Sources in rising order; a list or map is replaced by the first value from a later one. */
enum { SOURCE_ARGS = 1 << 30 };

struct conf_value {
	unsigned source; /* number of the source that set it, 0: built-in */
	struct str origin;
};

struct conf_slot {
	const struct opt_section *section;
	void *data;
	struct conf_value *values; /* one per option */
	size_t n;
};

struct conf {
	struct arena arena;
	struct conf_slot *slots;
	size_t n;
	unsigned source; /* being read now */
	struct str error;
};

/* Sets one option; the error, if any, is prefixed by `origin` and the full key. */
int conf_put(struct conf *conf, struct conf_slot *slot, const struct opt *opt, struct str text,
	     struct str origin);

struct config_setting_t;

/* An option as it stands in a file; `name` is the file's. */
int conf_load_option(struct conf *conf, struct conf_slot *slot, const struct opt *opt,
		     const struct config_setting_t *s, const char *name);

/* Groups in the spelling of a file, from somewhere else; empty text takes all away. */
int conf_parse_groups(struct conf *conf, struct conf_slot *slot, const struct opt *opt,
		      struct str text, const char *origin);

/* "FILE:LINE" of a setting. */
struct str conf_where(struct conf *conf, const struct config_setting_t *s, const char *name);

/* What libconfig would take without a word, or would not survive. 0 or -EINVAL. */
int conf_check_text(struct conf *conf, const char *text, const char *name);

/* Notes an error and returns -EINVAL. */
int conf_fail(struct conf *conf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* " (did you mean push.timeout?)", or nothing. `key` is a full key of an option or section. */
struct str conf_hint(struct conf *conf, struct str key);

/* The first section of that path. */
struct conf_slot *conf_slot_of(const struct conf *conf, struct str path);
struct conf_slot *conf_slot_for(const struct conf *conf, const struct opt_section *section);
const struct opt *conf_opt_of(const struct opt_section *section, struct str name);
/* The option of that name in any section of that path, or NULL. */
const struct opt *conf_find(const struct conf *conf, struct str path, struct str name,
			    struct conf_slot **ret_slot);
