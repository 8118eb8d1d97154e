/* SPDX-License-Identifier: Apache-2.0 */
/* `peekpush delete`: takes this host's group, or with --job another one's, off the gateway. */
#include <stdio.h>

#include "cmd/commands.h"
#include "cycle.h"

static int main_delete(struct app *app, int argc, char *argv[])
{
	struct arena arena = { 0 };
	struct state state = { 0 };
	struct target_conf conf;
	struct target target;
	struct delivery d;
	struct str why = { 0 };
	int status = app_no_words(app, argc, argv);

	if (status)
		return status;
	cycle_target_conf(app, &arena, &conf);
	if (target_open(&target, &conf, &state, &why) < 0) {
		app_bad_value(app, why);
		arena_release(&arena);
		return EXIT_USAGE;
	}
	target_delete(&target, NULL, &arena, &d);
	if (d.result == SINK_OK || d.result == SINK_OK_UNTYPED) {
		struct str group = group_text(&conf.group, &arena);

		log_info(&app->log, "deleted %.*s", STR_ARG(group));
	} else {
		log_error(&app->log, "not deleted: %.*s", STR_ARG(d.message));
		status = EXIT_FAILED;
	}
	target_close(&target);
	state_release(&state);
	arena_release(&arena);
	return status;
}

static const struct opt_section *const sections[] = {
	&section_main, &section_push, &section_tls, &section_state, NULL,
};

const struct command command_delete = {
	.name = "delete",
	.args = "",
	.help = "delete this host's group (or --job NAME's) from the gateway",
	.sections = sections,
	.main = main_delete,
};
