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
#include <sys/stat.h>

#include "base/file.h"

enum { COLUMNS_MIN = 11, COLUMNS = 17, UDEV_MAX = 1 << 20, KEPT_OPEN_MAX = 64 };

struct diskstats_conf {
	struct opt_regex include, exclude;
};

enum udev_key {
	ATA,
	ATA_ROTATION_RATE,
	ATA_WRITE_CACHE,
	ATA_WRITE_CACHE_ENABLED,
	DM_LV_LAYER,
	DM_LV_NAME,
	DM_NAME,
	DM_UUID,
	DM_VG_NAME,
	FS_TYPE,
	FS_USAGE,
	FS_UUID,
	FS_VERSION,
	MODEL,
	PATH,
	REVISION,
	SCSI_IDENT_SERIAL,
	SERIAL,
	SERIAL_SHORT,
	WWN,
	N_UDEV_KEYS,
};

static const char *const udev_names[N_UDEV_KEYS] = {
	[ATA] = "ID_ATA",
	[ATA_ROTATION_RATE] = "ID_ATA_ROTATION_RATE_RPM",
	[ATA_WRITE_CACHE] = "ID_ATA_WRITE_CACHE",
	[ATA_WRITE_CACHE_ENABLED] = "ID_ATA_WRITE_CACHE_ENABLED",
	[DM_LV_LAYER] = "DM_LV_LAYER",
	[DM_LV_NAME] = "DM_LV_NAME",
	[DM_NAME] = "DM_NAME",
	[DM_UUID] = "DM_UUID",
	[DM_VG_NAME] = "DM_VG_NAME",
	[FS_TYPE] = "ID_FS_TYPE",
	[FS_USAGE] = "ID_FS_USAGE",
	[FS_UUID] = "ID_FS_UUID",
	[FS_VERSION] = "ID_FS_VERSION",
	[MODEL] = "ID_MODEL",
	[PATH] = "ID_PATH",
	[REVISION] = "ID_REVISION",
	[SCSI_IDENT_SERIAL] = "SCSI_IDENT_SERIAL",
	[SERIAL] = "ID_SERIAL",
	[SERIAL_SHORT] = "ID_SERIAL_SHORT",
	[WWN] = "ID_WWN",
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
	const char *udev_file; /* "b8:0" */
	struct stat udev_stat; /* all zero when there is no such file */
	struct str udev[N_UDEV_KEYS];
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
	  ATA_WRITE_CACHE },
	{ DISK("ata_write_cache_enabled", "1 when the disk's write cache is in use.", METRIC_GAUGE),
	  ATA_WRITE_CACHE_ENABLED },
	{ DISK("ata_rotation_rate_rpm", "Rotation rate; 0 when nothing rotates.", METRIC_GAUGE),
	  ATA_ROTATION_RATE },
};

static const struct opt opts[] = {
	{
		.name = "device_exclude",
		.type = OPT_REGEX,
		.offset = offsetof(struct diskstats_conf, exclude),
		.preset = "(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme[0-9]+n[0-9]+p)[0-9]+",
		.arg = "REGEX",
		.help = "devices to leave out",
	},
	{
		.name = "device_include",
		.type = OPT_REGEX,
		.offset = offsetof(struct diskstats_conf, include),
		.preset = "",
		.arg = "REGEX",
		.help = "when set, takes these devices whatever device_exclude says",
	},
	{ 0 },
};

const struct opt_section section_collector_diskstats = {
	.path = "collectors.diskstats",
	.help = "input and output of block devices",
	.opts = opts,
	.size = sizeof(struct diskstats_conf),
};

/* Kernels before 4.18 write 11 columns, before 5.5 15; what comes after 17 has no name yet. */
static bool parse_line(struct str text, struct line *ret)
{
	if (!str_word(&text, &ret->major) || !str_word(&text, &ret->minor) ||
	    !str_word(&text, &ret->name))
		return false;
	for (ret->n = 0; ret->n < COLUMNS; ret->n++)
		if (!num_take_u64(&text, &ret->columns[ret->n]))
			break;
	return ret->n >= COLUMNS_MIN && (ret->n == COLUMNS || !str_trim(text).n);
}

