/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What NFS mounts did. Sources: mountstats and mountinfo of PID 1, or of ourselves where that is
 * not allowed.
 */
#include "host/mountstats.h"

#include <errno.h>

#include "collect/collector.h"

/* Families by column. "-": not told; "=": a gauge. Times of operations are milliseconds. */
static const char byte_names[] = "read_bytes write_bytes direct_read_bytes direct_write_bytes "
				 "total_read_bytes total_write_bytes read_pages write_pages";
static const char event_names[] =
	"inode_revalidate dnode_revalidate data_invalidate attribute_invalidate vfs_open "
	"vfs_lookup vfs_access vfs_update_page vfs_read_page vfs_read_pages vfs_write_page "
	"vfs_write_pages vfs_getdents vfs_setattr vfs_flush vfs_fsync vfs_lock vfs_file_release - "
	"truncation write_extension silly_rename short_read short_write jukebox_delay pnfs_read "
	"pnfs_write";
static const char transport_names[] =
	"- bind connect - =idle_time_seconds sends receives bad_transaction_ids - backlog_queue "
	"=maximum_rpc_slots sending_queue pending_queue";
static const char operation_names[] =
	"requests transmissions major_timeouts sent_bytes received_bytes queue_time_seconds "
	"response_time_seconds request_time_seconds";

static void add_columns(struct collect *c, const struct labels *labels, const char *prefix,
			const char *names, const char *help, const struct nfs_numbers *numbers)
{
	struct str rest = str_of(names), name;

	for (size_t i = 0; i < numbers->n && str_word(&rest, &name); i++) {
		bool gauge = name.p[0] == '=';
		double value = (double)numbers->v[i];

		if (str_eq(name, STR("-")))
			continue;
		/* A time that ran backwards has all its upper bits set. */
		if (str_ends(name, STR("_time_seconds")))
			value = (double)(numbers->v[i] % (1ull << 53)) / (gauge ? 1 : 1000);
		name = str_skip(name, gauge);
		family_add(collect_familyf(c, gauge ? METRIC_GAUGE : METRIC_COUNTER, help,
					   "node_mountstats_nfs_%s%.*s%s", prefix, STR_ARG(name),
					   gauge ? "" : "_total"),
			   labels, value);
	}
}

static void add_mount(struct collect *c, const struct nfs_mount *m, const struct labels *labels)
{
	add_columns(c, labels, "", "age_seconds", "Age of an NFS mount.", &m->age);
	add_columns(c, labels, "", byte_names, "Data moved for an NFS mount.", &m->bytes);
	add_columns(c, labels, "event_", event_names, "Times that this happened on an NFS mount.",
		    &m->events);
	for (size_t i = 0; i < m->n_transports; i++)
		add_columns(c,
			    collect_labels_and(c, labels, STR("transport"),
					       arena_printf(c->scratch, "%zu", i)),
			    "transport_", transport_names, "Connections to an NFS server.",
			    &m->transports[i]);
	for (size_t i = 0; i < m->n_operations; i++)
		add_columns(c,
			    collect_labels_and(c, labels, STR("operation"), m->operations[i].name),
			    "operations_", operation_names, "Calls to an NFS server, by operation.",
			    &m->operations[i]);
}

static bool has_sample(const struct family *family, const struct labels *labels)
{
	for (const struct block *b = family->first; b; b = b->next)
		for (uint32_t i = 0; i < b->n; i++)
			if (b->samples[i].labels == labels)
				return true;
	return false;
}

/* Where several mounts share one export, the figures of the first are told. */
static void add_once(struct collect *c, const struct nfs_mount *m, struct family *info,
		     struct family *age)
{
	for (size_t i = 0; i < m->n_transports; i++) {
		const struct labels *labels = METRIC_LABELS(
			c->out, { STR("export"), m->export }, { STR("mountaddr"), m->address },
			{ STR("protocol"), m->transports[i].name });
		const struct labels *here =
			collect_labels_and(c, labels, STR("mountpoint"), m->point);

		if (!has_sample(info, here))
			family_add(info, here, 1);
		if (has_sample(age, labels))
			break;
		add_mount(c, m, labels);
	}
}

static int run(struct collect *c)
{
	static const char *const paths[][2] = { { "1/mountstats", "1/mountinfo" },
						{ "self/mountstats", "self/mountinfo" } };
	struct family *point = collect_familyf(c, METRIC_GAUGE, "Where an NFS mount is; always 1.",
					       "node_mountstats_nfs_mountpoint_info");
	struct family *age = collect_familyf(c, METRIC_COUNTER, "Age of an NFS mount.",
					     "node_mountstats_nfs_age_seconds_total");
	struct nfs_mount *mounts;
	struct str stats, info;
	int r = -ENOENT;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(paths) && r < 0; i++) {
		r = collect_read(c, HOST_PROC, paths[i][0], &stats);
		if (r == 0)
			r = collect_read(c, HOST_PROC, paths[i][1], &info);
	}
	if (r < 0)
		return r;
	mountstats_parse(stats, info, c->scratch, &mounts, &n);
	for (size_t i = 0; i < n; i++) {
		add_once(c, &mounts[i], point, age);
		if (mounts[i].short_line)
			r = collect_fail(c, -EBADMSG, "mountstats: %.*s: a line is too short",
					 STR_ARG(mounts[i].export));
	}
	return r;
}

const struct collector collector_mountstats = {
	.name = "mountstats",
	.help = "what NFS mounts did",
	.reads = "/proc/1/mountstats, /proc/1/mountinfo",
	.run = run,
};
