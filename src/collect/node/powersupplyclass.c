/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batteries and mains adapters. Source: class/power_supply; the kernel counts in millionths
 * (microvolt, microwatt hour) and in tenths of a degree, and a driver answers ENODATA for what
 * it does not know just now.
 */
#include "collect/collector.h"

struct powersupplyclass_conf {
	struct opt_regex exclude;
};

static const struct opt opts[] = {
	{ OPT_ROW("supplies_exclude", OPT_REGEX, struct powersupplyclass_conf, exclude, "", "REGEX",
		  "power supplies to leave out") },
	{ 0 },
};

const struct opt_section section_collector_powersupplyclass = {
	.path = "collectors.powersupplyclass",
	.help = "batteries and mains adapters",
	.opts = opts,
	.size = sizeof(struct powersupplyclass_conf),
};

#define SUPPLY(at, name, help, ...) ROW_GAUGE(at, "node_power_supply_" name, help, __VA_ARGS__)
#define COUNT(at, name, help) SUPPLY(at, name, help, .scale = 1)
#define MICRO(at, name, help) SUPPLY(at, name, help, .scale = 1e-6)
#define TENTH(at, name, help) SUPPLY(at, name, help, .scale = 0.1)

/* temp_ambient_max and _min are what node_exporter looks for; kernels say temp_ambient_alert_*. */
static const struct table_row rows[] = {
	COUNT("authentic", "authentic", "1 when the supply could prove that it is genuine."),
	COUNT("calibrate", "calibrate", "1 while the supply is calibrating."),
	COUNT("capacity", "capacity", "Charge of the battery in percent."),
	COUNT("capacity_alert_max", "capacity_alert_max",
	      "Percentage of charge above which the battery warns."),
	COUNT("capacity_alert_min", "capacity_alert_min",
	      "Percentage of charge below which the battery warns."),
	MICRO("charge_control_limit", "charge_control_limit", "Charge current in force, ampere."),
	MICRO("charge_control_limit_max", "charge_control_limit_max",
	      "Largest charge current that can be set, ampere."),
	MICRO("charge_counter", "charge_counter",
	      "Charge that went in less what went out, ampere hours from an arbitrary start."),
	MICRO("charge_empty", "charge_empty", "Charge when last empty, ampere hours."),
	MICRO("charge_empty_design", "charge_empty_design",
	      "Charge when empty by design, ampere hours."),
	MICRO("charge_full", "charge_full", "Charge when last full, ampere hours."),
	MICRO("charge_full_design", "charge_full_design",
	      "Charge when full by design, ampere hours."),
	MICRO("charge_now", "charge_ampere", "Charge of the battery now, ampere hours."),
	MICRO("charge_term_current", "charge_term_current",
	      "Current at which charging ends, ampere."),
	MICRO("constant_charge_current", "constant_charge_current",
	      "Charge current that was set, ampere."),
	MICRO("constant_charge_current_max", "constant_charge_current_max",
	      "Largest charge current that the supply can give, ampere."),
	MICRO("constant_charge_voltage", "constant_charge_voltage",
	      "Charge voltage that was set, volt."),
	MICRO("constant_charge_voltage_max", "constant_charge_voltage_max",
	      "Largest charge voltage that the supply can give, volt."),
	MICRO("current_boot", "current_boot", "Current at boot, ampere."),
	MICRO("current_max", "current_max", "Largest current, ampere."),
	MICRO("current_now", "current_ampere",
	      "Current now, ampere; some drivers make it negative while discharging."),
	COUNT("cycle_count", "cyclecount", "How often the battery was charged in full."),
	MICRO("energy_empty", "energy_empty", "Energy when last empty, watt hours."),
	MICRO("energy_empty_design", "energy_empty_design",
	      "Energy when empty by design, watt hours."),
	MICRO("energy_full", "energy_full", "Energy when last full, watt hours."),
	MICRO("energy_full_design", "energy_full_design",
	      "Energy when full by design, watt hours."),
	MICRO("energy_now", "energy_watthour", "Energy in the battery now, watt hours."),
	MICRO("input_current_limit", "input_current_limit",
	      "Current that may be drawn from the supply, ampere."),
	COUNT("online", "online", "1 when the supply delivers, 2 when at a fixed voltage."),
	MICRO("power_now", "power_watt", "Power that flows now, watt."),
	MICRO("precharge_current", "precharge_current",
	      "Charge current for a deeply discharged battery, ampere."),
	COUNT("present", "present", "1 when the battery is in its place."),
	TENTH("temp", "temp_celsius", "Temperature of the supply."),
	TENTH("temp_alert_max", "temp_alert_max_celsius",
	      "Temperature above which the supply warns."),
	TENTH("temp_alert_min", "temp_alert_min_celsius",
	      "Temperature below which the supply warns."),
	TENTH("temp_ambient", "temp_ambient_celsius", "Temperature around the supply."),
	TENTH("temp_ambient_max", "temp_ambient_max_celsius",
	      "Temperature around the supply above which it warns."),
	TENTH("temp_ambient_min", "temp_ambient_min_celsius",
	      "Temperature around the supply below which it warns."),
	TENTH("temp_max", "temp_max_celsius", "Highest temperature at which the supply works."),
	TENTH("temp_min", "temp_min_celsius", "Lowest temperature at which the supply works."),
	COUNT("time_to_empty_now", "time_to_empty_seconds",
	      "Time until the battery is empty, as it is used now."),
	COUNT("time_to_full_now", "time_to_full_seconds",
	      "Time until the battery is full, as it is charged now."),
	MICRO("voltage_boot", "voltage_boot", "Voltage at boot."),
	MICRO("voltage_max", "voltage_max", "Highest voltage measured."),
	MICRO("voltage_max_design", "voltage_max_design", "Highest voltage by design."),
	MICRO("voltage_min", "voltage_min", "Lowest voltage measured."),
	MICRO("voltage_min_design", "voltage_min_design", "Lowest voltage by design."),
	MICRO("voltage_now", "voltage_volt", "Voltage now."),
	MICRO("voltage_ocv", "voltage_ocv", "Voltage of the battery without load."),
};

