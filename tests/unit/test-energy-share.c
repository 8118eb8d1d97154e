/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of the host's energy is a job's. */
#include "unit.h"

#include "job/energy_share.h"

#define SECOND INT64_C(1000000000)

static struct energy_work all_of(uint64_t own, uint64_t all)
{
	return (struct energy_work){ own, all };
}

static void settle(struct energy_share *share, size_t unit, uint64_t own, uint64_t all)
{
	struct energy_work work[ENERGY_SHARE_UNITS] = { 0 };

	work[unit] = all_of(own, all);
	energy_share_settle(share, work);
}

static void test_learnt(void **state)
{
	struct energy_share share = { 0 };
	const struct energy_share_unit *d = &share.v[JOB_ENERGY_CPU];

	(void)state;
	energy_share_learnt(&share, JOB_ENERGY_CPU, 10000000);
	/* 50 J in 2 s, of which 20 are idle; a third of the rest is ours. */
	energy_share_add(&share, JOB_ENERGY_CPU, 20000000, SECOND);
	energy_share_add(&share, JOB_ENERGY_CPU, 30000000, SECOND);
	settle(&share, JOB_ENERGY_CPU, 1000000, 3000000);
	assert_int_equal(d->idle_uj, 20000000);
	assert_int_equal(d->dynamic_uj, 10000000);
	/* Less than idle: nothing is ours, and nothing is taken back. */
	energy_share_add(&share, JOB_ENERGY_CPU, 9000000, SECOND);
	settle(&share, JOB_ENERGY_CPU, 5, 5);
	assert_int_equal(d->idle_uj, 29000000);
	assert_int_equal(d->dynamic_uj, 10000000);
	/* All is ours where ticks have not counted what we did. */
	energy_share_add(&share, JOB_ENERGY_CPU, 10000007, SECOND);
	settle(&share, JOB_ENERGY_CPU, 3, 0);
	assert_int_equal(d->idle_uj, 39000000);
	assert_int_equal(d->dynamic_uj, 10000007);
	/* We did nothing. */
	energy_share_add(&share, JOB_ENERGY_CPU, 99000000, SECOND);
	settle(&share, JOB_ENERGY_CPU, 0, 12);
	assert_int_equal(d->idle_uj, 49000000);
	assert_int_equal(d->dynamic_uj, 10000007);
	assert_int_equal(d->all_uj, 168000007);
	assert_int_equal(d->all_ns, 5 * SECOND);
}

static void test_guess(void **state)
{
	struct energy_share share = { 0 };
	const struct energy_share_unit *d = &share.v[JOB_ENERGY_DRAM];

	(void)state;
	/* One power only: it may be idle all of it. */
	energy_share_add(&share, JOB_ENERGY_DRAM, 30000000, SECOND);
	settle(&share, JOB_ENERGY_DRAM, 1, 1);
	assert_int_equal(d->idle_uj, 30000000);
	assert_int_equal(d->dynamic_uj, 0);
	/* Less than that: then what was taken for idle was not. Half of the second one is ours. */
	energy_share_add(&share, JOB_ENERGY_DRAM, 10000000, SECOND);
	energy_share_add(&share, JOB_ENERGY_DRAM, 30000000, SECOND);
	settle(&share, JOB_ENERGY_DRAM, 1, 2);
	assert_int_equal(d->idle_uj, 30000000);
	assert_int_equal(d->dynamic_uj, 30000000);
	/* What is too short to be a power is none. */
	energy_share_add(&share, JOB_ENERGY_DRAM, 0, 1000000);
	settle(&share, JOB_ENERGY_DRAM, 0, 1);
	assert_int_equal(d->dynamic_uj, 30000000);
	assert_false(d->learnt);
}

static void test_short(void **state)
{
	struct energy_share share = { 0 };
	const struct energy_share_unit *d = &share.v[JOB_ENERGY_CPU];

	(void)state;
	energy_share_add(&share, JOB_ENERGY_CPU, 50, 1000);
	settle(&share, JOB_ENERGY_CPU, 1, 1);
	assert_int_equal(d->idle_uj + d->dynamic_uj, 50);
	/* No time has passed. */
	energy_share_add(&share, JOB_ENERGY_CPU, 7, 0);
	settle(&share, JOB_ENERGY_CPU, 1, 1);
	assert_int_equal(d->all_uj, 50);
	assert_false(share.v[JOB_ENERGY_GPU].there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learnt),
		cmocka_unit_test(test_guess),
		cmocka_unit_test(test_short),
	};

	return cmocka_run_group_tests_name("energy-share", tests, NULL, NULL);
}
