/* SPDX-License-Identifier: Apache-2.0 */
/* `peekpush flush`: delivers the results of jobs that wait. */
#include "cmd/commands.h"
#include "cycle.h"

static int main_flush(struct app *app, int argc, char *argv[])
{
	struct cycle cycle;
	struct report_counts counts;
	int status = app_no_words(app, argc, argv);

	if (status)
		return status;
	status = cycle_open(&cycle, app, false);
	if (status == 0)
		status = cycle_open_target(&cycle);
	if (status == 0 &&
	    cycle_flush(&cycle, cycle.target.conf.timeout_ns, true, NULL, &counts) < 0)
		status = EXIT_FAILED;
	if (status == 0 && counts.left)
		status = EXIT_UNDELIVERED;
	cycle_close(&cycle);
	return status;
}

const struct command command_flush = {
	.name = "flush",
	.args = "",
	.help = "deliver the results of jobs that wait",
	.details = "The exit status is 3 when something is left that could not be delivered.",
	.sections = sections_push,
	.main = main_flush,
};
