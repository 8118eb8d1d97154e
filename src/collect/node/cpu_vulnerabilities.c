/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known to be wrong with the processors, and what is done about it. Source:
 * /sys/devices/system/cpu/vulnerabilities/NAME (arch/x86/kernel/cpu/bugs.c): "Not affected",
 * "Vulnerable: WHY", "Mitigation: WHAT". What begins otherwise, with "KVM: " say, node_exporter
 * calls unknown, and shows whole.
 */
#include "collect/collector.h"

#include <errno.h>

static const struct {
	const char *word, *state;
} states[] = {
	{ "Not affected", "not affected" },
	{ "Vulnerable", "vulnerable" },
	{ "Mitigation", "mitigation" },
	{ "Unknown", "unknown" },
};

static void parse(struct str text, struct str *ret_state, struct str *ret_mitigation)
{
	*ret_state = STR("unknown");
	*ret_mitigation = text;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		if (!str_starts(text, str_of(states[i].word)))
			continue;
		text = str_skip(text, strlen(states[i].word));
		*ret_state = str_of(states[i].state);
		*ret_mitigation = text.n > 1 && strchr(":,;", text.p[0]) && text.p[1] == ' '
					  ? str_skip(text, 2)
					  : STR("");
		return;
	}
}

static int run(struct collect *c)
{
	static const char path[] = "devices/system/cpu/vulnerabilities";
	static const struct metric_desc desc = {
		"node_cpu_vulnerabilities_info",
		"How the processors stand to a known vulnerability; always 1.",
		METRIC_GAUGE,
	};
	_cleanup_fd_ int dir = host_open_dir(c->host, HOST_SYS, path);
	struct str *names, text, state, mitigation;
	size_t n;
	int r = collect_list(c, HOST_SYS, path, &names, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (host_attr(dir, names[i].p, c->scratch, &text) < 0)
			continue;
		parse(text, &state, &mitigation);
		family_add(metrics_family(c->out, &desc),
			   METRIC_LABELS(c->out, { STR("codename"), names[i] },
					 { STR("state"), state },
					 { STR("mitigation"), mitigation }),
			   1);
	}
	return r == -ENODATA ? 0 : r;
}

const struct collector collector_cpu_vulnerabilities = {
	.name = "cpu_vulnerabilities",
	.help = "known vulnerabilities of the processors, and what is done about them",
	.reads = "/sys/devices/system/cpu/vulnerabilities/*",
	.run = run,
};
