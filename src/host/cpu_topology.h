/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sysfs tells of each cpu: drivers/base/topology.c, drivers/base/cpu.c,
 * arch/x86/kernel/cpu/mce/therm_throt.c. Looking through hundreds of folders costs more than
 * all the rest of a cycle, so what was found is remembered.
 */
#pragma once

#include "host/attr.h"
#include "host/host.h"

/* A throttle counter; the threads of a core and the cores of a package have the same one. */
struct cpu_throttle {
	struct str package, core; /* core: the empty slice for that of the whole package */
	struct attr_file count;
};

struct cpu_online {
	struct str cpu;
	bool online;
};

/*
 * What was found when the folders of all cpus were last looked through. As long as the kernel's
 * list of online cpus stays the same, there is nothing new to find.
 */
struct cpu_topology {
	struct arena arena;
	struct str online_list; /* /sys/devices/system/cpu/online */
	bool is_open;
	int dir; /* /sys/devices/system/cpu, when is_open */
	struct attr_pool pool;
	struct cpu_throttle *throttles;
	struct cpu_online *online;
	size_t n_throttles, n_online;
};

/* Looks again when a cpu came or went. */
void cpu_topology_look(struct cpu_topology *known, struct host *host, struct arena *scratch);
/* False when the counter cannot be read now. */
bool cpu_throttle_read(struct cpu_topology *known, struct cpu_throttle *throttle, uint64_t *ret);
void cpu_topology_release(struct cpu_topology *known);
