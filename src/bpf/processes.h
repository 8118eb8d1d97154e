/* SPDX-License-Identifier: Apache-2.0 */
/* The maps of the object "processes": the dead, as host/process_totals.h explains. */
#pragma once

#include "bpf/loaded.h"
#include "host/process_totals.h"

/*
 * What was left of the dead since `seen`. When that is of other maps, `known` is false, and all
 * records are given that these have. 0, or -errno; -EPROTONOSUPPORT: of another version's program.
 */
int process_totals_read(const struct loaded_object *object, struct process_seen seen,
			struct arena *arena, struct process_totals *ret);
