/* SPDX-License-Identifier: Apache-2.0 */
#include "host/hwmon.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/num.h"

enum { KEPT_OPEN_MAX = 256, RUNS_BETWEEN_LOOKS = 20 };

bool hwmon_file_parse(struct str name, struct hwmon_file *ret)
{
	static const char *const types[] = {
		"vrm",  "beep_enable", "update_interval", "in",     "cpu",      "fan",       "pwm",
		"temp", "curr",        "power",           "energy", "humidity", "intrusion", "freq",
	};
	struct hwmon_file file = { 0 };

	while (file.type.n < name.n && (name.p[file.type.n] < '0' || name.p[file.type.n] > '9'))
		file.type.n++;
	file.type.p = name.p;
	name = str_skip(name, file.type.n);
	if (name.n && !num_take_u64(&name, &file.number))
		return false;
	if (name.n) {
		if (name.p[0] != '_' || name.n == 1)
			return false;
		file.property = str_skip(name, 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(file.type, str_of(types[i]))) {
			*ret = file;
			return true;
		}
	return false;
}

struct str hwmon_clean(struct arena *arena, struct str name)
{
	char *p = arena_alloc(arena, name.n + 1);
	struct str clean = { p, 0 };

	while (name.n) {
		size_t n = str_utf8_char(name);
		char c = name.p[0];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != ':')
			c = '_';
		p[clean.n++] = c;
		name = str_skip(name, n ? n : 1);
	}
	while (clean.n && clean.p[clean.n - 1] == '_')
		clean.n--;
	while (clean.n && clean.p[0] == '_')
		clean = str_skip(clean, 1);
	return clean;
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
static struct str name_of_chip(struct arena *arena, const struct hwmon_chip *chip)
{
	struct str path = STR(""), device, bus;

	if (chip->device >= 0)
		path = real_path(arena, chip->device);
	device = hwmon_clean(arena, last_part(&path));
	bus = hwmon_clean(arena, last_part(&path));
	if (device.n && bus.n)
		return arena_printf(arena, "%.*s_%.*s", STR_ARG(bus), STR_ARG(device));
	if (device.n)
		return device;
	if (chip->human_name.n)
		return chip->human_name;
	path = real_path(arena, chip->dir);
	return hwmon_clean(arena, last_part(&path));
}

static struct hwmon_sensor *sensor_of(struct arena *arena, struct hwmon_chip *chip, struct str name)
{
	struct hwmon_sensor **at = &chip->first;

	while (*at && !str_eq((*at)->name, name))
		at = &(*at)->next;
	if (!*at) {
		*at = arena_zalloc(arena, 1, sizeof(**at));
		(*at)->name = name;
	}
	return *at;
}

/* The same property in both directories counts once, and the device's is taken. */
static struct hwmon_attribute *attribute_of(struct arena *arena, struct hwmon_sensor *sensor,
					    struct str property)
{
	struct hwmon_attribute **at = &sensor->first;

	while (*at && !str_eq((*at)->file.property, property))
		at = &(*at)->next;
	if (!*at)
		*at = arena_zalloc(arena, 1, sizeof(**at));
	return *at;
}

static void find_attributes(struct hwmon *hwmon, struct hwmon_chip *chip, int dir)
{
	struct arena *arena = &hwmon->arena;
	struct str *names;
	size_t n;

	if (host_list_dir(dir, arena, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct hwmon_file file;

		if (!hwmon_file_parse(names[i], &file))
			continue;

		struct hwmon_sensor *sensor =
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

		struct hwmon_attribute *attribute = attribute_of(arena, sensor, file.property);

		attribute->file = file;
		attribute->source = (struct attr_file){ dir, names[i].p, -1 };
	}
}

/*
 * A directory ("power", for power management) looks like an attribute and cannot be read; it must
 * not count as one.
 */
static void find_bare(struct hwmon *hwmon, struct hwmon_sensor *sensor)
{
	char text[ATTR_TEXT_MAX];
	struct str value;

	for (struct hwmon_attribute *a = sensor->first; a; a = a->next) {
		if (a->file.property.n)
			continue;

		int r = attr_read(&hwmon->pool, &a->source, text, &value);

		sensor->has_bare = r == 0;
		if (r == -EISDIR)
			a->source.name = NULL;
	}
}

static void learn_chip(struct hwmon *hwmon, struct hwmon_chip *chip, hwmon_wanted_fn *wanted,
		       const void *arg)
{
	struct hwmon_sensor **at;
	struct str text;

	chip->device = openat(chip->dir, "device", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (host_attr(chip->dir, "name", &hwmon->arena, &text) == 0)
		chip->human_name = hwmon_clean(&hwmon->arena, text);
	chip->name = name_of_chip(&hwmon->arena, chip);
	if (!wanted(arg, chip->name, STR(""))) {
		chip->human_name = STR("");
		return;
	}
	find_attributes(hwmon, chip, chip->dir);
	if (chip->device >= 0)
		find_attributes(hwmon, chip, chip->device);
	for (at = &chip->first; *at;) {
		if (wanted(arg, chip->name, (*at)->name)) {
			find_bare(hwmon, *at);
			at = &(*at)->next;
		} else {
			*at = (*at)->next;
		}
	}
}

static void forget_chips(struct hwmon *hwmon)
{
	for (size_t i = 0; i < hwmon->n; i++) {
		struct hwmon_chip *chip = &hwmon->chips[i];

		for (struct hwmon_sensor *s = chip->first; s; s = s->next)
			for (struct hwmon_attribute *a = s->first; a; a = a->next)
				attr_close(&hwmon->pool, &a->source);
		if (chip->device >= 0)
			(void)close(chip->device);
		(void)close(chip->dir);
	}
	hwmon->n = 0;
	arena_reset(&hwmon->arena);
}

static ino_t inode_of(int class, const char *entry)
{
	struct stat s;

	return fstatat(class, entry, &s, 0) == 0 ? s.st_ino : 0;
}

static bool is_current(const struct hwmon *hwmon, int class, const struct str *names, size_t n)
{
	if (n != hwmon->n || hwmon->runs >= RUNS_BETWEEN_LOOKS)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!str_eq(hwmon->chips[i].entry, names[i]) ||
		    inode_of(class, names[i].p) != hwmon->chips[i].inode)
			return false;
	return true;
}

int hwmon_look(struct hwmon *hwmon, struct host *host, struct arena *scratch,
	       hwmon_wanted_fn *wanted, const void *arg)
{
	_cleanup_fd_ int class = host_open_dir(host, HOST_SYS, "class/hwmon");
	struct str *names;
	size_t n;
	int r = class < 0 ? class : host_list_dir(class, scratch, &names, &n);

	if (r < 0)
		return r;
	if (is_current(hwmon, class, names, n)) {
		hwmon->runs++;
		return 0;
	}
	forget_chips(hwmon);
	hwmon->runs = 1;
	attr_pool_allow(&hwmon->pool, host, KEPT_OPEN_MAX);
	hwmon->chips = arena_zalloc(&hwmon->arena, n + 1, sizeof(*hwmon->chips));
	for (size_t i = 0; i < n; i++) {
		struct hwmon_chip *chip = &hwmon->chips[hwmon->n];

		chip->dir = openat(class, names[i].p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (chip->dir < 0)
			continue;
		hwmon->n++;
		chip->entry = arena_str(&hwmon->arena, names[i]);
		chip->inode = inode_of(class, names[i].p);
		learn_chip(hwmon, chip, wanted, arg);
	}
	return 1;
}

void hwmon_release(struct hwmon *hwmon)
{
	forget_chips(hwmon);
	arena_release(&hwmon->arena);
}
