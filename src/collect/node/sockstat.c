/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets by protocol. Sources: net/sockstat and net/sockstat6 (net/ipv4/proc.c,
 * net/ipv6/proc.c). TCP and UDP `mem` count pages, FRAG `memory` counts bytes.
 */
#include "collect/collector.h"

#include <errno.h>
#include <unistd.h>

static const struct metric_desc used_desc = {
	"node_sockstat_sockets_used",
	"Sockets in use, of all kinds.",
	METRIC_GAUGE,
};

static const struct {
	struct str key;
	const char *what;
} keys[] = {
	{ { "inuse", 5 }, "in use" },          { { "orphan", 6 }, "without a process" },
	{ { "tw", 2 }, "in state TIME-WAIT" }, { { "alloc", 5 }, "allocated" },
	{ { "mem", 3 }, "pages of memory" },   { { "memory", 6 }, "bytes of memory" },
};

static void add(struct collect *c, struct str protocol, struct str key, const char *what,
		double value)
{
	struct str name = arena_printf(c->scratch, "node_sockstat_%.*s_%.*s", STR_ARG(protocol),
				       STR_ARG(key));
	struct str help =
		arena_printf(c->scratch, "Socket statistics of %.*s: %s.", STR_ARG(protocol), what);

	family_add(metrics_family_named(c->out, name, help, METRIC_GAUGE),
		   metrics_no_labels(c->out), value);
}

static void add_pair(struct collect *c, struct str protocol, struct str key, double value)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (str_eq(key, keys[i].key))
			add(c, protocol, key, keys[i].what, value);
	if (str_eq(key, STR("mem")))
		add(c, protocol, STR("mem_bytes"), "bytes of memory, in whole pages",
		    value * (double)sysconf(_SC_PAGESIZE));
}

/* "TCP: inuse 4 orphan 0": false at the first word that is out of place. */
static bool run_line(struct collect *c, struct str line)
{
	struct str protocol, key;

	if (!str_cut(&line, ':', &protocol) || !metric_name_valid(protocol) || !line.n)
		return false;
	while (str_word(&line, &key)) {
		int64_t value;

		if (!num_take_i64(&line, &value))
			return false;
		if (!str_eq(protocol, STR("sockets")))
			add_pair(c, protocol, key, (double)value);
		else if (str_eq(key, STR("used")))
			metrics_add(c->out, &used_desc, (double)value);
	}
	return true;
}

static int run_file(struct collect *c, const char *path)
{
	struct str text, line;
	size_t number = 0;
	int r = collect_read(c, HOST_PROC, path, &text);

	if (r < 0)
		return r;
	while (str_line(&text, &line)) {
		number++;
		if (str_trim(line).n && !run_line(c, line))
			r = collect_fail(c, -EBADMSG, "/proc/%s: line %zu: \"%.*s\"", path, number,
					 STR_ARG(str_trim(line)));
	}
	return number ? r : collect_fail(c, -EBADMSG, "/proc/%s is empty", path);
}

static int run(struct collect *c)
{
	int r4 = run_file(c, "net/sockstat"), r6 = run_file(c, "net/sockstat6");

	/* Either protocol may be absent from a kernel, or both. */
	if (r4 == -ENODATA)
		r4 = 0;
	return r6 == -ENODATA || r4 < 0 ? r4 : r6;
}

const struct collector collector_sockstat = {
	.name = "sockstat",
	.help = "sockets by protocol and state",
	.reads = "/proc/net/sockstat, /proc/net/sockstat6",
	.on = true,
	.run = run,
};
