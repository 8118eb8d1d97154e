/* SPDX-License-Identifier: Apache-2.0 */
/* `peekpush push`: one cycle, sampled and delivered; what the systemd timer and cron call. */
#include "cmd/commands.h"
#include "collect/run.h"
#include "cycle.h"

/* A cycle that is under way when the last one is asked for ends within that, or hangs. */
#define LAST_WAIT_NS (INT64_C(20) * 1000000000)

static enum sink_result push(struct cycle *cycle, bool last)
{
	if (last)
		return cycle_stop(cycle, NULL);
	cycle_sample(cycle);
	return cycle_deliver(cycle, true, NULL);
}

static int main_push(struct app *app, int argc, char *argv[])
{
	const struct push_conf *push_conf = conf_get(app->conf, &section_push);
	const struct stop_conf *stop = conf_get(app->conf, &section_stop);
	struct cycle cycle;
	int status = app_no_words(app, argc, argv);

	if (status)
		return status;
	status = cycle_open(&cycle, app, false);
	if (status == 0)
		status = cycle_open_target(&cycle);
	if (status == 0)
		status = cycle_open_state(&cycle, stop->last ? push_conf->timeout_ns + LAST_WAIT_NS
							     : push_conf->timeout_ns);
	if (status == 0) {
		enum sink_result result = push(&cycle, stop->last);

		if (result != SINK_OK && result != SINK_OK_UNTYPED)
			status = EXIT_UNDELIVERED;
	}
	cycle_close(&cycle);
	return status;
}

static const struct opt_section *const sections[] = {
	&section_main, &section_stop,   &section_push,  &section_tls, &section_collectors,
	&section_host, &section_limits, &section_state, NULL,
};

const struct command command_push = {
	.name = "push",
	.args = "",
	.help = "sample once, deliver once (what a timer calls)",
	.sections = sections,
	.main = main_push,
};
