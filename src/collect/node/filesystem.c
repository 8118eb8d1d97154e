/* SPDX-License-Identifier: Apache-2.0 */
/* Space and inodes of file systems, of each mount point by itself. */
#include "collect/common/filesystems.h"

#include <errno.h>

enum {
	DEVICE_ERROR,
	READONLY,
	SIZE,
	FREE,
	AVAIL,
	FILES,
	FILES_FREE,
	MOUNT_INFO,
	PURGEABLE,
	N_DESCS,
};

static const struct metric_desc descs[N_DESCS] = {
	[DEVICE_ERROR] = { "node_filesystem_device_error",
			   "1 when the file system could not be asked for its figures.",
			   METRIC_GAUGE },
	[READONLY] = { "node_filesystem_readonly", "1 when the file system is mounted read-only.",
		       METRIC_GAUGE },
	[SIZE] = { "node_filesystem_size_bytes", "Size of the file system.", METRIC_GAUGE },
	[FREE] = { "node_filesystem_free_bytes",
		   "Space that is not in use, what is reserved for root included.", METRIC_GAUGE },
	[AVAIL] = { "node_filesystem_avail_bytes", "Space that users other than root may fill.",
		    METRIC_GAUGE },
	[FILES] = { "node_filesystem_files", "Inodes, used or not.", METRIC_GAUGE },
	[FILES_FREE] = { "node_filesystem_files_free", "Inodes that are not in use.",
			 METRIC_GAUGE },
	[MOUNT_INFO] = { "node_filesystem_mount_info",
			 "Device numbers of what is mounted here; always 1.", METRIC_GAUGE },
	[PURGEABLE] = { "node_filesystem_purgeable_bytes",
			"Space freed by itself on demand, which Linux has not.", METRIC_GAUGE },
};

/* The words that node_exporter has for it: Go's error texts start in lower case. */
static struct str error_text(struct collect *c, int error)
{
	if (!error)
		return STR("");
	if (error == -ETIMEDOUT)
		return STR("mountpoint timeout");
	if (error == -ECANCELED)
		return STR("not reached in time");

	struct str text = arena_str(c->scratch, str_of(strerror(-error)));
	char *first = arena_cstr(c->scratch, text);

	if (*first >= 'A' && *first <= 'Z')
		*first = (char)(*first | 0x20);
	return (struct str){ first, text.n };
}

static void add(struct collect *c, struct family *const family[], const struct mount *mount,
		const struct statfs_figures *f)
{
	const struct labels *labels = METRIC_LABELS(
		c->out, { STR("device"), mount->device }, { STR("mountpoint"), mount->point },
		{ STR("fstype"), mount->type }, { STR("device_error"), error_text(c, f->error) });
	/* f_bsize and not f_frsize: what node_exporter multiplies with. */
	double size = (double)f->block_size;
	char numbers[2][NUM_TEXT_MAX];

	family_add(family[DEVICE_ERROR], labels, f->error != 0);
	family_add(family[READONLY], labels, f->read_only);
	if (f->error)
		return;
	family_add(family[SIZE], labels, (double)f->blocks * size);
	family_add(family[FREE], labels, (double)f->blocks_free * size);
	family_add(family[AVAIL], labels, (double)f->blocks_available * size);
	family_add(family[FILES], labels, (double)f->files);
	family_add(family[FILES_FREE], labels, (double)f->files_free);
	family_add(family[PURGEABLE], labels, 0);
	family_add(
		family[MOUNT_INFO],
		METRIC_LABELS(
			c->out, { STR("device"), mount->device },
			{ STR("mountpoint"), mount->point },
			{ STR("major"), { numbers[0], num_print_u64(numbers[0], mount->major) } },
			{ STR("minor"), { numbers[1], num_print_u64(numbers[1], mount->minor) } }),
		1);
}

static int run(struct collect *c)
{
	const struct filesystems *all;
	struct family *family[N_DESCS];
	int r = filesystems_of_cycle(c, &all);

	if (r < 0)
		return r;
	for (size_t i = 0; i < N_DESCS; i++)
		family[i] = metrics_family(c->out, &descs[i]);
	for (size_t i = 0; i < all->n; i++)
		add(c, family, &all->mounts[i], &all->figures[i]);
	if (all->no_child)
		return collect_fail(c, all->no_child, "no process to call statfs(2) in: %s",
				    strerror(-all->no_child));
	if (all->bad_line)
		return collect_fail(c, -EBADMSG, "/proc/1/mountinfo: line %zu is not a mount",
				    all->bad_line);
	return 0;
}

const struct collector collector_filesystem = {
	.name = "filesystem",
	.help = "space and inodes of mounted file systems",
	.reads = "/proc/1/mountinfo, statfs(2)",
	.on = true,
	.section = &section_collector_filesystem,
	.run = run,
};
