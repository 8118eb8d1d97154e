/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems of btrfs. Source: /sys/fs/btrfs/UUID (fs/btrfs/sysfs.c), and ioctl(2) for the
 * devices' errors; commit_stats is there since Linux 6.0. As node_exporter has it, what a kernel
 * does not tell is 0.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

#include "host/btrfs.h"

/* clang-format off */
#define COUNTER(name, help) { "node_btrfs_" name "_total", help, METRIC_COUNTER }
#define GAUGE(name, help) { "node_btrfs_" name, help, METRIC_GAUGE }
#define ROW(at, name, help, ...) \
	ROW_GAUGE(at, "node_btrfs_" name, help, .or_zero = true, __VA_ARGS__)

static const struct metric_desc info = GAUGE("info", "The file system; always 1.");
static const struct metric_desc allocation_ratio =
	GAUGE("allocation_ratio", "Space that a byte takes on the devices.");
static const struct metric_desc device_size =
	GAUGE("device_size_bytes", "Size of the device.");
static const struct metric_desc device_unused =
	GAUGE("device_unused_bytes", "Space of the device that is not set aside yet.");
static const struct metric_desc device_errors =
	COUNTER("device_errors", "Errors of the device, by kind.");

static const struct {
	const char *word;
	double divisor;
	struct metric_desc desc;
} commits[] = {
	{ "commits", 1, COUNTER("commits", "Commits of the file system.") },
	{ "last_commit_ms", 1000, GAUGE("last_commit_seconds", "How long the last commit took.") },
	{ "max_commit_ms", 1000, GAUGE("max_commit_seconds", "How long the slowest one took.") },
	{ "total_commit_ms", 1000, COUNTER("commit_seconds", "How long all commits took.") },
};

static const struct table_row fs_row = ROW("allocation/global_rsv_size", "global_rsv_size_bytes",
					   "Space kept for the file system's own needs.");
static const struct table_row group_row = ROW("bytes_reserved", "reserved_bytes",
					      "Space promised to writes, by what it is for.");
static const struct table_row mode_rows[] = {
	ROW("used_bytes", "used_bytes", "Space in use, by what it is for and how it is kept."),
	ROW("total_bytes", "size_bytes", "Space set aside, by what it is for and how it is kept."),
};
/* clang-format on */

struct filesystem {
	const struct labels *labels, *group;
	double devices;
};

static double ratio(struct str mode, double devices)
{
	if (str_eq(mode, STR("single")) || str_eq(mode, STR("raid0")))
		return 1;
	if (str_eq(mode, STR("dup")) || str_eq(mode, STR("raid1")) || str_eq(mode, STR("raid10")))
		return 2;
	if (str_eq(mode, STR("raid1c3")) || str_eq(mode, STR("raid1c4")))
		return mode.p[6] - '0';
	if (str_eq(mode, STR("raid5")))
		return devices / (devices - 1);
	if (str_eq(mode, STR("raid6")))
		return devices / (devices - 2);
	return 0;
}

static int add_mode(struct collect *c, int dir, struct str mode, void *arg)
{
	const struct filesystem *fs = arg;
	const struct labels *labels = collect_labels_and(c, fs->group, STR("mode"), mode);

	(void)collect_attrs(c, dir, labels, mode_rows, ARRAY_SIZE(mode_rows));
	family_add(metrics_family(c->out, &allocation_ratio), labels, ratio(mode, fs->devices));
	return 0;
}

/* "data", "metadata" and "system", or "mixed" for the first two together. */
static int add_group(struct collect *c, int dir, struct str group, void *arg)
{
	struct filesystem *fs = arg;

	fs->group = collect_labels_and(c, fs->labels, STR("block_group_type"), group);
	(void)collect_attrs(c, dir, fs->group, &group_row, 1);
	return collect_each_in(c, dir, ".", add_mode, fs);
}

