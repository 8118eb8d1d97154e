/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of spec share: the words of the text form, and how large things may be. */
#pragma once

#include "bpf/spec.h"

#define SPEC_FIRST_LINE "peekpush-bpf 1"

/* In the order of their enums, NULL at the end. */
extern const char *const spec_type_names[];
extern const char *const spec_bucket_names[];
extern const char *const spec_refresh_names[];

enum {
	SPEC_TEXT_MAX = 4 << 20,
	SPEC_THINGS_MAX = 512, /* programs, maps, metrics: of each */
	SPEC_LABELS_MAX = 32,
	SPEC_DECODERS_MAX = 8, /* of one label */
	SPEC_ARGS_MAX = 8192,  /* of one decoder: an enum of the kernel's has hundreds */
	SPEC_SLOTS_MAX = 1024, /* of a histogram */
	SPEC_SLOT_MAX = 1 << 20,
	SPEC_NAME_MAX = 200, /* with what is put before and after, still a file's name */
	SPEC_KEY_MAX = 4096,
	SPEC_VALUE_MAX = 64 << 10, /* of a map that is a metric */
	SPEC_EXPRESSION_MAX = 512,
};

/* The index of `s` in a list that ends with NULL, or -1. */
int spec_word(const char *const *list, struct str s);

/* Whether it is a regular expression, and not too long. 0, or -EINVAL with what is wrong. */
int spec_check_expression(struct str expression, struct arena *arena, struct str *ret_why);
