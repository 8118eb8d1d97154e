/* SPDX-License-Identifier: Apache-2.0 */
#include "host/udev.h"

#include "base/file.h"

enum { UDEV_MAX = 1 << 20 };

static const char *const names[UDEV_KEYS] = {
	[UDEV_ATA] = "ID_ATA",
	[UDEV_ATA_ROTATION_RATE] = "ID_ATA_ROTATION_RATE_RPM",
	[UDEV_ATA_WRITE_CACHE] = "ID_ATA_WRITE_CACHE",
	[UDEV_ATA_WRITE_CACHE_ENABLED] = "ID_ATA_WRITE_CACHE_ENABLED",
	[UDEV_DM_LV_LAYER] = "DM_LV_LAYER",
	[UDEV_DM_LV_NAME] = "DM_LV_NAME",
	[UDEV_DM_NAME] = "DM_NAME",
	[UDEV_DM_UUID] = "DM_UUID",
	[UDEV_DM_VG_NAME] = "DM_VG_NAME",
	[UDEV_FS_TYPE] = "ID_FS_TYPE",
	[UDEV_FS_USAGE] = "ID_FS_USAGE",
	[UDEV_FS_UUID] = "ID_FS_UUID",
	[UDEV_FS_VERSION] = "ID_FS_VERSION",
	[UDEV_MODEL] = "ID_MODEL",
	[UDEV_PATH] = "ID_PATH",
	[UDEV_REVISION] = "ID_REVISION",
	[UDEV_SCSI_IDENT_SERIAL] = "SCSI_IDENT_SERIAL",
	[UDEV_SERIAL] = "ID_SERIAL",
	[UDEV_SERIAL_SHORT] = "ID_SERIAL_SHORT",
	[UDEV_WWN] = "ID_WWN",
};

/* --udev names /run/udev, or what node_exporter's --path.udev.data does: its data. */
int udev_open(const struct host *host)
{
	int dir = host_open_dir(host, HOST_UDEV, "data");

	return dir < 0 && !host_is_live(host, HOST_UDEV) ? host_open_dir(host, HOST_UDEV, ".")
							 : dir;
}

/* Zeroes when there is none: that compares equal as long as there is none. */
static struct stat stat_file(int dir, const char *file)
{
	struct stat s;

	if (dir < 0 || fstatat(dir, file, &s, 0) < 0)
		s = (struct stat){ 0 };
	return s;
}

bool udev_has_changed(int dir, const struct udev_disk *disk)
{
	const struct stat *then = &disk->stat, now = stat_file(dir, disk->file);

	return now.st_ino != then->st_ino || now.st_size != then->st_size ||
	       now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != then->st_mtim.tv_nsec;
}

void udev_read(int dir, struct str major, struct str minor, struct arena *arena,
	       struct udev_disk *ret)
{
	struct str text, line, name;

	*ret = (struct udev_disk){
		.file = arena_printf(arena, "b%.*s:%.*s", STR_ARG(major), STR_ARG(minor)).p,
	};
	ret->stat = stat_file(dir, ret->file);
	if (dir < 0 || file_read(dir, ret->file, UDEV_MAX, arena, &text) < 0)
		return;
	while (str_line(&text, &line)) {
		if (!str_starts(line, STR("E:")))
			continue;
		line = str_skip(line, 2);
		if (str_find(line, '=') == line.n || !str_cut(&line, '=', &name))
			continue;
		for (size_t i = 0; i < UDEV_KEYS; i++)
			if (str_eq(name, str_of(names[i])))
				ret->v[i] = line;
	}
}
