/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of IPv4 and IPv6 as RFC 5952 and Go write them; a mapped one as the IPv4 it is. */
#pragma once

#include "base/arena.h"

/* Of 4 or 16 bytes in the network's order; empty for any other number of them. */
struct str ip_text(struct str bytes, struct arena *arena);
