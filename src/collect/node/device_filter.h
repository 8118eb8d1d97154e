/* SPDX-License-Identifier: Apache-2.0 */
/* The pair of options that choose network devices by name. */
#pragma once

#include "base/opt.h"

struct device_filter {
	struct opt_regex include, exclude;
};

/* The two rows for a conf struct whose member `devices` is a device_filter. */
#define DEVICE_FILTER_OPTS(conf)                                                         \
	{                                                                                \
		.name = "device_include",                                                \
		.type = OPT_REGEX,                                                       \
		.offset = offsetof(conf, devices.include),                               \
		.preset = "",                                                            \
		.arg = "REGEX",                                                          \
		.help = "when set, takes these devices whatever device_exclude says",    \
	},                                                                               \
	{                                                                                \
		.name = "device_exclude", .type = OPT_REGEX,                             \
		.offset = offsetof(conf, devices.exclude), .preset = "", .arg = "REGEX", \
		.help = "devices to leave out",                                          \
	}

static inline bool device_wanted(const struct device_filter *filter, struct str name)
{
	return filter->include.compiled ? opt_regex_match(&filter->include, name)
					: !opt_regex_match(&filter->exclude, name);
}
