/* SPDX-License-Identifier: Apache-2.0 */
#include "cycle.h"

int cycle_open(struct cycle *cycle, struct app *app, bool resident)
{
	const struct host_conf *host = conf_get(app->conf, &section_host);
	const struct limits_conf *limits = conf_get(app->conf, &section_limits);
	const struct host_paths paths = {
		.path = {
			[HOST_PROC] = host->procfs.p,
			[HOST_SYS] = host->sysfs.p,
			[HOST_ROOT] = host->rootfs.p,
			[HOST_UDEV] = host->udev.p,
		},
	};
	struct str why;

	*cycle = (struct cycle){ .app = app, .state_dir = -1 };
	host_open(&cycle->host, &paths, resident);
	metrics_init(&cycle->metrics,
		     (struct metrics_limits){
			     .series = (uint32_t)limits->series,
			     .series_per_family = (uint32_t)limits->series_per_family,
		     });
	if (collectors_init(&cycle->collectors, app->conf, &cycle->host, &cycle->metrics,
			    &cycle->state, &cycle->arena, &why) < 0) {
		log_error(&app->log, "collectors: %.*s", STR_ARG(why));
		return EXIT_USAGE;
	}
	return 0;
}

void cycle_close(struct cycle *cycle)
{
	collectors_close(&cycle->collectors);
	metrics_release(&cycle->metrics);
	state_release(&cycle->state);
	host_close(&cycle->host);
	arena_release(&cycle->scratch);
	arena_release(&cycle->arena);
}

void cycle_sample(struct cycle *cycle)
{
	metrics_reset(&cycle->metrics);
	collectors_run(&cycle->collectors, &cycle->app->log);
}
