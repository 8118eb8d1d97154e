/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network device's properties. All files of one device in sysfs cost 90 us, its share of a
 * netlink dump 4; so netlink tells what it tells in the same words (net/core/net-sysfs.c beside
 * rtnl_fill_ifinfo()), and sysfs the six that are left. `flags` is one of them: netlink's have
 * promiscuity as asked for by users, sysfs' as it is.
 */
#include "host/netclass.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>

#include "base/cleanup.h"
#include "base/num.h"

static const char *const number_files[NETCLASS_NUMBERS] = {
	[NETCLASS_ADDR_ASSIGN_TYPE] = "addr_assign_type",
	[NETCLASS_CARRIER] = "carrier",
	[NETCLASS_CARRIER_CHANGES] = "carrier_changes",
	[NETCLASS_CARRIER_UP_COUNT] = "carrier_up_count",
	[NETCLASS_CARRIER_DOWN_COUNT] = "carrier_down_count",
	[NETCLASS_DEV_ID] = "dev_id",
	[NETCLASS_DORMANT] = "dormant",
	[NETCLASS_FLAGS] = "flags",
	[NETCLASS_IFINDEX] = "ifindex",
	[NETCLASS_IFLINK] = "iflink",
	[NETCLASS_LINK_MODE] = "link_mode",
	[NETCLASS_MTU] = "mtu",
	[NETCLASS_NETDEV_GROUP] = "netdev_group",
	[NETCLASS_NAME_ASSIGN_TYPE] = "name_assign_type",
	[NETCLASS_SPEED] = "speed",
	[NETCLASS_TX_QUEUE_LEN] = "tx_queue_len",
	[NETCLASS_TYPE] = "type",
};

/* Those that netlink lacks, and duplex after them. */
static const enum netclass_number kept_numbers[NETCLASS_KEPT_FILES - 1] = {
	NETCLASS_ADDR_ASSIGN_TYPE,
	NETCLASS_NAME_ASSIGN_TYPE,
	NETCLASS_DEV_ID,
	NETCLASS_FLAGS,
	NETCLASS_SPEED,
};

static void set(struct netclass_device *d, enum netclass_number number, int64_t value)
{
	d->has |= 1u << number;
	d->numbers[number] = value;
}

static void set_text(struct netclass_device *d, enum netclass_number number, struct str text)
{
	uint64_t hex;
	int64_t value;

	if (str_starts(text, STR("0x")) && num_hex(text, &hex) == 0 && hex <= INT64_MAX)
		set(d, number, (int64_t)hex);
	else if (num_i64(text, &value) == 0)
		set(d, number, value);
}

void netclass_from_sysfs(int dir, struct str name, struct arena *arena, struct netclass_device *ret)
{
	struct str text;

	*ret = (struct netclass_device){ .name = name };
	for (unsigned i = 0; i < NETCLASS_NUMBERS; i++)
		if (host_attr(dir, number_files[i], arena, &text) == 0)
			set_text(ret, i, text);
	(void)host_attr(dir, "address", arena, &ret->address);
	(void)host_attr(dir, "broadcast", arena, &ret->broadcast);
	(void)host_attr(dir, "duplex", arena, &ret->duplex);
	(void)host_attr(dir, "operstate", arena, &ret->operstate);
	(void)host_attr(dir, "ifalias", arena, &ret->ifalias);
}

/* 02:fc:00:00:00:01, as long as the device has it (InfiniBand: 20 bytes). */
static struct str address_text(struct arena *arena, struct str bytes)
{
	static const char digits[] = "0123456789abcdef";
	char *text = arena_alloc(arena, bytes.n * 3), *to = text;

	for (size_t i = 0; i < bytes.n; i++) {
		unsigned byte = (unsigned char)bytes.p[i];

		if (i)
			*to++ = ':';
		*to++ = digits[byte >> 4];
		*to++ = digits[byte & 15];
	}
	return str_between(text, to);
}

void netclass_from_link(const struct link *link, struct arena *arena, struct netclass_device *ret)
{
	static const char *const states[] = {
		"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up",
	};

	*ret = (struct netclass_device){
		.link = link,
		.name = link->name,
		.address = address_text(arena, link->address),
		.broadcast = address_text(arena, link->broadcast),
		.ifalias = str_trim(link->alias),
	};
	if (link->operstate < ARRAY_SIZE(states))
		ret->operstate = str_of(states[link->operstate]);
	/* The kernel prints these as signed, and refuses the next two for a device that is down. */
	set(ret, NETCLASS_MTU, (int32_t)link->mtu);
	set(ret, NETCLASS_TX_QUEUE_LEN, (int32_t)link->tx_queue_len);
	set(ret, NETCLASS_NETDEV_GROUP, (int32_t)link->group);
	if (link->flags & IFF_UP) {
		set(ret, NETCLASS_CARRIER, link->carrier);
		set(ret, NETCLASS_DORMANT, (link->flags & (1u << 17)) != 0); /* IFF_DORMANT */
	}
	set(ret, NETCLASS_CARRIER_CHANGES, link->carrier_changes);
	set(ret, NETCLASS_CARRIER_UP_COUNT, link->carrier_up_changes);
	set(ret, NETCLASS_CARRIER_DOWN_COUNT, link->carrier_down_changes);
	set(ret, NETCLASS_IFINDEX, link->index);
	set(ret, NETCLASS_IFLINK, link->lower_index);
	set(ret, NETCLASS_LINK_MODE, link->link_mode);
	set(ret, NETCLASS_TYPE, link->type);
}

