/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units are those of Documentation/hwmon/sysfs-interface.rst: millivolts, millidegrees,
 * milliamperes, microwatts, microjoules. Odd but kept: an alarm that belongs to a limit
 * (temp1_crit_alarm) carries the unit of the limit, as it always did in node_exporter.
 */
#include "collect/node/hwmon.h"

#include "base/cleanup.h"

/* Rows are tried in order; NULL fits everything. */
static const struct rule {
	const char *type, *property, *suffix, *unit;
	double multiply, divide;
} rules[] = {
	{ NULL, "fault", "", "as a flag", 1, 1 },
	{ NULL, "alarm", "", "as a flag", 1, 1 },
	{ NULL, "beep", "_enabled", "as a flag", 1, 1 },
	{ "in", NULL, "_volts", "in volts", 0.001, 1 },
	{ "cpu", NULL, "_volts", "in volts", 0.001, 1 },
	{ "temp", "type", "", "as the driver gives it", 1, 1 },
	{ "temp", NULL, "_celsius", "in degrees Celsius", 0.001, 1 },
	{ "curr", NULL, "_amps", "in amperes", 0.001, 1 },
	{ "energy", NULL, "_joule_total", "in joules", 1, 1e6 },
	{ "power", "accuracy", "", "as a ratio", 1, 1e6 },
	{ "power", "average_interval", "_seconds", "in seconds", 0.001, 1 },
	{ "power", "average_interval_min", "_seconds", "in seconds", 0.001, 1 },
	{ "power", "average_interval_max", "_seconds", "in seconds", 0.001, 1 },
	{ "power", NULL, "_watt", "in watts", 1, 1e6 },
	{ "humidity", NULL, "", "as the driver gives it, divided by a million", 1, 1e6 },
	{ "fan", "input", "_rpm", "in revolutions per minute", 1, 1 },
	{ "fan", "min", "_rpm", "in revolutions per minute", 1, 1 },
	{ "fan", "max", "_rpm", "in revolutions per minute", 1, 1 },
	{ "fan", "target", "_rpm", "in revolutions per minute", 1, 1 },
	{ "freq", "input", "_freq_mhz", "in megahertz", 1, 1e6 },
	{ NULL, NULL, "", "as the driver gives it", 1, 1 },
};

static const struct rule *rule_of(const struct hwmon_file *file)
{
	const struct rule *rule = rules;

	while ((rule->type && !str_eq(file->type, str_of(rule->type))) ||
	       (rule->property && !str_eq(file->property, str_of(rule->property))))
		rule++;
	return rule;
}

/* Types that have one file and a name of their own. True when the type is such a one. */
static bool single(const struct hwmon_file *file, struct sensor_metric *ret)
{
	static const struct {
		const char *type, *name, *help;
		double multiply;
		bool is_flag;
	} singles[] = {
		{ "beep_enable", "node_hwmon_beep_enabled", "1 when the chip may beep at an alarm.",
		  1, true },
		{ "vrm", "node_hwmon_voltage_regulator_version",
		  "Version of the voltage regulator module specification, times ten.", 1, false },
		{ "update_interval", "node_hwmon_update_interval_seconds",
		  "Time between two readings that the chip takes.", 0.001, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(singles); i++)
		if (str_eq(file->type, str_of(singles[i].type))) {
			*ret = (struct sensor_metric){
				.name = str_of(singles[i].name),
				.help = str_of(singles[i].help),
				.type = METRIC_GAUGE,
				.multiply = singles[i].multiply,
				.divide = 1,
				.is_flag = singles[i].is_flag,
			};
			return true;
		}
	return false;
}

bool sensor_metric_of(struct arena *arena, const struct hwmon_file *file, bool has_bare,
		      struct sensor_metric *ret)
{
	bool is_input = str_eq(file->property, STR("input"));

	if (str_eq(file->property, STR("label")))
		return false;
	if (single(file, ret))
		return !file->property.n;

	const struct rule *rule = rule_of(file);
	/* The input is the value itself; a file without property is that, too. */
	bool named = file->property.n && (!is_input || has_bare);
	struct str property = named ? hwmon_clean(arena, file->property) : STR("");

	*ret = (struct sensor_metric){
		.name = arena_printf(arena, "node_hwmon_%.*s%s%.*s%s", STR_ARG(file->type),
				     named ? "_" : "", STR_ARG(property), rule->suffix),
		.help = named ? arena_printf(arena, "%.*s of %.*s sensors, %s.", STR_ARG(property),
					     STR_ARG(file->type), rule->unit)
			      : arena_printf(arena, "Reading of %.*s sensors, %s.",
					     STR_ARG(file->type), rule->unit),
		.type = str_eq(file->type, STR("energy")) && rule->divide > 1 ? METRIC_COUNTER
									      : METRIC_GAUGE,
		.multiply = rule->multiply,
		.divide = rule->divide,
		.by_label = str_eq(file->type, STR("freq")) && is_input,
	};
	return true;
}
