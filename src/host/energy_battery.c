/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batteries: what they give is what the machine consumes, but only while they discharge. Drivers
 * tell of power or of current and voltage, and some make either negative while discharging; the
 * battery of a mouse says scope "Device".
 */
#include "host/energy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"

static bool is_text(int dir, const char *file, struct str wanted, struct arena *scratch)
{
	struct str text;

	return host_attr(dir, file, scratch, &text) == 0 && str_eq(text, wanted);
}

static int magnitude(int dir, const char *file, uint64_t *ret)
{
	int64_t value;
	int r = host_attr_i64(dir, file, &value);

	if (r == 0)
		*ret = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	return r;
}

/* Microamperes and microvolts of a machine are less than 2^40 each, or they are nonsense. */
static int power_of(int dir, uint64_t *ret_uw)
{
	uint64_t uw, ua = 0, uv = 0;
	int r = magnitude(dir, "power_now", &uw);

	/* 0 stands for not knowing: whatever reads this consumes something. */
	if (r == 0 && uw) {
		*ret_uw = uw;
		return 0;
	}
	if (r < 0 && r != -ENOENT && r != -ENODATA)
		return r;
	r = magnitude(dir, "current_now", &ua);
	if (r == 0)
		r = magnitude(dir, "voltage_now", &uv);
	if (r == -ENOENT)
		return -ENODATA;
	if (r < 0)
		return r;
	if (ua >> 40 || uv >> 40)
		return -ERANGE;
	uw = (uint64_t)((unsigned __int128)ua * uv / 1000000);
	if (!uw)
		return -ENODATA;
	*ret_uw = uw;
	return 0;
}

static int read_battery(struct energy_readers *all, struct energy_reader *reader,
			struct energy_source *source)
{
	_cleanup_arena_ struct arena scratch = { 0 };
	int dir = (int)reader->index, r;
	uint64_t uw, present;

	(void)all;
	if (host_attr_u64(dir, "present", &present) == 0 && !present) {
		source->reason = "it is not in its place";
		return -ENODATA;
	}
	struct str status;

	r = host_attr(dir, "status", &scratch, &status);
	if (r < 0)
		return r;
	if (!str_eq(status, STR("Discharging"))) {
		source->reason = "it does not discharge";
		return -ENODATA;
	}
	r = power_of(dir, &uw);
	if (r < 0)
		return r;
	if (uw > ENERGY_POWER_MOST_UW)
		return -ERANGE;
	source->value = uw;
	return 0;
}

static bool is_of_host(int dir, struct arena *scratch)
{
	return is_text(dir, "type", STR("Battery"), scratch) &&
	       !is_text(dir, "scope", STR("Device"), scratch);
}

void energy_find_batteries(struct energy_scan *scan)
{
	_cleanup_fd_ int class_dir = host_open_dir(scan->host, HOST_SYS, "class/power_supply");
	struct str *names;
	size_t n;

	if (class_dir < 0 || host_list_dir(class_dir, scan->scratch, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		int dir = openat(class_dir, names[i].p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0)
			continue;
		if (!is_of_host(dir, scan->scratch)) {
			(void)close(dir);
			continue;
		}
		if (energy_keep_dir(scan, dir) < 0)
			return;
		energy_add(scan,
			   &(struct energy_source){
				   .kind = ENERGY_BATTERY,
				   .domain = DOMAIN_MACHINE,
				   .id = ARENA_CONCAT(scan->arena, STR("battery:"), names[i]),
				   .zone = arena_str(scan->arena, names[i]),
				   .path = ARENA_CONCAT(scan->arena,
							STR("/sys/class/power_supply/"), names[i]),
				   .package = -1,
				   .power = true,
			   },
			   &(struct energy_reader){
				   .read = read_battery,
				   .file = { .dir = dir, .fd = -1 },
				   .index = (size_t)dir,
			   });
	}
}
