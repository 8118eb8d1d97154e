/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Space on devices. cAdvisor tells a device once, whatever is mounted how often, and names tmpfs by
 * where it is, because there all have one device.
 */
#include "collect/container/disk.h"

#include <errno.h>

#include "collect/container/layers.h"
#include "collect/container/settings.h"
#include "collect/common/filesystems.h"

enum { INODES_FREE, INODES, LIMIT, USAGE, N_FAMILIES };

static const struct metric_desc descs[N_FAMILIES] = {
	[INODES_FREE] = { "container_fs_inodes_free", "Inodes of the device that are not in use.",
			  METRIC_GAUGE },
	[INODES] = { "container_fs_inodes_total",
		     "Inodes of the device; of a container, those it has made.", METRIC_GAUGE },
	[LIMIT] = { "container_fs_limit_bytes", "Size of the device.", METRIC_GAUGE },
	[USAGE] = { "container_fs_usage_bytes",
		    "Space in use on the device; of a container, by what it has written.",
		    METRIC_GAUGE },
};

/* The device as a label, or empty: it is none of this host's, or none at all. */
static struct str device_of(struct collect *c, const struct mount *mount)
{
	if (str_eq(mount->type, STR("tmpfs")))
		return mount->point;
	if (str_eq(mount->type, STR("overlay")))
		return arena_printf(c->scratch, "%.*s_%u-%u", STR_ARG(mount->device), mount->major,
				    mount->minor);
	return str_starts(mount->device, STR("/dev/")) || str_eq(mount->type, STR("zfs"))
		       ? mount->device
		       : STR("");
}

static void add_devices(struct collect *c, const struct container *root,
			const struct filesystems *all)
{
	struct str *seen = arena_zalloc(c->scratch, all->n + 1, sizeof(*seen));
	struct family *family[N_FAMILIES];
	size_t n = 0;

	for (size_t i = 0; i < N_FAMILIES; i++)
		family[i] = metrics_family(c->out, &descs[i]);
	for (size_t i = 0; i < all->n; i++) {
		const struct statfs_figures *f = &all->figures[i];
		struct label device = { STR("device"), device_of(c, &all->mounts[i]) };
		const struct labels *labels;
		bool again = false;

		for (size_t k = 0; k < n; k++)
			again |= str_eq(seen[k], device.value);
		if (!device.value.n || again || f->error)
			continue;
		seen[n++] = device.value;
		labels = container_labels(c, root, 1, &device);
		family_add(family[INODES_FREE], labels, (double)f->files_free);
		family_add(family[INODES], labels, (double)f->files);
		family_add(family[LIMIT], labels, (double)f->blocks * (double)f->block_size);
		family_add(family[USAGE], labels,
			   (double)(f->blocks - f->blocks_free) * (double)f->block_size);
	}
}

/* Which of the mounts a path is on: the one with the longest name, of equals the last. */
static const struct mount *mount_of(const struct filesystems *all, struct str path)
{
	const struct mount *best = NULL;

	for (size_t i = 0; all && i < all->n; i++) {
		struct str point = all->mounts[i].point;
		bool is_root = point.n == 1;

		if (!is_root &&
		    (!str_starts(path, point) || (path.n > point.n && path.p[point.n] != '/')))
			continue;
		if (!best || point.n >= best->point.n)
			best = &all->mounts[i];
	}
	return best;
}

static void add_layer(struct collect *c, const struct container *container,
		      const struct layer *layer, const struct filesystems *all)
{
	const struct mount *mount = mount_of(all, container->layer);
	struct label device = { STR("device"), mount ? device_of(c, mount) : STR("") };
	const struct labels *labels = container_labels(c, container, 1, &device);

	family_add(metrics_family(c->out, &descs[INODES]), labels, (double)layer->inodes);
	family_add(metrics_family(c->out, &descs[USAGE]), labels, (double)layer->bytes);
	if (mount) {
		const struct statfs_figures *f = &all->figures[mount - all->mounts];

		if (!f->error)
			family_add(metrics_family(c->out, &descs[LIMIT]), labels,
				   (double)f->blocks * (double)f->block_size);
	}
}

static const char *words_of(int error)
{
	switch (-error) {
	case ETIME:
		return "it takes too long";
	case E2BIG:
		return "it is too large";
	case ESTALE:
		return "folders were moved meanwhile";
	default:
		return strerror(-error);
	}
}

static void add_layers(struct collect *c, const struct container_table *table,
		       const struct cgroup_conf *conf, const struct filesystems *all)
{
	const struct layer **layers = arena_zalloc(c->scratch, table->n + 1, sizeof(*layers));
	int r = layers_of_cycle(c, table, conf->disk_usage_ns, layers);

	if (r < 0)
		collect_note(c, STR("disk_usage"), "writable layers cannot be measured: %s",
			     r == -EOPNOTSUPP ? "there is no state directory to keep results in"
					      : strerror(-r));
	for (size_t i = 0; i < table->n; i++) {
		const struct container *container = &table->v[i];

		if (layers[i] && !layers[i]->error)
			add_layer(c, container, layers[i], all);
		else if (layers[i])
			collect_note(c, container->id,
				     "container %.*s: its writable layer is not measured: %s",
				     STR_ARG(container->id), words_of(layers[i]->error));
	}
}

void container_disk(struct collect *c, const struct container_table *table,
		    const struct cgroup_conf *conf)
{
	const struct filesystems *all = NULL;

	if (!table->n)
		return;

	int r = filesystems_of_cycle(c, &all);

	/* No reason for the collector to fail, which has the groups to tell of. */
	if (r < 0 && r != -ENODATA)
		collect_note(c, STR("mountinfo"), "%.*s", STR_ARG(c->why));
	if (r < 0)
		c->why = (struct str){ 0 };
	if (all && !table->v[0].hidden)
		add_devices(c, &table->v[0], all);
	if (conf && conf->disk_usage_ns)
		add_layers(c, table, conf, all);
}
