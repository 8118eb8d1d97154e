/* SPDX-License-Identifier: Apache-2.0 */
/* Sources from cycle to cycle, through restarts, by the collector of zones and by the meter. */
#include "unit.h"

#include <errno.h>
#include <time.h>

#include "base/buf.h"
#include "collect/energy/meter.h"
#include "one-collector.h"

#define RANGE UINT64_C(262143328850)
#define ZONE0 "sys/class/powercap/intel-rapl:0/"
#define ZONE1 "sys/class/powercap/intel-rapl:1/"

static const char package0[] = "index=\"0\",path=\"/sys/class/powercap/intel-rapl:0\"";

static void number(const struct one *one, const char *file, uint64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu\n", (unsigned long long)value);
	one_write(one, file, text);
}

static int start(void **state)
{
	static struct one one;

	/* As it is by default: no option is on. */
	static const bool conf[8];

	one_start(&one, "rapl", conf, true);
	one_write(&one, "proc/sys/kernel/random/boot_id", "12345678-1234-1234-1234-123456789abc\n");
	one_write(&one, ZONE0 "name", "package-0\n");
	number(&one, ZONE0 "max_energy_range_uj", RANGE);
	number(&one, ZONE0 "energy_uj", 5000000);
	*state = &one;
	return 0;
}

static int stop(void **state)
{
	one_stop(*state);
	return 0;
}

static const struct meter *cycle(struct one *one)
{
	const struct meter *meter;

	one->host.cycle++;
	metrics_reset(&one->metrics);
	arena_reset(&one->scratch);
	assert_int_equal(meter_of_cycle(&one->c, &meter), 0);
	return meter;
}

static void expect(struct one *one, double joules)
{
	one->host.cycle++;
	assert_int_equal(one_run(one), 0);
	assert_true(one_value(one, "node_rapl_package_joules_total", package0) == joules);
}

static void test_unwrapped_through_restarts(void **state)
{
	struct one *one = *state;

	expect(one, 5);
	number(one, ZONE0 "energy_uj", 6000000);
	expect(one, 6);
	number(one, ZONE0 "energy_uj", RANGE - 1000000);
	/* That much in no time is no energy. */
	expect(one, 6);
	number(one, ZONE0 "energy_uj", 1000000 - 61);
	expect(one, 8);
	one_restart(one);
	number(one, ZONE0 "energy_uj", 1500000 - 61);
	expect(one, 8.5);
	/* Another boot: what was counted before this reading is not known. */
	one_write(one, "proc/sys/kernel/random/boot_id", "another\n");
	one_restart(one);
	number(one, ZONE0 "energy_uj", 100);
	expect(one, 8.5);
	number(one, ZONE0 "energy_uj", 1000100);
	expect(one, 9.5);

	const struct meter *meter = cycle(one);

	assert_int_equal(meter->gaps[GAP_IMPLAUSIBLE], 1);
	assert_int_equal(meter->gaps[GAP_BOOT], 1);
	assert_int_equal(meter->gaps[GAP_SUSPEND] + meter->gaps[GAP_AMBIGUOUS] +
				 meter->gaps[GAP_UNREADABLE] + meter->gaps[GAP_RANGE],
			 0);
	number(one, ZONE0 "max_energy_range_uj", 65532610987);
	one_restart(one);
	assert_int_equal(cycle(one)->gaps[GAP_RANGE], 1);
}

static void test_differences(void **state)
{
	struct one *one = *state;
	const struct meter *meter = cycle(one);

	assert_int_equal(meter->n, 1);
	assert_true(meter->missing);
	assert_int_equal(meter->v[0].delta_ns, 0);
	assert_int_equal(meter->v[0].total_uj, 5000000);
	number(one, ZONE0 "energy_uj", 5000007);
	meter = cycle(one);
	assert_false(meter->missing);
	assert_int_equal(meter->v[0].delta_uj, 7);
	assert_true(meter->v[0].delta_ns > 0);
	/* Once in a cycle, whoever asks. */
	number(one, ZONE0 "energy_uj", 5000017);
	assert_int_equal(meter_of_cycle(&one->c, &meter), 0);
	assert_int_equal(meter->v[0].delta_uj, 7);
	/* What a oneshot starts from. */
	one_restart(one);
	meter = cycle(one);
	assert_false(meter->missing);
	assert_int_equal(meter->v[0].delta_uj, 10);
	assert_true(meter->at_ns >= meter->v[0].source->at_ns);
}

