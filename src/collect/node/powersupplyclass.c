/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batteries and mains adapters. Source: class/power_supply; the kernel counts in millionths
 * (microvolt, microwatt hour) and in tenths of a degree, and a driver answers ENODATA for what
 * it does not know just now.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

struct powersupplyclass_conf {
	struct opt_regex exclude;
};

static const struct opt opts[] = {
	{
		.name = "supplies_exclude",
		.type = OPT_REGEX,
		.offset = offsetof(struct powersupplyclass_conf, exclude),
		.preset = "",
		.arg = "REGEX",
		.help = "power supplies to leave out",
	},
	{ 0 },
};

const struct opt_section section_collector_powersupplyclass = {
	.path = "collectors.powersupplyclass",
	.help = "batteries and mains adapters",
	.opts = opts,
	.size = sizeof(struct powersupplyclass_conf),
};

struct row {
	const char *file;
	double divisor;
	struct metric_desc desc;
};

#define ROW(file, name, divisor, text)                                \
	{                                                             \
		file, divisor,                                        \
		{                                                     \
			"node_power_supply_" name, text, METRIC_GAUGE \
		}                                                     \
	}
#define COUNT(file, name, text) ROW(file, name, 1, text)
#define MICRO(file, name, text) ROW(file, name, 1e6, text)
#define TENTH(file, name, text) ROW(file, name, 10, text)

/*
 * node_exporter looks for temp_ambient_max and _min, which no kernel has had; its names for them
 * are kept.
 */
static const struct row rows[] = {
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
	TENTH("temp_ambient_alert_max", "temp_ambient_max_celsius",
	      "Temperature around the supply above which it warns."),
	TENTH("temp_ambient_alert_min", "temp_ambient_min_celsius",
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

struct output {
	struct collect *c;
	struct family *families[ARRAY_SIZE(rows)];
};

static const struct row *find_row(struct str file)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].file, file.p) == 0)
			return &rows[i];
	return NULL;
}

static void add_number(struct output *out, int dir, const struct row *row,
		       const struct labels *labels)
{
	struct family **family = &out->families[row - rows];
	int64_t value;

	if (host_attr_i64(dir, row->file, &value) < 0)
		return;
	if (!*family)
		*family = metrics_family(out->c->out, &row->desc);
	family_add(*family, labels, (double)value / row->divisor);
}

/* A label for each text that the supply has; an empty one is none. */
static void add_info(struct output *out, int dir, struct str supply)
{
	struct label labels[ARRAY_SIZE(texts) + 1] = { { STR("power_supply"), supply } };
	size_t n = 1;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct str text;

		if (host_attr(dir, texts[i], out->c->scratch, &text) == 0 && text.n)
			labels[n++] = (struct label){ str_of(texts[i]), text };
	}
	family_add(metrics_family(out->c->out, &info_desc), metrics_labels(out->c->out, n, labels),
		   1);
}

static void add_supply(struct output *out, int dir, struct str supply)
{
	struct str *files;
	size_t n;

	/* Which of the sixty a supply has depends on its driver: most have half of them. */
	if (host_list_dir(dir, out->c->scratch, &files, &n) < 0)
		return;

	const struct labels *labels = METRIC_LABELS(out->c->out, { STR("power_supply"), supply });

	for (size_t i = 0; i < n; i++) {
		const struct row *row = find_row(files[i]);

		if (row)
			add_number(out, dir, row, labels);
	}
	add_info(out, dir, supply);
}

static int run(struct collect *c)
{
	const struct powersupplyclass_conf *conf = c->conf;
	struct output out = { .c = c };
	struct str *names;
	size_t n;
	int r = collect_list(c, HOST_SYS, "class/power_supply", &names, &n);
	_cleanup_fd_ int class_dir = host_open_dir(c->host, HOST_SYS, "class/power_supply");

	if (r < 0 || class_dir < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		_cleanup_fd_ int dir =
			openat(class_dir, names[i].p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0 && !opt_regex_match(&conf->exclude, names[i]))
			add_supply(&out, dir, names[i]);
	}
	return 0;
}

const struct collector collector_powersupplyclass = {
	.name = "powersupplyclass",
	.help = "batteries and mains adapters",
	.reads = "/sys/class/power_supply/*",
	.on = true,
	.section = &section_collector_powersupplyclass,
	.run = run,
};
