/* SPDX-License-Identifier: Apache-2.0 */
/* Energy divided: to the microjoule whatever the weights, and idle power that does not stick. */
#include "unit.h"

#include "collect/energy/split.h"

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Of all magnitudes, and often 0. */
static uint64_t some(uint64_t *seed)
{
	uint64_t bits = next(seed) % 65;

	return bits ? next(seed) >> (64 - bits) : 0;
}

static void test_scale(void **state)
{
	(void)state;
	assert_int_equal(split_scale(7, 5, 3), 11);
	assert_true(split_scale(UINT64_MAX, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
	assert_true(split_scale(UINT64_MAX, 3, 2) == UINT64_MAX);
	assert_int_equal(split_uj(1500000, 2000000000), 3000000);
	assert_int_equal(split_uj(1500000, -1), 0);
}

static void test_whole(void **state)
{
	const uint64_t thirds[] = { 1, 1, 1 }, uneven[] = { 1, 0, 5 }, none[] = { 0, 0, 0 };
	uint64_t parts[3], rest;

	(void)state;
	split_whole(10, 3, thirds, 3, parts, &rest);
	assert_int_equal(parts[0], 4);
	assert_int_equal(parts[1], 3);
	assert_int_equal(parts[2], 3);
	assert_int_equal(rest, 0);
	/* What nobody did is nobody's, and as the largest it has the remainder. */
	split_whole(100, 3, uneven, 17, parts, &rest);
	assert_int_equal(parts[0], 5);
	assert_int_equal(parts[1], 0);
	assert_int_equal(parts[2], 29);
	assert_int_equal(rest, 66);
	/* More than all there was: they are scaled. */
	split_whole(60, 3, uneven, 2, parts, &rest);
	assert_int_equal(parts[0], 10);
	assert_int_equal(parts[2], 50);
	assert_int_equal(rest, 0);
	split_whole(9, 3, none, 0, parts, &rest);
	assert_int_equal(rest, 9);
	assert_int_equal(parts[0] + parts[1] + parts[2], 0);
	split_whole(9, 0, NULL, 5, NULL, &rest);
	assert_int_equal(rest, 9);
}

enum { DOMAINS_MAX = 5, OWNERS_MAX = 30 };

static void test_conserves(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct split_domain domains[DOMAINS_MAX];
	uint64_t weights[DOMAINS_MAX * OWNERS_MAX], seed = 88172645463325252;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct split split = {
			.n_domains = next(&seed) % (DOMAINS_MAX + 1),
			.n = next(&seed) % (OWNERS_MAX + 1),
			.domains = domains,
			.weights = weights,
		};

		for (size_t i = 0; i < split.n_domains; i++)
			domains[i] = (struct split_domain){
				.energy_uj = some(&seed),
				.elapsed_ns = (int64_t)(some(&seed) >> 1),
				.busy = some(&seed),
				.idle_uw = some(&seed),
			};
		for (size_t i = 0; i < split.n_domains * split.n; i++)
			weights[i] = some(&seed);
		arena_reset(&arena);
		split_energy(&split, &arena);
		for (size_t i = 0; i < split.n_domains; i++) {
			const uint64_t *owned = &split.owned_uj[i * split.n];
			uint64_t left = domains[i].energy_uj;

			assert_true(split.idle_uj[i] <= left);
			left -= split.idle_uj[i];
			assert_true(split.nobody_uj[i] <= left);
			left -= split.nobody_uj[i];
			for (size_t k = 0; k < split.n; k++) {
				assert_true(owned[k] <= left);
				assert_true(weights[i * split.n + k] || !owned[k]);
				left -= owned[k];
			}
			assert_int_equal(left, 0);
		}
	}
}

static void test_idle_first(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	const struct split_domain domain = { 30000000, 1000000000, 4, 12000000 };
	const uint64_t weights[] = { 1, 2 };
	struct split split = { .n_domains = 1, .n = 2, .domains = &domain, .weights = weights };

	(void)state;
	split_energy(&split, &arena);
	assert_int_equal(split.idle_uj[0], 12000000);
	assert_int_equal(split.nobody_uj[0], 4500000);
	assert_int_equal(split.owned_uj[0], 4500000);
	assert_int_equal(split.owned_uj[1], 9000000);
}

/* A package of 10 W idle and 70 W busy, whose power grows slower than its load. */
static double power_of(double u)
{
	return 10 + 60 * (1.3 * u - 0.3 * u * u);
}

static void run_at(struct baseline *b, double from, double to, int n, uint64_t *seed)
{
	for (int i = 0; i < n; i++) {
		double u = from + (to - from) * (double)(next(seed) % 1000) / 1000;
		double noise = 1 + ((double)(next(seed) % 1000) / 1000 - 0.5) * 0.02;

		baseline_learn(b, (uint64_t)(power_of(u) * noise * 15e6), 15000000000,
			       (uint64_t)(u * 1e6), 1000000);
	}
}

static double idle_of(const struct baseline *b)
{
	return (double)baseline_idle_uw(b) / 1e6;
}

#define assert_between(value, from, to) assert_true((value) >= (from) && (value) <= (to))

static void test_baseline(void **state)
{
	struct baseline b = { 0 };
	uint64_t seed = 1;

	(void)state;
	assert_int_equal(baseline_idle_uw(&b), 0);
	assert_true(baseline_is_learning(&b));
	run_at(&b, 0.001, 0.02, 100, &seed);
	assert_false(baseline_is_learning(&b));
	assert_between(idle_of(&b), 9, 11);
	/* Full load for half a day, as sudden as it comes, changes nothing. */
	for (int hour = 0; hour < 12; hour++) {
		run_at(&b, 0.97, 1, 240, &seed);
		assert_between(idle_of(&b), 7, 14);
	}
	run_at(&b, 0.01, 0.6, 2000, &seed);
	assert_between(idle_of(&b), 7, 12);
}

/* Started under load: the least that was seen is all there is to guess from, and it lets go. */
static void test_baseline_starts_busy(void **state)
{
	struct baseline b = { 0 };
	uint64_t seed = 7;

	(void)state;
	run_at(&b, 1, 1, 200, &seed);
	assert_true(baseline_is_learning(&b));
	assert_between(idle_of(&b), 60, 70);
	run_at(&b, 0.4, 0.9, 100, &seed);
	assert_false(baseline_is_learning(&b));
	assert_between(idle_of(&b), 4, 20);
	run_at(&b, 0.01, 0.03, 2, &seed);
	assert_between(idle_of(&b), 0, 12);
}

/* One reading far too low is forgotten, and so is the idle power of what has been taken out. */
static void test_baseline_forgets(void **state)
{
	struct baseline b = { 0 };
	uint64_t seed = 3;

	(void)state;
	run_at(&b, 0.01, 0.3, 500, &seed);
	baseline_learn(&b, 0, 15000000000, 500000, 1000000);
	assert_int_equal(baseline_idle_uw(&b), 0);
	run_at(&b, 0.01, 0.3, 600, &seed);
	assert_between(idle_of(&b), 8, 12);
}

static void test_baseline_short(void **state)
{
	struct baseline b = { 0 };

	(void)state;
	/* Ten intervals of 100 ms are one sample, however the load falls into ticks. */
	for (int i = 0; i < 9; i++)
		baseline_learn(&b, 1000000, 100000000, i % 2 * 1000, 500);
	assert_int_equal(b.samples, 0);
	baseline_learn(&b, 1000000, 100000000, 0, 500);
	assert_int_equal(b.samples, 1);
	assert_between(idle_of(&b), 10, 10);
	baseline_learn(&b, 1, 0, 0, 500);
	baseline_learn(&b, 1, -5, 0, 500);
	baseline_learn(&b, 1, 5, 0, 0);
	assert_int_equal(b.elapsed_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_conserves),
		cmocka_unit_test(test_idle_first),
		cmocka_unit_test(test_baseline),
		cmocka_unit_test(test_baseline_starts_busy),
		cmocka_unit_test(test_baseline_forgets),
		cmocka_unit_test(test_baseline_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
