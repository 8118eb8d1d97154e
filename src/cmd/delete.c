/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `peekpush delete`: takes this host's group, or with --job another one's, off the gateway; with
 * --group any, also such that peekpush itself would never push.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "cmd/commands.h"
#include "cycle.h"
#include "push/visible.h"

static bool told(struct app *app, const struct delivery *d, struct str group)
{
	if (d->result == SINK_OK || d->result == SINK_OK_UNTYPED) {
		log_info(&app->log, "deleted %.*s", STR_ARG(group));
		return true;
	}
	log_error(&app->log, "not deleted: %.*s", STR_ARG(d->message));
	return false;
}

/* "job=a", "instance=b" and all until the next "job=". */
static size_t items_of_group(const struct opt_list *items, size_t first)
{
	size_t n = 1;

	while (first + n < items->n && !str_starts(items->v[first + n], STR("job=")) &&
	       !str_starts(items->v[first + n], STR("job@base64=")))
		n++;
	return n;
}

/* Each by itself, so that one that fails keeps none of the others. */
static int delete_groups(struct app *app, struct target *target, const struct opt_list *items)
{
	int status = 0;
	size_t n;

	for (size_t i = 0; i < items->n; i += n) {
		_cleanup_arena_ struct arena arena = { 0 };
		_cleanup_buf_ struct buf path = { 0 }, text = { 0 };
		struct str why = { 0 };
		struct delivery d;

		n = items_of_group(items, i);
		for (size_t k = i; k < i + n; k++)
			buf_printf(&text, "%s%.*s", k > i ? "," : "", STR_ARG(items->v[k]));
		if (!str_starts(items->v[i], STR("job")))
			why = STR("delete.group: a group begins with job=NAME");
		else if (group_path_items(items->v + i, n, &path, &arena, &why) < 0)
			why = arena_printf(&arena, "delete.group: %.*s", STR_ARG(why));
		if (why.n) {
			app_bad_value(app, why);
			return EXIT_USAGE;
		}
		target->path = buf_view(&path);
		target_delete(target, NULL, &arena, &d);
		if (!told(app, &d, visible(&arena, buf_view(&text), 500)))
			status = EXIT_FAILED;
	}
	return status;
}

static int delete_own(struct app *app, struct target *target, const struct group *group)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct delivery d;

	target_delete(target, NULL, &arena, &d);
	return told(app, &d, group_text(group, &arena)) ? 0 : EXIT_FAILED;
}

static int main_delete(struct app *app, int argc, char *argv[])
{
	const struct delete_conf *delete = conf_get(app->conf, &section_delete);
	_cleanup_arena_ struct arena arena = { 0 };
	struct state state = { 0 };
	struct target_conf conf;
	struct target target;
	struct str why = { 0 };
	bool own = !delete->group.n;
	int status = app_no_words(app, argc, argv);

	if (status)
		return status;
	cycle_target_conf(app, &arena, &conf);
	/* Who has no name cannot have pushed. */
	if (own && delete->if_pushed && !conf.group.instance.n)
		return 0;
	if (own && !cycle_has_instance(app, &conf))
		return EXIT_USAGE;
	if (target_open(&target, &conf, &state, &why) < 0) {
		app_bad_value(app, why);
		target_close(&target);
		return EXIT_USAGE;
	}
	if (!own)
		status = delete_groups(app, &target, &delete->group);
	else if (!delete->if_pushed || cycle_has_pushed(app, &target))
		status = delete_own(app, &target, &conf.group);
	else
		log_debug(&app->log, "this host has not pushed the group");
	target_close(&target);
	state_release(&state);
	return status;
}

static const struct opt_section *const sections[] = {
	&section_delete, &section_main, &section_push, &section_tls, &section_state, NULL,
};

const struct command command_delete = {
	.name = "delete",
	.args = "",
	.help = "delete this host's group (or --job NAME's, or any --group) from the gateway",
	.sections = sections,
	.main = main_delete,
};
