/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVMe controllers and their namespaces. Source: /sys/class/nvme (drivers/nvme/host/sysfs.c).
 * A namespace is nvme0n1, or nvme0c0n1 where the kernel itself has several paths to it. `size`
 * counts sectors of 512 bytes whatever the format is, `nuse` (since 6.8) counts logical blocks.
 */
#include "collect/collector.h"

#include <fcntl.h>

enum { INFO, NS_INFO, CAPACITY, SIZE, USED, BLOCK_SIZE, N_DESCS };

static const struct metric_desc descs[N_DESCS] = {
	[INFO] = { "node_nvme_info", "What the controller says of itself; always 1.",
		   METRIC_GAUGE },
	[NS_INFO] = { "node_nvme_namespace_info", "State of the path to the namespace; always 1.",
		      METRIC_GAUGE },
	[CAPACITY] = { "node_nvme_namespace_capacity_bytes", "Capacity of the namespace.",
		       METRIC_GAUGE },
	[SIZE] = { "node_nvme_namespace_size_bytes", "Size of the namespace.", METRIC_GAUGE },
	[USED] = { "node_nvme_namespace_used_bytes",
		   "Space of the namespace that is allocated on the medium.", METRIC_GAUGE },
	[BLOCK_SIZE] = { "node_nvme_namespace_logical_block_size_bytes",
			 "Logical block size of the namespace.", METRIC_GAUGE },
};

static struct str text_of(struct collect *c, int dir, const char *name, struct str missing)
{
	struct str text;

	return host_attr(dir, name, c->scratch, &text) == 0 ? text : missing;
}

static bool take_number(struct str *rest, struct str prefix, struct str *ret)
{
	uint64_t number;

	if (!str_starts(*rest, prefix))
		return false;
	*rest = str_skip(*rest, prefix.n);

	const char *begin = rest->p;

	/* num_take_u64() would skip blanks. */
	if (!rest->n || begin[0] < '0' || begin[0] > '9' || !num_take_u64(rest, &number))
		return false;
	*ret = str_between(begin, rest->p);
	return true;
}

/* "nvme0n2" and "nvme0c1n2" have the namespace 2. */
static bool is_namespace(struct str name, struct str *ret_nsid)
{
	struct str controller, path;

	if (!take_number(&name, STR("nvme"), &controller))
		return false;
	(void)take_number(&name, STR("c"), &path);
	return take_number(&name, STR("n"), ret_nsid) && !name.n;
}

static void add_namespace(struct collect *c, struct family *const family[], int dir,
			  struct str device, struct str nsid)
{
	const struct label device_label = { STR("device"), device };
	const struct label nsid_label = { STR("nsid"), nsid };
	const struct labels *labels = METRIC_LABELS(c->out, device_label, nsid_label);
	uint64_t sectors, used, block;

	family_add(
		family[NS_INFO],
		METRIC_LABELS(c->out, device_label, nsid_label,
			      { STR("ana_state"), text_of(c, dir, "ana_state", STR("unknown")) }),
		1);
	if (host_attr_u64(dir, "size", &sectors) == 0) {
		family_add(family[CAPACITY], labels, (double)sectors * 512);
		family_add(family[SIZE], labels, (double)sectors * 512);
	}
	if (host_attr_u64(dir, "queue/logical_block_size", &block) < 0)
		return;
	family_add(family[BLOCK_SIZE], labels, (double)block);
	if (host_attr_u64(dir, "nuse", &used) == 0)
		family_add(family[USED], labels, (double)used * (double)block);
}

static void add_device(struct collect *c, struct family *const family[], int dir, struct str name)
{
	struct str *names, nsid;
	size_t n;

	family_add(family[INFO],
		   METRIC_LABELS(
			   c->out, { STR("device"), name },
			   { STR("firmware_revision"), text_of(c, dir, "firmware_rev", STR("")) },
			   { STR("model"), text_of(c, dir, "model", STR("")) },
			   { STR("serial"), text_of(c, dir, "serial", STR("")) },
			   { STR("state"), text_of(c, dir, "state", STR("")) },
			   { STR("cntlid"), text_of(c, dir, "cntlid", STR("")) }),
		   1);
	if (host_list_dir(dir, c->scratch, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (!is_namespace(names[i], &nsid))
			continue;

		_cleanup_fd_ int ns = openat(dir, names[i].p, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (ns >= 0)
			add_namespace(c, family, ns, name, nsid);
	}
}

static int run(struct collect *c)
{
	struct family *family[N_DESCS];
	struct str *names;
	size_t n;
	int r = collect_list(c, HOST_SYS, "class/nvme", &names, &n);
	_cleanup_fd_ int class = r < 0 ? -1 : host_open_dir(c->host, HOST_SYS, "class/nvme");

	if (r < 0)
		return r;
	for (size_t i = 0; i < N_DESCS; i++)
		family[i] = metrics_family(c->out, &descs[i]);
	for (size_t i = 0; i < n; i++) {
		_cleanup_fd_ int dir =
			openat(class, names[i].p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0)
			add_device(c, family, dir, names[i]);
	}
	return 0;
}

const struct collector collector_nvme = {
	.name = "nvme",
	.help = "NVMe controllers and namespaces",
	.reads = "/sys/class/nvme/*",
	.on = true,
	.run = run,
};
