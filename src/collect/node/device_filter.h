/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of options that choose devices by name: what is included is not excluded. */
#pragma once

#include "base/opt.h"

struct device_filter {
	struct opt_regex include, exclude;
};

/* The two rows for a conf struct whose member `devices` is a device_filter. */
#define DEVICE_FILTER_OPTS(conf)                                                         \
	{ OPT_ROW("device_include", OPT_REGEX, conf, devices.include, "", "REGEX",       \
		  "when set, takes these devices whatever device_exclude says") },       \
	{                                                                                \
		OPT_ROW("device_exclude", OPT_REGEX, conf, devices.exclude, "", "REGEX", \
			"devices to leave out")                                          \
	}

static inline bool device_wanted(const struct device_filter *filter, struct str name)
{
	return filter->include.compiled ? opt_regex_match(&filter->include, name)
					: !opt_regex_match(&filter->exclude, name);
}
