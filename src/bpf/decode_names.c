/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers whose names this host gives, and may change: devices, interfaces, users; and PCI's. */
#include <unistd.h>

#include "base/num.h"
#include "bpf/decode_internal.h"
#include "host/netlink.h"

enum { TABLE_MAX = 1 << 16 };

static void put_new(struct known *known, uint64_t id, struct str name)
{
	/* Of two users of one number the first counts, as for the C library. */
	if (known->n < TABLE_MAX && !known_find(known, id))
		(void)known_put(known, id, name);
}

static struct str name_of(struct known *known, uint64_t id)
{
	const struct known_entry *entry = known_find(known, id);

	return entry ? entry->name : (struct str){ 0 };
}

/* Of another tree, or where netlink fails. */
static void list_interfaces(struct decoder *decoder)
{
	struct str *names;
	size_t n;
	int dir = host_open_dir(decoder->host, HOST_SYS, "class/net");

	if (dir < 0)
		return;
	if (host_list_dir(dir, &decoder->arena, &names, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		struct str file = ARENA_CONCAT(&decoder->arena, names[i], STR("/ifindex"));
		uint64_t index;

		if (host_attr_u64(dir, file.p, &index) == 0)
			put_new(&decoder->interfaces, index, names[i]);
	}
	(void)close(dir);
}

static void read_interfaces(struct decoder *decoder)
{
	const struct link *links;
	size_t n;

	decoder->read_interfaces = true;
	if (!host_is_live(decoder->host, HOST_SYS) ||
	    netlink_links(decoder->host, &links, &n) < 0) {
		list_interfaces(decoder);
		return;
	}
	for (size_t i = 0; i < n; i++)
		put_new(&decoder->interfaces, (uint32_t)links[i].index, links[i].name);
}

struct str decode_ifname(struct decoder *decoder, uint64_t index, struct arena *arena)
{
	struct str name;

	if (!decoder->read_interfaces)
		read_interfaces(decoder);
	name = name_of(&decoder->interfaces, index);
	if (name.p)
		return arena_str(arena, name);
	return arena_printf(arena, "unknown:%llu", (unsigned long long)index);
}

static uint64_t device_id(uint64_t major, uint64_t minor)
{
	return major << 32 | minor;
}

static void read_devices(struct decoder *decoder)
{
	struct str text, line;

	decoder->read_devices = true;
	if (host_read(decoder->host, HOST_PROC, "partitions", &decoder->arena, &text) < 0)
		return;
	while (str_line(&text, &line)) {
		uint64_t major, minor, blocks;
		struct str name;

		if (num_take_u64(&line, &major) && num_take_u64(&line, &minor) &&
		    num_take_u64(&line, &blocks) && str_word(&line, &name))
			put_new(&decoder->devices, device_id(major, minor), name);
	}
}

/* /proc/partitions leaves out devices without a size; sysfs does not. */
static struct str find_device(struct decoder *decoder, uint32_t major, uint32_t minor)
{
	struct str name = name_of(&decoder->devices, device_id(major, minor)), link, part;
	int dir;

	if (name.p || !major || known_find(&decoder->devices, device_id(major, minor)))
		return name;
	dir = host_open_dir(decoder->host, HOST_SYS, "dev/block");
	if (dir < 0)
		return name;
	if (host_link(dir, arena_printf(&decoder->arena, "%u:%u", major, minor).p, &decoder->arena,
		      &link) == 0)
		while (str_cut(&link, '/', &part))
			name = part;
	(void)close(dir);
	put_new(&decoder->devices, device_id(major, minor), name);
	return name;
}

/*
 * Two ways to write a device into 32 bits: as stat(2) has it, which ebpf_exporter's objects make,
 * and as the kernel's dev_t. One read as the other has a major number of 0, or of no device.
 */
struct str decode_majorminor(struct decoder *decoder, uint64_t device, struct arena *arena)
{
	uint32_t major = (uint32_t)device >> 8 & 0xfff;
	uint32_t minor = ((uint32_t)device & 0xff) | ((uint32_t)device >> 12 & 0xfff00);
	uint32_t kernel_major = (uint32_t)device >> 20, kernel_minor = (uint32_t)device & 0xfffff;
	struct str name;

	if (!decoder->read_devices)
		read_devices(decoder);
	name = find_device(decoder, major, minor);
	if (!name.p)
		name = find_device(decoder, kernel_major, kernel_minor);
	if (name.p)
		return arena_str(arena, name);
	if (!major && kernel_major)
		return arena_printf(arena, "unknown:%u:%u", kernel_major, kernel_minor);
	return arena_printf(arena, "unknown:%u:%u", major, minor);
}

static void read_users(struct decoder *decoder)
{
	struct str text, line;

	decoder->read_users = true;
	if (host_read(decoder->host, HOST_ROOT, "etc/passwd", &decoder->arena, &text) < 0)
		return;
	while (str_line(&text, &line)) {
		struct str name, password, uid;
		uint64_t id;

		if (str_cut(&line, ':', &name) && str_cut(&line, ':', &password) &&
		    str_cut(&line, ':', &uid) && num_u64(uid, &id) == 0 && name.n)
			put_new(&decoder->users, id, name);
	}
}

struct str decode_user(struct decoder *decoder, uint64_t uid, struct arena *arena)
{
	struct str name;

	if (!decoder->read_users)
		read_users(decoder);
	name = name_of(&decoder->users, uid);
	if (name.p)
		return arena_str(arena, name);
	return arena_printf(arena, "%llu", (unsigned long long)uid);
}
