/* SPDX-License-Identifier: Apache-2.0 */
/* `peekpush push`: one cycle, sampled and delivered; what the systemd timer and cron call. */
#include "cmd/commands.h"
#include "cycle.h"

static int main_push(struct app *app, int argc, char *argv[])
{
	const struct push_conf *push = conf_get(app->conf, &section_push);
	struct cycle cycle;
	int status = app_no_words(app, argc, argv);

	if (status)
		return status;
	status = cycle_open(&cycle, app, false);
	if (status == 0)
		status = cycle_open_target(&cycle);
	if (status == 0)
		status = cycle_open_state(&cycle, push->timeout_ns);
	if (status == 0) {
		cycle_sample(&cycle);

		enum sink_result result = cycle_deliver(&cycle, true, NULL);

		if (result != SINK_OK && result != SINK_OK_UNTYPED)
			status = EXIT_UNDELIVERED;
	}
	cycle_close(&cycle);
	return status;
}

const struct command command_push = {
	.name = "push",
	.args = "",
	.help = "sample once, deliver once (what a timer calls)",
	.sections = sections_push,
	.main = main_push,
};
