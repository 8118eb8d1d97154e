/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host consumed, and whose it was. All that comes from the model says so by a label, so
 * that no guess is ever added to what was measured.
 */
#include "collect/energy/energy.h"

#include <errno.h>

#include "collect/energy/sources.h"

/* So long counters may stand still because one of them cannot be read; then they are absent. */
#define STALE_NS (INT64_C(120) * 1000000000)

static const struct str part_names[ENERGY_PARTS] = {
	[PART_CPU] = { "cpu", 3 },
	[PART_DRAM] = { "dram", 4 },
	[PART_GPU] = { "gpu", 3 },
	[PART_OTHER] = { "other", 5 },
};

static const struct str state_names[ENERGY_STATES] = {
	[ENERGY_IDLE] = { "idle", 4 },
	[ENERGY_ATTRIBUTED] = { "attributed", 10 },
	[ENERGY_UNATTRIBUTED] = { "unattributed", 12 },
};

enum family_name {
	HOST,
	WATTS,
	BUDGET,
	CARBON,
	COST,
	STATE,
	DOMAIN,
	IDLE,
	LEARNING,
	BALANCE,
	FAMILIES
};

static const struct metric_desc descs[FAMILIES] = {
	[HOST] = { "peekpush_energy_host_joules_total",
		   "Energy that the host consumed, as far as the source sees it: less than what it "
		   "takes from the wall.",
		   METRIC_COUNTER },
	[WATTS] = { "peekpush_energy_host_watts",
		    "Mean power of the host since the cycle before, by what measures it.",
		    METRIC_GAUGE },
	[BUDGET] = { "peekpush_energy_budget_watts",
		     "Power that the host may consume, as declared by energy.budget_watts.",
		     METRIC_GAUGE },
	[CARBON] = { "peekpush_energy_carbon_grams_total",
		     "CO2 equivalent of the host's energy, by energy.carbon.grams_per_kwh.",
		     METRIC_COUNTER },
	[COST] = { "peekpush_energy_cost_total",
		   "What the host's energy cost, by energy.cost_per_kwh.", METRIC_COUNTER },
	[STATE] = { "peekpush_energy_attributed_joules_total",
		    "The host's energy by whether it is known whose it was; these add up to it.",
		    METRIC_COUNTER },
	[DOMAIN] = { "peekpush_energy_domain_joules_total",
		     "The same by what consumed it; \"other\" is what no part of the host tells.",
		     METRIC_COUNTER },
	[IDLE] = { "peekpush_energy_idle_watts",
		   "What a package, its memory or a GPU is thought to consume doing nothing.",
		   METRIC_GAUGE },
	[LEARNING] = { "peekpush_energy_idle_learning",
		       "1 while too little was seen for more than a guess of the idle power.",
		       METRIC_GAUGE },
	[BALANCE] = { "peekpush_energy_balance_error_joules",
		      "Energy of the host that parts, groups and processes do not add up to: 0.",
		      METRIC_GAUGE },
};

struct family *energy_family(const struct energy_out *out, const struct metric_desc *desc)
{
	return metrics_family(out->c->out, desc);
}

/* The labels, and source="model" where it is one. */
const struct labels *energy_labels(const struct energy_out *out, size_t n, struct label *v)
{
	if (out->model)
		v[n++] = (struct label){ STR("source"), STR("model") };
	return metrics_labels(out->c->out, n, v);
}

static void add(const struct energy_out *out, enum family_name name, const struct labels *labels,
		double value)
{
	family_add(energy_family(out, &descs[name]), labels, value);
}

static void add_host(const struct energy_out *out)
{
	const struct energy_account *a = out->account;
	const struct labels *now = METRIC_LABELS(out->c->out, { STR("source"), str_of(a->source) });

	for (int i = 0; i < ENERGY_MEASURES; i++) {
		const char *name = energy_measure_name((enum energy_measure)i);

		if (strcmp(name, a->source) == 0 || a->ledger->host_uj[i])
			add(out, HOST, METRIC_LABELS(out->c->out, { STR("source"), str_of(name) }),
			    (double)a->ledger->host_uj[i] / 1e6);
	}
	if (a->known && a->elapsed_ns > 0)
		add(out, WATTS, now, (double)a->host_uj[1] * 1e3 / (double)a->elapsed_ns);
	if (energy_carbon_settings(out->c->settings)->grams_per_kwh > 0)
		add(out, CARBON, now, a->ledger->carbon_grams);
	if (out->conf->cost_per_kwh > 0)
		add(out, COST, now, a->ledger->cost);
}

