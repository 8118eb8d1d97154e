/* SPDX-License-Identifier: Apache-2.0 */
/* The families of a run's energy, and the sums over all runs. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "job/book.h"
#include "job/energy_facts.h"
#include "job/energy_share.h"

enum { KEY_SIZE = 96 };

static bool take(const struct state *facts, struct str prefix, const char *name, const char *mode,
		 uint64_t *ret)
{
	char key[KEY_SIZE];

	(void)snprintf(key, sizeof(key), "energy.%s.%s", name, mode);
	return num_u64(fact(facts, prefix, key), ret) == 0;
}

bool job_energy_sums(const struct state *facts, struct str prefix, double *ret_joules,
		     double *ret_idle_joules, double *ret_mean_watts)
{
	uint64_t elapsed = fact_u64(facts, prefix, "energy.elapsed", 0), dynamic = 0, idle = 0, uj;

	if (!fact(facts, prefix, "energy.source").n || !elapsed)
		return false;
	for (size_t i = 0; i < JOB_ENERGY_DOMAINS; i++) {
		if (take(facts, prefix, job_energy_domains[i], "dynamic", &uj))
			dynamic += uj;
		if (take(facts, prefix, job_energy_domains[i], "idle", &uj))
			idle += uj;
	}
	*ret_joules = (double)dynamic / 1e6;
	*ret_idle_joules = (double)idle / 1e6;
	*ret_mean_watts = (double)dynamic * 1e3 / (double)elapsed;
	return true;
}

/* GPUs count for themselves, whatever measures the rest. */
static struct str source_of(struct str domain, struct str source)
{
	return str_eq(domain, str_of(job_energy_domains[JOB_ENERGY_GPU])) ? STR("gpu") : source;
}

void job_energy_each(const struct state *facts,
		     void (*each)(void *arg, struct str source, struct str domain, uint64_t uj),
		     void *arg)
{
	struct str source = state_get(facts, STR("energy.source"));
	uint64_t uj;

	for (size_t i = 0; source.n && i < JOB_ENERGY_DOMAINS; i++) {
		struct str domain = str_of(job_energy_domains[i]);

		if (take(facts, STR(""), job_energy_domains[i], "dynamic", &uj))
			each(arg, source_of(domain, source), domain, uj);
	}
}

struct summing {
	struct state *history;
	struct str source, skip;
};

static void sum_up(void *arg, struct str key, struct str value)
{
	const struct summing *s = arg;
	char buf[KEY_SIZE];
	uint64_t n;
	int length;

	if (!str_ends(key, STR(".dynamic")) && !str_ends(key, STR(".idle")))
		return;
	key = str_skip(key, s->skip.n);
	length = snprintf(buf, sizeof(buf), "energy.all.%.*s.%.*s",
			  STR_ARG(source_of((struct str){ key.p, str_find(key, '.') }, s->source)),
			  STR_ARG(key));
	if (length < (int)sizeof(buf) && num_u64(value, &n) == 0)
		(void)state_add(s->history, (struct str){ buf, (size_t)length }, n);
}

void job_energy_settle(struct state *history, const struct state *facts)
{
	struct summing summing = {
		.history = history,
		.source = state_get(facts, STR("energy.source")),
		.skip = STR("energy."),
	};

	if (summing.source.n)
		state_each(facts, summing.skip, sum_up, &summing);
}

struct energy_view {
	struct metrics *out;
	const struct state *facts;
	struct str prefix, source;
};

/* One series for each domain of which the mode is known. */
static void add_domains(const struct energy_view *v, const struct metric_desc *desc,
			const char *mode)
{
	uint64_t uj;

	for (size_t i = 0; i < JOB_ENERGY_DOMAINS; i++)
		if (take(v->facts, v->prefix, job_energy_domains[i], mode, &uj))
			family_add(metrics_family(v->out, desc),
				   METRIC_LABELS(
					   v->out, { STR("domain"), str_of(job_energy_domains[i]) },
					   { STR("source"),
					     source_of(str_of(job_energy_domains[i]), v->source) }),
				   (double)uj / 1e6);
}

static void add_priced(const struct energy_view *v, const struct metric_desc *desc,
		       const char *name)
{
	static const char *const modes[] = { "dynamic", "idle" };
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (take(v->facts, v->prefix, name, modes[i], &n))
			family_add(metrics_family(v->out, desc),
				   METRIC_LABELS(v->out, { STR("mode"), str_of(modes[i]) },
						 { STR("source"), v->source }),
				   (double)n / 1e9);
}

