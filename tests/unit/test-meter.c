/* SPDX-License-Identifier: Apache-2.0 */
/* One source from reading to reading, beside a model that knows what was really consumed. */
#include "unit.h"

#include "collect/energy/meter.h"

#define SECOND INT64_C(1000000000)
#define RANGE UINT64_C(262143328850)
#define WATT UINT64_C(1000000)

static int gap(enum energy_gap reason)
{
	return -1 - (int)reason;
}

static struct meter_mark at(uint64_t value, int64_t at_ns)
{
	return (struct meter_mark){
		.value = value,
		.range_uj = RANGE,
		.at_ns = at_ns,
		.boot_ns = at_ns,
		.boot = 7,
		.valid = true,
	};
}

static struct meter_mark power(uint64_t uw, int64_t at_ns)
{
	struct meter_mark mark = at(uw, at_ns);

	mark.range_uj = 0;
	mark.power = true;
	return mark;
}

static void expect(struct meter_mark *mark, struct meter_mark now, uint64_t max_uw, uint64_t want)
{
	uint64_t uj = UINT64_MAX, before = mark->total_uj;

	assert_int_equal(meter_advance(mark, &now, max_uw, &uj), 0);
	assert_int_equal(uj, want);
	assert_int_equal(mark->total_uj, before + want);
	assert_int_equal(mark->value, now.value);
	assert_int_equal(mark->at_ns, now.at_ns);
}

static void expect_gap(struct meter_mark *mark, struct meter_mark now, uint64_t max_uw,
		       enum energy_gap reason)
{
	uint64_t uj = UINT64_MAX, before = mark->total_uj;

	assert_int_equal(meter_advance(mark, &now, max_uw, &uj), gap(reason));
	assert_int_equal(uj, UINT64_MAX);
	assert_int_equal(mark->total_uj, before);
	/* It is the new base. */
	assert_int_equal(mark->value, now.value);
	assert_int_equal(mark->boot, now.boot);
	assert_true(mark->valid);
}

static struct meter_mark start(uint64_t value, int64_t at_ns)
{
	struct meter_mark mark = { 0 }, first = at(value, at_ns);
	uint64_t uj = 1;

	assert_int_equal(meter_advance(&mark, &first, 0, &uj), 0);
	assert_int_equal(uj, 0);
	assert_int_equal(mark.total_uj, value);
	return mark;
}

static void test_counts(void **state)
{
	struct meter_mark mark = start(1000, SECOND);

	(void)state;
	expect(&mark, at(1000, 2 * SECOND), 100 * WATT, 0);
	expect(&mark, at(50000000, 3 * SECOND), 100 * WATT, 49999000);
	/* A tenth of a second is as exact. */
	expect(&mark, at(50000123, 3 * SECOND + SECOND / 10), 100 * WATT, 123);
}

/* Raw counters of 32 bits in units of 61035 nJ, of which the kernel tells whole microjoules. */
static void test_wraps_at_its_range(void **state)
{
	struct meter_mark mark = start(RANGE - 1000, SECOND);

	(void)state;
	expect(&mark, at(2000, 2 * SECOND), 100 * WATT, 3000 + 61);
	/* Ranges that are no hardware's have no unit to add. */
	mark = start(0, SECOND);
	mark.range_uj = 1000000;
	mark.value = 999999;

	struct meter_mark now = at(10, SECOND + SECOND / 1000);

	now.range_uj = 1000000;
	expect(&mark, now, 1 * WATT, 11);
}

static void test_which_wraps_cannot_be_told(void **state)
{
	struct meter_mark mark = start(1000, SECOND);

	(void)state;
	/* 150 W may be peaks of a processor of 100: 262 kJ take 1747 s. */
	expect(&mark, at(2000, 1740 * SECOND), 100 * WATT, 1000);
	mark = start(1000, SECOND);
	expect_gap(&mark, at(2000, 1760 * SECOND), 100 * WATT, GAP_AMBIGUOUS);
	expect(&mark, at(3000, 1761 * SECOND), 100 * WATT, 1000);
	/* As much as is assumed where nothing is said: 600 W, and half of it. */
	mark = start(1000, SECOND);
	expect(&mark, at(2000, 290 * SECOND), 0, 1000);
	mark = start(1000, SECOND);
	expect_gap(&mark, at(2000, 295 * SECOND), 0, GAP_AMBIGUOUS);
}

