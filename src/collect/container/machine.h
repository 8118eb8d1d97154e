/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine is made of, looked at now and then: it changes seldom, and looking is dear. */
#pragma once

#include "collect/collector.h"

/* Of the CPUs that are online. */
struct machine_cpus {
	struct arena arena;
	struct str online;                /* "0-3,8": what the rest was found for */
	uint32_t threads, cores, sockets; /* 0: not known */
};

/* Looks again when a CPU came or went. 0 or -errno, with the words for it. */
int machine_cpus(struct collect *c, struct machine_cpus *cpus);
void machine_cpus_release(struct machine_cpus *cpus);

/* Takes "4" or "4-7" off the front of a list of CPUs. False when it is none. */
bool machine_take_range(struct str *list, uint64_t *ret_from, uint64_t *ret_to);

/*
 * What is where: threads of cores, caches, and memory, huge pages and distances of nodes. `base`
 * are the three labels of all.
 */
void machine_topology(struct collect *c, const struct label *base);

/* Memory modules of one type, as the hardware's error reporting (EDAC) knows them. */
struct machine_dimm_type {
	struct str type;
	uint32_t modules; /* 0: they are told by rank only, and nobody knows how many those make */
	uint64_t bytes;
};

struct machine_dimms {
	struct arena arena;
	struct machine_dimm_type *types;
	size_t n;
	unsigned int age; /* in cycles, since they were looked for */
};

void machine_dimms(struct collect *c, struct machine_dimms *dimms);
void machine_dimms_release(struct machine_dimms *dimms);
