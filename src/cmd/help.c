/* SPDX-License-Identifier: Apache-2.0 */
/* --help and --version, printed from the tables that parse the options. */
#include "cmd/help.h"

#include <stdio.h>

#include "cmd/commands.h"
#include "config.h"

#ifdef HAVE_BPF
#define FEATURES "bpf"
#else
#define FEATURES "no bpf"
#endif

/* "  -l, --label KEY=VALUE     further grouping labels". */
static void print_option(FILE *to, const struct opt *opt)
{
	char left[64];
	int n = 0;

	if (!opt->flag)
		return;
	if (opt->letter)
		n = snprintf(left, sizeof(left), "  -%c, --%s", opt->letter, opt->flag);
	else
		n = snprintf(left, sizeof(left), "      --%s", opt->flag);
	if (opt->arg && n > 0 && (size_t)n < sizeof(left))
		(void)snprintf(left + n, sizeof(left) - (size_t)n, " %s", opt->arg);
	(void)fprintf(to, "%-32s %s", left, opt->help);
	if (opt->preset && opt->preset[0] && opt->arg)
		(void)fprintf(to, " [%s]", opt->preset);
	(void)fputc('\n', to);
}

static bool has_flags(const struct opt_section *section)
{
	for (const struct opt *opt = section->opts; opt->name; opt++)
		if (opt->flag)
			return true;
	return false;
}

static void print_sections(FILE *to, const struct opt_section *const *sections)
{
	for (; *sections; sections++) {
		if (!has_flags(*sections))
			continue;
		(void)fprintf(to, "\nOptions, %s:\n", (*sections)->help);
		for (const struct opt *opt = (*sections)->opts; opt->name; opt++)
			print_option(to, opt);
	}
	(void)fprintf(to, "\n      --set SECTION.KEY=VALUE    any key of peekpush.conf(5)\n");
}

static void print_commands(FILE *to)
{
	(void)fprintf(to,
		      "Usage: peekpush [-c FILE] [--set KEY=VALUE]... [-v|-q] COMMAND [OPTIONS]\n"
		      "Sample this Linux host, or watch a command, and push it to a Prometheus "
		      "Pushgateway.\n\nCommands:\n");
	for (size_t i = 0; i < command_count(); i++) {
		char left[64];

		(void)snprintf(left, sizeof(left), "  %s %s", command_table[i]->name,
			       command_table[i]->args);
		(void)fprintf(to, "%-32s %s\n", left, command_table[i]->help);
	}
	(void)fprintf(to, "\npeekpush COMMAND --help tells a command's options; "
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
