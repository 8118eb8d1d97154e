/* SPDX-License-Identifier: Apache-2.0 */
#include "host/thermal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/num.h"

enum { KEPT_OPEN_MAX = 64, RUNS_BETWEEN_LOOKS = 20 };

static void forget_devices(struct thermal *thermal)
{
	for (size_t i = 0; i < thermal->n; i++) {
		struct thermal_device *d = &thermal->devices[i];

		attr_close(&thermal->pool, &d->temp);
		attr_close(&thermal->pool, &d->cur_state);
		attr_close(&thermal->pool, &d->max_state);
		(void)close(d->dir);
	}
	thermal->n = thermal->listed = 0;
	arena_reset(&thermal->arena);
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

static void learn_devices(struct thermal *thermal, struct host *host, int class,
			  const struct str *names, size_t n)
{
	forget_devices(thermal);
	thermal->runs = 0;
	thermal->listed = n;
	attr_pool_allow(&thermal->pool, host, KEPT_OPEN_MAX);
	thermal->devices = arena_zalloc(&thermal->arena, n + 1, sizeof(*thermal->devices));
	for (size_t i = 0; i < n; i++) {
		struct thermal_device *d = &thermal->devices[thermal->n];
		struct str entry = arena_str(&thermal->arena, names[i]);

		if (!is_device(entry, &d->is_zone, &d->number))
			continue;
		d->dir = openat(class, entry.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (d->dir < 0)
			continue;
		if (host_attr(d->dir, "type", &thermal->arena, &d->type) < 0) {
			(void)close(d->dir);
			continue;
		}
		d->entry = entry;
		d->inode = inode_of(class, entry.p);
		d->temp = (struct attr_file){ d->dir, d->is_zone ? "temp" : NULL, -1 };
		d->cur_state = (struct attr_file){ d->dir, d->is_zone ? NULL : "cur_state", -1 };
		d->max_state = (struct attr_file){ d->dir, d->is_zone ? NULL : "max_state", -1 };
		thermal->n++;
	}
}

static bool is_current(const struct thermal *thermal, int class, size_t listed)
{
	if (listed != thermal->listed || thermal->runs >= RUNS_BETWEEN_LOOKS)
		return false;
	for (size_t i = 0; i < thermal->n; i++)
		if (inode_of(class, thermal->devices[i].entry.p) != thermal->devices[i].inode)
			return false;
	return true;
}

bool thermal_read(struct thermal *thermal, struct attr_file *file, int64_t *ret)
{
	char text[ATTR_TEXT_MAX];
	struct str value;

	return attr_read(&thermal->pool, file, text, &value) == 0 &&
	       num_i64(str_trim(value), ret) == 0;
}

int thermal_look(struct thermal *thermal, struct host *host, struct arena *scratch)
{
	_cleanup_fd_ int class = host_open_dir(host, HOST_SYS, "class/thermal");
	struct str *names;
	size_t n;
	int r = class < 0 ? class : host_list_dir(class, scratch, &names, &n);

	if (r < 0)
		return r;
	if (!is_current(thermal, class, n))
		learn_devices(thermal, host, class, names, n);
	thermal->runs++;
	return 0;
}

void thermal_release(struct thermal *thermal)
{
	forget_devices(thermal);
	arena_release(&thermal->arena);
}
