/* SPDX-License-Identifier: Apache-2.0 */
/* `peekpush collect`: one sample of this host to stdout. Needs no gateway, no state, no root. */
#include <stdio.h>

#include "cmd/commands.h"
#include "cycle.h"
#include "encode/encoder.h"

static int main_collect(struct app *app, int argc, char *argv[])
{
	struct cycle cycle;
	struct buf out = { 0 };
	int status = app_no_words(app, argc, argv);

	if (status)
		return status;
	status = cycle_open(&cycle, app, false);
	if (status == 0) {
		cycle_sample(&cycle);
		cycle_account_drops(&cycle);
		encoder_text.encode(&cycle.metrics, &out);
		if (out.err) {
			log_error(&app->log, "%s", strerror(-out.err));
			status = EXIT_FAILED;
		} else {
			(void)fwrite(out.p, 1, out.n, stdout);
		}
	}
	buf_release(&out);
	cycle_close(&cycle);
	return status;
}

const struct command command_collect = {
	.name = "collect",
	.args = "",
	.help = "sample once and print the exposition to stdout",
	.sections = sections_sample,
	.main = main_collect,
};
