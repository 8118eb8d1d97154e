/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of mounted btrfs file systems, with the errors that were counted on each: these are
 * told by ioctl(2) on a directory of the file system only. Needs no capability (fs/btrfs/ioctl.c).
 */
#pragma once

#include "base/arena.h"

struct host;

enum btrfs_error {
	BTRFS_ERROR_WRITE,
	BTRFS_ERROR_READ,
	BTRFS_ERROR_FLUSH,
	BTRFS_ERROR_CORRUPTION,
	BTRFS_ERROR_GENERATION,
	BTRFS_ERRORS,
};

struct btrfs_device {
	struct str fsid, uuid; /* as /sys/fs/btrfs has the first */
	struct str name;       /* "sda1" of /dev/sda1 */
	uint64_t size, used, errors[BTRFS_ERRORS];
};

/*
 * All devices of all that are mounted and can be asked. Where another tree than the running
 * system's is given, or something else lies over each mount of one, there are none of it.
 */
void btrfs_devices(struct host *host, struct arena *arena, struct btrfs_device **ret,
		   size_t *ret_n);
