/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured by what, and why not: part of the collector `energy`. */
#pragma once

#include "collect/energy/meter.h"

/*
 * Adds peekpush_energy_source_info, peekpush_energy_source_joules_total and
 * peekpush_energy_gaps_total. 0; or, with the words of collect_fail(), -ENODATA where there is no
 * source, or -errno where none of them can be read.
 */
int energy_add_sources(struct collect *c, const struct meter *meter);
