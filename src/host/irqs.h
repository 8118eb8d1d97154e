/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/interrupts and /proc/softirqs: a line that names the CPUs, then lines of a name, a count
 * for each of them, and words. CPUs that are offline have no column.
 */
#pragma once

#include "base/arena.h"

struct irqs {
	struct arena *arena;
	struct str rest;
	size_t n;         /* CPUs */
	struct str *cpus; /* their numbers */
	uint64_t *counts; /* of the line */
};

struct irq_line {
	struct str name;
	/* The words behind the counts, with one blank between them: all, or, where the name is a
	   number, the controller, and what is behind it. */
	struct str info, devices;
	size_t n; /* counts; lines that do not go by CPU have fewer than there are CPUs */
	const uint64_t *counts; /* until the next line */
};

/* 0, or -EBADMSG: the first line names no CPU. */
int irqs_open(struct str text, struct arena *arena, struct irqs *ret);
bool irqs_next(struct irqs *irqs, struct irq_line *ret);
