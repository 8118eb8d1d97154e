/* SPDX-License-Identifier: Apache-2.0 */
/* What rules.c and rule_text.c share: expressions with what they capture, and templates. */
#pragma once

#include "collect/process/rules.h"

enum rule_field {
	RULE_COMM,
	RULE_EXE,
	RULE_USER,
	RULE_UNIT,
	RULE_CONTAINER,
	RULE_CGROUP,
	RULE_CMDLINE,
	RULE_NAME,
};

enum { RULE_CAPTURES_MAX = 16 };

struct rule_term {
	enum rule_field field;
	size_t n;
	struct str *values; /* patterns; NUL-ended */
	struct regex *regex;
};

/* What the expressions of one rule captured, in order. */
struct rule_captures {
	size_t n;
	struct str names[RULE_CAPTURES_MAX], values[RULE_CAPTURES_MAX];
};

/* Compiles an expression for rule_search(). */
int rule_compile(struct str text, struct arena *arena, struct rule_term *term, struct str *ret_why);
/* Found anywhere in a text; adds what was captured. */
bool rule_search(const struct rule_term *term, struct str text, struct rule_captures *captures);

/* Whether all that stands in braces in the rule's name is known. */
int rule_check_name(const struct rule *rule, struct arena *arena, struct str *ret_why);
struct str rule_expand(const struct rule *rule, struct identity *who,
		       const struct rule_captures *captures);
