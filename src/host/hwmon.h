/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sensor chips. Sources: the attributes of /sys/class/hwmon/hwmonN/ and of the device behind
 * it (old drivers, and the ACPI power meter, have them there). Numbers of chips depend on the
 * order in which drivers came up, so a chip is named by its device. What there is to read is
 * found out once and looked at anew now and then.
 */
#pragma once

#include <sys/types.h>

#include "host/attr.h"
#include "host/host.h"

/* "temp1_max_alarm" is { "temp", "max_alarm", 1 }. */
struct hwmon_file {
	struct str type, property;
	uint64_t number; /* 0 when there is none */
};

/* Takes a file name apart. False when it is none of a sensor's. */
bool hwmon_file_parse(struct str name, struct hwmon_file *ret);

struct hwmon_attribute {
	struct hwmon_attribute *next;
	struct hwmon_file file;
	struct attr_file source; /* without a name: not to be read */
	void *user;              /* of who reads it; NULL at first */
};

struct hwmon_sensor {
	struct hwmon_sensor *next;
	struct str name, label;
	bool has_label, has_bare; /* bare: a file without property ("pwm1") */
	struct hwmon_attribute *first;
};

struct hwmon_chip {
	struct str entry; /* hwmonN */
	ino_t inode;
	int dir, device; /* device: -1 when it has none */
	struct str name, human_name;
	struct hwmon_sensor *first;
};

struct hwmon {
	struct arena arena; /* of all below, and of `user` */
	struct attr_pool pool;
	struct hwmon_chip *chips;
	size_t n, runs;
};

/* Whether a chip, or (`sensor` not empty) a sensor of it, is to be looked at. */
typedef bool hwmon_wanted_fn(const void *arg, struct str chip, struct str sensor);

/*
 * Brings the chips up to date. 1 when all of them were looked at anew, 0 when they are the same as
 * before, or -errno.
 */
int hwmon_look(struct hwmon *hwmon, struct host *host, struct arena *scratch,
	       hwmon_wanted_fn *wanted, const void *arg);
void hwmon_release(struct hwmon *hwmon);

/* Lower case, everything but a-z, 0-9, ':' and '_' replaced by '_', none of these at the ends. */
struct str hwmon_clean(struct arena *arena, struct str name);
