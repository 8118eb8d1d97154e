/* SPDX-License-Identifier: Apache-2.0 */
/* What cpu.c, cpu_topology.c and cpu_info.c share. */
#pragma once

#include "collect/collector.h"

struct cpu_conf {
	bool guest, info;
	struct opt_regex flags_include, bugs_include;
};

/*
 * Which cpus were online when the folders were last looked through, and what was found. As
 * long as the kernel's list of online cpus stays the same, and none has a throttle counter,
 * there is nothing new to find.
 */
struct cpu_topology {
	struct arena arena;
	struct str online_list; /* /sys/devices/system/cpu/online */
	struct str *names;      /* cpus that have an `online` file */
	bool *online;
	size_t n;
	bool throttles;
};

/* Throttling, isolation, online state. Source: /sys/devices/system/cpu. */
void cpu_add_topology(struct collect *c, struct cpu_topology *known);

/* Model, flags, bugs and frequency of each cpu. Source: /proc/cpuinfo (x86's words). */
int cpu_add_info(struct collect *c);
