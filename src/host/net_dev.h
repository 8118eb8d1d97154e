/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/net/dev (net/core/net-procfs.c), where netlink cannot be asked. */
#pragma once

#include "host/netlink.h"

/*
 * Links with a name and statistics and nothing else: a column that is a sum stands in the first of
 * its parts, and rx_nohandler is not told. -EBADMSG when a line, or one of both headings, is wrong:
 * *ret_bad is its number, and the other links are there all the same.
 */
int net_dev_parse(struct str text, struct arena *arena, const struct link **ret_links,
		  size_t *ret_n, size_t *ret_bad);
