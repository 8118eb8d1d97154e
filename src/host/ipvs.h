/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's load balancer: what net/ip_vs has below its three lines of headings. */
#pragma once

#include "base/arena.h"

/* A real server of a virtual one; the virtual one is an address and a port, or a packet mark. */
struct ipvs_backend {
	struct str local_address, local_port, remote_address, remote_port, proto, local_mark;
	uint64_t weight, active, inactive;
};

/*
 * What can be read of it. -EBADMSG with the number of a line that is none when there is such a
 * one, or 0 when there are no headings; the backends are set in any case.
 */
int ipvs_parse(struct str text, struct arena *arena, struct ipvs_backend **ret_backends,
	       size_t *ret_n, size_t *ret_bad_line);
