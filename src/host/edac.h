/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of memory errors. Source: /sys/devices/system/edac/mc (drivers/edac/edac_mc_sysfs.c).
 * Errors that no row can be told for are counted in *_noinfo_count, and are those of the row
 * "unknown". What there is to read is looked up now and then; a cycle only reads the numbers.
 */
#pragma once

#include "host/attr.h"
#include "host/host.h"

struct edac_counter {
	struct edac_counter *next;
	bool corrected;
	/* Empty where the counter is of all rows, or of all channels of one. */
	struct str controller, csrow, channel, dimm_label;
	struct attr_file source;
};

struct edac_dir {
	struct edac_dir *next;
	int fd;
};

struct edac {
	struct arena arena; /* of all below */
	struct attr_pool pool;
	struct edac_counter *first, **last;
	struct edac_dir *dirs;
	size_t controllers;
	unsigned int runs;
};

/* Brings the list of counters up to date: no controllers are none. 0 or -errno. */
int edac_look(struct edac *edac, struct host *host, struct arena *scratch);
/* False when it cannot be read now. */
bool edac_read(struct edac *edac, struct edac_counter *counter, uint64_t *ret);
void edac_release(struct edac *edac);