static void test_what_cannot_be_true(void **state)
{
	struct meter_mark mark = start(1000000, SECOND);
	struct meter_mark now;

	(void)state;
	expect_gap(&mark, at(1000000000, 2 * SECOND), 100 * WATT, GAP_IMPLAUSIBLE);
	expect(&mark, at(1000000001, 3 * SECOND), 100 * WATT, 1);
	/* A counter that starts anew looks like one that wrapped after a whole range. */
	expect_gap(&mark, at(5, 4 * SECOND), 100 * WATT, GAP_IMPLAUSIBLE);
	expect_gap(&mark, at(RANGE + 1, 5 * SECOND), 100 * WATT, GAP_IMPLAUSIBLE);
	mark = start(1000, 2 * SECOND);
	expect_gap(&mark, at(2000, SECOND), 100 * WATT, GAP_IMPLAUSIBLE);

	mark = start(1000, SECOND);
	now = at(2000, 2 * SECOND);
	now.range_uj = 65532610987;
	expect_gap(&mark, now, 100 * WATT, GAP_RANGE);
	/* Without a range it only grows, until its driver comes anew. */
	mark = start(5000, SECOND);
	mark.range_uj = 0;
	now = at(4999, 2 * SECOND);
	now.range_uj = 0;
	expect_gap(&mark, now, 0, GAP_IMPLAUSIBLE);
	/* 7500 W for a second and its tenth of tolerance. */
	now.value += 8250000001;
	now.at_ns = now.boot_ns = 3 * SECOND;
	expect(&mark, now, 0, 8250000001);
	now.value += 8250000002;
	now.at_ns = now.boot_ns = 4 * SECOND;
	expect_gap(&mark, now, 0, GAP_IMPLAUSIBLE);
}

static void test_extremes(void **state)
{
	struct meter_mark mark = start(UINT64_MAX, 0), now = at(UINT64_MAX, INT64_MAX);
	uint64_t uj;

	(void)state;
	assert_int_equal(meter_advance(&mark, &now, UINT64_MAX, &uj), gap(GAP_IMPLAUSIBLE));
	mark = start(0, 0);
	mark.range_uj = now.range_uj = UINT64_MAX;
	assert_true(meter_advance(&mark, &now, UINT64_MAX, &uj) < 0);
	mark = start(0, 0);
	mark.range_uj = now.range_uj = 1;
	assert_true(meter_advance(&mark, &now, 1, &uj) < 0);
}

static void test_boot_and_suspend(void **state)
{
	struct meter_mark mark = start(1000, 100 * SECOND), now;

	(void)state;
	now = at(1500, 5 * SECOND);
	now.boot = 8;
	expect_gap(&mark, now, 100 * WATT, GAP_BOOT);
	now = at(1600, 6 * SECOND);
	now.boot = 8;
	expect(&mark, now, 100 * WATT, 100);
	now = at(1700, 7 * SECOND);
	now.boot = 8;
	now.boot_ns += 30 * SECOND;
	expect_gap(&mark, now, 100 * WATT, GAP_SUSPEND);
	now.at_ns += SECOND;
	now.boot_ns += SECOND + 1000;
	now.value += 5;
	expect(&mark, now, 100 * WATT, 5);
}

static void test_unreadable_for_a_while(void **state)
{
	struct meter_mark mark = start(1000, SECOND), none = { .at_ns = 2 * SECOND };
	uint64_t uj;

	(void)state;
	assert_int_equal(meter_advance(&mark, &none, 100 * WATT, &uj), gap(GAP_UNREADABLE));
	assert_int_equal(mark.total_uj, 1000);
	assert_int_equal(mark.value, 1000);
	/* What was consumed meanwhile is real, ... */
	expect(&mark, at(60001000, 10 * SECOND), 100 * WATT, 60000000);
	/* ... and no more than can be. */
	assert_int_equal(meter_advance(&mark, &none, 100 * WATT, &uj), gap(GAP_UNREADABLE));
	expect_gap(&mark, at(60002000, 3000 * SECOND), 100 * WATT, GAP_AMBIGUOUS);
}

static void test_power_is_integrated(void **state)
{
	struct meter_mark mark = { 0 }, first = power(100 * WATT, SECOND), none = first;
	uint64_t uj = 1;

	(void)state;
	assert_int_equal(meter_advance(&mark, &first, 0, &uj), 0);
	assert_int_equal(uj, 0);
	assert_int_equal(mark.total_uj, 0);
	expect(&mark, power(200 * WATT, 3 * SECOND), 0, 300 * WATT);
	expect(&mark, power(0, 3 * SECOND + SECOND / 10), 0, 10 * WATT);
	expect_gap(&mark, power(50 * WATT, 200 * SECOND), 0, GAP_AMBIGUOUS);
	expect(&mark, power(50 * WATT, 201 * SECOND), 0, 50 * WATT);
	/* Nobody knows what it was in between. */
	none.valid = false;
	assert_int_equal(meter_advance(&mark, &none, 0, &uj), gap(GAP_UNREADABLE));
	expect(&mark, power(70 * WATT, 210 * SECOND), 0, 0);
	expect(&mark, power(70 * WATT, 211 * SECOND), 0, 70 * WATT);
}

