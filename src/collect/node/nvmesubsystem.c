/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVMe subsystems and the controllers that lead to them. Source: /sys/class/nvme-subsystem
 * (drivers/nvme/host/core.c). A subsystem's directory has links to its controllers (nvme0) and,
 * with native multipath, its namespaces (nvme0n1).
 */
#include "collect/collector.h"

/* clang-format off */
#define GAUGE(name, help) { "node_nvmesubsystem_" name, help, METRIC_GAUGE }

static const struct metric_desc info =
	GAUGE("info", "What the NVMe subsystem says of itself; always 1.");
static const struct metric_desc namespace_info =
	GAUGE("namespace_info", "Namespace of the NVMe subsystem; always 1.");
static const struct metric_desc paths =
	GAUGE("paths", "Controllers that lead to the NVMe subsystem.");
static const struct metric_desc paths_live = GAUGE("paths_live", "Those whose state is live.");
static const struct metric_desc path_state =
	GAUGE("path_state", "1 for the state that the controller is in.");
/* clang-format on */

struct subsystem {
	const struct labels *labels;
	uint32_t paths, live;
};

/* Of "new" and "deleting" node_exporter has nothing, not even unknown. */
static void add_controller(struct collect *c, int dir, struct str name, struct subsystem *s)
{
	static const char *const states[] = { "live",     "connecting",      "resetting",
					      "dead",     "unknown",         "new",
					      "deleting", "deleting (no IO)" };
	enum { UNKNOWN = 4, TOLD = 5 };
	struct str state = STR(""), transport = STR("");
	const struct labels *labels;
	size_t is = 0;

	(void)host_attr(dir, "state", c->scratch, &state);
	(void)host_attr(dir, "transport", c->scratch, &transport);
	while (is < ARRAY_SIZE(states) && !str_eq(state, str_of(states[is])))
		is++;
	if (is == ARRAY_SIZE(states))
		is = UNKNOWN;
	labels = collect_labels_and(c, s->labels, STR("controller"), name);
	labels = collect_labels_and(c, labels, STR("transport"), transport);
	for (size_t i = 0; i < TOLD; i++)
		family_add(metrics_family(c->out, &path_state),
			   collect_labels_and(c, labels, STR("state"), str_of(states[i])), i == is);
	s->paths++;
	s->live += is == 0;
}

/* "nvme0" is a controller, "nvme0n1" a namespace, "nvme0c0n1" neither. */
static int add_member(struct collect *c, int dir, struct str name, void *arg)
{
	struct str rest = str_skip(name, 4);
	size_t n = str_find(rest, 'n');
	struct subsystem *s = arg;
	uint64_t number;

	if (!str_starts(name, STR("nvme")) || num_u64((struct str){ rest.p, n }, &number) < 0)
		return 0;
	if (n == rest.n)
		add_controller(c, dir, name, s);
	else if (num_u64(str_skip(rest, n + 1), &number) == 0)
		family_add(metrics_family(c->out, &namespace_info),
			   collect_labels_and(c, s->labels, STR("device"), name), 1);
	return 0;
}

static int add_subsystem(struct collect *c, int dir, struct str name, void *arg)
{
	static const struct text_row texts[] = {
		{ "subsysnqn", "nqn" },
		{ "model", "model" },
		{ "serial", "serial" },
		{ "iopolicy", "iopolicy" },
	};
	struct subsystem s = { METRIC_LABELS(c->out, { STR("subsystem"), name }), 0, 0 };

	(void)arg;
	if (!str_starts(name, STR("nvme-subsys")))
		return 0;
	collect_info(c, dir, &info, s.labels, texts, ARRAY_SIZE(texts));

	int r = collect_each_in(c, dir, ".", add_member, &s);

	family_add(metrics_family(c->out, &paths), s.labels, s.paths);
	family_add(metrics_family(c->out, &paths_live), s.labels, s.live);
	return r;
}

static int run(struct collect *c)
{
	return collect_each(c, HOST_SYS, "class/nvme-subsystem", add_subsystem, NULL);
}

const struct collector collector_nvmesubsystem = {
	.name = "nvmesubsystem",
	.help = "NVMe subsystems and the paths to them",
	.reads = "/sys/class/nvme-subsystem/*",
	.run = run,
};