static void test_unreadable_for_a_while(void **state)
{
	struct one *one = *state;
	const struct meter *meter;
	int64_t before_ns;

	(void)cycle(one);
	number(one, ZONE0 "energy_uj", 6000000);
	before_ns = cycle(one)->v[0].source->at_ns;
	one_write(one, ZONE0 "energy_uj", "?\n");
	for (int i = 0; i < 3; i++) {
		meter = cycle(one);
		assert_true(meter->missing);
		assert_int_equal(meter->v[0].delta_ns, 0);
		assert_int_equal(meter->v[0].total_uj, 6000000);
		assert_int_equal(meter->gaps[GAP_UNREADABLE], 1);
	}
	one->host.cycle++;
	assert_int_equal(one_run(one), -EINVAL);
	assert_null(metrics_find(&one->metrics, STR("node_rapl_package_joules_total")));
	number(one, ZONE0 "energy_uj", 7000000);
	meter = cycle(one);
	/* Real, and over the time that it took. */
	assert_false(meter->missing);
	assert_int_equal(meter->v[0].delta_uj, 1000000);
	assert_int_equal(meter->v[0].delta_ns, meter->v[0].source->at_ns - before_ns);
}

static void test_a_zone_of_several_is_missing(void **state)
{
	struct one *one = *state;
	const struct meter *meter;

	one_write(one, ZONE1 "name", "package-1\n");
	number(one, ZONE1 "max_energy_range_uj", RANGE);
	number(one, ZONE1 "energy_uj", 1);
	(void)cycle(one);
	number(one, ZONE0 "energy_uj", 5000001);
	number(one, ZONE1 "energy_uj", 2);
	assert_false(cycle(one)->missing);
	number(one, ZONE0 "energy_uj", 5000002);
	one_write(one, ZONE1 "energy_uj", "");
	meter = cycle(one);
	assert_true(meter->missing);
	assert_true(meter->v[0].delta_ns > 0);
	number(one, ZONE0 "energy_uj", 5000003);
	number(one, ZONE1 "energy_uj", 3);
	assert_false(cycle(one)->missing);
}

static void test_power(void **state)
{
	struct one *one = *state;
	const struct meter *meter;
	int64_t first_ns, ns;

	one_write(one, "sys/class/power_supply/BAT0/type", "Battery\n");
	one_write(one, "sys/class/power_supply/BAT0/status", "Discharging\n");
	one_write(one, "sys/class/power_supply/BAT0/power_now", "10000000\n");
	meter = cycle(one);
	assert_int_equal(meter->n, 2);
	assert_int_equal(meter->v[0].source->kind, ENERGY_BATTERY);
	assert_int_equal(meter->v[0].total_uj, 0);
	first_ns = meter->v[0].source->at_ns;
	one_write(one, "sys/class/power_supply/BAT0/power_now", "30000000\n");
	(void)usleep(20000);
	meter = cycle(one);
	ns = meter->v[0].source->at_ns - first_ns;
	assert_int_equal(meter->v[0].delta_ns, ns);
	assert_int_equal(meter->v[0].delta_uj, UINT64_C(20000000) * (uint64_t)ns / 1000000000);
	/* On mains it says nothing, and of the time between nothing is made up. */
	one_write(one, "sys/class/power_supply/BAT0/status", "Charging\n");
	meter = cycle(one);
	assert_int_equal(meter->v[0].delta_ns, 0);
	one_write(one, "sys/class/power_supply/BAT0/status", "Discharging\n");
	ns = (int64_t)cycle(one)->v[0].total_uj;
	assert_true(ns > 0);
	meter = cycle(one);
	assert_true(meter->v[0].delta_ns > 0);
	assert_int_equal(meter->v[0].total_uj, (uint64_t)ns + meter->v[0].delta_uj);
}