static void add_commits(struct collect *c, int dir, const struct labels *labels)
{
	uint64_t values[ARRAY_SIZE(commits)] = { 0 };
	struct str text = STR(""), line, word;

	(void)host_attr(dir, "commit_stats", c->scratch, &text);
	while (str_line(&text, &line) && str_word(&line, &word))
		for (size_t i = 0; i < ARRAY_SIZE(commits); i++)
			if (str_eq(word, str_of(commits[i].word)))
				(void)num_take_u64(&line, &values[i]);
	for (size_t i = 0; i < ARRAY_SIZE(commits); i++)
		family_add(metrics_family(c->out, &commits[i].desc), labels,
			   (double)values[i] / commits[i].divisor);
}

static void add_device(struct collect *c, const struct labels *fs, const struct btrfs_device *d)
{
	static const char *const kinds[BTRFS_ERRORS] = {
		[BTRFS_ERROR_WRITE] = "write",           [BTRFS_ERROR_READ] = "read",
		[BTRFS_ERROR_FLUSH] = "flush",           [BTRFS_ERROR_CORRUPTION] = "corruption",
		[BTRFS_ERROR_GENERATION] = "generation",
	};
	const struct labels *labels = collect_labels_and(c, fs, STR("device"), d->name);

	labels = collect_labels_and(c, labels, STR("btrfs_dev_uuid"), d->uuid);
	family_add(metrics_family(c->out, &device_size), labels, (double)d->size);
	family_add(metrics_family(c->out, &device_unused), labels, (double)(d->size - d->used));
	for (size_t i = 0; i < BTRFS_ERRORS; i++)
		family_add(metrics_family(c->out, &device_errors),
			   collect_labels_and(c, labels, STR("type"), str_of(kinds[i])),
			   (double)d->errors[i]);
}

/* As far as the file system itself does not tell of them. */
static void add_devices(struct collect *c, int dir, const struct labels *fs, struct str fsid,
			const struct str *names, size_t n)
{
	struct btrfs_device *told;
	size_t n_told, found = 0;

	btrfs_devices(c->host, c->scratch, &told, &n_told);
	for (size_t i = 0; i < n_told; i++) {
		if (!str_eq(told[i].fsid, fsid))
			continue;
		add_device(c, fs, &told[i]);
		found++;
	}
	for (size_t i = 0; !found && i < n; i++) {
		uint64_t sectors = 0;

		(void)host_attr_u64(dir, ARENA_CONCAT(c->scratch, names[i], STR("/size")).p,
				    &sectors);
		family_add(metrics_family(c->out, &device_size),
			   collect_labels_and(c, fs, STR("device"), names[i]),
			   (double)sectors * 512);
	}
}

static int add_filesystem(struct collect *c, int dir, struct str name, void *arg)
{
	static const struct text_row label[] = { { "label", "label" } };
	_cleanup_fd_ int devices = openat(dir, "devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct filesystem fs = { 0 };
	struct str *names, uuid;
	size_t n = 0;

	(void)arg;
	if (str_find(name, '-') == name.n) /* features */
		return 0;
	if (devices < 0 || host_list_dir(devices, c->scratch, &names, &n) < 0)
		return collect_fail(c, -EIO, "/sys/fs/btrfs/%.*s has no devices", STR_ARG(name));
	if (host_attr(dir, "metadata_uuid", c->scratch, &uuid) < 0 || !uuid.n)
		uuid = name;
	fs.labels = METRIC_LABELS(c->out, { STR("uuid"), uuid });
	fs.devices = (double)n;
	collect_info(c, dir, &info, fs.labels, label, 1);
	(void)collect_attrs(c, dir, fs.labels, &fs_row, 1);
	add_commits(c, dir, fs.labels);
	add_devices(c, devices, fs.labels, name, names, n);
	return collect_each_in(c, dir, "allocation", add_group, &fs);
}

static int run(struct collect *c)
{
	int r = collect_each(c, HOST_SYS, "fs/btrfs", add_filesystem, NULL);

	return r == -ENODATA ? 0 : r;
}

const struct collector collector_btrfs = {
	.name = "btrfs",
	.help = "file systems of btrfs: space, commits, devices and their errors",
	.reads = "/sys/fs/btrfs/*, ioctl(2) of what is mounted",
	.live_only = "ioctl(2)",
	.on = true,
	.run = run,
};
