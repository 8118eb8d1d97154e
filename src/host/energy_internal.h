/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between energy.c and the kinds of sources, one file each. A kind looks for its sources when
 * what there is may have changed, and each of them brings the function that reads it.
 */
#pragma once

#include "host/attr.h"
#include "host/energy.h"
#include "host/rapl.h"

enum { ENERGY_SOURCES_MAX = 256, ENERGY_DIRS_MAX = 128, ENERGY_PERF_MAX = 64 };

/* More than a machine can consume: what claims it is broken. */
#define ENERGY_POWER_MOST_UW UINT64_C(100000000000)

struct energy_readers;

struct energy_reader {
	/* Sets source->value, and source->reason where it knows more than the error tells. */
	int (*read)(struct energy_readers *all, struct energy_reader *reader,
		    struct energy_source *source);
	const char *left_out; /* why it is told and never added, or NULL */
	struct attr_file file;
	struct rapl_zone *zone;
	size_t index; /* the kind's own */
	void *data;   /* likewise */
};

/* What of several that contain each other is the host; in the order of preference. */
enum energy_level {
	LEVEL_PSYS,
	LEVEL_PACKAGES,
	LEVEL_ACPI,
	LEVEL_HWMON,
	LEVEL_BATTERY,
	LEVEL_NONE,
};

struct nvml_energy;
struct energy_perf; /* open events; they count only while they are */

struct energy_readers {
	struct energy_reader *v; /* as the sources */
	struct attr_pool pool;
	struct rapl rapl;
	uint64_t seen; /* hash of what was there when it was looked for */
	bool stale;    /* something has gone that was there */
	bool found;
	enum energy_level level;
	size_t n_dirs;
	int dirs[ENERGY_DIRS_MAX]; /* kept open for attribute files */
	struct energy_perf *perf;
	uint64_t cycle; /* of the last reading */
	size_t n_gpus;
	const struct nvml_energy *gpus; /* of this reading */
};

/* A search. */
struct energy_scan {
	struct host *host;
	struct arena *arena; /* lives as long as what is found */
	struct arena *scratch;
	struct energy_readers *readers;
	size_t n, cap;
	struct energy_found *v;
};

struct energy_found {
	struct energy_source source;
	struct energy_reader reader;
};

/* Adds a source; beyond ENERGY_SOURCES_MAX it is not looked at. */
void energy_add(struct energy_scan *scan, const struct energy_source *source,
		const struct energy_reader *reader);

/*
 * Keeps a directory open, of which the fd becomes the scan's. Returns it, or -1 when there are too
 * many.
 */
int energy_keep_dir(struct energy_scan *scan, int dir);

void energy_find_batteries(struct energy_scan *scan);
void energy_find_gpus(struct energy_scan *scan);
void energy_find_hwmon(struct energy_scan *scan);
void energy_find_rapl(struct energy_scan *scan);
/* After the zones of powercap, whose place it takes when they cannot be read. */
void energy_find_perf(struct energy_scan *scan);
void energy_close_perf(struct energy_readers *readers);
/* Reads the GPUs; a hash of which there are. */
uint64_t energy_ask_gpus(struct energy_readers *readers, struct host *host);

/* Which sources are the host, by domain, kind and errors alone; sets their `host` and `reason`. */
enum energy_level energy_choose(enum energy_level before, size_t n, struct energy_source *sources,
				const struct energy_reader *readers);

/* Whether /proc/cpuinfo has the word in that field of the first processor. */
bool energy_cpu_has(const struct host *host, struct str field, struct str wanted);

/* An error in words that last. */
const char *energy_error(int r);
