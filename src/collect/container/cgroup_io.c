/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input and output of groups by block device, and of the whole host from /proc/diskstats. Some
 * kernels (5.x with bfq) forget the line end after a device without numbers in io.stat.
 */
#include "collect/container/cgroup.h"

enum { DEVICES_MAX = 1024 };

struct cgroup_device {
	struct str number, major, minor; /* "254:0" */
	struct str name;                 /* "/dev/vda"; the number where nobody knows it */
	bool whole;                      /* no partition, no memory in disguise */
};

/* The last part of what /sys/dev/block/254:0 links to; '!' stands for '/' there. */
static void look_up(struct cgroup_reader *r, struct cgroup_device *device)
{
	struct arena *arena = r->c->scratch;
	struct str target, above = { 0 }, last = { 0 }, part;
	char *name;

	device->name = device->number;
	if (r->block < 0 || host_link(r->block, device->number.p, arena, &target) < 0)
		return;
	while (str_cut(&target, '/', &part)) {
		above = last;
		last = part;
	}
	if (!last.n)
		return;
	name = arena_cstr(arena, last);
	for (char *p = name; *p; p++)
		if (*p == '!')
			*p = '/';
	device->name = ARENA_CONCAT(arena, STR("/dev/"), str_of(name));
	device->whole = str_eq(above, STR("block")) && !str_starts(last, STR("loop")) &&
			!str_starts(last, STR("ram")) && !str_starts(last, STR("zram"));
}

static bool is_number(struct str s)
{
	uint64_t value;

	return num_u64(s, &value) == 0;
}

/* The device of "254:0", or NULL. */
static const struct cgroup_device *device_of(struct cgroup_reader *r, struct str number)
{
	struct cgroup_device *device;
	struct str minor = number, major;

	for (size_t i = 0; i < r->n_devices; i++)
		if (str_eq(r->devices[i].number, number))
			return &r->devices[i];
	if (r->n_devices == DEVICES_MAX || !str_cut(&minor, ':', &major) || !is_number(major) ||
	    !is_number(minor))
		return NULL;
	r->devices = arena_grow(r->c->scratch, r->devices, r->n_devices, sizeof(*r->devices));
	device = &r->devices[r->n_devices++];
	*device = (struct cgroup_device){ .number = arena_str(r->c->scratch, number) };
	device->minor = device->number;
	(void)str_cut(&device->minor, ':', &device->major);
	look_up(r, device);
	return device;
}

static const struct labels *labels_of(struct cgroup_reader *r, const struct cgroup_device *device)
{
	const struct label label = { STR("device"), device->name };

	return container_labels(r->c, r->container, 1, &label);
}

static void add_blkio(struct cgroup_reader *r, const struct cgroup_device *device,
		      struct str operation, uint64_t bytes)
{
	const struct label labels[] = {
		{ STR("device"), device->name },
		{ STR("major"), device->major },
		{ STR("minor"), device->minor },
		{ STR("operation"), operation },
	};

	family_add(r->family[FAMILY_BLKIO],
		   container_labels(r->c, r->container, ARRAY_SIZE(labels), labels), (double)bytes);
}

static const struct {
	struct str key;
	enum cgroup_family family;
	double per;
	struct str operation; /* of container_blkio_device_usage_total, or empty */
} io_keys[] = {
	{ STR("rbytes="), FAMILY_FS_READS_BYTES, 1, STR("Read") },
	{ STR("wbytes="), FAMILY_FS_WRITES_BYTES, 1, STR("Write") },
	{ STR("rios="), FAMILY_FS_READS, 1, STR("") },
	{ STR("wios="), FAMILY_FS_WRITES, 1, STR("") },
	{ STR("dbytes="), CGROUP_NO_FAMILY, 1, STR("Discard") },
	{ STR("cost.usage="), FAMILY_FS_COST_USAGE, 1e6, STR("") },
	{ STR("cost.wait="), FAMILY_FS_COST_WAIT, 1e6, STR("") },
	{ STR("cost.indebt="), FAMILY_FS_COST_INDEBT, 1e6, STR("") },
	{ STR("cost.indelay="), FAMILY_FS_COST_INDELAY, 1e6, STR("") },
};

static void add_pair(struct cgroup_reader *r, const struct cgroup_device *device,
		     const struct labels *labels, struct str word)
{
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(io_keys); i++) {
		if (!str_starts(word, io_keys[i].key))
			continue;
		if (num_u64(str_skip(word, io_keys[i].key.n), &value) < 0)
			return;
		if (io_keys[i].family != CGROUP_NO_FAMILY)
			family_add(r->family[io_keys[i].family], labels,
				   (double)value / io_keys[i].per);
		if (io_keys[i].operation.n)
			add_blkio(r, device, io_keys[i].operation, value);
		return;
	}
}

static void add_v2(struct cgroup_reader *r, int dir)
{
	const struct cgroup_device *device = NULL;
	const struct labels *labels = NULL;
	struct str text, word;

	if (cgroup_text(r, dir, "io.stat", &text) < 0)
		return;
	while (str_word(&text, &word)) {
		if (str_find(word, '=') == word.n) {
			device = device_of(r, word);
			labels = device ? labels_of(r, device) : NULL;
		} else if (device) {
			add_pair(r, device, labels, word);
		}
	}
}