/* A machine that only pretends to count has no energy: neither 0 nor any other. */
static void test_standing_still(void **state)
{
	struct one *one = *state;
	const struct meter *meter;
	struct timespec second = { .tv_sec = 1, .tv_nsec = 50000000 };

	(void)cycle(one);
	number(one, ZONE0 "energy_uj", 5000002);
	assert_false(cycle(one)->missing);
	(void)nanosleep(&second, NULL);
	meter = cycle(one);
	assert_true(meter->missing);
	assert_string_equal(meter->v[0].source->reason, "it stands still");
	number(one, ZONE0 "energy_uj", 5000003);
	meter = cycle(one);
	assert_false(meter->missing);
	assert_int_equal(meter->v[0].delta_uj, 1);
}

static void test_hostile_state(void **state)
{
	static const char *const texts[] = {
		"\n",
		"x\n",
		"1 2 3\n",
		"1 2 3 4 5 6 7 8 9 10\n",
		"1 2 3 4 5 6 7 8 9 10 \n",
		"-1 2 3 4 5 6 7 8 9 10 rapl:intel-rapl:0\n",
		"99999999999999999999999 2 3 4 5 6 7 8 9 10 rapl:intel-rapl:0\n",
		"4999999 262143328850 1 -4 5 6 2 1 9 10 rapl:intel-rapl:0\n",
		"4999999 262143328850 1 4 5 6 2 2 9 10 rapl:intel-rapl:0\n",
	};
	struct one *one = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		state_set(&one->state, STR("energy.meter"), str_of(texts[i]));
		assert_true(cycle(one)->missing);
		assert_int_equal(cycle(one)->v[0].total_uj, 5000000);
	}
}

/* As if the state had been written so long ago. */
static void age(struct one *one, int64_t by_ns)
{
	struct str text = state_get(&one->state, STR("energy.meter"));
	struct buf aged = { 0 };
	uint64_t n;

	for (int i = 0; i < 10; i++) {
		assert_true(num_take_u64(&text, &n));
		/* When it was read on two clocks, and when in a cycle. */
		buf_u64(&aged, i == 3 || i == 4 || i == 8 ? n - (uint64_t)by_ns : n);
		buf_char(&aged, ' ');
	}
	buf_str(&aged, str_skip(text, 1));
	state_set(&one->state, STR("energy.meter"), buf_view(&aged));
	buf_release(&aged);
}

/* A timer that is too slow for the counter: 4500 W run through 9 kJ in two seconds. */
static void test_oneshots_too_far_apart(void **state)
{
	struct one *one = *state;
	const struct meter *meter;

	number(one, ZONE0 "max_energy_range_uj", 9000000000);
	number(one, ZONE0 "constraint_0_max_power_uw", 3000000000);
	(void)cycle(one);
	for (int i = 1; i <= 3; i++) {
		age(one, INT64_C(5000000000));
		one_restart(one);
		number(one, ZONE0 "energy_uj", 5000000 + (uint64_t)i);
		meter = cycle(one);
		assert_int_equal(meter->gaps[GAP_AMBIGUOUS], i);
		assert_int_equal(meter->v[0].total_uj, 5000000);
		assert_int_equal(meter->v[0].delta_ns, 0);
		assert_true(meter->missing);
	}
}

/* Sources that came and went leave lines; there is a limit to them. */
static void test_state_is_bounded(void **state)
{
	struct one *one = *state;
	struct buf text = { 0 };

	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "1 0 1 1 1 1 2 1 1 0 hwmon:gone/%d\n", i);
	state_set(&one->state, STR("energy.meter"), buf_view(&text));
	(void)cycle(one);
	assert_int_equal(cycle(one)->v[0].total_uj, 5000000);
	assert_true(state_get(&one->state, STR("energy.meter")).n < 64 * 1024);
	buf_release(&text);
}

static uint64_t random_of(uint64_t *seed, uint64_t below)
{
	*seed = *seed * 6364136223846793005 + 1442695040888963407;
	return (*seed >> 33) % below;
}