static const char *const texts[] = {
	"capacity_level", "charge_type", "health",     "manufacturer", "model_name", "scope",
	"serial_number",  "status",      "technology", "type",         "usb_type",
};

static const struct metric_desc info_desc = {
	"node_power_supply_info",
	"What is not a number about a power supply; always 1.",
	METRIC_GAUGE,
};

static const struct table_row *find_row(struct str file)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].at, file.p) == 0)
			return &rows[i];
	return NULL;
}

/* A label for each text that the supply has; an empty one is none. */
static void add_info(struct collect *c, int dir, struct str supply)
{
	struct label labels[ARRAY_SIZE(texts) + 1] = { { STR("power_supply"), supply } };
	size_t n = 1;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct str text;

		if (host_attr(dir, texts[i], c->scratch, &text) == 0 && text.n)
			labels[n++] = (struct label){ str_of(texts[i]), text };
	}
	family_add(metrics_family(c->out, &info_desc), metrics_labels(c->out, n, labels), 1);
}

static int add_supply(struct collect *c, int dir, struct str supply, void *arg)
{
	const struct powersupplyclass_conf *conf = c->conf;
	const struct labels *labels;
	struct str *files;
	size_t n;

	(void)arg;
	/* Which of the sixty a supply has depends on its driver: most have half of them. */
	if (opt_regex_match(&conf->exclude, supply) ||
	    host_list_dir(dir, c->scratch, &files, &n) < 0)
		return 0;
	labels = METRIC_LABELS(c->out, { STR("power_supply"), supply });
	for (size_t i = 0; i < n; i++) {
		const struct table_row *row = find_row(files[i]);

		if (row)
			(void)collect_attrs(c, dir, labels, row, 1);
	}
	add_info(c, dir, supply);
	return 0;
}

static int run(struct collect *c)
{
	return collect_each(c, HOST_SYS, "class/power_supply", add_supply, NULL);
}

const struct collector collector_powersupplyclass = {
	.name = "powersupplyclass",
	.help = "batteries and mains adapters",
	.reads = "/sys/class/power_supply/*",
	.on = true,
	.section = &section_collector_powersupplyclass,
	.run = run,
};
