/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory figures, each under its kernel name. Source: fs/proc/meminfo.c. Lines with a unit are
 * kibibytes; HugePages_* have none and are counts.
 */
#include "collect/collector.h"

#include <errno.h>

struct meminfo_conf {
	bool all;
};

static const struct opt meminfo_opts[] = {
	{ OPT_ROW("all", OPT_BOOL, struct meminfo_conf, all, "false", NULL,
		  "every line of the file, of which node_exporter leaves some out") },
	{ 0 },
};

static const struct opt_section section_collector_meminfo = {
	.path = "collectors.meminfo",
	.help = "memory",
	.opts = meminfo_opts,
	.size = sizeof(struct meminfo_conf),
};

/* What node_exporter tells of; 1.5 and older told of all, and newer kernels have more. */
static const char told[] =
	" Active Active(anon) Active(file) AnonHugePages AnonPages Bounce Buffers Cached CmaFree "
	"CmaTotal CommitLimit Committed_AS DirectMap1G DirectMap2M DirectMap4k Dirty "
	"HardwareCorrupted HugePages_Free HugePages_Rsvd HugePages_Surp HugePages_Total "
	"Hugepagesize Inactive Inactive(anon) Inactive(file) KernelStack Mapped MemAvailable "
	"MemFree MemTotal Mlocked NFS_Unstable PageTables Percpu SReclaimable SUnreclaim Shmem "
	"ShmemHugePages ShmemPmdMapped Slab SwapCached SwapFree SwapTotal Unevictable "
	"VmallocChunk VmallocTotal VmallocUsed Writeback WritebackTmp Zswap Zswapped ";

static bool is_told(struct collect *c, struct str key)
{
	struct str word = ARENA_CONCAT(c->scratch, STR(" "), key, STR(" "));

	return memmem(told, sizeof(told) - 1, word.p, word.n) != NULL;
}

/* "Active(anon)" becomes Active_anon: parentheses are no part of a metric name. */
static struct str metric_name(struct collect *c, struct str key, bool bytes)
{
	char *name = arena_alloc(c->scratch, key.n + sizeof("node_memory__bytes"));
	char *to = stpcpy(name, "node_memory_");

	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] == '(')
			*to++ = '_';
		else if (key.p[i] != ')')
			*to++ = key.p[i];
	if (bytes)
		to = stpcpy(to, "_bytes");
	return str_between(name, to);
}

static int run(struct collect *c)
{
	const struct meminfo_conf *conf = c->conf;
	struct str text, line, key, unit;
	int r = collect_read(c, HOST_PROC, "meminfo", &text), result = 0;
	size_t found = 0;

	if (r < 0)
		return r;
	while (str_line(&text, &line)) {
		uint64_t value;

		if (!str_trim(line).n)
			continue;
		found++;
		if (!str_cut(&line, ':', &key) || !num_take_u64(&line, &value)) {
			result = collect_fail(c, -EBADMSG, "/proc/meminfo: \"%.*s\" has no number",
					      STR_ARG(key));
			continue;
		}
		if (!conf->all && !is_told(c, key))
			continue;

		bool bytes = str_word(&line, &unit) && str_eq(unit, STR("kB"));
		struct str help = ARENA_CONCAT(c->scratch, key, STR(" of /proc/meminfo"),
					       bytes ? STR(", in bytes.") : STR("."));

		family_add(metrics_family_named(c->out, metric_name(c, key, bytes), help,
						METRIC_GAUGE),
			   metrics_no_labels(c->out), (double)value * (bytes ? 1024 : 1));
	}
	return found ? result : collect_fail(c, -EBADMSG, "/proc/meminfo is empty");
}

const struct collector collector_meminfo = {
	.name = "meminfo",
	.help = "memory by use, as the kernel names it",
	.reads = "/proc/meminfo",
	.on = true,
	.section = &section_collector_meminfo,
	.run = run,
};
