/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sensor chips. Sources: the attributes of /sys/class/hwmon/hwmonN/ and of the device behind
 * it (old drivers, and the ACPI power meter, have them there). Numbers of chips depend on the
 * order in which drivers came up, so a chip is named by its device. What there is to read is
 * found out once and looked at anew now and then; a cycle only reads the values.
 */
#include "collect/node/hwmon.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "collect/collector.h"
#include "host/attr.h"

enum { KEPT_OPEN_MAX = 256, RUNS_BETWEEN_LOOKS = 20 };

struct hwmon_conf {
	struct opt_regex chip_include, chip_exclude, sensor_include, sensor_exclude;
};

struct sensor {
	struct sensor *next;
	struct str name, label;
	bool has_label, has_bare;
	struct attribute *first;
};

struct attribute {
	struct attribute *next;
	struct sensor_file file;
	struct sensor_metric metric;
	size_t family; /* index of the metric's family; SIZE_MAX: nothing is made of it */
	struct attr_file source;
};

struct chip {
	struct str entry; /* hwmonN */
	ino_t inode;
	int dir, device; /* device: -1 when it has none */
	struct str name, human_name;
	struct sensor *first;
};

struct self {
	struct arena arena; /* of all below */
	struct attr_pool pool;
	struct chip *chips;
	size_t n, runs;
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

#define FILTER(field, text)                                                                      \
	{                                                                                        \
		.name = #field, .type = OPT_REGEX, .offset = offsetof(struct hwmon_conf, field), \
		.preset = "", .arg = "REGEX", .help = text,                                      \
	}

static const struct opt opts[] = {
	FILTER(chip_exclude, "chips to leave out"),
	FILTER(chip_include, "when set, takes these chips whatever chip_exclude says"),
	FILTER(sensor_exclude, "sensors to leave out, written CHIP;SENSOR"),
	FILTER(sensor_include, "when set, takes these sensors whatever sensor_exclude says"),
	{ 0 },
};

const struct opt_section section_collector_hwmon = {
	.path = "collectors.hwmon",
	.help = "sensor chips",
	.opts = opts,
	.size = sizeof(struct hwmon_conf),
};

static bool wanted(const struct opt_regex *include, const struct opt_regex *exclude,
		   struct str name)
{
	return include->compiled ? opt_regex_match(include, name) : !opt_regex_match(exclude, name);
}

/* Where an open directory really is; empty when nobody knows. */
static struct str real_path(struct arena *arena, int dir)
{
	char name[NUM_TEXT_MAX + 1];
	_cleanup_fd_ int fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct str path;

	name[num_print_u64(name, (uint64_t)dir)] = '\0';
	return host_link(fds, name, arena, &path) == 0 ? path : STR("");
}

/* Takes the last part off a path. */
static struct str last_part(struct str *path)
{
	size_t n = path->n;

	while (n && path->p[n - 1] != '/')
		n--;

	struct str part = str_skip(*path, n);

	path->n = n ? n - 1 : 0;
	return part;
}

/* "/sys/devices/platform/coretemp.0" is platform_coretemp_0. */
static struct str name_of_chip(struct arena *arena, const struct chip *chip)
{
	struct str path = STR(""), device, bus;

	if (chip->device >= 0)
		path = real_path(arena, chip->device);
	device = sensor_clean(arena, last_part(&path));
	bus = sensor_clean(arena, last_part(&path));
	if (device.n && bus.n)
		return arena_printf(arena, "%.*s_%.*s", STR_ARG(bus), STR_ARG(device));
	if (device.n)
		return device;
	if (chip->human_name.n)
		return chip->human_name;
	path = real_path(arena, chip->dir);
	return sensor_clean(arena, last_part(&path));
}

static struct sensor *sensor_of(struct arena *arena, struct chip *chip, struct str name)
{
	struct sensor **at = &chip->first;

	while (*at && !str_eq((*at)->name, name))
		at = &(*at)->next;
	if (!*at) {
		*at = arena_zalloc(arena, 1, sizeof(**at));
		(*at)->name = name;
	}
	return *at;
}

/* The same property in both directories counts once, and the device's is taken. */
static struct attribute *attribute_of(struct arena *arena, struct sensor *sensor,
				      struct str property)
{
	struct attribute **at = &sensor->first;

