/* SPDX-License-Identifier: Apache-2.0 */
/*
 * argv to command table. The command line is read twice: once to learn the command and which
 * file to load, and once more on top of file and environment, over which it rules.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app.h"
#include "base/fds.h"
#include "cmd/commands.h"
#include "cmd/help.h"
#include "config.h"

enum { SECTIONS_MAX = 512 };

static const struct command *find_command(struct str name)
{
	for (size_t i = 0; i < command_count(); i++)
		if (str_eq(str_of(command_table[i]->name), name))
			return command_table[i];
	return NULL;
}

static int unknown_command(const struct log *log, struct str name)
{
	const char *nearest = NULL;
	size_t best = 3;

	for (size_t i = 0; i < command_count(); i++) {
		size_t d = str_distance(name, str_of(command_table[i]->name));

		if (d < best) {
			best = d;
			nearest = command_table[i]->name;
		}
	}
	if (nearest)
		log_error(log, "unknown command \"%.*s\" (did you mean %s?)", STR_ARG(name),
			  nearest);
	else
		log_error(log, "unknown command \"%.*s\"; see peekpush --help", STR_ARG(name));
	return EXIT_USAGE;
}

struct invocation {
	const struct command *command; /* NULL when none was named */
	bool help;
	int words; /* index into argv of the command's own words */
};

/* Puts options before and after the command into `conf` and finds the command. */
static int parse_line(struct conf *conf, const struct log *log, int argc, char *argv[],
		      struct invocation *ret)
{
	int used = 0;

	*ret = (struct invocation){ 0 };
	if (conf_parse_args(conf, sections_before_command, argc - 1, argv + 1, &used, &ret->help) <
	    0) {
		log_error(log, "%.*s", STR_ARG(conf_error(conf)));
		return EXIT_USAGE;
	}

	int at = 1 + used;

	ret->words = at;
	if (at >= argc || ret->help)
		return 0;
	ret->command = find_command(str_of(argv[at]));
	if (!ret->command)
		return unknown_command(log, str_of(argv[at]));
	at++;
	if (conf_parse_args(conf, ret->command->sections, argc - at, argv + at, &used, &ret->help) <
	    0) {
		log_error(log, "%s: %.*s", ret->command->name, STR_ARG(conf_error(conf)));
		return ret->command->usage_status ? ret->command->usage_status : EXIT_USAGE;
	}
	ret->words = at + used;
	return 0;
}

static void set_level(struct log *log, const struct conf *conf)
{
	const struct main_conf *main_conf = conf_get(conf, &section_main);

	log->max = main_conf->quiet     ? LOG_LEVEL_ERROR
		   : main_conf->verbose ? LOG_LEVEL_DEBUG
					: LOG_LEVEL_INFO;
}

static int load_file(struct conf *conf, const struct log *log, struct str path, bool asked)
{
	int r = conf_load(conf, path.p);

	if (r == -ENOENT && asked) {
		log_error(log, "%.*s: no such file", STR_ARG(path));
		return EXIT_USAGE;
	}
	if (r < 0 && r != -ENOENT) {
		log_error(log, "%.*s", STR_ARG(conf_error(conf)));
		return EXIT_USAGE;
	}
	return 0;
}

/* The first look: which command, which file. PEEKPUSH_CONFIG counts for the latter. */
struct first {
	struct conf *conf;
	struct invocation line;
};

static int look(struct app *app, struct first *ret)
{
	const struct opt_section *sections[SECTIONS_MAX + 1];

	sections_all(sections, SECTIONS_MAX);
	ret->conf = conf_new(sections);
	/* A bad value in another variable is told when it counts. */
	(void)conf_load_environment(ret->conf);
	return parse_line(ret->conf, &app->log, app->argc, app->argv, &ret->line);
}

/* Root's, with the push credentials in it: what others have to say goes to the drop-box. */
static bool is_private(const char *path)
{
	return geteuid() != 0 && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0 && errno == EACCES;
}

/* Everything from built-in defaults up to the command line. */
static int load_all(struct app *app, const struct first *first, bool without_file,
		    struct conf **ret)
{
	const struct main_conf *main_conf = conf_get(first->conf, &section_main);
	const struct opt_section *sections[SECTIONS_MAX + 1];
	struct str origin = conf_origin(first->conf, &section_main, &main_conf->config);
	struct invocation line;
	struct conf *conf;
	int status = 0;

	sections_all(sections, SECTIONS_MAX);
	conf = conf_new(sections);
	if (!without_file && first->line.command && first->line.command->survives_bad_config)
		app->conf_private = is_private(main_conf->config.p);
	if (!without_file && !app->conf_private)
		status = load_file(conf, &app->log, main_conf->config,
				   !str_eq(origin, STR("built-in")));
	if (status == 0 && conf_load_environment(conf) < 0) {
		log_error(&app->log, "%.*s", STR_ARG(conf_error(conf)));
		status = EXIT_USAGE;
	}
	if (status == 0)
		status = parse_line(conf, &app->log, app->argc, app->argv, &line);
	if (status == 0)
		*ret = conf;
	else
		conf_free(conf);
	return status;
}

static int reload(struct app *app, struct conf **ret)
{
	struct first first;
	int status = look(app, &first);

	if (status == 0)
		status = load_all(app, &first, false, ret);
	conf_free(first.conf);
	return status;
}

/* A write error on stdout (a full disk, a closed pipe) must not look like success. */
static int close_stdout(const struct log *log, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		log_error(log, "writing to stdout: %s", strerror(errno));
	return status ? status : EXIT_FAILED;
}

static int run_command(struct app *app, const struct first *first)
{
	const struct command *command = first->line.command;
	int status = load_all(app, first, false, &app->conf);

	if (status && command->survives_bad_config) {
		app->conf_broken = true;
		status = load_all(app, first, true, &app->conf);
	}
	if (status)
		return status;
	set_level(&app->log, app->conf);
	return command->main(app, app->argc - first->line.words, app->argv + first->line.words);
}

static int run(struct app *app)
{
	struct first first;
	int status = look(app, &first);

	if (status == 0) {
		const struct main_conf *main_conf = conf_get(first.conf, &section_main);

		set_level(&app->log, first.conf);
		if (first.line.help || main_conf->version || !first.line.command)
			status = help_print(first.line.command, main_conf->version,
					    !first.line.help);
		else
			status = run_command(app, &first);
	}
	conf_free(first.conf);
	conf_free(app->conf);
	return close_stdout(&app->log, status);
}

int main(int argc, char *argv[])
{
	struct app app = { .argc = argc, .argv = argv, .reload = reload };

	fds_open_std();
	log_init(&app.log);
	return run(&app);
}
