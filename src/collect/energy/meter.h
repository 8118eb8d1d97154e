/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the energy sources have counted since peekpush first saw them: unwrapped, in microjoules,
 * kept in the state, so that a oneshot and an agent tell the same and no restart loses any. A
 * difference that cannot be true, or that two readings cannot tell, is no energy but a gap.
 */
#pragma once

#include "collect/collector.h"
#include "host/energy.h"

enum energy_gap {
	GAP_BOOT,        /* counters started anew */
	GAP_SUSPEND,     /* likewise, or they stood still */
	GAP_IMPLAUSIBLE, /* more than the source can consume, or less than nothing */
	GAP_AMBIGUOUS,   /* it may have wrapped more than once between two readings */
	GAP_UNREADABLE,  /* it could not be read for a while */
	GAP_RANGE,       /* its range has changed */
	GAPS,
};

struct meter_reading {
	const struct energy_source *source;
	uint64_t total_uj; /* since it was first seen; a counter's starts with its first value */
	uint64_t delta_uj; /* since the last cycle in which it could be read */
	int64_t delta_ns;  /* ... in this time; 0: no difference is known in this cycle */
	bool still;        /* it never is, and yet it counts nothing */
};

struct meter {
	int64_t at_ns; /* CLOCK_MONOTONIC of this cycle's readings */
	size_t n;
	const struct meter_reading *v; /* in the order of the sources */
	const struct energy_sources *sources;
	uint64_t gaps[GAPS]; /* counters, kept in the state */
	bool missing;        /* a source of the host has no difference: the host's is not known */
};

/* The readings of this cycle, for all who want them. 0 with n == 0 where there is no source. */
int meter_of_cycle(struct collect *c, const struct meter **ret);

const char *energy_gap_name(enum energy_gap gap); /* "boot", ...: label reason */

/*
 * Between cycles: reads counters that can wrap, so that no wrap is missed, and integrates power.
 * Returns the time (ns) after which it must be called again; 0: never.
 */
int64_t meter_tick(struct host *host, struct state *state, struct arena *scratch);

/*
 * The state's part of a pure function, without any file: what `now` says after `before`. For tests
 * and for `run`, which meters its own interval.
 */
struct meter_mark {
	uint64_t value, range_uj, total_uj;
	int64_t at_ns, boot_ns; /* CLOCK_MONOTONIC and CLOCK_BOOTTIME */
	uint64_t boot;          /* hash of the boot id */
	bool power, valid;
};

/*
 * 0 and the microjoules since; or -1 - enum energy_gap, and *mark is the new base all the same. The
 * first reading of a mark that is not valid gives 0: a counter's total is then its value, a
 * meter's what it was. After a reading that is not valid a counter goes on from the last one that
 * was, as long as it cannot have wrapped more than once; a meter starts anew. max_uw 0: as much as
 * the largest processor or card there is may consume.
 */
int meter_advance(struct meter_mark *mark, const struct meter_mark *now, uint64_t max_uw,
		  uint64_t *ret_uj);