static bool same_udev_file(const struct disk *disk, const struct stat *now)
{
	const struct stat *then = &disk->udev_stat;

	return now->st_ino == then->st_ino && now->st_size == then->st_size &&
	       now->st_mtim.tv_sec == then->st_mtim.tv_sec &&
	       now->st_mtim.tv_nsec == then->st_mtim.tv_nsec;
}

/* Zeroes when there is none: that compares equal as long as there is none. */
static struct stat stat_udev(const struct self *self, const char *file)
{
	struct stat s;

	if (self->udev_dir < 0 || fstatat(self->udev_dir, file, &s, 0) < 0)
		s = (struct stat){ 0 };
	return s;
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
		if (disk->wanted) {
			struct stat now = stat_udev(self, disk->udev_file);

			if (!same_udev_file(disk, &now))
				return false;
		}
	}
	return true;
}

static void read_udev(struct self *self, struct disk *disk)
{
	struct str text, line, name;

	disk->udev_stat = stat_udev(self, disk->udev_file);
	if (self->udev_dir < 0 ||
	    file_read(self->udev_dir, disk->udev_file, UDEV_MAX, &self->arena, &text) < 0)
		return;
	while (str_line(&text, &line)) {
		if (!str_starts(line, STR("E:")))
			continue;
		line = str_skip(line, 2);
		if (str_find(line, '=') == line.n || !str_cut(&line, '=', &name))
			continue;
		for (size_t i = 0; i < N_UDEV_KEYS; i++)
			if (str_eq(name, str_of(udev_names[i])))
				disk->udev[i] = line;
	}
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

static bool wanted(const struct diskstats_conf *conf, struct str name)
{
	return conf->include.compiled ? opt_regex_match(&conf->include, name)
				      : !opt_regex_match(&conf->exclude, name);
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
			.wanted = wanted(c->conf, lines[i].name),
			.rotational = -1,
		};
		if (!disk->wanted)
			continue;
		disk->udev_file = arena_printf(&self->arena, "b%.*s:%.*s", STR_ARG(disk->major),
					       STR_ARG(disk->minor))
					  .p;
		read_udev(self, disk);
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
	const struct str *udev = disk->udev;
	double value;

	family_add(info,
		   METRIC_LABELS(c->out, { STR("device"), disk->name },
				 { STR("major"), disk->major }, { STR("minor"), disk->minor },
				 { STR("path"), udev[PATH] }, { STR("wwn"), udev[WWN] },
				 { STR("model"), udev[MODEL] },
				 { STR("serial"), first_of(udev[SCSI_IDENT_SERIAL],
							   udev[SERIAL_SHORT], udev[SERIAL]) },
				 { STR("revision"), udev[REVISION] },
				 { STR("rotational"), rotational(c, disk) }),
		   1);
	if (udev[FS_TYPE].n)
		family_add(metrics_family(c->out, &filesystem_info_desc),
			   METRIC_LABELS(c->out, { STR("device"), disk->name },
					 { STR("type"), udev[FS_TYPE] },
					 { STR("usage"), udev[FS_USAGE] },
					 { STR("uuid"), udev[FS_UUID] },
					 { STR("version"), udev[FS_VERSION] }),
			   1);
	if (udev[DM_NAME].n)
		family_add(metrics_family(c->out, &mapper_info_desc),
			   METRIC_LABELS(c->out, { STR("device"), disk->name },
					 { STR("name"), udev[DM_NAME] },
					 { STR("uuid"), udev[DM_UUID] },
					 { STR("vg_name"), udev[DM_VG_NAME] },
					 { STR("lv_name"), udev[DM_LV_NAME] },
					 { STR("lv_layer"), udev[DM_LV_LAYER] }),
			   1);
	for (size_t i = 0; udev[ATA].n && i < ARRAY_SIZE(ata_values); i++)
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
		return collect_fail(c, -ENODATA, "/proc/diskstats is empty: no block device");
	for (rest = text; str_line(&rest, &line);)
		count++;

	struct line *lines = arena_alloc(c->scratch, (count + 1) * sizeof(*lines));

	while (str_line(&text, &line)) {
		number++;
		if (parse_line(line, &lines[n]))
			n++;
		else if (!bad)
			bad = number;
	}
	if (self->udev_dir < 0)
		self->udev_dir = host_open_dir(c->host, HOST_UDEV, "data");
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
