/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel parameters chosen by name. Source: /proc/sys. */
#include "collect/collector.h"

#include <errno.h>

#include "host/sysctl.h"

struct sysctl_conf {
	struct opt_list include, include_info;
};

static const struct opt sysctl_opts[] = {
	{ OPT_ROW("include", OPT_LIST, struct sysctl_conf, include, "", "NAME[:KEY:KEY...]",
		  "parameters that are numbers; several of them by index, or by these keys") },
	{ OPT_ROW("include_info", OPT_LIST, struct sysctl_conf, include_info, "", "NAME",
		  "parameters that are text, each word of them a label") },
	{ 0 },
};

static const struct opt_section section_collector_sysctl = {
	.path = "collectors.sysctl",
	.help = "kernel parameters",
	.opts = sysctl_opts,
	.size = sizeof(struct sysctl_conf),
};

static struct label index_label(struct collect *c, size_t i)
{
	return (struct label){ STR("index"), arena_printf(c->scratch, "%zu", i) };
}

static void add_numbers(struct collect *c, const struct sysctl *sysctl)
{
	struct str help =
		ARENA_CONCAT(c->scratch, STR("The kernel parameter "), sysctl->name, STR("."));
	double value;

	if (sysctl->n_keys && sysctl->n_words != sysctl->n_keys) {
		collect_note(c, sysctl->name, "sysctl %.*s has %zu values, and %zu keys are given",
			     STR_ARG(sysctl->name), sysctl->n_words, sysctl->n_keys);
		return;
	}
	for (size_t i = 0; i < sysctl->n_words; i++) {
		struct str key = i < sysctl->n_keys ? sysctl->keys[i] : STR("");
		const struct label index = index_label(c, i);

		if (!sysctl_number(sysctl->words[i], &value)) {
			collect_note(c, sysctl->name, "sysctl %.*s: \"%.*s\" is no number",
				     STR_ARG(sysctl->name), STR_ARG(sysctl->words[i]));
			return;
		}
		family_add(collect_familyf(c, METRIC_UNTYPED, help.p, "node_sysctl_%.*s%s%.*s",
					   STR_ARG(sysctl->name), key.n ? "_" : "", STR_ARG(key)),
			   metrics_labels(c->out, sysctl->n_words > 1 && !key.n, &index), value);
	}
}

static void add_info(struct collect *c, const struct sysctl *sysctl)
{
	static const struct metric_desc desc = {
		"node_sysctl_info",
		"A word of a kernel parameter; always 1.",
		METRIC_GAUGE,
	};

	for (size_t i = 0; i < sysctl->n_words; i++)
		family_add(metrics_family(c->out, &desc),
			   METRIC_LABELS(c->out, { STR("name"), sysctl->name },
					 { STR("value"), sysctl->words[i] }, index_label(c, i)),
			   1);
}

static void add_each(struct collect *c, int sys, const struct opt_list *names,
		     void (*add)(struct collect *c, const struct sysctl *sysctl))
{
	for (size_t i = 0; i < names->n; i++) {
		struct sysctl sysctl;
		int r = sysctl_read(sys, names->v[i], c->scratch, &sysctl);

		if (r == 0)
			add(c, &sysctl);
		else
			collect_note(c, names->v[i], "sysctl %.*s: %s", STR_ARG(sysctl.name),
				     r == -ENODATA ? "it is empty" : strerror(-r));
	}
}

static int run(struct collect *c)
{
	const struct sysctl_conf *conf = c->conf;
	_cleanup_fd_ int sys = host_open_dir(c->host, HOST_PROC, "sys");

	if (!conf->include.n && !conf->include_info.n)
		return collect_fail(c, 0, "no kernel parameter is asked for");
	if (sys < 0)
		return collect_explain(c, sys, HOST_PROC, "sys");
	add_each(c, sys, &conf->include, add_numbers);
	add_each(c, sys, &conf->include_info, add_info);
	return 0;
}

const struct collector collector_sysctl = {
	.name = "sysctl",
	.help = "kernel parameters, by name",
	.reads = "/proc/sys",
	.section = &section_collector_sysctl,
	.run = run,
};
