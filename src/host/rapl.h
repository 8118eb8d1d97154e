/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Energy counters of the processor package under class/powercap. The class directory is flat:
 * it lists sub-zones beside the zones that hold them, so nobody adds up what he finds here
 * without a look at the names.
 */
#pragma once

#include "host/host.h"

enum { RAPL_ZONES_MAX = 128 };

/* Of what firmware says of power, what can be true: some says 0, some 4 kW for "no limit". */
#define RAPL_POWER_LEAST_UW UINT64_C(1000000)
#define RAPL_POWER_MOST_UW UINT64_C(3000000000)

struct rapl_zone {
	struct str dir;     /* "intel-rapl:0:1" */
	struct str name;    /* "package-0", "dram" */
	uint64_t max_uj;    /* where the counter wraps; 0: that is not known */
	uint64_t max_uw;    /* what it may consume by its constraints, or 0 */
	int fd, open_error; /* energy_uj, kept open; or -errno */
};

struct rapl {
	struct arena arena;
	uint64_t listing; /* hash of the class directory when the zones were looked for */
	uint64_t round;   /* another one whenever there may be other zones than before */
	size_t n;
	struct rapl_zone *zones; /* in byte order of dir */
};

/*
 * Finds the zones that count energy (dtpm's do not), anew when the class directory holds
 * other names than last time or a counter could not be opened. -ENOENT where there is no
 * powercap. Starts from a zeroed struct.
 */
int rapl_find(struct host *host, struct rapl *rapl, struct arena *scratch);

/* The counter in microjoules: 0, -EACCES without privilege, or the driver's error. */
int rapl_read(struct rapl_zone *zone, uint64_t *ret_uj);

void rapl_release(struct rapl *rapl);
