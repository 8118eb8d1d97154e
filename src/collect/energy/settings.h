/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is configured of energy, for all who tell of it: the collectors and `run`. Sections of
 * their own, because they are wanted without any collector; energy_settings() reads them.
 */
#pragma once

#include "base/conf.h"

struct energy_conf {
	int64_t processes;   /* groups of processes by name, the rest is one more */
	bool pids;           /* also single processes, by number */
	bool scaphandre;     /* Scaphandre's names, too */
	double budget_watts; /* what the host may consume; told for alerts, 0: not told */
	double cost_per_kwh; /* in whatever currency; 0: not told */
};

/* Stands in where nothing measures; max_watts 0: it does not. */
struct energy_model_conf {
	double idle_watts, max_watts;
};

struct energy_carbon_conf {
	double grams_per_kwh; /* of CO2 or its equivalent; 0: not told */
};

extern const struct opt_section section_energy, section_energy_model, section_energy_carbon;

static inline const struct energy_conf *energy_settings(const struct conf *conf)
{
	return conf_get(conf, &section_energy);
}

static inline const struct energy_model_conf *energy_model_settings(const struct conf *conf)
{
	return conf_get(conf, &section_energy_model);
}

static inline const struct energy_carbon_conf *energy_carbon_settings(const struct conf *conf)
{
	return conf_get(conf, &section_energy_carbon);
}

/* 0, or -EINVAL with ret_why, which begins with the key: values that cannot both be meant. */
int energy_check(const struct conf *conf, struct arena *arena, struct str *ret_why);
