/* SPDX-License-Identifier: Apache-2.0 */
/* What the collector keeps between cycles. */
#pragma once

#include <linux/bpf.h>

#include "bpf/builtin.h"
#include "bpf/settings.h"
#include "collect/collector.h"
#include "collect/ebpf/rows.h"

/* A metric of one object. */
struct source {
	const struct loaded_object *object;
	const struct spec_metric *metric;
	struct source *twin; /* the same of another object */
	struct source *next;
	const struct loaded_object *refused; /* who defines it otherwise */
};

struct ebpf {
	struct loaded set;
	bool opened;
	struct arena memory; /* of what follows, and as long as `set` is open */
	size_t n_objects;
	const struct loaded_object **objects; /* those that are wanted */
	struct source *sources, *refused;
	struct decoder *decoder;
	struct arena text;  /* of one row */
	struct buf values;  /* of one row */
	struct buf scratch; /* of one batch */
};

/* Entries of an object that could not be decoded; the sum is kept in the state. */
void ebpf_count_bad(struct collect *c, struct str object, uint64_t n);
/* What is told of the objects themselves. */
void ebpf_add_own(struct collect *c);