/*
 * A thousand cycles with wraps, restarts and zones that cannot be read for a while: not a
 * microjoule more or less, and the differences add up to the totals.
 */
static void test_conservation(void **state)
{
	struct one *one = *state;
	/* At 3 kW it takes seconds to run through: a slow machine is no reason for gaps. */
	const uint64_t range = 20000000000, period = range + range / UINT32_MAX;
	uint64_t seed = 7, truth[2] = { 3, range }, told[2] = { 3, range };
	static const char *const files[] = { ZONE0 "energy_uj", ZONE1 "energy_uj" };

	number(one, ZONE0 "max_energy_range_uj", range);
	one_write(one, ZONE1 "name", "package-1\n");
	number(one, ZONE1 "max_energy_range_uj", range);
	number(one, ZONE0 "constraint_0_max_power_uw", 3000000000);
	number(one, ZONE1 "constraint_0_max_power_uw", 3000000000);
	for (int i = 0; i < 1000; i++) {
		bool readable[2];
		const struct meter *meter;

		for (int z = 0; z < 2; z++) {
			readable[z] = i == 0 || i == 999 || random_of(&seed, 10) > 0;
			/* 450 J can be in no time, after some readings that failed. */
			truth[z] += i ? random_of(&seed, 100000000) + 1 : 0;
			if (readable[z])
				number(one, files[z], truth[z] % period);
			else
				one_write(one, files[z], "\n");
		}
		if (random_of(&seed, 20) == 0)
			one_restart(one);
		meter = cycle(one);
		assert_int_equal(meter->n, 2);
		for (int z = 0; z < 2; z++) {
			assert_int_equal(meter->v[z].delta_ns > 0, i > 0 && readable[z]);
			told[z] += meter->v[z].delta_uj;
			assert_int_equal(meter->v[z].total_uj, told[z]);
			if (readable[z])
				assert_int_equal(told[z], truth[z]);
		}
	}
	assert_true(truth[0] > 2 * range && truth[1] > 3 * range);
}

static void test_ticks(void **state)
{
	struct one *one = *state;
	const struct meter *meter;
	uint64_t gaps;
	int64_t wait_ns;

	/* Nobody wants readings. */
	assert_int_equal(meter_tick(&one->host, &one->state, &one->scratch), 0);
	(void)cycle(one);
	/* It was read just now, and does not wrap so soon. */
	number(one, ZONE0 "energy_uj", 5000003);
	wait_ns = meter_tick(&one->host, &one->state, &one->scratch);
	assert_in_range(wait_ns, 1, INT64_C(10000000000));
	assert_int_equal(cycle(one)->v[0].delta_uj, 3);

	/* Through its range in 800 ms at 600 W: it is read each 200. */
	number(one, ZONE0 "max_energy_range_uj", 480000000);
	number(one, ZONE0 "energy_uj", 470000000);
	one_restart(one);
	(void)cycle(one);
	gaps = cycle(one)->gaps[GAP_AMBIGUOUS];
	number(one, ZONE0 "energy_uj", 10000000);
	do
		(void)usleep(20000);
	while ((wait_ns = meter_tick(&one->host, &one->state, &one->scratch)) < 190000000);
	assert_in_range(wait_ns, 190000000, 200000000);
	number(one, ZONE0 "energy_uj", 15000000);
	meter = cycle(one);
	/* Nothing is told where the machine was too slow for this. */
	if (meter->gaps[GAP_AMBIGUOUS] == gaps)
		assert_int_equal(meter->v[0].delta_uj, 25000000);
	else
		assert_int_equal(meter->v[0].delta_ns, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unwrapped_through_restarts),
		TEST(test_differences),
		TEST(test_unreadable_for_a_while),
		TEST(test_a_zone_of_several_is_missing),
		TEST(test_power),
		TEST(test_standing_still),
		TEST(test_hostile_state),
		TEST(test_oneshots_too_far_apart),
		TEST(test_state_is_bounded),
		TEST(test_conservation),
		TEST(test_ticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
