/* SPDX-License-Identifier: Apache-2.0 */
/* Who is logged in, by seat and kind; those at no seat, as over SSH, have an empty one. */
#include "collect/collector.h"
#include "host/logind.h"

struct logind_conf {
	int64_t timeout_ns;
};

static const struct opt logind_opts[] = {
	{ OPT_ROW("timeout", OPT_DURATION, struct logind_conf, timeout_ns, "2s", "TIME",
		  "how long to wait for logind's answers in a cycle"),
	  .min = 100000000, .max = 60000000000 },
	{ 0 },
};

static const struct opt_section section_collector_logind = {
	.path = "collectors.logind",
	.help = "who is logged in",
	.opts = logind_opts,
	.size = sizeof(struct logind_conf),
};

static void add_seat(struct collect *c, const struct logind_seat *seat)
{
	static const struct metric_desc desc = {
		"node_logind_sessions",
		"Who is logged in, by seat, kind and whether from afar.",
		METRIC_GAUGE,
	};

	for (size_t i = 0; i < LOGIND_KINDS; i++) {
		const struct logind_kind kind = logind_kind(i);

		family_add(metrics_family(c->out, &desc),
			   METRIC_LABELS(c->out, { STR("seat"), seat->name },
					 { STR("remote"), str_of(kind.remote) },
					 { STR("type"), str_of(kind.type) },
					 { STR("class"), str_of(kind.class) }),
			   (double)seat->sessions[i]);
	}
}

static int run(struct collect *c)
{
	const struct logind_conf *conf = c->conf;
	struct logind logind;
	struct bus bus;
	int r = logind_read(c->host, conf->timeout_ns, c->scratch, &bus, &logind);

	if (r < 0)
		return collect_fail(c, r, "%s", bus.why);
	for (size_t i = 0; i < logind.n; i++)
		add_seat(c, &logind.seats[i]);
	return 0;
}

const struct collector collector_logind = {
	.name = "logind",
	.help = "who is logged in, by seat and kind",
	.reads = "org.freedesktop.login1 on the system bus",
	.section = &section_collector_logind,
	.run = run,
};
