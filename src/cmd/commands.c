/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/commands.h"

#include "bpf/settings.h"
#include "cmd/metric.h"
#include "collect/container/settings.h"
#include "collect/energy/settings.h"
#include "collect/run.h"
#include "dropbox.h"
#include "job/job.h"

#define COMMANDS(X) \
	X(agent)    \
	X(bpf)      \
	X(check)    \
	X(collect)  \
	X(delete)   \
	X(flush)    \
	X(list)     \
	X(metric)   \
	X(push)     \
	X(run)

#define DECLARE(name) extern const struct command command_##name;
COMMANDS(DECLARE)

#define POINT(name) &command_##name,
const struct command *const command_table[] = { COMMANDS(POINT) };

size_t command_count(void)
{
	return ARRAY_SIZE(command_table);
}

const struct opt_section *const sections_before_command[] = {
	&section_main, &section_push,   &section_tls,   &section_collectors,
	&section_host, &section_limits, &section_state, NULL,
};

const struct opt_section *const sections_sample[] = {
	&section_main, &section_collectors, &section_host, &section_limits, &section_state, NULL,
};

const struct opt_section *const sections_push[] = {
	&section_main, &section_push,   &section_tls,   &section_collectors,
	&section_host, &section_limits, &section_state, NULL,
};

static const struct opt_section *const general[] = {
	&section_main,         &section_push,          &section_tls,    &section_collectors,
	&section_host,         &section_state,         &section_limits, &section_job,
	&section_dropbox,      &section_metric,        &section_ebpf,   &section_energy,
	&section_energy_model, &section_energy_carbon, &section_cgroup, &section_stop,
	&section_check,        &section_delete,
};

static bool is_general(const struct opt_section *section)
{
	for (size_t i = 0; i < ARRAY_SIZE(general); i++)
		if (general[i] == section)
			return true;
	return false;
}

void sections_all(const struct opt_section **ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(general) && n < max; i++)
		ret[n++] = general[i];
	for (size_t i = 0; i < collector_count() && n < max; i++)
		if (collector_registry[i]->section && !is_general(collector_registry[i]->section))
			ret[n++] = collector_registry[i]->section;
	for (size_t i = 0; i < collector_count() && n < max; i++)
		ret[n++] = &collector_filters[i];
	ret[n] = NULL;
}
