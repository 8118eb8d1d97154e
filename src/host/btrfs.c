/* SPDX-License-Identifier: Apache-2.0 */
#include "host/btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "host/host.h"
#include "host/mounts.h"

enum { DEVICES_MAX = 4096 };

struct list {
	struct btrfs_device *v;
	size_t n;
};

static struct str uuid_text(struct arena *arena, const __u8 uuid[BTRFS_UUID_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * BTRFS_UUID_SIZE + 4];
	size_t n = 0;

	for (size_t i = 0; i < BTRFS_UUID_SIZE; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[n++] = '-';
		text[n++] = digits[uuid[i] >> 4];
		text[n++] = digits[uuid[i] & 15];
	}
	return arena_str(arena, (struct str){ text, n });
}

static struct str last_name(struct arena *arena, const __u8 *path, size_t size)
{
	struct str rest = { (const char *)path, strnlen((const char *)path, size) };
	struct str name = rest;

	while (str_cut(&rest, '/', &name))
		;
	return arena_str(arena, name);
}

/* Of the device with this number; -ENODEV when there is none, which is usual. */
static int read_device(int dir, uint64_t id, struct arena *arena, struct btrfs_device *ret)
{
	static const int index[BTRFS_ERRORS] = {
		[BTRFS_ERROR_WRITE] = BTRFS_DEV_STAT_WRITE_ERRS,
		[BTRFS_ERROR_READ] = BTRFS_DEV_STAT_READ_ERRS,
		[BTRFS_ERROR_FLUSH] = BTRFS_DEV_STAT_FLUSH_ERRS,
		[BTRFS_ERROR_CORRUPTION] = BTRFS_DEV_STAT_CORRUPTION_ERRS,
		[BTRFS_ERROR_GENERATION] = BTRFS_DEV_STAT_GENERATION_ERRS,
	};
	struct btrfs_ioctl_dev_info_args *info = arena_zalloc(arena, 1, sizeof(*info));
	struct btrfs_ioctl_get_dev_stats *stats = arena_zalloc(arena, 1, sizeof(*stats));

	info->devid = id;
	stats->devid = id;
	stats->nr_items = BTRFS_DEV_STAT_VALUES_MAX;
	if (ioctl(dir, BTRFS_IOC_DEV_INFO, info) < 0 ||
	    ioctl(dir, BTRFS_IOC_GET_DEV_STATS, stats) < 0)
		return -errno;
	ret->uuid = uuid_text(arena, info->uuid);
	ret->name = last_name(arena, info->path, sizeof(info->path));
	ret->size = info->total_bytes;
	ret->used = info->bytes_used;
	for (size_t i = 0; i < BTRFS_ERRORS; i++)
		ret->errors[i] = stats->values[index[i]];
	return 0;
}

/* All of a file system or none: half of them would look as if others had been taken out. */
static void read_filesystem(int dir, struct arena *arena, struct list *list)
{
	struct btrfs_ioctl_fs_info_args *info = arena_zalloc(arena, 1, sizeof(*info));
	size_t begin = list->n;

	if (ioctl(dir, BTRFS_IOC_FS_INFO, info) < 0)
		return;

	struct str fsid = uuid_text(arena, info->fsid);

	for (size_t i = 0; i < begin; i++)
		if (str_eq(list->v[i].fsid, fsid))
			return;
	for (uint64_t id = 0; id <= info->max_id && list->n - begin < info->num_devices; id++) {
		struct btrfs_device device = { .fsid = fsid };
		int r = list->n == DEVICES_MAX ? -EFBIG : read_device(dir, id, arena, &device);

		if (r == -ENODEV)
			continue;
		if (r < 0) {
			list->n = begin;
			return;
		}
		list->v = arena_grow(arena, list->v, list->n, sizeof(*list->v));
		list->v[list->n++] = device;
	}
}

/* What is mounted over it, or over a directory above, may be a file server that hangs. */
static bool is_hidden(const struct mount *mount, const struct mount *end)
{
	for (const struct mount *m = mount + 1; m < end; m++) {
		struct str point = m->point;

		if (str_starts(mount->point, point) &&
		    (mount->point.n == point.n || mount->point.p[point.n] == '/' || point.n == 1))
			return true;
	}
	return false;
}

/* As far as it may be had, that of process 1: a service's sandbox hides some mounts. */
static int open_root(const struct host *host)
{
	int fd = host_open_dir(host, HOST_PROC, "1/root");

	return fd < 0 ? host_open_dir(host, HOST_ROOT, ".") : fd;
}

void btrfs_devices(struct host *host, struct arena *arena, struct btrfs_device **ret, size_t *ret_n)
{
	_cleanup_fd_ int root = -1;
	struct list list = { 0 };
	struct mount *mounts = NULL;
	size_t n = 0, bad;
	struct str text;

	if (host_is_live(host, HOST_SYS) && host_is_live(host, HOST_PROC) &&
	    host_is_live(host, HOST_ROOT) &&
	    host_read_once(host, HOST_PROC, "1/mountinfo", &text) == 0)
		mounts_parse(text, arena, &mounts, &n, &bad);
	for (size_t i = 0; i < n; i++) {
		if (!str_eq(mounts[i].type, STR("btrfs")) || is_hidden(&mounts[i], mounts + n))
			continue;
		if (root < 0)
			root = open_root(host);

		const char *point = arena_cstr(arena, str_skip(mounts[i].point, 1));
		_cleanup_fd_ int dir =
			openat(root, *point ? point : ".",
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

		if (dir >= 0)
			read_filesystem(dir, arena, &list);
	}
	*ret = list.v;
	*ret_n = list.n;
}
