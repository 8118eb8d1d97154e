/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thermal zones and what cools them. Source: /sys/class/thermal (drivers/thermal, in
 * thermal_sysfs.c). A zone that is switched off has no temperature worth telling; some answer
 * EAGAIN or ENODATA until the firmware is ready, and are left out until then.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "host/attr.h"

enum { KEPT_OPEN_MAX = 64, RUNS_BETWEEN_LOOKS = 20 };

enum { TEMP, CUR_STATE, MAX_STATE, N_DESCS };

static const struct metric_desc descs[N_DESCS] = {
	[TEMP] = { "node_thermal_zone_temp", "Temperature of the zone in degrees Celsius.",
		   METRIC_GAUGE },
	[CUR_STATE] = { "node_cooling_device_cur_state",
			"How hard the device cools now, 0 being not at all.", METRIC_GAUGE },
	[MAX_STATE] = { "node_cooling_device_max_state", "How hard the device can cool.",
			METRIC_GAUGE },
};

struct device {
	struct str entry, number, type;
	bool is_zone;
	ino_t inode;
	int dir;
	struct attr_file mode, temp, cur_state, max_state;
};

struct self {
	struct arena arena; /* of the devices */
	struct attr_pool pool;
	struct device *devices;
	size_t n, listed, runs;
};

static void forget_devices(struct self *self)
{
	for (size_t i = 0; i < self->n; i++) {
		struct device *d = &self->devices[i];

		attr_close(&self->pool, &d->mode);
		attr_close(&self->pool, &d->temp);
		attr_close(&self->pool, &d->cur_state);
		attr_close(&self->pool, &d->max_state);
		(void)close(d->dir);
	}
	self->n = self->listed = 0;
	arena_reset(&self->arena);
}

static ino_t inode_of(int class, const char *entry)
{
	struct stat s;

	return fstatat(class, entry, &s, 0) == 0 ? s.st_ino : 0;
}

/* "thermal_zone12" and "cooling_device3" have their number as name. */
static bool is_device(struct str entry, bool *ret_is_zone, struct str *ret_number)
{
	static const char *const prefixes[] = { "cooling_device", "thermal_zone" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		struct str prefix = str_of(prefixes[i]), number = str_skip(entry, prefix.n);

		if (str_starts(entry, prefix) && number.n && number.p[0] >= '0' &&
		    number.p[0] <= '9') {
			*ret_is_zone = i == 1;
			*ret_number = number;
			return true;
		}
	}
	return false;
}

static void learn_devices(struct collect *c, int class, const struct str *names, size_t n)
{
	struct self *self = c->self;

	forget_devices(self);
	self->runs = 0;
	self->listed = n;
	attr_pool_allow(&self->pool, c->host, KEPT_OPEN_MAX);
	self->devices = arena_zalloc(&self->arena, n + 1, sizeof(*self->devices));
	for (size_t i = 0; i < n; i++) {
		struct device *d = &self->devices[self->n];
		struct str entry = arena_str(&self->arena, names[i]);

		if (!is_device(entry, &d->is_zone, &d->number))
			continue;
		d->dir = openat(class, entry.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (d->dir < 0)
			continue;
		if (host_attr(d->dir, "type", &self->arena, &d->type) < 0) {
			(void)close(d->dir);
			continue;
		}
		d->entry = entry;
		d->inode = inode_of(class, entry.p);
		d->mode = (struct attr_file){ d->dir, d->is_zone ? "mode" : NULL, -1 };
		d->temp = (struct attr_file){ d->dir, d->is_zone ? "temp" : NULL, -1 };
		d->cur_state = (struct attr_file){ d->dir, d->is_zone ? NULL : "cur_state", -1 };
		d->max_state = (struct attr_file){ d->dir, d->is_zone ? NULL : "max_state", -1 };
		self->n++;
	}
}

static bool is_current(const struct self *self, int class, size_t listed)
{
	if (listed != self->listed || self->runs >= RUNS_BETWEEN_LOOKS)
		return false;
	for (size_t i = 0; i < self->n; i++)
		if (inode_of(class, self->devices[i].entry.p) != self->devices[i].inode)
			return false;
	return true;
}

static bool read_number(struct self *self, struct attr_file *file, int64_t *ret)
{
	char text[ATTR_TEXT_MAX];
	struct str value;

	return attr_read(&self->pool, file, text, &value) == 0 &&
	       num_i64(str_trim(value), ret) == 0;
}

static void add_zone(struct collect *c, struct family *temp_family, struct device *d)
{
	struct self *self = c->self;
	char text[ATTR_TEXT_MAX];
	struct str mode;
	int64_t temp;

	if (attr_read(&self->pool, &d->mode, text, &mode) == 0 &&
	    str_eq(str_trim(mode), STR("disabled")))
		return;
	if (read_number(self, &d->temp, &temp))
		family_add(
			temp_family,
			METRIC_LABELS(c->out, { STR("zone"), d->number }, { STR("type"), d->type }),
			(double)temp / 1000);
}

static void add_cooling(struct collect *c, struct family *const family[], struct device *d)
{
	struct self *self = c->self;
	const struct labels *labels =
		METRIC_LABELS(c->out, { STR("name"), d->number }, { STR("type"), d->type });
	int64_t state;

	/* -1 is a value: intel_powerclamp has it while it does nothing. */
	if (read_number(self, &d->cur_state, &state))
		family_add(family[CUR_STATE], labels, (double)state);
	if (read_number(self, &d->max_state, &state))
		family_add(family[MAX_STATE], labels, (double)state);
}

static int run(struct collect *c)
{
	struct self *self = c->self;
	struct family *family[N_DESCS];
	struct str *names;
	size_t n;
	int r = host_list(c->host, HOST_SYS, "class/thermal", c->scratch, &names, &n);

	if (r < 0 && r != -ENOENT)
		return collect_list(c, HOST_SYS, "class/thermal", &names, &n);
	if (r < 0 || !n)
		return collect_fail(c, 0, "no thermal zone");

	_cleanup_fd_ int class = host_open_dir(c->host, HOST_SYS, "class/thermal");

	if (!is_current(self, class, n))
		learn_devices(c, class, names, n);
	self->runs++;
	for (size_t i = 0; i < N_DESCS; i++)
		family[i] = metrics_family(c->out, &descs[i]);
	for (size_t i = 0; i < self->n; i++)
		if (self->devices[i].is_zone)
			add_zone(c, family[TEMP], &self->devices[i]);
		else
			add_cooling(c, family, &self->devices[i]);
	return 0;
}

static void close_thermal_zone(struct collect *c)
{
	struct self *self = c->self;

	forget_devices(self);
	arena_release(&self->arena);
}

const struct collector collector_thermal_zone = {
	.name = "thermal_zone",
	.help = "thermal zones and cooling devices",
	.reads = "/sys/class/thermal/*",
	.on = true,
	.self_size = sizeof(struct self),
	.run = run,
	.close = close_thermal_zone,
};
