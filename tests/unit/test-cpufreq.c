/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of the cpus' frequency files, and when it is looked up again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "one-collector.h"

#define CPU "sys/devices/system/cpu/"
#define CURRENT "node_cpu_scaling_frequency_hertz"
#define HARDWARE "node_cpu_frequency_hertz"
#define GOVERNOR "node_cpu_scaling_governor"

static void write_cpu(const struct one *one, unsigned cpu, const char *file, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), CPU "cpu%u/cpufreq/%s", cpu, file);
	one_write(one, path, text);
}

static void start(struct one *one, bool resident)
{
	one_start(one, "cpufreq", NULL, resident);
	one_write(one, CPU "online", "0-1\n");
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		write_cpu(one, cpu, "scaling_cur_freq", "1000\n");
		write_cpu(one, cpu, "scaling_governor", "powersave\n");
		write_cpu(one, cpu, "scaling_available_governors", "performance powersave\n");
	}
}

static void assert_value(const struct one *one, const char *family, const char *labels,
			 double expected)
{
	double got = one_value(one, family, labels);

	if (!(got == expected) && !(isnan(got) && isnan(expected)))
		fail_msg("%s{%s} is %f, not %f", family, labels, got, expected);
}

static void follows_values(bool resident)
{
	struct one one;

	start(&one, resident);
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, CURRENT, "cpu=\"0\"", 1e6);
	assert_value(&one, GOVERNOR, "cpu=\"0\",governor=\"powersave\"", 1);
	write_cpu(&one, 0, "scaling_cur_freq", "3500000\n");
	write_cpu(&one, 0, "scaling_governor", "performance\n");
	write_cpu(&one, 1, "scaling_cur_freq", "<unsupported>\n");
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, CURRENT, "cpu=\"0\"", 3.5e9);
	assert_value(&one, CURRENT, "cpu=\"1\"", (double)NAN);
	assert_value(&one, GOVERNOR, "cpu=\"0\",governor=\"powersave\"", 0);
	assert_value(&one, GOVERNOR, "cpu=\"0\",governor=\"performance\"", 1);
	assert_value(&one, GOVERNOR, "cpu=\"1\",governor=\"powersave\"", 1);
	one_stop(&one);
}

static void test_agent_follows_values(void **state)
{
	(void)state;
	follows_values(true);
}

static void test_oneshot_follows_values(void **state)
{
	(void)state;
	follows_values(false);
}

static void test_cpu_comes(void **state)
{
	struct one one;

	(void)state;
	start(&one, true);
	assert_int_equal(one_run(&one), 0);
	write_cpu(&one, 2, "scaling_cur_freq", "2000\n");
	one_write(&one, CPU "online", "0-2\n");
	assert_int_equal(one_run(&one), 0);
	assert_value(&one, CURRENT, "cpu=\"2\"", 2e6);
	one_stop(&one);
}

/* Another driver has other files; the list of online cpus does not tell. */
static void test_driver_changes(void **state)
{
	struct one one;

	(void)state;
	start(&one, true);
	assert_int_equal(one_run(&one), 0);
	write_cpu(&one, 0, "cpuinfo_cur_freq", "1234\n");
	write_cpu(&one, 0, "scaling_available_governors", "performance powersave schedutil\n");
	for (int i = 0; i < 20; i++)
		assert_int_equal(one_run(&one), 0);
	assert_value(&one, HARDWARE, "cpu=\"0\"", 1234e3);
	assert_value(&one, GOVERNOR, "cpu=\"0\",governor=\"schedutil\"", 0);
	one_stop(&one);
}

static void test_none(void **state)
{
	struct one one;

	(void)state;
	one_start(&one, "cpufreq", NULL, true);
	assert_int_equal(one_run(&one), 0);
	one_write(&one, CPU "online", "0\n");
	one_write(&one, CPU "cpu0/topology/core_id", "0\n");
	assert_int_equal(one_run(&one), 0);
	assert_int_equal(one.metrics.series, 0);
	assert_true(one.c.why.n > 0);
	one_stop(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agent_follows_values),
		cmocka_unit_test(test_oneshot_follows_values),
		cmocka_unit_test(test_cpu_comes),
		cmocka_unit_test(test_driver_changes),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
