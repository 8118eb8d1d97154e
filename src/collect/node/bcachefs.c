/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems of bcachefs. Source: /sys/fs/bcachefs/UUID (fs/bcachefs/sysfs.c), texts for people.
 * Every file of counters/ is a counter, and which there are changes with each release.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

#include "host/human_size.h"

/* clang-format off */
#define COUNTER(name, help) { "node_bcachefs_" name "_total", help, METRIC_COUNTER }
#define GAUGE(name, help) { "node_bcachefs_" name, help, METRIC_GAUGE }
#define ROW(at, name, help) \
	ROW_GAUGE(at, "node_bcachefs_" name, help, .form = ROW_SIZE, .or_zero = true)

static const struct metric_desc info = GAUGE("info", "The file system; always 1.");
static const struct metric_desc device_info =
	GAUGE("device_info", "What the device says of itself; always 1.");
static const struct metric_desc io_done =
	COUNTER("device_io_done_bytes", "Data read and written.");
static const struct metric_desc io_errors = COUNTER("device_io_errors", "Errors of the device.");

static const struct table_row fs_row =
	ROW("btree_cache_size", "btree_cache_size_bytes", "Memory of the cache of tree nodes.");
static const struct table_row device_rows[] = {
	ROW("bucket_size", "device_bucket_size_bytes", "Size of a bucket of the device."),
	ROW("nbuckets", "device_buckets", "Buckets of the device."),
	ROW("durability", "device_durability", "How many copies one on this device counts for."),
};

/* Tables whose lines begin with a label: "lz4: 1.5M 2.9M". */
static const struct columns {
	const char *file, *label;
	bool heading;
	size_t n;
	struct metric_desc descs[2];
} columns[] = {
	{ "compression_stats", "algorithm", true, 2,
	  { GAUGE("compression_compressed_bytes", "Size of compressed data."),
	    GAUGE("compression_uncompressed_bytes", "What it is uncompressed.") } },
	{ "btree_write_stats", "type", true, 2,
	  { COUNTER("btree_writes", "Writes of tree nodes."),
	    GAUGE("btree_write_average_size_bytes", "Average size of such a write.") } },
	{ "errors", "error_type", false, 1,
	  { COUNTER("errors", "Inconsistencies that were found.") } },
};
/* clang-format on */

static void add(struct collect *c, const struct metric_desc *desc, const struct labels *labels,
		struct str text)
{
	double value;

	if (human_size(text, HUMAN_DECIMAL, &value) == 0)
		family_add(metrics_family(c->out, desc), labels, value);
}

static void add_columns(struct collect *c, int dir, const struct labels *fs,
			const struct columns *t)
{
	struct str text, line, key, word[2];

	if (host_attr(dir, t->file, c->scratch, &text) < 0 ||
	    (t->heading && !str_line(&text, &line)))
		return;
	while (str_line(&text, &line)) {
		size_t n = 0;

		if (!str_word(&line, &key))
			continue;
		key.n -= t->heading && str_ends(key, STR(":"));
		while (n < t->n && str_word(&line, &word[n]))
			n++;
		for (size_t i = 0; n == t->n && i < n; i++)
			add(c, &t->descs[i], collect_labels_and(c, fs, str_of(t->label), key),
			    word[i]);
	}
}

/* A file says "since mount:" and "since filesystem creation:". */
static int add_counter(struct collect *c, int dir, const char *name, const struct labels *fs)
{
	static const char help[] = "Counter of bcachefs since the file system was made.";
	int r = -EBADMSG;
	double value = 0;
	struct str text, line;

	if (host_attr(dir, name, c->scratch, &text) < 0)
		return 0;
	while (str_line(&text, &line)) {
		struct str number = str_trim(str_skip(line, str_find(line, ':') + 1));

		if (str_starts(line, STR("since mount:")))
			r = 0;
		else if (str_starts(line, STR("since filesystem creation:")))
			r = human_size(number, HUMAN_DECIMAL, &value);
	}
	if (r < 0)
		return collect_fail(c, -EBADMSG, "counters/%s is no counter", name);
	family_add(collect_familyf(c, METRIC_COUNTER, help, "node_bcachefs_%s_total", name), fs,
		   value);
	return 0;
}

/*
 * io_done: "read:" and "write:", and below each "  journal : 31346688". io_errors: "IO errors since
 * filesystem creation" and "IO errors since 8 y ago", and below each "  checksum: 0".
 */
static void add_sections(struct collect *c, int dir, const struct labels *device, bool errors)
{
	struct str text, line, section = STR("");

	if (host_attr(dir, errors ? "io_errors" : "io_done", c->scratch, &text) < 0)
		return;
	while (str_line(&text, &line)) {
		size_t colon = str_find(line, ':');
		struct str key = str_trim((struct str){ line.p, colon });
		struct str value = str_trim(str_skip(line, colon + 1));
		const struct labels *labels;

		if (!value.n)
			section = key;
		else if (errors && str_ends(section, STR("since filesystem creation")))
			add(c, &io_errors, collect_labels_and(c, device, STR("type"), key), value);
		if (!value.n || errors || !section.n)
			continue;
		labels = collect_labels_and(c, device, STR("operation"), section);
		add(c, &io_done, collect_labels_and(c, labels, STR("data_type"), key), value);
	}
}

static int add_device(struct collect *c, int dir, struct str name, void *arg)
{
	static const struct text_row texts[] = { { "label", "label" }, { "state", "state" } };
	const struct labels *const *fs = arg, *labels;

	if (!str_starts(name, STR("dev-")))
		return 0;
	labels = collect_labels_and(c, *fs, STR("device"), str_skip(name, 4));
	collect_info(c, dir, &device_info, labels, texts, ARRAY_SIZE(texts));
	(void)collect_attrs(c, dir, labels, device_rows, ARRAY_SIZE(device_rows));
	add_sections(c, dir, labels, false);
	add_sections(c, dir, labels, true);
	return 0;
}

static int add_filesystem(struct collect *c, int dir, struct str uuid, void *arg)
{
	_cleanup_fd_ int counters = openat(dir, "counters", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct labels *labels = METRIC_LABELS(c->out, { STR("uuid"), uuid });
	struct str *names;
	size_t n = 0;
	int r = 0;

	*(bool *)arg = true;
	family_add(metrics_family(c->out, &info), labels, 1);
	(void)collect_attrs(c, dir, labels, &fs_row, 1);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		add_columns(c, dir, labels, &columns[i]);
	if (counters >= 0)
		r = host_list_dir(counters, c->scratch, &names, &n);
	for (size_t i = 0; i < n; i++)
		if (add_counter(c, counters, names[i].p, labels) < 0)
			r = -EBADMSG;

	int devices = collect_each_in(c, dir, ".", add_device, &labels);

	return devices < 0 ? devices : r;
}

static int run(struct collect *c)
{
	bool found = false;
	int r = collect_each(c, HOST_SYS, "fs/bcachefs", add_filesystem, &found);

	/* The module alone is nothing to tell of. */
	return r == 0 && !found ? -ENODATA : r;
}

const struct collector collector_bcachefs = {
	.name = "bcachefs",
	.help = "file systems of bcachefs",
	.reads = "/sys/fs/bcachefs/*",
	.on = true,
	.run = run,
};
