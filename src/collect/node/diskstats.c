/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input and output per block device. Sources: /proc/diskstats (block/genhd.c, sectors are 512
 * bytes whatever the disk's own are), and udev's database for what the disk is. The latter
 * costs more than all the counters, so it is read again only when a device or its file in the
 * database has changed.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

#include "collect/node/device_filter.h"
#include "host/udev.h"

enum { COLUMNS_OLD = 4, COLUMNS_MIN = 11, COLUMNS = 17, KEPT_OPEN_MAX = 64 };

struct diskstats_conf {
	struct device_filter devices;
};

/* A line of /proc/diskstats. */
struct line {
	struct str major, minor, name;
	size_t n;
	uint64_t columns[COLUMNS];
};

struct disk {
	struct str major, minor, name;
	bool wanted;
	struct udev_disk udev;
	const char *sysfs_name; /* "cciss!c0d0" for cciss/c0d0 */
	bool has_rotational;
	int rotational; /* the attribute, kept open, or -1 */
};

struct self {
	struct arena arena; /* of the disks */
	struct disk *disks;
	size_t n;
	int udev_dir;
};

#define DISK(name, help, type)                \
	{                                     \
		"node_disk_" name, help, type \
	}

/* One a column, in the kernel's order. */
static const struct column {
	struct metric_desc desc;
	double scale;
} columns[COLUMNS] = {
	{ DISK("reads_completed_total", "Reads completed.", METRIC_COUNTER), 1 },
	{ DISK("reads_merged_total",
	       "Reads that were merged with a neighbour before they went out.", METRIC_COUNTER),
	  1 },
	{ DISK("read_bytes_total", "Bytes read.", METRIC_COUNTER), 512 },
	{ DISK("read_time_seconds_total", "Time that reads took, each for itself.", METRIC_COUNTER),
	  1e-3 },
	{ DISK("writes_completed_total", "Writes completed.", METRIC_COUNTER), 1 },
	{ DISK("writes_merged_total",
	       "Writes that were merged with a neighbour before they went out.", METRIC_COUNTER),
	  1 },
	{ DISK("written_bytes_total", "Bytes written.", METRIC_COUNTER), 512 },
	{ DISK("write_time_seconds_total", "Time that writes took, each for itself.",
	       METRIC_COUNTER),
	  1e-3 },
	{ DISK("io_now", "Requests under way.", METRIC_GAUGE), 1 },
	{ DISK("io_time_seconds_total", "Time with at least one request under way.",
	       METRIC_COUNTER),
	  1e-3 },
	{ DISK("io_time_weighted_seconds_total",
	       "Time with requests under way, times how many they were.", METRIC_COUNTER),
	  1e-3 },
	{ DISK("discards_completed_total", "Discards completed.", METRIC_COUNTER), 1 },
	{ DISK("discards_merged_total",
	       "Discards that were merged with a neighbour before they went out.", METRIC_COUNTER),
	  1 },
	{ DISK("discarded_sectors_total", "Sectors of 512 bytes discarded.", METRIC_COUNTER), 1 },
	{ DISK("discard_time_seconds_total", "Time that discards took, each for itself.",
	       METRIC_COUNTER),
	  1e-3 },
	{ DISK("flush_requests_total", "Flush requests completed.", METRIC_COUNTER), 1 },
	{ DISK("flush_requests_time_seconds_total", "Time that flush requests took.",
	       METRIC_COUNTER),
	  1e-3 },
};

static const struct metric_desc info_desc =
	DISK("info", "What udev and sysfs know of the disk; always 1.", METRIC_GAUGE);
static const struct metric_desc filesystem_info_desc =
	DISK("filesystem_info", "What udev found written on the disk; always 1.", METRIC_GAUGE);
static const struct metric_desc mapper_info_desc =
	DISK("device_mapper_info", "Names of a device mapper device; always 1.", METRIC_GAUGE);

static const struct ata {
	struct metric_desc desc;
	enum udev_key key;
} ata_values[] = {
	{ DISK("ata_write_cache", "1 when the disk has a write cache.", METRIC_GAUGE),
	  UDEV_ATA_WRITE_CACHE },
	{ DISK("ata_write_cache_enabled", "1 when the disk's write cache is in use.", METRIC_GAUGE),
	  UDEV_ATA_WRITE_CACHE_ENABLED },
	{ DISK("ata_rotation_rate_rpm", "Rotation rate; 0 when nothing rotates.", METRIC_GAUGE),
	  UDEV_ATA_ROTATION_RATE },
};

static const struct opt opts[] = {
	{ OPT_ROW("device_exclude", OPT_REGEX, struct diskstats_conf, devices.exclude,
		  "(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme[0-9]+n[0-9]+p)[0-9]+", "REGEX",
		  "devices to leave out") },
	{ OPT_ROW("device_include", OPT_REGEX, struct diskstats_conf, devices.include, "", "REGEX",
		  "when set, takes these devices whatever device_exclude says") },
	{ 0 },
};

const struct opt_section section_collector_diskstats = {
	.path = "collectors.diskstats",
	.help = "input and output of block devices",
	.opts = opts,
	.size = sizeof(struct diskstats_conf),
};

/*
 * Kernels before 4.18 write 11 columns, before 5.5 15; what comes after 17 has no name yet. Before
 * 2.6.25 a partition has 4, of other things, which node_exporter passes over, too: ret->n tells.
 */
static bool parse_line(struct str text, struct line *ret)
{
	ret->n = 0;
	if (!str_word(&text, &ret->major) || !str_word(&text, &ret->minor) ||
	    !str_word(&text, &ret->name))
		return false;
	for (ret->n = 0; ret->n < COLUMNS; ret->n++)
		if (!num_take_u64(&text, &ret->columns[ret->n]))
			break;
	return ret->n >= COLUMNS_MIN && (ret->n == COLUMNS || !str_trim(text).n);
}

static bool is_current(const struct self *self, const struct line *lines, size_t n)
{
	if (n != self->n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct disk *disk = &self->disks[i];

		if (!str_eq(disk->name, lines[i].name) || !str_eq(disk->major, lines[i].major) ||
		    !str_eq(disk->minor, lines[i].minor))
			return false;
		if (disk->wanted && udev_has_changed(self->udev_dir, &disk->udev))
			return false;
	}
	return true;
}

static int open_rotational(const struct collect *c, const struct disk *disk)
{
	_cleanup_fd_ int block = host_open_dir(c->host, HOST_SYS, "block");
	_cleanup_fd_ int dir = block < 0 ? -1 : openat(block, disk->sysfs_name, O_PATH | O_CLOEXEC);

	return dir < 0 ? -1
		       : openat(dir, "queue/rotational",
				O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static const char *sysfs_name(struct arena *arena, struct str name)
{
	char *copy = arena_cstr(arena, name);

	for (char *p = copy; *p; p++)
		if (*p == '/')
			*p = '!';
	return copy;
}

static void forget_disks(struct self *self)
{
	for (size_t i = 0; i < self->n; i++)
		if (self->disks[i].rotational >= 0)
			(void)close(self->disks[i].rotational);
	self->n = 0;
	arena_reset(&self->arena);
}

static void learn_disks(struct collect *c, const struct line *lines, size_t n)
{
	const struct diskstats_conf *conf = c->conf;
	struct self *self = c->self;
	int kept = 0;

	forget_disks(self);
	self->disks = arena_zalloc(&self->arena, n + 1, sizeof(*self->disks));
	for (size_t i = 0; i < n; i++) {
		struct disk *disk = &self->disks[i];

		*disk = (struct disk){
			.major = arena_str(&self->arena, lines[i].major),
			.minor = arena_str(&self->arena, lines[i].minor),
			.name = arena_str(&self->arena, lines[i].name),
			.wanted = device_wanted(&conf->devices, lines[i].name),
			.rotational = -1,
		};
		if (!disk->wanted)
			continue;
		udev_read(self->udev_dir, disk->major, disk->minor, &self->arena, &disk->udev);
		disk->sysfs_name = sysfs_name(&self->arena, disk->name);

		int fd = open_rotational(c, disk);

		disk->has_rotational = fd >= 0;
		if (fd >= 0 && kept++ < KEPT_OPEN_MAX)
			disk->rotational = fd;
		else if (fd >= 0)
			(void)close(fd);
	}
	self->n = n;
}

/* node_exporter says 0 of what has no such attribute (a partition), and so does this. */
static struct str rotational(struct collect *c, struct disk *disk)
{
	char text[32];
	uint64_t value = 0;
	ssize_t n = -1;

	if (!disk->has_rotational)
		return STR("0");
	if (disk->rotational >= 0)
		n = pread(disk->rotational, text, sizeof(text), 0);
	if (n < 0) {
		/* Not kept open, or another disk came under the name of one that went. */
		_cleanup_fd_ int fd = open_rotational(c, disk);

		n = fd < 0 ? -1 : pread(fd, text, sizeof(text), 0);
	}
	if (n > 0)
		(void)num_u64(str_trim((struct str){ text, (size_t)n }), &value);
	return value ? STR("1") : STR("0");
}

static struct str first_of(struct str a, struct str b, struct str c)
{
	return a.n ? a : b.n ? b : c;
}

static void add_info(struct collect *c, struct family *info, struct disk *disk,
		     const struct labels *labels)
{
	const struct str *udev = disk->udev.v;
	double value;

	family_add(info,
		   METRIC_LABELS(
			   c->out, { STR("device"), disk->name }, { STR("major"), disk->major },
			   { STR("minor"), disk->minor }, { STR("path"), udev[UDEV_PATH] },
			   { STR("wwn"), udev[UDEV_WWN] }, { STR("model"), udev[UDEV_MODEL] },
			   { STR("serial"), first_of(udev[UDEV_SCSI_IDENT_SERIAL],
						     udev[UDEV_SERIAL_SHORT], udev[UDEV_SERIAL]) },
			   { STR("revision"), udev[UDEV_REVISION] },
			   { STR("rotational"), rotational(c, disk) }),
		   1);
	if (udev[UDEV_FS_TYPE].n)
		family_add(metrics_family(c->out, &filesystem_info_desc),
			   METRIC_LABELS(c->out, { STR("device"), disk->name },
					 { STR("type"), udev[UDEV_FS_TYPE] },
					 { STR("usage"), udev[UDEV_FS_USAGE] },
					 { STR("uuid"), udev[UDEV_FS_UUID] },
					 { STR("version"), udev[UDEV_FS_VERSION] }),
			   1);
	if (udev[UDEV_DM_NAME].n)
		family_add(metrics_family(c->out, &mapper_info_desc),
			   METRIC_LABELS(c->out, { STR("device"), disk->name },
					 { STR("name"), udev[UDEV_DM_NAME] },
					 { STR("uuid"), udev[UDEV_DM_UUID] },
					 { STR("vg_name"), udev[UDEV_DM_VG_NAME] },
					 { STR("lv_name"), udev[UDEV_DM_LV_NAME] },
					 { STR("lv_layer"), udev[UDEV_DM_LV_LAYER] }),
			   1);
	for (size_t i = 0; udev[UDEV_ATA].n && i < ARRAY_SIZE(ata_values); i++)
		if (num_f64(udev[ata_values[i].key], &value) == 0)
			family_add(metrics_family(c->out, &ata_values[i].desc), labels, value);
}

static void add_disks(struct collect *c, const struct line *lines)
{
	struct self *self = c->self;
	struct family *info = metrics_family(c->out, &info_desc), *family[COLUMNS];

	for (size_t k = 0; k < COLUMNS; k++)
		family[k] = metrics_family(c->out, &columns[k].desc);
	for (size_t i = 0; i < self->n; i++) {
		struct disk *disk = &self->disks[i];

		if (!disk->wanted)
			continue;

		const struct labels *labels = METRIC_LABELS(c->out, { STR("device"), disk->name });

		add_info(c, info, disk, labels);
		for (size_t k = 0; k < lines[i].n; k++)
			family_add(family[k], labels,
				   (double)lines[i].columns[k] * columns[k].scale);
	}
}

static int run(struct collect *c)
{
	struct self *self = c->self;
	struct str text, rest, line;
	size_t count = 0, n = 0, number = 0, bad = 0;
	int r = collect_read(c, HOST_PROC, "diskstats", &text);

	if (r < 0)
		return r;
	if (!text.n)
		return collect_fail(c, 0, "/proc/diskstats is empty: no block device");
	for (rest = text; str_line(&rest, &line);)
		count++;

	struct line *lines = arena_alloc(c->scratch, (count + 1) * sizeof(*lines));

	while (str_line(&text, &line)) {
		number++;
		if (parse_line(line, &lines[n]))
			n++;
		else if (!bad && lines[n].n != COLUMNS_OLD)
			bad = number;
	}
	if (self->udev_dir < 0)
		self->udev_dir = udev_open(c->host);
	if (!is_current(self, lines, n))
		learn_disks(c, lines, n);
	add_disks(c, lines);
	if (bad)
		return collect_fail(c, -EBADMSG, "/proc/diskstats: line %zu is not a device's",
				    bad);
	return 0;
}

static int open_diskstats(struct collect *c)
{
	struct self *self = c->self;

	self->udev_dir = -1;
	return 0;
}

static void close_diskstats(struct collect *c)
{
	struct self *self = c->self;

	forget_disks(self);
	arena_release(&self->arena);
	if (self->udev_dir >= 0)
		(void)close(self->udev_dir);
}

const struct collector collector_diskstats = {
	.name = "diskstats",
	.help = "input and output of block devices",
	.reads = "/proc/diskstats, /run/udev/data/b*, /sys/block/*/queue/rotational",
	.on = true,
	.section = &section_collector_diskstats,
	.self_size = sizeof(struct self),
	.open = open_diskstats,
	.run = run,
	.close = close_diskstats,
};
