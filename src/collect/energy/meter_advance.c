/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One source from one reading to the next. A counter that wraps tells its difference only up to
 * multiples of its range: it is taken when exactly one of these can be true, given what the source
 * can consume in that time.
 */
#include "collect/energy/meter.h"

#define SECOND_NS INT64_C(1000000000)

/* Where nothing is said of it: no processor of this time consumes so much for long. */
#define ASSUMED_UW UINT64_C(600000000)

/* Counters without a range are those of cards: as little. */
#define ASSUMED_OF_CARDS_UW UINT64_C(5000000000)

enum {
	SUSPEND_NS = 50000000,     /* the two clocks are read one after the other */
	LAG_NS = 100000000,        /* counters that firmware refreshes now and then are behind */
	POWER_APART_SECONDS = 150, /* readings further apart say nothing of the time between */
};

static int gap(enum energy_gap reason)
{
	return -1 - (int)reason;
}

/* Microwatts times nanoseconds is 10^-15 J; up to 2^64 of either. */
static uint64_t energy_uj(uint64_t uw, int64_t ns)
{
	unsigned __int128 product = (unsigned __int128)uw * (uint64_t)ns / (uint64_t)SECOND_NS;

	return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

/* What can have been consumed at most: half as much again as is said, for short peaks. */
static uint64_t most_uj(const struct meter_mark *now, uint64_t max_uw, int64_t elapsed_ns)
{
	uint64_t assumed_uw = now->range_uj ? ASSUMED_UW : ASSUMED_OF_CARDS_UW;
	uint64_t uw = max_uw ? max_uw : assumed_uw, unit_uj = now->range_uj / UINT32_MAX + 1;
	uint64_t uj = energy_uj(uw, elapsed_ns), lag_uj = energy_uj(uw, LAG_NS);

	if (uj > UINT64_MAX / 8 || lag_uj > UINT64_MAX / 8)
		return UINT64_MAX / 4;
	return uj + uj / 2 + lag_uj + lag_uj / 2 + unit_uj;
}

static int counter_since(const struct meter_mark *mark, const struct meter_mark *now,
			 uint64_t max_uw, int64_t elapsed_ns, uint64_t *ret_uj)
{
	uint64_t most = most_uj(now, max_uw, elapsed_ns), uj, period;

	if (!now->range_uj) {
		/* Its driver came anew; or it claims what nothing can consume. */
		if (now->value < mark->value)
			return gap(GAP_IMPLAUSIBLE);
		uj = now->value - mark->value;
		if (uj > most)
			return gap(GAP_IMPLAUSIBLE);
		*ret_uj = uj;
		return 0;
	}
	if (now->value > now->range_uj || mark->value > now->range_uj)
		return gap(GAP_IMPLAUSIBLE);
	/* Hardware counts 2^32 units, of which the last one is not in the range. */
	period = now->range_uj + now->range_uj / UINT32_MAX;
	uj = now->value >= mark->value ? now->value - mark->value
				       : period - (mark->value - now->value);
	if (uj > most)
		return gap(GAP_IMPLAUSIBLE);
	if (most - uj >= period)
		return gap(GAP_AMBIGUOUS);
	*ret_uj = uj;
	return 0;
}

static int power_since(const struct meter_mark *mark, const struct meter_mark *now,
		       int64_t elapsed_ns, uint64_t *ret_uj)
{
	if (elapsed_ns > POWER_APART_SECONDS * SECOND_NS)
		return gap(GAP_AMBIGUOUS);

	uint64_t less = mark->value < now->value ? mark->value : now->value;
	uint64_t more = mark->value < now->value ? now->value : mark->value;

	*ret_uj = energy_uj(less + (more - less) / 2, elapsed_ns);
	return 0;
}

static int since(const struct meter_mark *mark, const struct meter_mark *now, uint64_t max_uw,
		 uint64_t *ret_uj)
{
	int64_t elapsed_ns = now->at_ns - mark->at_ns;
	int64_t slept_ns = now->boot_ns - mark->boot_ns - elapsed_ns;

	if (mark->boot != now->boot)
		return gap(GAP_BOOT);
	if (elapsed_ns < 0)
		return gap(GAP_IMPLAUSIBLE);
	if (slept_ns > SUSPEND_NS || slept_ns < -SUSPEND_NS)
		return gap(GAP_SUSPEND);
	if (now->power)
		return power_since(mark, now, elapsed_ns, ret_uj);
	if (mark->range_uj != now->range_uj)
		return gap(GAP_RANGE);
	return counter_since(mark, now, max_uw, elapsed_ns, ret_uj);
}

int meter_advance(struct meter_mark *mark, const struct meter_mark *now, uint64_t max_uw,
		  uint64_t *ret_uj)
{
	uint64_t total = mark->total_uj, uj = 0;
	int r = 0;

	if (!now->valid) {
		/* Of the time without readings a counter tells later, a meter never. */
		if (now->power || mark->power)
			mark->valid = false;
		return gap(GAP_UNREADABLE);
	}
	if (mark->valid && mark->power == now->power)
		r = since(mark, now, max_uw, &uj);
	else if (!now->power && !total)
		total = now->value;
	*mark = *now;
	mark->total_uj = total + uj;
	if (r == 0)
		*ret_uj = uj;
	return r;
}
