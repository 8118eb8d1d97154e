/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's load balancer. Sources: net/ip_vs_stats, five hexadecimal numbers below two lines
 * of headings, and net/ip_vs. Backends that the chosen labels do not tell apart are added up.
 */
#include "host/ipvs.h"

#include <errno.h>

#include "collect/collector.h"

enum { LABELS = 6 };

/* In the order of the members of struct ipvs_backend. */
static const char label_names[] =
	"local_address,local_port,remote_address,remote_port,proto,local_mark";

struct ipvs_conf {
	struct opt_list labels;
};

static int check_label(struct str text, struct arena *arena, struct str *ret_why)
{
	struct str names = str_of(label_names), name;

	while (str_cut(&names, ',', &name))
		if (str_eq(text, name))
			return 0;
	*ret_why = arena_printf(arena, "some of %s", label_names);
	return -EINVAL;
}

static const struct opt opts[] = {
	{ OPT_ROW("backend_labels", OPT_LIST, struct ipvs_conf, labels, label_names, "LABEL",
		  "labels that tell backends apart"),
	  .check = check_label },
	{ 0 },
};

const struct opt_section section_collector_ipvs = {
	.path = "collectors.ipvs",
	.help = "the kernel's load balancer",
	.opts = opts,
	.size = sizeof(struct ipvs_conf),
};

static const struct metric_desc descs[] = {
	{ "node_ipvs_connections_total", "Connections made.", METRIC_COUNTER },
	{ "node_ipvs_incoming_packets_total", "Packets that came in.", METRIC_COUNTER },
	{ "node_ipvs_outgoing_packets_total", "Packets that went out.", METRIC_COUNTER },
	{ "node_ipvs_incoming_bytes_total", "Bytes that came in.", METRIC_COUNTER },
	{ "node_ipvs_outgoing_bytes_total", "Bytes that went out.", METRIC_COUNTER },
	{ "node_ipvs_backend_weight", "Weight of a backend.", METRIC_GAUGE },
	{ "node_ipvs_backend_connections_active", "Open connections of a backend.", METRIC_GAUGE },
	{ "node_ipvs_backend_connections_inactive", "Other connections of a backend.",
	  METRIC_GAUGE },
};

static const struct labels *make_labels(struct collect *c, const struct ipvs_backend *b)
{
	const struct str values[LABELS] = {
		b->local_address, b->local_port, b->remote_address,
		b->remote_port,   b->proto,      b->local_mark,
	};
	const struct ipvs_conf *conf = c->conf;
	struct str names = str_of(label_names), name;
	struct label v[LABELS];
	size_t n = 0;

	for (size_t i = 0; str_cut(&names, ',', &name); i++)
		for (size_t k = 0; k < conf->labels.n; k++)
			if (str_eq(conf->labels.v[k], name)) {
				v[n++] = (struct label){ name, values[i] };
				break;
			}
	return metrics_labels(c->out, n, v);
}

static void add_backends(struct collect *c, const struct ipvs_backend *backends, size_t n)
{
	struct merged *v = arena_zalloc(c->scratch, n, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = (struct merged){ make_labels(c, &backends[i]),
					{ (double)backends[i].weight, (double)backends[i].active,
					  (double)backends[i].inactive } };
	n = collect_merge(v, n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(v->v); k++)
			family_add(metrics_family(c->out, &descs[5 + k]), v[i].labels, v[i].v[k]);
}

static int run(struct collect *c)
{
	struct ipvs_backend *backends;
	struct str text, line = { 0 }, word;
	size_t n = 0, bad;
	uint64_t value;
	int r = collect_read(c, HOST_PROC, "net/ip_vs_stats", &text);

	if (r < 0)
		return r;
	while (n++ < 3)
		if (!str_line(&text, &line))
			return collect_fail(c, -EBADMSG, "/proc/net/ip_vs_stats: too few lines");
	for (size_t i = 0; i < 5; i++) {
		if (!str_word(&line, &word) || num_hex(word, &value) < 0)
			return collect_fail(c, -EBADMSG, "/proc/net/ip_vs_stats: not five numbers");
		metrics_add(c->out, &descs[i], (double)value);
	}
	r = collect_read(c, HOST_PROC, "net/ip_vs", &text);
	if (r < 0)
		return r;
	r = ipvs_parse(text, c->scratch, &backends, &n, &bad);
	add_backends(c, backends, n);
	return r < 0 ? collect_fail(c, r, "/proc/net/ip_vs: line %zu is none", bad) : 0;
}

const struct collector collector_ipvs = {
	.name = "ipvs",
	.help = "the kernel's load balancer and its backends",
	.reads = "/proc/net/ip_vs, /proc/net/ip_vs_stats",
	.on = true,
	.section = &section_collector_ipvs,
	.run = run,
};
