/* SPDX-License-Identifier: Apache-2.0 */
/* Throttling, isolation and state of each cpu, as src/host/cpu_topology.h tells them. */
#include "collect/node/cpu.h"

enum { CPUS_MAX = 65536 };

/* "1,4-6" as the kernel prints lists of cpus. */
static void add_isolated(struct collect *c)
{
	static const struct metric_desc desc = { "node_cpu_isolated",
						 "1 for cpus that the scheduler leaves alone.",
						 METRIC_GAUGE };
	struct family *f = metrics_family(c->out, &desc);
	struct str text, range, low;

	if (host_read(c->host, HOST_SYS, "devices/system/cpu/isolated", c->scratch, &text) < 0)
		return;
	text = str_trim(text);
	while (str_cut(&text, ',', &range)) {
		uint64_t from, to;

		if (!str_cut(&range, '-', &low) || num_u64(low, &from) < 0)
			continue;
		if (num_u64(range, &to) < 0)
			to = from;
		for (; from <= to && from < CPUS_MAX; from++) {
			char cpu[NUM_TEXT_MAX];

			family_add(f,
				   METRIC_LABELS(c->out,
						 { STR("cpu"), { cpu, num_print_u64(cpu, from) } }),
				   1);
		}
	}
}

static void add_throttles(struct collect *c, struct cpu_topology *known)
{
	static const struct metric_desc core_desc = { "node_cpu_core_throttles_total",
						      "Times that the core was throttled for heat.",
						      METRIC_COUNTER };
	static const struct metric_desc package_desc = {
		"node_cpu_package_throttles_total",
		"Times that the package was throttled for heat.", METRIC_COUNTER
	};
	struct family *core = metrics_family(c->out, &core_desc);
	struct family *package = metrics_family(c->out, &package_desc);

	for (size_t i = 0; i < known->n_throttles; i++) {
		struct cpu_throttle *t = &known->throttles[i];
		const struct label of_package = { STR("package"), t->package };
		uint64_t count;

		if (!cpu_throttle_read(known, t, &count))
			continue;
		if (t->core.n)
			family_add(core,
				   METRIC_LABELS(c->out, of_package, { STR("core"), t->core }),
				   (double)count);
		else
			family_add(package, METRIC_LABELS(c->out, of_package), (double)count);
	}
}

void cpu_add_topology(struct collect *c, struct cpu_topology *known)
{
	static const struct metric_desc online_desc = {
		"node_cpu_online", "1 for cpus that are online and scheduled on.", METRIC_GAUGE
	};
	struct family *online = metrics_family(c->out, &online_desc);

	cpu_topology_look(known, c->host, c->scratch);
	add_isolated(c);
	add_throttles(c, known);
	for (size_t i = 0; i < known->n_online; i++)
		family_add(online, METRIC_LABELS(c->out, { STR("cpu"), known->online[i].cpu }),
			   known->online[i].online);
}