static void add_states(const struct energy_out *out)
{
	const struct energy_ledger *l = out->account->ledger;

	for (int state = 0; state < ENERGY_STATES; state++) {
		struct label v[3] = { { STR("state"), state_names[state] } };
		uint64_t sum = energy_ledger_state(l, (enum energy_state)state);

		add(out, STATE, energy_labels(out, 1, v), (double)sum / 1e6);
	}
	for (int part = 0; part < ENERGY_PARTS; part++)
		for (int state = 0; state < ENERGY_STATES; state++) {
			struct label v[3] = { { STR("domain"), part_names[part] },
					      { STR("state"), state_names[state] } };
			uint64_t uj = l->state_uj[part][state];

			/* Nobody has a part of the machine's rest, and none of it is idle. */
			if (part == PART_OTHER ? state == ENERGY_UNATTRIBUTED
					       : out->account->parts & 1u << part || uj)
				add(out, DOMAIN, energy_labels(out, 2, v), (double)uj / 1e6);
		}
}

static void add_idle(const struct energy_out *out)
{
	for (size_t i = 0; i < out->account->n_idle; i++) {
		const struct energy_idle *idle = &out->account->idle[i];
		struct str package = idle->package < 0
					     ? STR("")
					     : arena_printf(out->c->scratch, "%d", idle->package);
		const struct labels *labels =
			METRIC_LABELS(out->c->out, { STR("domain"), part_names[idle->part] },
				      { STR("package"), package });

		add(out, IDLE, labels, (double)idle->idle_uw / 1e6);
		add(out, LEARNING, labels, idle->learning);
	}
}

static void add_containers(const struct energy_out *out)
{
	static const struct metric_desc desc = {
		"container_energy_joules_total",
		"Energy that a container or control group had, with all groups below it: its part "
		"of what its host consumed beyond idling.",
		METRIC_COUNTER,
	};
	const struct energy_account *a = out->account;
	struct label v[3] = {
		[1] = { STR("mode"), STR("dynamic") }, [2] = { STR("source"), STR("model") }
	};
	struct family *family;

	if (!a->n_rows)
		return;
	family = metrics_family(out->c->out, &desc);
	for (size_t i = 0; i < a->n_rows; i++) {
		const struct container *container = &a->containers->v[a->rows[i].group];
		const uint64_t uj[OWNED_PARTS] = {
			[PART_CPU] = a->rows[i].cpu_uj[0] - a->rows[i].dram_uj[0],
			[PART_DRAM] = a->rows[i].dram_uj[0],
			[PART_GPU] = a->rows[i].gpu_uj[0],
		};

		if (container->hidden || container->nested)
			continue;
		for (int part = 0; part < OWNED_PARTS; part++) {
			if (!(a->parts & 1u << part) && !uj[part])
				continue;
			v[0] = (struct label){ STR("domain"), part_names[part] };
			family_add(family, container_labels(out->c, container, 2 + out->model, v),
				   (double)uj[part] / 1e6);
		}
	}
}

static int run(struct collect *c)
{
	const struct energy_account *account = NULL;
	const struct meter *meter;
	struct label none[1];
	struct energy_out out = { .c = c, .conf = energy_settings(c->settings) };
	int told, r = meter_of_cycle(c, &meter);

	if (r < 0)
		return r;
	r = energy_of_cycle(c, &account);
	told = energy_add_sources(c, meter);
	/* Also while nothing measures: whoever declares a budget shall see that nobody keeps it. */
	if (out.conf->budget_watts > 0)
		add(&out, BUDGET, metrics_no_labels(c->out), out.conf->budget_watts);
	if (r < 0)
		return told < 0 ? told : r;
	if (!account->known && (account->unreadable || account->waiting_ns > STALE_NS))
		return collect_fail(c, -ENODATA,
				    "%s: a part of the host's cannot be read or stands still, and "
				    "so its energy is not known",
				    account->source);
	out.account = account;
	out.model = strcmp(account->source, energy_measure_name(MEASURE_MODEL)) == 0;
	add_host(&out);
	add_states(&out);
	add_idle(&out);
	add_containers(&out);
	energy_add_processes(&out);
	add(&out, BALANCE, energy_labels(&out, 0, none), (double)account->balance_error_uj / 1e6);
	return 0;
}

const struct collector collector_energy = {
	.name = "energy",
	.help = "energy of the host, of control groups, containers and processes",
	.reads = "energy sources, /proc/stat, /sys/fs/cgroup, /proc/PID",
	.on = true,
	.ours = true,
	.run = run,
};
