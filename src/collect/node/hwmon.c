/* SPDX-License-Identifier: Apache-2.0 */
/* Sensor chips, as src/host/hwmon.h finds them; a cycle only reads the values. */
#include "collect/node/hwmon.h"

#include "collect/collector.h"
#include "collect/node/device_filter.h"

struct hwmon_conf {
	struct device_filter chips, sensors;
};

/* What an attribute becomes. */
struct planned {
	struct sensor_metric metric;
	size_t family; /* index of the metric's family */
};

struct self {
	struct hwmon hwmon;
	const struct sensor_metric **families; /* one of each name */
	size_t n_families, cap_families;
};

static const struct metric_desc chip_names_desc = {
	"node_hwmon_chip_names",
	"The name that the driver gives to the chip; always 1.",
	METRIC_GAUGE,
};
static const struct metric_desc sensor_label_desc = {
	"node_hwmon_sensor_label",
	"The label that the driver gives to the sensor; always 1.",
	METRIC_GAUGE,
};

static const struct opt opts[] = {
	{ OPT_ROW("chip_exclude", OPT_REGEX, struct hwmon_conf, chips.exclude, "", "REGEX",
		  "chips to leave out") },
	{ OPT_ROW("chip_include", OPT_REGEX, struct hwmon_conf, chips.include, "", "REGEX",
		  "when set, takes these chips whatever chip_exclude says") },
	{ OPT_ROW("sensor_exclude", OPT_REGEX, struct hwmon_conf, sensors.exclude, "", "REGEX",
		  "sensors to leave out, written CHIP;SENSOR") },
	{ OPT_ROW("sensor_include", OPT_REGEX, struct hwmon_conf, sensors.include, "", "REGEX",
		  "when set, takes these sensors whatever sensor_exclude says") },
	{ 0 },
};

const struct opt_section section_collector_hwmon = {
	.path = "collectors.hwmon",
	.help = "sensor chips",
	.opts = opts,
	.size = sizeof(struct hwmon_conf),
};

static bool wanted(const void *arg, struct str chip, struct str sensor)
{
	const struct collect *c = arg;
	const struct hwmon_conf *conf = c->conf;

	if (!sensor.n)
		return device_wanted(&conf->chips, chip);
	return device_wanted(&conf->sensors, ARENA_CONCAT(c->scratch, chip, STR(";"), sensor));
}

static size_t family_index(struct self *self, const struct sensor_metric *metric)
{
	for (size_t i = 0; i < self->n_families; i++)
		if (str_eq(self->families[i]->name, metric->name))
			return i;
	if (self->n_families == self->cap_families) {
		size_t old = self->cap_families * sizeof(struct sensor_metric *);

		self->cap_families = self->cap_families * 2 + 64;
		self->families = arena_resize(&self->hwmon.arena, (void *)self->families, old,
					      self->cap_families * sizeof(struct sensor_metric *));
	}
	self->families[self->n_families] = metric;
	return self->n_families++;
}

static void plan_sensor(struct self *self, struct hwmon_sensor *sensor)
{
	for (struct hwmon_attribute *a = sensor->first; a; a = a->next) {
		struct planned *planned = arena_zalloc(&self->hwmon.arena, 1, sizeof(*planned));

		if (!sensor_metric_of(&self->hwmon.arena, &a->file, sensor->has_bare,
				      &planned->metric) ||
		    (planned->metric.by_label && !sensor->has_label))
			a->source.name = NULL;
		if (a->source.name)
			planned->family = family_index(self, &planned->metric);
		a->user = planned;
	}
}

static void plan(struct self *self)
{
	self->n_families = self->cap_families = 0;
	self->families = NULL;
	for (size_t i = 0; i < self->hwmon.n; i++)
		for (struct hwmon_sensor *s = self->hwmon.chips[i].first; s; s = s->next)
			plan_sensor(self, s);
}

static void add_sensor(struct collect *c, struct family **family, const struct hwmon_chip *chip,
		       struct hwmon_sensor *sensor)
{
	struct self *self = c->self;
	const struct label chip_label = { STR("chip"), chip->name };
	const struct labels *labels =
		METRIC_LABELS(c->out, chip_label, { STR("sensor"), sensor->name });

	if (sensor->has_label)
		family_add(metrics_family(c->out, &sensor_label_desc),
			   METRIC_LABELS(c->out, chip_label, { STR("sensor"), sensor->name },
					 { STR("label"), sensor->label }),
			   1);
	for (struct hwmon_attribute *a = sensor->first; a; a = a->next) {
		const struct planned *planned = a->user;
		const struct sensor_metric *metric = &planned->metric;
		char text[ATTR_TEXT_MAX];
		const struct labels *own = labels;
		struct str value;
		double number;

		if (attr_read(&self->hwmon.pool, &a->source, text, &value) < 0)
			continue;
		while (value.n && value.p[value.n - 1] == '\n')
			value.n--;
		if (metric->is_flag)
			number = str_eq(value, STR("1"));
		else if (num_f64(value, &number) < 0)
			continue;
		/* What no driver's counter of 64 bits can be is none. */
		if (metric->type == METRIC_COUNTER && !(number >= 0 && number <= 0x1p64))
			continue;
		if (metric->by_label)
			own = METRIC_LABELS(
				c->out, chip_label,
				{ STR("sensor"), hwmon_clean(c->scratch, sensor->label) });
		if (!family[planned->family])
			family[planned->family] = metrics_family_named(c->out, metric->name,
								       metric->help, metric->type);
		family_add(family[planned->family], own,
			   number * metric->multiply / metric->divide);
	}
}

static int run(struct collect *c)
{
	struct self *self = c->self;
	int r = hwmon_look(&self->hwmon, c->host, c->scratch, wanted, c);

	if (r < 0)
		return collect_explain(c, r, HOST_SYS, "class/hwmon");
	if (r)
		plan(self);

	struct family **family = arena_zalloc(c->scratch, self->n_families + 1, sizeof(*family));

	for (size_t i = 0; i < self->hwmon.n; i++) {
		const struct hwmon_chip *chip = &self->hwmon.chips[i];

		if (chip->human_name.n)
			family_add(metrics_family(c->out, &chip_names_desc),
				   METRIC_LABELS(c->out, { STR("chip"), chip->name },
						 { STR("chip_name"), chip->human_name }),
				   1);
		for (struct hwmon_sensor *sensor = chip->first; sensor; sensor = sensor->next)
			add_sensor(c, family, chip, sensor);
	}
	return 0;
}

static void close_hwmon(struct collect *c)
{
	struct self *self = c->self;

	hwmon_release(&self->hwmon);
}

const struct collector collector_hwmon = {
	.name = "hwmon",
	.help = "sensor chips: temperatures, fans, voltages, currents, power",
	.reads = "/sys/class/hwmon/*",
	.on = true,
	.section = &section_collector_hwmon,
	.self_size = sizeof(struct self),
	.run = run,
	.close = close_hwmon,
};
