/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that tells what the host consumes, as one list: energy counters (powercap, perf's
 * "power" PMU, hwmon, GPUs) and power meters (ACPI, hwmon, batteries). What contains what, and
 * which of them make up the host, is decided here; what a reading means over time is
 * collect/energy/meter.h's.
 */
#pragma once

#include "host/host.h"

enum energy_kind {
	ENERGY_RAPL,    /* class/powercap */
	ENERGY_PERF,    /* PMU "power": where powercap may not be read; counts only while open */
	ENERGY_HWMON,   /* energyN_input, powerN_average, powerN_input */
	ENERGY_ACPI,    /* ACPI power meter: the whole machine */
	ENERGY_BATTERY, /* the whole machine, while it discharges */
	ENERGY_GPU,
	ENERGY_KINDS,
};

enum energy_domain {
	DOMAIN_PACKAGE,
	DOMAIN_CORE,   /* inside of package; AMD's is that of one core only */
	DOMAIN_UNCORE, /* inside of package */
	DOMAIN_DRAM,
	DOMAIN_PSYS, /* platform: packages and more */
	DOMAIN_GPU,
	DOMAIN_MACHINE, /* ACPI power meter, battery */
	DOMAIN_OTHER,   /* a sensor that nobody knows the place of: told, never added */
	DOMAINS,
};

struct energy_source {
	enum energy_kind kind;
	enum energy_domain domain;
	struct str id;     /* lasting, across boots: "rapl:intel-rapl:0", "hwmon:CHIP/power1" */
	struct str zone;   /* for people and labels: "package-0", "dram", "power1" */
	struct str path;   /* "/sys/class/powercap/intel-rapl:0", or empty */
	int package;       /* physical package, or -1; of a GPU its number */
	bool power;        /* `value` is microwatts; else it is microjoules and only grows, */
	uint64_t range_uj; /* ... up to this, where it starts at 0 again. 0: it never does */
	uint64_t max_uw;   /* what it can consume at most (TDP), or 0 */
	uint64_t epoch;    /* with another one it counts from 0 anew */
	/* It is part of the sum that is the host; of those that contain each other one is. */
	bool host;
	bool left_out;      /* never to be added to anything: a twin, of one core only */
	int error;          /* 0, or -errno: there is no value now */
	const char *reason; /* why it is left out, in words: unreadable, a twin, ...; or NULL */
	uint64_t value;
	int64_t at_ns; /* CLOCK_MONOTONIC, between before and after it was read */
};

struct energy_sources {
	struct arena arena; /* ids and paths live as long as the sources */
	size_t n;
	struct energy_source *v; /* rising by id */
	const char *none;        /* n is 0: why, in words ("a virtual machine without ...") */
	struct energy_readers *readers;
};

/* Finds and reads all. A zeroed struct to start with; what is open stays open. 0 or -errno. */
int energy_read(struct host *host, struct energy_sources *sources, struct arena *scratch);
/* Makes the host of others than those of which the caller has set an error since. */
void energy_choose_again(struct energy_sources *sources);
void energy_release(struct energy_sources *sources);

const char *energy_kind_name(enum energy_kind kind);       /* "rapl", ...: label source */
const char *energy_domain_name(enum energy_domain domain); /* "package", ... */
