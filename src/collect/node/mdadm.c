/* SPDX-License-Identifier: Apache-2.0 */
/* Software RAID. Sources: /proc/mdstat; sysfs for the counts of missing disks. */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

#include "host/mdstat.h"

static const struct str state_names[] = {
	[MD_ACTIVE] = { "active", 6 },          [MD_INACTIVE] = { "inactive", 8 },
	[MD_RECOVERING] = { "recovering", 10 }, [MD_RESYNCING] = { "resync", 6 },
	[MD_CHECKING] = { "check", 5 },
};

enum { STATE, DISKS, REQUIRED, BLOCKS, SYNCED, RAID_DISKS, DEGRADED, N_DESCS };

static const struct metric_desc descs[N_DESCS] = {
	[STATE] = { "node_md_state", "1 for the state that the array is in.", METRIC_GAUGE },
	[DISKS] = { "node_md_disks", "Disks of the array by their state.", METRIC_GAUGE },
	[REQUIRED] = { "node_md_disks_required", "Disks that the array has when it is complete.",
		       METRIC_GAUGE },
	[BLOCKS] = { "node_md_blocks", "Size of the array in blocks of 1024 bytes.", METRIC_GAUGE },
	[SYNCED] = { "node_md_blocks_synced",
		     "Blocks that are in sync; while it recovers, those of the member that is "
		     "behind.",
		     METRIC_GAUGE },
	[RAID_DISKS] = { "node_md_raid_disks", "Disks that the array was made for.", METRIC_GAUGE },
	[DEGRADED] = { "node_md_degraded", "Disks that the array lacks.", METRIC_GAUGE },
};

static void add(struct collect *c, struct family *const family[], const struct md_array *a)
{
	static const struct str disk_states[] = { { "active", 6 },
						  { "failed", 6 },
						  { "spare", 5 } };
	const uint64_t disks[] = { a->active, a->failed, a->spare };
	const struct label device = { STR("device"), a->name };
	const struct labels *labels = metrics_labels(c->out, 1, &device);

	for (size_t i = 0; i < ARRAY_SIZE(state_names); i++)
		family_add(family[STATE],
			   METRIC_LABELS(c->out, device, { STR("state"), state_names[i] }),
			   i == a->state);
	for (size_t i = 0; i < ARRAY_SIZE(disks); i++)
		family_add(family[DISKS],
			   METRIC_LABELS(c->out, device, { STR("state"), disk_states[i] }),
			   (double)disks[i]);
	family_add(family[REQUIRED], labels, (double)a->required);
	if (!a->has_size)
		return;
	family_add(family[BLOCKS], labels, (double)a->blocks);
	family_add(family[SYNCED], labels, (double)a->synced);
}

/* The first number: raid_disks is "5 (4)" while the array is reshaped. */
static bool first_number(struct collect *c, int dir, const char *name, uint64_t *ret)
{
	struct str text;

	return host_attr(dir, name, c->scratch, &text) == 0 && num_take_u64(&text, ret);
}

/* Kinds that can lack no disk have no `degraded`; node_exporter says 0 of them. */
static void add_disk(struct collect *c, struct family *const family[], int md, struct str name)
{
	const struct labels *labels = METRIC_LABELS(c->out, { STR("device"), name });
	uint64_t raid_disks, degraded;

	if (!first_number(c, md, "raid_disks", &raid_disks))
		return;
	family_add(family[RAID_DISKS], labels, (double)raid_disks);
	if (!first_number(c, md, "degraded", &degraded))
		degraded = 0;
	family_add(family[DEGRADED], labels, (double)degraded);
}

/* What sysfs has, whatever /proc/mdstat says. */
static void add_sysfs(struct collect *c, struct family *const family[])
{
	_cleanup_fd_ int block = host_open_dir(c->host, HOST_SYS, "block");
	struct str *names;
	size_t n = 0;

	if (block < 0 || host_list_dir(block, c->scratch, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (!str_starts(names[i], STR("md")))
			continue;

		_cleanup_fd_ int md =
			openat(block, ARENA_CONCAT(c->scratch, names[i], STR("/md")).p,
			       O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (md >= 0)
			add_disk(c, family, md, names[i]);
	}
}

static int run(struct collect *c)
{
	struct family *family[N_DESCS];
	struct str text;
	size_t number = 0, bad = 0;
	int r = collect_read(c, HOST_PROC, "mdstat", &text);

	if (r < 0)
		return r;
	if (!text.n)
		return collect_fail(c, -EBADMSG, "/proc/mdstat is empty");
	for (size_t i = 0; i < N_DESCS; i++)
		family[i] = metrics_family(c->out, &descs[i]);

	struct md_array array;
	size_t wrong;

	while ((r = mdstat_next(&text, &number, &array, &wrong)) != 0) {
		if (r < 0 && !bad)
			bad = wrong;
		if (r < 0)
			continue;
		add(c, family, &array);
	}
	add_sysfs(c, family);
	if (bad)
		return collect_fail(c, -EBADMSG, "/proc/mdstat: line %zu is not understood", bad);
	return 0;
}

const struct collector collector_mdadm = {
	.name = "mdadm",
	.help = "software RAID: state, disks and recovery",
	.reads = "/proc/mdstat, /sys/block/md*/md",
	.on = true,
	.run = run,
};
