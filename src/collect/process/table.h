/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process table of this cycle, once for all collectors: from the kernel's iterator where the
 * object "processes" is loaded and may be read, else from /proc.
 */
#pragma once

#include "collect/collector.h"
#include "host/process_totals.h"

/* 0, or a failure with the words for it. The table is good until the next cycle. */
int process_table(struct collect *c, const struct process_wants *wants,
		  const struct process_shared **ret);

/*
 * Those that ended since `seen`, after the table was read in the same cycle. -ENOENT when nobody
 * knows: the table was read from /proc.
 */
int process_dead(struct collect *c, const struct process_shared *table, struct process_seen seen,
		 struct process_totals *ret);

/* Hash of the running kernel's boot id: process numbers and starts of another one mean nothing. */
uint64_t process_boot(struct collect *c);

/* When the host was booted, in Unix time; 0 when that is not known. */
double process_boot_time(struct collect *c);
