/* SPDX-License-Identifier: Apache-2.0 */
/* Two expressions in a collector's section: names must match the first, and not the second. */
#pragma once

#include "base/opt.h"

struct name_filter {
	struct opt_regex include, exclude;
};

/* The rows for a conf struct with such a member; an include of "" would take nothing. */
#define NAME_FILTER_OPTS(conf, member, include_name, exclude_name, what)            \
	{ OPT_ROW(include_name, OPT_REGEX, conf, member.include, ".*", "REGEX",     \
		  what " to take") },                                               \
	{                                                                           \
		OPT_ROW(exclude_name, OPT_REGEX, conf, member.exclude, "", "REGEX", \
			what " to leave out all the same")                          \
	}

static inline bool name_wanted(const struct name_filter *filter, struct str name)
{
	return opt_regex_match(&filter->include, name) && !opt_regex_match(&filter->exclude, name);
}
