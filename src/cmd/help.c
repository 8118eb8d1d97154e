/* SPDX-License-Identifier: Apache-2.0 */
/* --help and --version, printed from the tables that parse the options. */
#include "cmd/help.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "cmd/commands.h"
#include "config.h"

#ifdef HAVE_BPF
#define FEATURES "bpf"
#else
#define FEATURES "no bpf"
#endif

enum { LEFT_COLUMNS = 32, COLUMNS_MAX = 100 };

/* "  -l, --label KEY=VALUE     further grouping labels", the right part broken into lines. */
static void print_row(FILE *to, const char *left, struct str text)
{
	size_t at = (size_t)fprintf(to, "%-*s", LEFT_COLUMNS, left);
	struct str word;

	while (str_word(&text, &word)) {
		if (at + 1 + word.n > COLUMNS_MAX) {
			(void)fprintf(to, "\n%*s", LEFT_COLUMNS, "");
			at = LEFT_COLUMNS;
		}
		(void)fprintf(to, " %.*s", STR_ARG(word));
		at += 1 + word.n;
	}
	(void)fputc('\n', to);
}

static void print_option(FILE *to, const struct opt *opt)
{
	_cleanup_arena_ struct arena arena = { 0 };
	const char letter[] = { '-', opt->letter, ',', ' ', '\0' };
	bool told = opt->preset && opt->preset[0] && opt->arg;
	struct str left = arena_printf(&arena, "  %s--%s%s%s%s", opt->letter ? letter : "    ",
				       opt->flag,
				       opt->bare  ? "[="
				       : opt->arg ? " "
						  : "",
				       opt->arg ? opt->arg : "", opt->bare ? "]" : "");

	print_row(to, left.p,
		  arena_printf(&arena, "%s%s%s%s", opt->help, told ? " [" : "",
			       told ? opt->preset : "", told ? "]" : ""));
}

/* The parser takes the first section that has a flag; those after it are not reachable. */
static bool shadowed(const struct opt_section *const *sections,
		     const struct opt_section *const *end, const char *flag)
{
	for (; sections < end; sections++)
		for (const struct opt *opt = (*sections)->opts; opt->name; opt++)
			if (opt->flag && str_eq(str_of(opt->flag), str_of(flag)))
				return true;
	return false;
}

static void print_sections(FILE *to, const struct opt_section *const *sections)
{
	for (const struct opt_section *const *s = sections; *s; s++) {
		bool begun = false;

		for (const struct opt *opt = (*s)->opts; opt->name; opt++) {
			if (!opt->flag || shadowed(sections, s, opt->flag))
				continue;
			if (!begun)
				(void)fprintf(to, "\nOptions, %s:\n", (*s)->help);
			begun = true;
			print_option(to, opt);
		}
	}
	(void)fputc('\n', to);
	print_row(to, "      --set SECTION.KEY=VALUE", STR("set any key of peekpush.conf(5)"));
	print_row(to, "  -h, --help", STR("print this and exit"));
}

static void print_commands(FILE *to)
{
	static const struct opt_section *const general[] = { &section_main, NULL };

	(void)fprintf(to,
		      "Usage: peekpush [-c FILE] [--set KEY=VALUE]... [-v|-q] COMMAND [OPTIONS]\n"
		      "Sample this Linux host, or watch a command, and push it to a Prometheus "
		      "Pushgateway.\n\nCommands:\n");
	for (size_t i = 0; i < command_count(); i++) {
		_cleanup_arena_ struct arena arena = { 0 };
		struct str left = arena_printf(&arena, "  %s %s", command_table[i]->name,
					       command_table[i]->args);

		print_row(to, left.p, str_of(command_table[i]->help));
	}
	print_sections(to, general);
	(void)fprintf(
		to, "\nTo begin with:\n"
		    "  peekpush collect                         print what would be pushed\n"
		    "  peekpush check                           see whether a push would succeed\n"
		    "  peekpush --url http://GATEWAY:9091 push  push this host once\n"
		    "  peekpush run -- make                     watch a command\n"
		    "\npeekpush COMMAND --help tells a command's options; "
		    "peekpush(1) and peekpush.conf(5) tell the rest.\n");
}

int help_print(const struct command *command, bool version, bool missing)
{
	if (version) {
		(void)printf("peekpush %s (%s)\n", PACKAGE_VERSION, FEATURES);
		return 0;
	}
	if (!command) {
		print_commands(missing ? stderr : stdout);
		return missing ? EXIT_USAGE : 0;
	}
	(void)printf("Usage: peekpush %s [OPTIONS]%s%s\n%c%s.\n", command->name,
		     command->args[0] ? " " : "", command->args, command->help[0] & ~0x20,
		     command->help + 1);
	if (command->details)
		(void)printf("\n%s\n", command->details);
	print_sections(stdout, command->sections);
	return 0;
}
