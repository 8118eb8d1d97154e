/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/energy/settings.h"

#include <errno.h>

static const struct opt energy_opts[] = {
	{ OPT_ROW("processes", OPT_INT, struct energy_conf, processes, "20", "N",
		  "groups of processes by name whose energy is told; 0: none"),
	  .max = 1000 },
	{ OPT_ROW("pids", OPT_BOOL, struct energy_conf, pids, "false", NULL,
		  "also tells the energy of as many single processes, by number") },
	{ OPT_ROW("budget_watts", OPT_NUMBER, struct energy_conf, budget_watts, "0", "WATTS",
		  "what the host may consume; pushed for alerts, nothing is throttled; 0: no "
		  "limit"),
	  .max = 1000000000 },
	{ OPT_ROW("cost_per_kwh", OPT_NUMBER, struct energy_conf, cost_per_kwh, "0", "MONEY",
		  "price of a kilowatt hour; 0: none is told"),
	  .max = 1000000 },
	{ OPT_ROW("scaphandre", OPT_BOOL, struct energy_conf, scaphandre, "false", NULL,
		  "also tells energy under Scaphandre's names") },
	{ 0 },
};

const struct opt_section section_energy = {
	.path = "energy",
	.help = "energy",
	.opts = energy_opts,
	.size = sizeof(struct energy_conf),
};

static const struct opt model_opts[] = {
	{ OPT_ROW("idle_watts", OPT_NUMBER, struct energy_model_conf, idle_watts, "0", "WATTS",
		  "what the host consumes when it does nothing"),
	  .max = 1000000 },
	{ OPT_ROW("max_watts", OPT_NUMBER, struct energy_model_conf, max_watts, "0", "WATTS",
		  "what it consumes with all CPUs busy; 0: there is no model"),
	  .max = 1000000 },
	{ 0 },
};

const struct opt_section section_energy_model = {
	.path = "energy.model",
	.help = "a guess for hosts where nothing measures",
	.opts = model_opts,
	.size = sizeof(struct energy_model_conf),
};

static const struct opt carbon_opts[] = {
	{ OPT_ROW("grams_per_kwh", OPT_NUMBER, struct energy_carbon_conf, grams_per_kwh, "0",
		  "GRAMS", "CO2 equivalent of a kilowatt hour; 0: none is told"),
	  .max = 1000000 },
	{ 0 },
};

const struct opt_section section_energy_carbon = {
	.path = "energy.carbon",
	.help = "carbon dioxide",
	.opts = carbon_opts,
	.size = sizeof(struct energy_carbon_conf),
};

int energy_check(const struct conf *conf, struct arena *arena, struct str *ret_why)
{
	const struct energy_model_conf *model = energy_model_settings(conf);

	if (model->idle_watts <= model->max_watts)
		return 0;
	*ret_why = arena_printf(arena, "energy.model.idle_watts: %g is more than max_watts, %g",
				model->idle_watts, model->max_watts);
	return -EINVAL;
}
