/* SPDX-License-Identifier: Apache-2.0 */
/* udev's database, for block devices: files such as /run/udev/data/b8:0. */
#pragma once

#include <sys/stat.h>

#include "host/host.h"

enum udev_key {
	UDEV_ATA,
	UDEV_ATA_ROTATION_RATE,
	UDEV_ATA_WRITE_CACHE,
	UDEV_ATA_WRITE_CACHE_ENABLED,
	UDEV_DM_LV_LAYER,
	UDEV_DM_LV_NAME,
	UDEV_DM_NAME,
	UDEV_DM_UUID,
	UDEV_DM_VG_NAME,
	UDEV_FS_TYPE,
	UDEV_FS_USAGE,
	UDEV_FS_UUID,
	UDEV_FS_VERSION,
	UDEV_MODEL,
	UDEV_PATH,
	UDEV_REVISION,
	UDEV_SCSI_IDENT_SERIAL,
	UDEV_SERIAL,
	UDEV_SERIAL_SHORT,
	UDEV_WWN,
	UDEV_KEYS,
};

struct udev_disk {
	const char *file; /* "b8:0" */
	struct stat stat; /* all zero when there is no such file */
	struct str v[UDEV_KEYS];
};

/* The database's directory, an fd or -errno. */
int udev_open(const struct host *host);

/* What it has of a device; without a file, or without a database (dir < 0), nothing. */
void udev_read(int dir, struct str major, struct str minor, struct arena *arena,
	       struct udev_disk *ret);

/* Costs a stat(2); reading all disks anew in each cycle would cost more than their counters. */
bool udev_has_changed(int dir, const struct udev_disk *disk);