/*
 * v1 counts at several places. The first counts all devices; those of a scheduler only the
 * devices that use it, and each of these files is there, if empty, as soon as one might.
 */
static const char *const bytes_files[] = {
	"blkio.throttle.io_service_bytes_recursive",
	"blkio.bfq.io_service_bytes_recursive",
	"blkio.io_service_bytes_recursive",
	"blkio.throttle.io_service_bytes",
};

static const char *const count_files[] = {
	"blkio.throttle.io_serviced_recursive",
	"blkio.bfq.io_serviced_recursive",
	"blkio.io_serviced_recursive",
	"blkio.throttle.io_serviced",
};

/* "254:0 Read 4096" */
static bool cut_blkio(struct str line, struct str *ret_number, struct str *ret_operation,
		      uint64_t *ret_value)
{
	return str_word(&line, ret_number) && str_word(&line, ret_operation) &&
	       num_take_u64(&line, ret_value) && !str_trim(line).n;
}

static void add_v1(struct cgroup_reader *r, int dir, const char *const *files, bool bytes)
{
	enum cgroup_family reads = bytes ? FAMILY_FS_READS_BYTES : FAMILY_FS_READS;
	enum cgroup_family writes = bytes ? FAMILY_FS_WRITES_BYTES : FAMILY_FS_WRITES;
	struct str text, line, number, operation;
	bool any = false;
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(bytes_files) && !any; i++) {
		if (cgroup_text(r, dir, files[i], &text) < 0)
			continue;
		while (str_line(&text, &line)) {
			const struct cgroup_device *device;

			/* The last line is "Total 0". */
			if (!cut_blkio(line, &number, &operation, &value))
				continue;
			device = device_of(r, number);
			if (!device)
				continue;
			any = true;
			if (str_eq(operation, STR("Read")))
				family_add(r->family[reads], labels_of(r, device), (double)value);
			else if (str_eq(operation, STR("Write")))
				family_add(r->family[writes], labels_of(r, device), (double)value);
			if (bytes)
				add_blkio(r, device, operation, value);
		}
	}
}

void cgroup_add_io(struct cgroup_reader *r, int v2)
{
	_cleanup_fd_ int v1 = cgroup_open(r->c->host, r->group, CGROUP_BLKIO);

	if (v1 >= 0) {
		add_v1(r, v1, bytes_files, true);
		add_v1(r, v1, count_files, false);
	} else if (cgroup_has_v2(r, v2, CGROUP_BLKIO)) {
		add_v2(r, v2);
	}
}

/* By column of /proc/diskstats; times are milliseconds there. */
static const struct {
	enum cgroup_family family;
	double per;
	bool group; /* groups have it, too */
} columns[] = {
	{ FAMILY_FS_READS, 1, true },          { FAMILY_FS_READS_MERGED, 1, false },
	{ FAMILY_FS_SECTOR_READS, 1, false },  { FAMILY_FS_READ_SECONDS, 1e3, false },
	{ FAMILY_FS_WRITES, 1, true },         { FAMILY_FS_WRITES_MERGED, 1, false },
	{ FAMILY_FS_SECTOR_WRITES, 1, false }, { FAMILY_FS_WRITE_SECONDS, 1e3, false },
	{ FAMILY_FS_IO_CURRENT, 1, false },    { FAMILY_FS_IO_SECONDS, 1e3, false },
	{ FAMILY_FS_IO_WEIGHTED, 1e3, false },
};

enum { READ_SECTORS = 2, WRITTEN_SECTORS = 6, SECTOR = 512 };

static void add_disk(struct cgroup_reader *r, struct str line, bool group)
{
	uint64_t major, minor, v[ARRAY_SIZE(columns)];
	const struct cgroup_device *device;
	const struct labels *labels;
	struct str name;

	if (!num_take_u64(&line, &major) || !num_take_u64(&line, &minor) || !str_word(&line, &name))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (!num_take_u64(&line, &v[i]))
			return;
	device = device_of(r, arena_printf(r->c->scratch, "%llu:%llu", (unsigned long long)major,
					   (unsigned long long)minor));
	if (!device || !device->whole)
		return;
	labels = labels_of(r, device);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (group || !columns[i].group)
			family_add(r->family[columns[i].family], labels,
				   (double)v[i] / columns[i].per);
	if (!group)
		return;
	family_add(r->family[FAMILY_FS_READS_BYTES], labels, (double)v[READ_SECTORS] * SECTOR);
	family_add(r->family[FAMILY_FS_WRITES_BYTES], labels, (double)v[WRITTEN_SECTORS] * SECTOR);
}

void cgroup_add_diskstats(struct cgroup_reader *r)
{
	/* It is the first group: what there is now is its own. v1 counts nothing for the root. */
	bool group = !r->family[FAMILY_FS_READS]->series;
	struct str text, line;

	if (host_read_once(r->c->host, HOST_PROC, "diskstats", &text) < 0)
		return;
	while (str_line(&text, &line))
		add_disk(r, line, group);
}