static void close_slot(const struct netclass_slot *slot)
{
	for (size_t i = 0; i < NETCLASS_KEPT_FILES; i++)
		if (slot->fds[i] >= 0)
			(void)close(slot->fds[i]);
}

void netclass_files_close(struct netclass_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		close_slot(&files->slots[i]);
	files->n = 0;
}

/* Opens a device's files, when sysfs means the same device by this name. */
static int open_slot(int class_dir, const struct netclass_device *d, struct arena *arena,
		     struct netclass_slot *ret)
{
	_cleanup_fd_ int dir = openat(class_dir, d->name.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct str address;
	int64_t index;

	if (dir < 0 || host_attr_i64(dir, "ifindex", &index) < 0 || index != d->link->index ||
	    host_attr(dir, "address", arena, &address) < 0 || !str_eq(address, d->address))
		return -ESTALE;
	ret->index = d->link->index;
	ret->stale = false;
	for (size_t i = 0; i < NETCLASS_KEPT_FILES; i++) {
		const char *file =
			i < ARRAY_SIZE(kept_numbers) ? number_files[kept_numbers[i]] : "duplex";

		ret->fds[i] = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	return 0;
}

static void read_slot(struct netclass_slot *slot, struct netclass_device *d, struct arena *arena)
{
	for (size_t i = 0; i < NETCLASS_KEPT_FILES; i++) {
		bool duplex = i == ARRAY_SIZE(kept_numbers);
		char text[64];

		/* The driver is not asked about the line of a device that is down: -EINVAL. */
		if (slot->fds[i] < 0 ||
		    (!(d->link->flags & IFF_UP) && (duplex || kept_numbers[i] == NETCLASS_SPEED)))
			continue;

		ssize_t n = pread(slot->fds[i], text, sizeof(text), 0);
		struct str value = str_trim((struct str){ text, n > 0 ? (size_t)n : 0 });

		/* The device behind the file is gone; perhaps another has its number now. */
		slot->stale |= n < 0 && errno == ENODEV;
		if (n <= 0)
			continue;
		if (duplex)
			d->duplex = arena_str(arena, value);
		else
			set_text(d, kept_numbers[i], value);
	}
}

/* The slot of this device, or NULL. Slots are in the order of the last dump: mostly the next. */
static struct netclass_slot *find_slot(struct netclass_files *files, int32_t index, size_t *hint)
{
	for (size_t k = 0; k < files->n; k++, ++*hint) {
		struct netclass_slot *slot = &files->slots[*hint % files->n];

		if (slot->index == index)
			return slot;
	}
	return NULL;
}

static void drop_stale(struct netclass_files *files, const struct netclass_device *devices,
		       size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < files->n; i++) {
		struct netclass_slot *slot = &files->slots[i];
		size_t at = i; /* where it was before anything changed */

		if (at >= n || devices[at].link->index != slot->index)
			for (at = 0; at < n && devices[at].link->index != slot->index; at++)
				;
		if (at < n && !slot->stale)
			files->slots[kept++] = *slot;
		else
			close_slot(slot);
	}
	files->n = kept;
}

/* The names in sysfs are as many as the links: with each link found there, the same ones. */
static bool same_count(int class_dir, size_t n_links, struct arena *arena)
{
	struct str *names;
	size_t n, devices = 0;

	if (host_list_dir(class_dir, arena, &names, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		devices += !str_eq(names[i], STR("bonding_masters")); /* a plain file */
	return devices == n_links;
}

/* One device that has no slot. */
static int complete_new(struct netclass_files *files, bool keep, int class_dir,
			struct netclass_device *d, struct arena *arena)
{
	struct netclass_slot slot;
	int r = open_slot(class_dir, d, arena, &slot);

	if (r < 0)
		return r;
	read_slot(&slot, d, arena);
	if (keep && files->n < NETCLASS_KEPT_DEVICES)
		files->slots[files->n++] = slot;
	else
		close_slot(&slot);
	return 0;
}

int netclass_complete(struct host *host, struct netclass_files *files,
		      struct netclass_device *devices, size_t n, size_t n_links,
		      struct arena *arena)
{
	_cleanup_fd_ int class_dir = -1;
	size_t hint = 0;

	drop_stale(files, devices, n);
	for (size_t i = 0; i < n; i++) {
		struct netclass_slot *slot = find_slot(files, devices[i].link->index, &hint);

		if (slot)
			read_slot(slot, &devices[i], arena);
		/* A lone lo is alike in every namespace: that it is known proves nothing. */
		if (slot && n_links > 1)
			continue;
		if (class_dir < 0) {
			class_dir = host_open_dir(host, HOST_SYS, "class/net");
			if (class_dir < 0 || !same_count(class_dir, n_links, arena))
				goto stale;
		}
		if (!slot && complete_new(files, host->keep, class_dir, &devices[i], arena) < 0)
			goto stale;
	}
	return 0;

stale:
	netclass_files_close(files);
	return -ESTALE;
}