	while (*at && !str_eq((*at)->file.property, property))
		at = &(*at)->next;
	if (!*at)
		*at = arena_zalloc(arena, 1, sizeof(**at));
	return *at;
}

static void find_attributes(struct self *self, struct chip *chip, int dir)
{
	struct arena *arena = &self->arena;
	struct str *names;
	size_t n;

	if (host_list_dir(dir, arena, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct sensor_file file;

		if (!sensor_file_parse(names[i], &file))
			continue;

		struct sensor *sensor =
			sensor_of(arena, chip,
				  arena_printf(arena, "%.*s%llu", STR_ARG(file.type),
					       (unsigned long long)file.number));

		if (str_eq(file.property, STR("label"))) {
			char text[ATTR_TEXT_MAX];
			struct attr_file label = { dir, names[i].p, -1 };
			struct attr_pool none = { 0 };
			struct str value;

			if (attr_read(&none, &label, text, &value) < 0)
				continue;
			while (value.n && value.p[value.n - 1] == '\n')
				value.n--;
			sensor->label = arena_str(arena, value);
			sensor->has_label = true;
			continue;
		}

		struct attribute *attribute = attribute_of(arena, sensor, file.property);

		attribute->file = file;
		attribute->source = (struct attr_file){ dir, names[i].p, -1 };
	}
}

static size_t family_index(struct self *self, const struct sensor_metric *metric)
{
	for (size_t i = 0; i < self->n_families; i++)
		if (str_eq(self->families[i]->name, metric->name))
			return i;
	if (self->n_families == self->cap_families) {
		size_t old = self->cap_families * sizeof(struct sensor_metric *);

		self->cap_families = self->cap_families * 2 + 64;
		self->families = arena_resize(&self->arena, (void *)self->families, old,
					      self->cap_families * sizeof(struct sensor_metric *));
	}
	self->families[self->n_families] = metric;
	return self->n_families++;
}

/*
 * Decides what each attribute becomes. A directory ("power", for power management) looks like
 * an attribute and cannot be read; it must not count as one.
 */
static void plan_sensor(struct self *self, struct sensor *sensor)
{
	char text[ATTR_TEXT_MAX];
	struct str value;

	for (struct attribute *a = sensor->first; a; a = a->next) {
		if (a->file.property.n)
			continue;

		int r = attr_read(&self->pool, &a->source, text, &value);

		sensor->has_bare = r == 0;
		if (r == -EISDIR)
			a->source.name = NULL;
	}
	for (struct attribute *a = sensor->first; a; a = a->next) {
		a->family = SIZE_MAX;
		if (!sensor_metric_of(&self->arena, &a->file, sensor->has_bare, &a->metric) ||
		    (a->metric.by_label && !sensor->has_label))
			a->source.name = NULL;
		if (a->source.name)
			a->family = family_index(self, &a->metric);
	}
}

static void learn_chip(struct collect *c, struct chip *chip)
{
	const struct hwmon_conf *conf = c->conf;
	struct self *self = c->self;
	struct sensor **at;
	struct str text;

	chip->device = openat(chip->dir, "device", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (host_attr(chip->dir, "name", &self->arena, &text) == 0)
		chip->human_name = sensor_clean(&self->arena, text);
	chip->name = name_of_chip(&self->arena, chip);
	if (!wanted(&conf->chip_include, &conf->chip_exclude, chip->name)) {
		chip->human_name = STR("");
		return;
	}
	find_attributes(self, chip, chip->dir);
	if (chip->device >= 0)
		find_attributes(self, chip, chip->device);
	for (at = &chip->first; *at;) {
		struct str key = arena_printf(&self->arena, "%.*s;%.*s", STR_ARG(chip->name),
					      STR_ARG((*at)->name));

		if (wanted(&conf->sensor_include, &conf->sensor_exclude, key)) {
			plan_sensor(self, *at);
			at = &(*at)->next;
		} else {
			*at = (*at)->next;
		}
	}
}

static void forget_chips(struct self *self)
{
	for (size_t i = 0; i < self->n; i++) {
		struct chip *chip = &self->chips[i];

		for (struct sensor *s = chip->first; s; s = s->next)
			for (struct attribute *a = s->first; a; a = a->next)
				attr_close(&self->pool, &a->source);
		if (chip->device >= 0)
			(void)close(chip->device);
		(void)close(chip->dir);
	}
	self->n = self->n_families = self->cap_families = 0;
	self->families = NULL;
	arena_reset(&self->arena);
}

static ino_t inode_of(int class, const char *entry)
{
	struct stat s;

	return fstatat(class, entry, &s, 0) == 0 ? s.st_ino : 0;
}

static void learn_chips(struct collect *c, int class, const struct str *names, size_t n)
{
	struct self *self = c->self;

	forget_chips(self);
	self->runs = 0;
	attr_pool_allow(&self->pool, c->host, KEPT_OPEN_MAX);
	self->chips = arena_zalloc(&self->arena, n + 1, sizeof(*self->chips));
	for (size_t i = 0; i < n; i++) {
		struct chip *chip = &self->chips[self->n];

		chip->dir = openat(class, names[i].p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (chip->dir < 0)
			continue;
		self->n++;
		chip->entry = arena_str(&self->arena, names[i]);
		chip->inode = inode_of(class, names[i].p);
		learn_chip(c, chip);
	}
}

static bool is_current(const struct self *self, int class, const struct str *names, size_t n)
{
	if (n != self->n || self->runs >= RUNS_BETWEEN_LOOKS)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!str_eq(self->chips[i].entry, names[i]) ||
		    inode_of(class, names[i].p) != self->chips[i].inode)
			return false;
	return true;
}

static void add_sensor(struct collect *c, struct family **family, const struct chip *chip,
		       struct sensor *sensor)
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
	for (struct attribute *a = sensor->first; a; a = a->next) {
		char text[ATTR_TEXT_MAX];
		const struct labels *own = labels;
		struct str value;
		double number;

		if (attr_read(&self->pool, &a->source, text, &value) < 0)
			continue;
		while (value.n && value.p[value.n - 1] == '\n')
			value.n--;
		if (a->metric.is_flag)
			number = str_eq(value, STR("1"));
		else if (num_f64(value, &number) < 0)
			continue;
		/* What no driver's counter of 64 bits can be is none. */
		if (a->metric.type == METRIC_COUNTER && !(number >= 0 && number <= 0x1p64))
			continue;
		if (a->metric.by_label)
			own = METRIC_LABELS(
				c->out, chip_label,
				{ STR("sensor"), sensor_clean(c->scratch, sensor->label) });
		if (!family[a->family])
			family[a->family] = metrics_family_named(c->out, a->metric.name,
								 a->metric.help, a->metric.type);
		family_add(family[a->family], own, number * a->metric.multiply / a->metric.divide);
	}
}

static int run(struct collect *c)
{
	struct self *self = c->self;
	struct str *names;
	size_t n;
	int r = collect_list(c, HOST_SYS, "class/hwmon", &names, &n);
	_cleanup_fd_ int class = r < 0 ? -1 : host_open_dir(c->host, HOST_SYS, "class/hwmon");

	if (r < 0)
		return r;
	if (!is_current(self, class, names, n))
		learn_chips(c, class, names, n);
	self->runs++;

	struct family **family = arena_zalloc(c->scratch, self->n_families + 1, sizeof(*family));

	for (size_t i = 0; i < self->n; i++) {
		const struct chip *chip = &self->chips[i];

		if (chip->human_name.n)
			family_add(metrics_family(c->out, &chip_names_desc),
				   METRIC_LABELS(c->out, { STR("chip"), chip->name },
						 { STR("chip_name"), chip->human_name }),
				   1);
		for (struct sensor *sensor = chip->first; sensor; sensor = sensor->next)
			add_sensor(c, family, chip, sensor);
	}
	return 0;
}

static void close_hwmon(struct collect *c)
{
	struct self *self = c->self;

	forget_chips(self);
	arena_release(&self->arena);
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
