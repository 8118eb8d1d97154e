/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the collector `scaphandre` share: names and labels of Scaphandre 1.0's
 * metrics, for the dashboards that people have, from our own account.
 */
#pragma once

#include "collect/collector.h"
#include "collect/energy/account.h"

enum { SCAPHANDRE_SOURCE_NAME = 32 };

/* Microwatts, cut off as they are there. 0 where no time has passed. */
uint64_t scaphandre_uw(uint64_t uj, int64_t ns);

/* Sockets and their domains, from the readings. */
void scaphandre_domains(struct collect *c, const struct meter *meter);

/* The processes that consumed most, and what is not theirs: together the host's power. */
int scaphandre_processes(struct collect *c, const struct energy_account *account, size_t cpus);