static uint64_t random_of(uint64_t *seed, uint64_t below)
{
	*seed = *seed * 6364136223846793005 + 1442695040888963407;
	return (*seed >> 33) % below;
}

/*
 * A counter of 2^32 units that consumes up to 150 W, read at random times, up to an hour apart,
 * through suspends, boots and times without permission. Whatever is told is what was consumed;
 * what is not told is counted as a gap.
 */
static void play(uint64_t seed, unsigned unit_nj)
{
	const uint64_t range_uj = UINT64_C(4294967295) * unit_nj / 1000, max_uw = 100 * WATT;
	unsigned __int128 raw_nj = (unsigned __int128)random_of(&seed, UINT32_MAX) * unit_nj;
	int64_t now_ns = SECOND, boot_ns = SECOND;
	uint64_t boot = 1, known_uj = 0, told_uj = 0, wraps = 0, gaps = 0, told = 0;
	struct meter_mark mark = { 0 };

	for (int i = 0; i < 2000; i++) {
		uint64_t what = random_of(&seed, 100), uj = 0;
		int64_t span_ns = what < 90 ? (int64_t)random_of(&seed, 10 * SECOND) + 1000000
					    : (int64_t)random_of(&seed, 3600) * SECOND + SECOND;
		uint64_t uw = random_of(&seed, 150 * WATT);
		unsigned __int128 more_nj = (unsigned __int128)uw * (uint64_t)span_ns / 1000000;
		unsigned __int128 before_nj = raw_nj;
		struct meter_mark now = { .range_uj = range_uj, .valid = true };

		raw_nj += more_nj;
		now_ns += span_ns;
		boot_ns += span_ns;
		if (what == 91) { /* asleep: it may stand still or start anew */
			boot_ns += (int64_t)random_of(&seed, 1000) * SECOND + SECOND;
			raw_nj = random_of(&seed, 2) ? raw_nj : 0;
		} else if (what == 92) {
			boot++;
			raw_nj = random_of(&seed, 1000000);
			now_ns = boot_ns = (int64_t)random_of(&seed, 100 * SECOND);
		}
		/* The counter holds whole units. */
		now.value = (uint64_t)((raw_nj / unit_nj) % (UINT64_C(1) << 32) * unit_nj / 1000);
		now.at_ns = now_ns;
		now.boot_ns = boot_ns;
		now.boot = boot;
		if (what == 93)
			now.valid = false;

		uint64_t known_before = known_uj;
		int r = meter_advance(&mark, &now, max_uw, &uj);

		if (i == 0 && now.valid) {
			known_uj = 0;
			continue;
		}
		if (what == 91 || what == 92)
			assert_true(r < 0);
		else
			known_uj += (uint64_t)(raw_nj / unit_nj * unit_nj / 1000) -
				    (uint64_t)(before_nj / unit_nj * unit_nj / 1000);
		if (r == gap(GAP_UNREADABLE))
			continue;
		if (r < 0) {
			assert_true(r == gap(GAP_BOOT) || r == gap(GAP_SUSPEND) ||
				    r == gap(GAP_AMBIGUOUS));
			gaps++;
			known_uj = told_uj; /* nobody knows */
			continue;
		}
		told++;
		told_uj += uj;
		/* A microjoule or two for each wrap, of rounding. */
		wraps++;
		assert_in_range(known_uj - told_uj + 2 * wraps, 0, 4 * wraps);
		assert_true(known_before <= known_uj);
	}
	assert_true(gaps > 0 && told > 1000);
}

static void test_against_a_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		play(seed, 61035);
		play(seed, 15258);
		play(seed, 15300);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_wraps_at_its_range),
		cmocka_unit_test(test_which_wraps_cannot_be_told),
		cmocka_unit_test(test_what_cannot_be_true),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_boot_and_suspend),
		cmocka_unit_test(test_unreadable_for_a_while),
		cmocka_unit_test(test_power_is_integrated),
		cmocka_unit_test(test_against_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
