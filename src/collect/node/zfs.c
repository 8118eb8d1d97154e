/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of ZFS, with the names that the module gives them. Source: /proc/spl/kstat/zfs: files
 * of lines "name type data" where type 3 is int64_t and 4 uint64_t; a directory for each pool.
 */
#include "collect/collector.h"

#include <errno.h>
#include <strings.h>

static const struct {
	const char *path, *subsystem;
} files[] = {
	{ "spl/kstat/zfs/abdstats", "abd" },
	{ "spl/kstat/zfs/arcstats", "arc" },
	{ "spl/kstat/zfs/dbufstats", "dbuf" },
	{ "spl/kstat/zfs/dmu_tx", "dmu_tx" },
	{ "spl/kstat/zfs/dnodestats", "dnode" },
	{ "spl/kstat/zfs/fm", "fm" },
	{ "spl/kstat/zfs/vdev_cache_stats", "vdev_cache" },
	{ "spl/kstat/zfs/vdev_mirror_stats", "vdev_mirror" },
	{ "spl/kstat/zfs/xuio_stats", "xuio" },
	{ "spl/kstat/zfs/zfetchstats", "zfetch" },
	{ "spl/kstat/zfs/zil", "zil" },
};

static void add(struct collect *c, const char *subsystem, struct str key,
		const struct labels *labels, double value)
{
	struct str help =
		arena_printf(c->scratch, "ZFS kstat \"%.*s\" of %s.", STR_ARG(key), subsystem);

	family_add(collect_familyf(c, METRIC_UNTYPED, help.p, "node_zfs_%s_%.*s", subsystem,
				   STR_ARG(key)),
		   labels, value);
}

/* `pool` is NULL for what is of all pools. */
static int add_kstat(struct collect *c, const char *path, struct str text, const char *subsystem,
		     const struct label *pool)
{
	const struct labels *labels = pool ? NULL : metrics_no_labels(c->out);
	struct str line, key, type, data;
	bool begun = false;

	for (size_t at = 1; str_line(&text, &line); at++) {
		struct str rest = line;
		uint64_t u = 0;
		int64_t i = 0;
		int r = 0;

		if (!str_word(&rest, &key) || !str_word(&rest, &type) || !str_word(&rest, &data))
			continue;
		if (!begun) {
			begun = str_eq(key, STR("name")) && str_eq(data, STR("data"));
		} else if (pool && str_eq(key, STR("dataset_name"))) {
			/* It may have blanks. */
			data = str_between(data.p, line.p + line.n);
			labels = METRIC_LABELS(c->out, *pool, { STR("dataset"), data });
		} else if (str_eq(type, STR("4")) || (!pool && str_eq(type, STR("3")))) {
			r = type.p[0] == '4' ? num_u64(data, &u) : num_i64(data, &i);
			if (r < 0)
				return collect_fail(c, -EBADMSG, "%s: line %zu lacks its number",
						    path, at);
			if (labels)
				add(c, subsystem, key, labels, (double)u + (double)i);
		}
	}
	return begun ? 0 : collect_fail(c, -EBADMSG, "%s: no line \"name type data\"", path);
}

/* A line of names and one of numbers; gone since OpenZFS 2.0. */
static int add_io(struct collect *c, const struct label *pool, struct str text)
{
	const struct labels *labels = METRIC_LABELS(c->out, *pool);
	struct str names = STR(""), name;
	uint64_t value;

	while (!str_starts(names, STR("nread")))
		if (!str_line(&text, &names))
			return collect_fail(c, -EBADMSG, "/proc/spl/kstat/zfs/%.*s/io: no names",
					    STR_ARG(pool->value));
	while (str_word(&names, &name)) {
		if (!num_take_u64(&text, &value))
			return collect_fail(c, -EBADMSG,
					    "/proc/spl/kstat/zfs/%.*s/io: no number for %.*s",
					    STR_ARG(pool->value), STR_ARG(name));
		add(c, "zpool", name, labels, (double)value);
	}
	return 0;
}

static void add_state(struct collect *c, struct label pool, struct str text)
{
	static const struct metric_desc desc = { "node_zfs_zpool_state",
						 "1 for the state that the pool is in.",
						 METRIC_GAUGE };
	static const char *const states[] = { "online",  "degraded", "faulted",  "offline",
					      "removed", "unavail",  "suspended" };

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		family_add(metrics_family(c->out, &desc),
			   METRIC_LABELS(c->out, pool, { STR("state"), str_of(states[i]) }),
			   strcasecmp(text.p, states[i]) == 0);
}

static int add_pool(struct collect *c, int dir, struct str name, void *arg)
{
	const struct label pool = { STR("zpool"), name };
	struct str *names, text;
	size_t n = 0;
	int r = 0;

	(void)arg;
	if (host_attr(dir, "state", c->scratch, &text) == 0)
		add_state(c, pool, text);
	if (host_attr(dir, "io", c->scratch, &text) == 0)
		r = add_io(c, &pool, text);
	if (host_list_dir(dir, c->scratch, &names, &n) < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (!str_starts(names[i], STR("objset-")) ||
		    host_attr(dir, names[i].p, c->scratch, &text) < 0)
			continue;
		if (add_kstat(c, names[i].p, text, "zpool_dataset", &pool) < 0)
			r = -EBADMSG;
	}
	return r;
}

static int run(struct collect *c)
{
	_cleanup_fd_ int zfs = host_open_dir(c->host, HOST_PROC, "spl/kstat/zfs");
	struct str text;
	int r = 0;

	if (zfs < 0)
		return collect_explain(c, zfs, HOST_PROC, "spl/kstat/zfs");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (host_read(c->host, HOST_PROC, files[i].path, c->scratch, &text) < 0)
			continue;
		if (add_kstat(c, files[i].path, text, files[i].subsystem, NULL) < 0)
			r = -EBADMSG;
	}

	int pools = collect_each_in(c, zfs, ".", add_pool, NULL);

	return pools < 0 ? pools : r;
}

const struct collector collector_zfs = {
	.name = "zfs",
	.help = "statistics of ZFS and its pools",
	.reads = "/proc/spl/kstat/zfs/*",
	.on = true,
	.run = run,
};
