/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual memory events chosen by name. Source: mm/vmstat.c. */
#include "collect/collector.h"

#include <errno.h>

struct vmstat_conf {
	struct opt_regex fields;
};

static const struct opt vmstat_opts[] = {
	{ OPT_ROW("fields", OPT_REGEX, struct vmstat_conf, fields,
		  "(oom_kill|pgpg|pswp|pg.*fault).*", "REGEX", "lines of /proc/vmstat to take") },
	{ 0 },
};

static const struct opt_section section_collector_vmstat = {
	.path = "collectors.vmstat",
	.help = "virtual memory events",
	.opts = vmstat_opts,
	.size = sizeof(struct vmstat_conf),
};

/* The expression is asked once for each line, not in each cycle: the lines never move. */
enum { LINES_MAX = 512 };

struct vmstat_self {
	uint64_t key_hash[LINES_MAX];
	bool wanted[LINES_MAX];
};

static bool is_wanted(struct collect *c, size_t line, struct str key)
{
	const struct vmstat_conf *conf = c->conf;
	struct vmstat_self *self = c->self;
	uint64_t hash = str_hash(key);

	if (line >= LINES_MAX)
		return opt_regex_match(&conf->fields, key);
	if (self->key_hash[line] != hash) {
		self->key_hash[line] = hash;
		self->wanted[line] = opt_regex_match(&conf->fields, key);
	}
	return self->wanted[line];
}

static void add(struct collect *c, struct str key, uint64_t value)
{
	struct str name = ARENA_CONCAT(c->scratch, STR("node_vmstat_"), key);
	struct str help = ARENA_CONCAT(c->scratch, key, STR(" of /proc/vmstat."));

	family_add(metrics_family_named(c->out, name, help, METRIC_UNTYPED),
		   metrics_no_labels(c->out), (double)value);
}

static int run(struct collect *c)
{
	struct str text, line, key;
	int r = collect_read(c, HOST_PROC, "vmstat", &text), result = 0;
	size_t n = 0;

	if (r < 0)
		return r;
	while (str_line(&text, &line)) {
		uint64_t value;

		if (!str_word(&line, &key))
			continue;

		bool wanted = is_wanted(c, n, key), first = n++ == 0;

		/* The first is read in any case: garbage is not a file without wanted lines. */
		if (!wanted && !first)
			continue;
		if (!num_take_u64(&line, &value))
			result = collect_fail(c, -EBADMSG, "/proc/vmstat: %.*s has no number",
					      STR_ARG(key));
		else if (wanted)
			add(c, key, value);
	}
	return n ? result : collect_fail(c, -EBADMSG, "/proc/vmstat is empty");
}

const struct collector collector_vmstat = {
	.name = "vmstat",
	.help = "paging, swapping, faults, OOM kills",
	.reads = "/proc/vmstat",
	.on = true,
	.section = &section_collector_vmstat,
	.self_size = sizeof(struct vmstat_self),
	.run = run,
};
