/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's manager, asked over D-Bus. Root asks it by its own socket, which needs no D-Bus daemon;
 * others ask through the system bus. Properties are asked for by bus_property() and bus_string().
 */
#pragma once

#include "host/bus.h"

#define MANAGER_PATH "/org/freedesktop/systemd1"

/* What ListUnits tells of a unit; the slices live as long as the reply. */
struct unit {
	struct str name, load, active;
	const char *path;
};

/*
 * -ENODATA where no systemd runs; else 0 or a failure, both with words in ret->why. bus_close()
 * takes one that was not opened, too.
 */
int manager_open(const struct host *host, int64_t limit_ns, struct bus *ret);

/* Starts the walk over all units that the manager has in memory; a failure has words. */
int manager_units(struct bus *manager, sd_bus_message **ret);
/* 1 and the next one, 0 at the end, or a failure, with words. */
int manager_next(struct bus *manager, sd_bus_message *units, struct unit *ret);
