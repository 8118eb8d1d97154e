/* SPDX-License-Identifier: Apache-2.0 */
/* One network device as sysfs describes it, however it was asked for. */
#pragma once

#include "host/host.h"
#include "host/netlink.h"

enum netclass_number {
	NETCLASS_ADDR_ASSIGN_TYPE,
	NETCLASS_CARRIER,
	NETCLASS_CARRIER_CHANGES,
	NETCLASS_CARRIER_UP_COUNT,
	NETCLASS_CARRIER_DOWN_COUNT,
	NETCLASS_DEV_ID,
	NETCLASS_DORMANT,
	NETCLASS_FLAGS,
	NETCLASS_IFINDEX,
	NETCLASS_IFLINK,
	NETCLASS_LINK_MODE,
	NETCLASS_MTU,
	NETCLASS_NETDEV_GROUP,
	NETCLASS_NAME_ASSIGN_TYPE,
	NETCLASS_SPEED,
	NETCLASS_TX_QUEUE_LEN,
	NETCLASS_TYPE,
	NETCLASS_NUMBERS,
};

struct netclass_device {
	const struct link *link; /* NULL: all of it is from sysfs */
	struct str name, address, broadcast, duplex, operstate, ifalias;
	uint32_t has; /* bit per number */
	int64_t numbers[NETCLASS_NUMBERS];
};

/* All of it from sysfs. `dir` is the device's directory. */
void netclass_from_sysfs(int dir, struct str name, struct arena *arena,
			 struct netclass_device *ret);

/* What netlink says of it; the rest stays empty. */
void netclass_from_link(const struct link *link, struct arena *arena, struct netclass_device *ret);

enum { NETCLASS_KEPT_DEVICES = 48, NETCLASS_KEPT_FILES = 6 };

/* The files that an agent keeps open, device by device. Starts zeroed. */
struct netclass_files {
	size_t n;
	struct netclass_slot {
		int32_t index;
		bool stale;
		int fds[NETCLASS_KEPT_FILES];
	} slots[NETCLASS_KEPT_DEVICES];
};

/*
 * Adds what netlink does not tell, from sysfs, to devices made of links; there are n_links of
 * them, unwanted ones included. -ESTALE when sysfs does not speak of the same devices: it shows
 * the network namespace of whoever mounted it. The devices are half filled then.
 */
int netclass_complete(struct host *host, struct netclass_files *files,
		      struct netclass_device *devices, size_t n, size_t n_links,
		      struct arena *arena);
void netclass_files_close(struct netclass_files *files);
