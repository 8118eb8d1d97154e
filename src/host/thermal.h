/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thermal zones and what cools them. Source: /sys/class/thermal (drivers/thermal, in
 * thermal_sysfs.c). Some zones answer EAGAIN or ENODATA until the firmware is ready; one that is
 * merely disabled has its temperature.
 */
#pragma once

#include <sys/types.h>

#include "host/attr.h"
#include "host/host.h"

struct thermal_device {
	struct str entry, number, type; /* "thermal_zone12", "12", "x86_pkg_temp" */
	bool is_zone;
	ino_t inode;
	int dir;
	struct attr_file temp, cur_state, max_state; /* a zone has the first, others the rest */
};

struct thermal {
	struct arena arena; /* of the devices */
	struct attr_pool pool;
	struct thermal_device *devices;
	size_t n, listed, runs;
};

/* Brings the devices up to date. 0 or -errno. */
int thermal_look(struct thermal *thermal, struct host *host, struct arena *scratch);
/* False when it cannot be read now. */
bool thermal_read(struct thermal *thermal, struct attr_file *file, int64_t *ret);
void thermal_release(struct thermal *thermal);
