/* SPDX-License-Identifier: Apache-2.0 */
/* What limits and labels_drop keep out: counted by collector, told once, and stable. */
#pragma once

#include "collect/run.h"

/* In the state: LIMITS_KEY "COLLECTOR.REASON" is how many series were dropped so far. */
#define LIMITS_KEY "collector_dropped."

/* Before a cycle's collectors run: which series have a place under limits that were met. */
void limits_begin(struct collectors *all);
/* After each: counts what was dropped of it. */
void limits_count(struct collector_slot *slot, struct arena *scratch);
/* After all: names what was over a limit, and keeps who has a place. */
void limits_end(struct collectors *all, const struct log *log);