static void add_run(const struct energy_view *v)
{
	static const struct metric_desc dynamic = {
		"peekpush_job_energy_joules",
		"Energy that this run has caused, beyond what the host consumes idle: its part by "
		"CPU time, or by use of a GPU.",
		METRIC_GAUGE,
	};
	static const struct metric_desc idle = {
		"peekpush_job_idle_energy_joules",
		"Energy that the host would have consumed idle while this run ran, whoever else "
		"used it.",
		METRIC_GAUGE,
	};
	static const struct metric_desc watts = {
		"peekpush_job_energy_mean_watts",
		"Mean power that this run has caused, without the host's idle power.",
		METRIC_GAUGE,
	};
	static const struct metric_desc gaps = {
		"peekpush_job_energy_gaps",
		"Readings of energy counters in this run that told nothing of the time before "
		"them.",
		METRIC_GAUGE,
	};
	static const struct metric_desc info = {
		"peekpush_job_energy_info",
		"How the energy of this run is measured, and where the host's idle power is known "
		"from; always 1.",
		METRIC_GAUGE,
	};
	static const struct metric_desc carbon = {
		"peekpush_job_carbon_grams",
		"CO2 equivalent of the energy of this run, by energy.carbon.grams_per_kwh.",
		METRIC_GAUGE,
	};
	static const struct metric_desc cost = {
		"peekpush_job_energy_cost",
		"Price of the energy of this run, by energy.cost_per_kwh.",
		METRIC_GAUGE,
	};
	double joules, idle_joules, mean;

	add_domains(v, &dynamic, "dynamic");
	add_domains(v, &idle, "idle");
	if (job_energy_sums(v->facts, v->prefix, &joules, &idle_joules, &mean))
		family_add(metrics_family(v->out, &watts),
			   METRIC_LABELS(v->out, { STR("source"), v->source }), mean);
	metrics_add(v->out, &gaps, (double)fact_u64(v->facts, v->prefix, "energy.gaps", 0));
	family_add(metrics_family(v->out, &info),
		   METRIC_LABELS(v->out,
				 { STR("baseline"), fact(v->facts, v->prefix, "energy.baseline") },
				 { STR("source"), v->source }),
		   1);
	add_priced(v, &carbon, "carbon");
	add_priced(v, &cost, "cost");
}

/* --- over all runs: energy.all.SOURCE.NAME.MODE */

static void add_sum(void *arg, struct str key, struct str value)
{
	static const struct metric_desc joules[] = {
		{ "peekpush_job_runs_energy_joules_total",
		  "Energy that all finished runs of this job have caused, beyond what the host "
		  "consumes idle.",
		  METRIC_COUNTER },
		{ "peekpush_job_runs_idle_energy_joules_total",
		  "Energy that the host would have consumed idle while finished runs of this job "
		  "ran.",
		  METRIC_COUNTER },
	};
	static const struct metric_desc carbon = {
		"peekpush_job_runs_carbon_grams_total",
		"CO2 equivalent of the energy of all finished runs of this job.",
		METRIC_COUNTER,
	};
	static const struct metric_desc cost = {
		"peekpush_job_runs_energy_cost_total",
		"Price of the energy of all finished runs of this job.",
		METRIC_COUNTER,
	};
	struct metrics *out = arg;
	struct str rest = str_skip(key, sizeof("energy.all.") - 1), source, name;
	uint64_t n;

	if (!str_cut(&rest, '.', &source) || !str_cut(&rest, '.', &name) || num_u64(value, &n) < 0)
		return;
	if (str_eq(name, STR("carbon")) || str_eq(name, STR("cost")))
		family_add(metrics_family(out, name.n == 4 ? &cost : &carbon),
			   METRIC_LABELS(out, { STR("mode"), rest }, { STR("source"), source }),
			   (double)n / 1e9);
	else
		family_add(metrics_family(out, &joules[str_eq(rest, STR("idle"))]),
			   METRIC_LABELS(out, { STR("domain"), name }, { STR("source"), source }),
			   (double)n / 1e6);
}

void job_energy_metrics(struct metrics *out, const struct state *facts, struct str prefix,
			const struct state *history)
{
	const struct energy_view v = { out, facts, prefix, fact(facts, prefix, "energy.source") };

	if (v.source.n)
		add_run(&v);
	state_each(history, STR("energy.all."), add_sum, out);
}
