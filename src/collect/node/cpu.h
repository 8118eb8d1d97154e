/* SPDX-License-Identifier: Apache-2.0 */
/* What cpu.c, cpu_topology.c and cpu_info.c share. */
#pragma once

#include "collect/collector.h"
#include "host/attr.h"

struct cpu_conf {
	bool guest, info;
	struct opt_regex flags_include, bugs_include;
};

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

/* Throttling, isolation, online state. Source: /sys/devices/system/cpu. */
void cpu_add_topology(struct collect *c, struct cpu_topology *known);
/* Closes the files; the arena stays. */
void cpu_forget_topology(struct cpu_topology *known);

/* Model, flags, bugs and frequency of each cpu. Source: /proc/cpuinfo (x86's words). */
int cpu_add_info(struct collect *c);
