/* SPDX-License-Identifier: Apache-2.0 */
/* `peekpush bpf`: loading programs into the kernel, taking them out, and seeing what they do. */
#include "base/cleanup.h"
#include "cmd/bpf.h"
#include "cmd/commands.h"
#include "cmd/help.h"
#include "cmd/table.h"
#include "loader.h"

/* Loaded, but not all of the user's own objects: no reason to take the others out. */
enum { EXIT_PARTLY = 3 };

static const struct opt_section *const sections[] = { &section_main, &section_ebpf, NULL };

static struct str result_word(const struct load_result *result)
{
	if (!result->loaded)
		return STR("absent");
	if (result->why.n)
		return STR("part");
	return result->kept ? STR("kept") : STR("loaded");
}

static bool is_builtin(const struct ebpf_conf *conf, struct str object, struct arena *arena)
{
	struct load_object *wanted;
	struct str why;
	size_t n;

	if (bpf_wanted(conf, arena, &wanted, &n, &why) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (str_eq(wanted[i].name, object))
			return wanted[i].builtin;
	return false;
}

static int load(struct app *app, const struct ebpf_conf *conf)
{
	struct arena arena = { 0 };
	struct load_report report;
	struct table table;
	struct str why = { 0 };
	int status = 0;

	if (loader_load(conf, &arena, &report, &why) < 0) {
		log_error(&app->log, "%.*s", STR_ARG(why));
		arena_release(&arena);
		return EXIT_FAILED;
	}
	table_init(&table, 3);
	table_add(&table, (struct str[]){ STR("OBJECT"), STR("STATE"), STR("REMARK") });
	for (size_t i = 0; i < report.n; i++) {
		const struct load_result *result = &report.results[i];

		table_add(&table,
			  (struct str[]){ result->object, result_word(result), result->why });
		if (result->loaded || is_builtin(conf, result->object, &arena))
			continue;
		log_error(&app->log, "%.*s: %.*s", STR_ARG(result->object), STR_ARG(result->why));
		status = EXIT_PARTLY;
	}
	table_print(&table, stdout);
	table_release(&table);
	arena_release(&arena);
	return status;
}

static int unload(struct app *app, const struct ebpf_conf *conf)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str why = { 0 };
	size_t n = 0;

	if (loader_unload(conf, &arena, &n, &why) < 0) {
		log_error(&app->log, "%.*s", STR_ARG(why));
		return EXIT_FAILED;
	}
	log_info(&app->log, "objects unloaded: %zu", n);
	return 0;
}

/* The word, and options on either side of it. */
static int take_word(struct app *app, int argc, char *argv[], struct str *ret)
{
	bool help = false;
	int used = 0;

	if (!argc) {
		log_error(&app->log, "bpf: one of load, unload, list is missing");
		return EXIT_USAGE;
	}
	*ret = str_of(argv[0]);
	if (conf_parse_args(app->conf, sections, argc - 1, argv + 1, &used, &help) < 0) {
		log_error(&app->log, "bpf: %.*s", STR_ARG(conf_error(app->conf)));
		return EXIT_USAGE;
	}
	if (help)
		*ret = STR("help");
	return app_no_words(app, argc - 1 - used, argv + 1 + used);
}

static int main_bpf(struct app *app, int argc, char *argv[])
{
	_cleanup_arena_ struct arena arena = { 0 };
	const struct ebpf_conf *conf;
	struct str word, why;
	int status = take_word(app, argc, argv, &word);

	if (status)
		return status;
	if (str_eq(word, STR("help")))
		return help_print(&command_bpf, false, false);
	conf = conf_get(app->conf, &section_ebpf);
	if (ebpf_check(conf, &arena, &why) < 0) {
		app_bad_value(app, why);
		return EXIT_USAGE;
	}
	if (str_eq(word, STR("load")))
		return load(app, conf);
	if (str_eq(word, STR("unload")))
		return unload(app, conf);
	if (str_eq(word, STR("list")))
		return bpf_list(app);
	log_error(&app->log, "bpf: unknown word \"%.*s\"; there is: load, unload, list",
		  STR_ARG(word));
	return EXIT_USAGE;
}

const struct command command_bpf = {
	.name = "bpf",
	.args = "load|unload|list",
	.help = "load programs into the kernel, take them out, see what they cost",
	.details =
		"load makes what is loaded equal to what is configured: what is new is loaded, "
		"what has\n"
		"changed is replaced and goes on counting, what is not wanted is removed. What was "
		"loaded\n"
		"stays when this ends; unload leaves nothing. The exit status of load is 1 when "
		"nothing could\n"
		"be done, and 3 when an object of your own is not loaded; that this host lacks "
		"what a program\n"
		"that comes with peekpush needs is no failure. list tells what is loaded and why "
		"the rest is\n"
		"not. What the kernel allows of BPF is told by `peekpush list bpf`.",
	.sections = sections,
	.main = main_bpf,
};
