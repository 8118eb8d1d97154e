/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run took, told at its end, as time(1) does: columns for a person at a terminal, lines
 * of a key and a value in base units elsewhere.
 */
#pragma once

#include "base/buf.h"

/* For a number that is not known; its line is left out. */
#define SUMMARY_UNKNOWN UINT64_MAX

struct run_summary {
	struct str job, stage; /* stage: "" when there is none */
	struct str result;     /* "success", "failure", "timeout" */
	struct str delivery;   /* "delivered", "kept for the next push", ...; "" leaves it out */
	int exit_code, signal; /* 128 + signal for a signal death */
	unsigned attempts;
	uint64_t wall_ns, user_ns, system_ns;
	uint64_t memory_peak_bytes;
	uint64_t read_bytes, written_bytes;
	uint64_t minor_faults, major_faults;
	uint64_t voluntary, involuntary; /* context switches */
	uint64_t processes;              /* still alive: daemons that CMD left behind */
	bool has_energy;
	double energy_joules, energy_idle_joules, energy_watts;
};

/* Adds the table as a person reads it. */
void summary_table(const struct run_summary *summary, struct buf *to);

/* Adds one line of key and value for each number, in base units. */
void summary_lines(const struct run_summary *summary, struct buf *to);

/* Writes the one or the other, as `fd` is a terminal or not, at once. 0 or -errno. */
int summary_write(const struct run_summary *summary, int fd);
