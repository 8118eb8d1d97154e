/* SPDX-License-Identifier: Apache-2.0 */
/* Who is logged in, and where: logind, asked over the system bus, org.freedesktop.login1(5). */
#pragma once

#include "host/bus.h"

enum { LOGIND_TYPES = 7, LOGIND_CLASSES = 5, LOGIND_KINDS = 2 * LOGIND_TYPES * LOGIND_CLASSES };

/* The last of the seats is none, and has an empty name: of those who came over the network. */
struct logind {
	size_t n;
	struct logind_seat {
		struct str name;
		uint32_t sessions[LOGIND_KINDS];
	} * seats;
};

/* What a session is; "other" stands for types and classes that are none of those known. */
struct logind_kind {
	const char *remote, *type, *class; /* remote: "true", "false" */
};

/* That of a number below LOGIND_KINDS. */
struct logind_kind logind_kind(size_t kind);

/*
 * -ENODATA where there is no system bus; else 0 or a failure; words for both are in ret_bus->why.
 * Sessions that end meanwhile are left out.
 */
int logind_read(const struct host *host, int64_t limit_ns, struct arena *arena, struct bus *ret_bus,
		struct logind *ret);
