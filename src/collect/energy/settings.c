/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/energy/settings.h"

#include <errno.h>

static const struct opt energy_opts[] = {
	{
		.name = "processes",
		.type = OPT_INT,
		.offset = offsetof(struct energy_conf, processes),
		.preset = "20",
		.arg = "N",
		.help = "groups of processes by name whose energy is told; 0: none",
		.max = 1000,
	},
	{
		.name = "pids",
		.type = OPT_BOOL,
		.offset = offsetof(struct energy_conf, pids),
		.preset = "false",
		.help = "also tells the energy of as many single processes, by number",
	},
	{
		.name = "budget_watts",
		.type = OPT_NUMBER,
		.offset = offsetof(struct energy_conf, budget_watts),
		.preset = "0",
		.arg = "WATTS",
		.help = "what the host may consume; pushed for alerts, nothing is throttled; 0: no "
			"limit",
		.max = 1000000000,
	},
	{
		.name = "cost_per_kwh",
		.type = OPT_NUMBER,
		.offset = offsetof(struct energy_conf, cost_per_kwh),
		.preset = "0",
		.arg = "MONEY",
		.help = "price of a kilowatt hour; 0: none is told",
		.max = 1000000,
	},
	{
		.name = "scaphandre",
		.type = OPT_BOOL,
		.offset = offsetof(struct energy_conf, scaphandre),
		.preset = "false",
		.help = "also tells energy under Scaphandre's names",
	},
	{ 0 },
};

const struct opt_section section_energy = {
	.path = "energy",
	.help = "energy",
	.opts = energy_opts,
	.size = sizeof(struct energy_conf),
};

static const struct opt model_opts[] = {
	{
		.name = "idle_watts",
		.type = OPT_NUMBER,
		.offset = offsetof(struct energy_model_conf, idle_watts),
		.preset = "0",
		.arg = "WATTS",
		.help = "what the host consumes when it does nothing",
		.max = 1000000,
	},
	{
		.name = "max_watts",
		.type = OPT_NUMBER,
		.offset = offsetof(struct energy_model_conf, max_watts),
		.preset = "0",
		.arg = "WATTS",
		.help = "what it consumes with all CPUs busy; 0: there is no model",
		.max = 1000000,
	},
	{ 0 },
};

const struct opt_section section_energy_model = {
	.path = "energy.model",
	.help = "a guess for hosts where nothing measures",
	.opts = model_opts,
	.size = sizeof(struct energy_model_conf),
};

static const struct opt carbon_opts[] = {
	{
		.name = "grams_per_kwh",
		.type = OPT_NUMBER,
		.offset = offsetof(struct energy_carbon_conf, grams_per_kwh),
		.preset = "0",
		.arg = "GRAMS",
		.help = "CO2 equivalent of a kilowatt hour; 0: none is told",
		.max = 1000000,
	},
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
