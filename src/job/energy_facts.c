/* SPDX-License-Identifier: Apache-2.0 */
#include "job/energy_facts.h"

#include <stdio.h>

#include "collect/energy/settings.h"
#include "job/watch_internal.h"

enum {
	KEY_SIZE = 64,
	/* A heartbeat waits for an answer as long as most sensors need, the end for all but those
	   that hang. */
	WAIT_NS = 20000000,
	LAST_WAIT_NS = 500000000,
	/* Counters that stand still for so long only pretend to be some. */
	STILL_NS = 1000000000,
};

static void set(struct watch *watch, const char *name, const char *mode, uint64_t value)
{
	char key[KEY_SIZE];
	int n = snprintf(key, sizeof(key), "energy.%s.%s", name, mode);

	state_set_u64(&watch->record.facts, (struct str){ key, (size_t)n }, value);
}

/* Nanograms, or billionths of the currency: 3.6e12 microjoules are a kilowatt hour. */
static void set_priced(struct watch *watch, const char *name, double per_kwh, uint64_t dynamic_uj,
		       uint64_t idle_uj)
{
	if (per_kwh <= 0)
		return;
	set(watch, name, "dynamic", (uint64_t)((double)dynamic_uj / 3600 * per_kwh + 0.5));
	set(watch, name, "idle", (uint64_t)((double)idle_uj / 3600 * per_kwh + 0.5));
}

static void keep(struct watch *watch, const struct job_energy_answer *a)
{
	const struct conf *conf = watch->app->conf;
	struct state *facts = &watch->record.facts;
	uint64_t dynamic = 0, idle = 0;
	bool any = false, still;

	for (size_t i = 0; i < JOB_ENERGY_DOMAINS; i++) {
		if (!a->there[i])
			continue;
		any = true;
		set(watch, job_energy_domains[i], "dynamic", a->dynamic_uj[i]);
		set(watch, job_energy_domains[i], "idle", a->idle_uj[i]);
		dynamic += a->dynamic_uj[i];
		idle += a->idle_uj[i];
	}
	if (!any)
		return;
	still = !a->model && !a->there[JOB_ENERGY_GPU] && !dynamic && !idle &&
		a->elapsed_ns >= STILL_NS;
	state_set(facts, STR("energy.source"), still ? STR("") : str_of(a->source));
	state_set(facts, STR("energy.baseline"),
		  a->model   ? STR("configured")
		  : a->guess ? STR("guess")
			     : STR("learnt"));
	state_set_u64(facts, STR("energy.elapsed"), (uint64_t)a->elapsed_ns);
	state_set_u64(facts, STR("energy.gaps"), a->gaps);
	set_priced(watch, "carbon", energy_carbon_settings(conf)->grams_per_kwh, dynamic, idle);
	set_priced(watch, "cost", energy_settings(conf)->cost_per_kwh, dynamic, idle);
}

void facts_energy(struct watch *watch, bool final)
{
	struct job_energy *energy = &watch->energy;

	if (energy->socket >= 0) {
		job_energy_take(energy, final ? LAST_WAIT_NS : WAIT_NS);
		keep(watch, &energy->last);
	}
	if (energy->last.why[0] && !energy->said) {
		energy->said = true;
		log_debug(&watch->app->log, "job %.*s: energy: %s", STR_ARG(watch->name),
			  energy->last.why);
	}
}
