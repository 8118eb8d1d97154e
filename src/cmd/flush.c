/* SPDX-License-Identifier: Apache-2.0 */
/* `peekpush flush`: delivers the results that wait in the spool. */
#include <unistd.h>

#include "cmd/commands.h"
#include "cycle.h"

static int main_flush(struct app *app, int argc, char *argv[])
{
	struct cycle cycle;
	struct spool_report report;
	int status = app_no_words(app, argc, argv);

	if (status)
		return status;
	status = cycle_open(&cycle, app, false);
	if (status == 0)
		status = cycle_open_target(&cycle);
	if (status == 0 && cycle_open_spool(&cycle) < 0)
		status = EXIT_FAILED;
	if (status == 0) {
		cycle_flush(&cycle, cycle.target.conf.timeout_ns, NULL, &report);
		if (report.left)
			status = EXIT_UNDELIVERED;
		log_info(&app->log, "%u delivered, %u refused, %u still waiting", report.delivered,
			 report.refused, report.left);
	}
	cycle_close(&cycle);
	return status;
}

const struct command command_flush = {
	.name = "flush",
	.args = "",
	.help = "deliver the job results that are spooled",
	.details = "The exit status is 3 when something is left that could not be delivered.",
	.sections = sections_push,
	.main = main_flush,
};
