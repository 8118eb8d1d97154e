/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "collect/node/hwmon.h"

static void assert_str(struct str got, const char *expected)
{
	if (!str_eq(got, str_of(expected)))
		fail_msg("got \"%.*s\", not \"%s\"", STR_ARG(got), expected);
}

static void test_file_names(void **state)
{
	static const struct {
		const char *name, *type, *property;
		uint64_t number;
	} good[] = {
		{ "temp1_input", "temp", "input", 1 },
		{ "temp12_crit_alarm", "temp", "crit_alarm", 12 },
		{ "pwm1", "pwm", "", 1 },
		{ "pwm1_auto_point2_pwm", "pwm", "auto_point2_pwm", 1 },
		{ "in0_max", "in", "max", 0 },
		{ "fan", "fan", "", 0 },
		{ "update_interval", "update_interval", "", 0 },
		{ "beep_enable", "beep_enable", "", 0 },
		{ "temp007_max", "temp", "max", 7 },
	};
	static const char *const bad[] = {
		"",          "name",    "uevent",      "temp1x",
		"temp1_",    "1_input", "temp_input",  "power_now",
		"temp1-max", "Temp1",   "voltage1_in", "temp99999999999999999999_input",
	};
	struct hwmon_file file;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(hwmon_file_parse(str_of(good[i].name), &file));
		assert_str(file.type, good[i].type);
		assert_str(file.property, good[i].property);
		assert_int_equal(file.number, good[i].number);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (hwmon_file_parse(str_of(bad[i]), &file))
			fail_msg("\"%s\" is taken for a sensor's", bad[i]);
}

static void test_metrics(void **state)
{
	static const struct {
		const char *file;
		bool has_bare;
		const char *name; /* without node_hwmon_; NULL: nothing */
		double of_1000;
		enum metric_type type;
	} cases[] = {
		{ "temp1_input", false, "temp_celsius", 1, METRIC_GAUGE },
		{ "temp1", true, "temp_celsius", 1, METRIC_GAUGE },
		{ "temp1_input", true, "temp_input_celsius", 1, METRIC_GAUGE },
		{ "temp1_crit_alarm", false, "temp_crit_alarm_celsius", 1, METRIC_GAUGE },
		{ "temp1_alarm", false, "temp_alarm", 1000, METRIC_GAUGE },
		{ "temp1_fault", false, "temp_fault", 1000, METRIC_GAUGE },
		{ "temp1_beep", false, "temp_beep_enabled", 1000, METRIC_GAUGE },
		{ "temp1_type", false, "temp_type", 1000, METRIC_GAUGE },
		{ "temp1_label", false, NULL, 0, 0 },
		{ "in3_input", false, "in_volts", 1, METRIC_GAUGE },
		{ "cpu0_vid", false, "cpu_vid_volts", 1, METRIC_GAUGE },
		{ "curr1_max", false, "curr_max_amps", 1, METRIC_GAUGE },
		{ "energy1_input", false, "energy_joule_total", 0.001, METRIC_COUNTER },
		{ "energy1_alarm", false, "energy_alarm", 1000, METRIC_GAUGE },
		{ "power1_average", false, "power_average_watt", 0.001, METRIC_GAUGE },
		{ "power1_accuracy", false, "power_accuracy", 0.001, METRIC_GAUGE },
		{ "power1_average_interval", false, "power_average_interval_seconds", 1,
		  METRIC_GAUGE },
		{ "power1_average_interval_max", false, "power_average_interval_max_seconds", 1,
		  METRIC_GAUGE },
		{ "humidity1_input", false, "humidity", 0.001, METRIC_GAUGE },
		{ "fan1_input", false, "fan_rpm", 1000, METRIC_GAUGE },
		{ "fan1_target", false, "fan_target_rpm", 1000, METRIC_GAUGE },
		{ "fan1_pulses", false, "fan_pulses", 1000, METRIC_GAUGE },
		{ "freq1_input", false, "freq_freq_mhz", 0.001, METRIC_GAUGE },
		{ "freq1_max", false, "freq_max", 1000, METRIC_GAUGE },
		{ "pwm1", true, "pwm", 1000, METRIC_GAUGE },
		{ "intrusion0_alarm", false, "intrusion_alarm", 1000, METRIC_GAUGE },
		{ "update_interval", true, "update_interval_seconds", 1, METRIC_GAUGE },
		{ "vrm", true, "voltage_regulator_version", 1000, METRIC_GAUGE },
		{ "vrm1_input", true, NULL, 0, 0 },
		{ "beep_enable", true, "beep_enabled", 1000, METRIC_GAUGE },
	};
	_cleanup_arena_ struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hwmon_file file;
		struct sensor_metric metric;
		bool made = hwmon_file_parse(str_of(cases[i].file), &file) &&
			    sensor_metric_of(&arena, &file, cases[i].has_bare, &metric);

		if (made != (cases[i].name != NULL))
			fail_msg("%s", cases[i].file);
		if (!made)
			continue;
		assert_true(str_starts(metric.name, STR("node_hwmon_")));
		assert_str(str_skip(metric.name, 11), cases[i].name);
		assert_int_equal(metric.type, cases[i].type);
		assert_true(1000 * metric.multiply / metric.divide == cases[i].of_1000);
		assert_true(str_ends(metric.help, STR(".")));
	}
}

static void test_clean(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };

	(void)state;
	assert_str(hwmon_clean(&arena, STR("coretemp.0")), "coretemp_0");
	assert_str(hwmon_clean(&arena, STR("LNXSYBUS:00")), "lnxsybus:00");
	assert_str(hwmon_clean(&arena, STR(" _a\xc3\xa9\xff_b_ ")), "a___b");
	assert_str(hwmon_clean(&arena, STR("--")), "");
	assert_str(hwmon_clean(&arena, (struct str){ 0 }), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_names),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
