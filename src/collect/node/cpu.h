/* SPDX-License-Identifier: Apache-2.0 */
/* What cpu.c, cpu_topology.c and cpu_info.c share. */
#pragma once

#include "collect/collector.h"
#include "host/cpu_topology.h"

struct cpu_conf {
	bool guest, info;
	struct opt_regex flags_include, bugs_include;
};

/* Throttling, isolation, online state. Source: /sys/devices/system/cpu. */
void cpu_add_topology(struct collect *c, struct cpu_topology *known);
/* Model, flags, bugs and frequency of each cpu. Source: /proc/cpuinfo (x86's words). */
int cpu_add_info(struct collect *c);
