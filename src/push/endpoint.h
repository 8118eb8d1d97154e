/* SPDX-License-Identifier: Apache-2.0 */
/* The base URL of an HTTP target, checked before anything is sent to it. */
#pragma once

#include "base/arena.h"

struct endpoint {
	struct str base;  /* "http://vm:8428/prefix", without a slash at the end */
	struct str where; /* "vm:8428", for messages */
	struct str host;  /* "vm" */
};

/*
 * Takes http:// and https:// with a host name, an IPv4 or a bracketed IPv6 address, a port
 * and a path. Userinfo, query and fragment are refused. Returns 0 or -EINVAL with ret_why.
 */
int endpoint_parse(struct str url, struct arena *arena, struct endpoint *ret, struct str *ret_why);
