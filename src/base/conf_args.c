/* SPDX-License-Identifier: Apache-2.0 */
/* The command line as a source of configuration. */
#include "base/conf_internal.h"

struct args {
	struct conf *conf;
	const struct opt_section *const *sections;
	int argc, at;
	char *const *argv;
};

/* Finds the row a flag belongs to; the first section that has it wins. */
static const struct opt *find_flag(const struct args *args, struct str flag, char letter,
				   const struct opt_section **ret_section)
{
	for (const struct opt_section *const *s = args->sections; *s; s++)
		for (const struct opt *opt = (*s)->opts; opt->name; opt++)
			if ((letter && opt->letter == letter) ||
			    (!letter && opt->flag && str_eq(str_of(opt->flag), flag))) {
				*ret_section = *s;
				return opt;
			}
	return NULL;
}

static int unknown_flag(const struct args *args, struct str flag)
{
	struct str nearest = { 0 };
	size_t best = flag.n / 3 + 2;

	for (const struct opt_section *const *s = args->sections; *s; s++)
		for (const struct opt *opt = (*s)->opts; opt->name; opt++) {
			size_t d = opt->flag ? str_distance(flag, str_of(opt->flag)) : SIZE_MAX;

			if (d < best) {
				best = d;
				nearest = str_of(opt->flag);
			}
		}
	if (nearest.n)
		return conf_fail(args->conf, "unknown option --%.*s (did you mean --%.*s?)",
				 STR_ARG(flag), STR_ARG(nearest));
	return conf_fail(args->conf, "unknown option --%.*s", STR_ARG(flag));
}

static int put(struct args *args, const struct opt_section *section, const struct opt *opt,
	       struct str text, struct str origin)
{
	return conf_put(args->conf, conf_slot_for(args->conf, section), opt, text, origin);
}

/* The value of an option: what stands behind '=', or the next word. */
static int take_value(struct args *args, struct str word, const char *inline_value, struct str *ret)
{
	if (inline_value) {
		*ret = str_of(inline_value);
		return 0;
	}
	if (args->at + 1 >= args->argc)
		return conf_fail(args->conf, "%.*s needs a value", STR_ARG(word));
	*ret = str_of(args->argv[++args->at]);
	return 0;
}

static int parse_set(struct args *args, const char *inline_value)
{
	struct str text, key;
	int r = take_value(args, STR("--set"), inline_value, &text);

	if (r < 0)
		return r;
	if (str_find(text, '=') == text.n)
		return conf_fail(args->conf, "--set %.*s: not of the form SECTION.KEY=VALUE",
				 STR_ARG(text));
	(void)str_cut(&text, '=', &key);
	return conf_set(args->conf, str_trim(key), str_trim(text), "--set");
}

static int parse_long(struct args *args, const char *word)
{
	const char *equals = strchr(word, '=');
	struct str flag = equals ? str_between(word + 2, equals) : str_of(word + 2);
	struct str origin = { word, flag.n + 2 }, text;
	const struct opt_section *section;
	const struct opt *opt;

	if (str_eq(flag, STR("set")))
		return parse_set(args, equals ? equals + 1 : NULL);
	opt = find_flag(args, flag, 0, &section);
	if (!opt && str_starts(flag, STR("no-")) && !equals) {
		opt = find_flag(args, str_skip(flag, 3), 0, &section);
		if (opt && opt->type == OPT_BOOL)
			return put(args, section, opt, STR("false"), origin);
		opt = NULL;
	}
	if (!opt)
		return unknown_flag(args, flag);
	if (!opt->arg || opt->bare)
		return put(args, section, opt,
			   equals ? str_of(equals + 1) : str_of(opt->bare ? opt->bare : "true"),
			   origin);

	int r = take_value(args, origin, equals ? equals + 1 : NULL, &text);

	return r < 0 ? r : put(args, section, opt, text, origin);
}

static int parse_short(struct args *args, const char *word)
{
	struct str origin = { word, 2 }, text;
	const struct opt_section *section;
	const struct opt *opt = find_flag(args, STR(""), word[1], &section);

	if (!opt)
		return conf_fail(args->conf, "unknown option -%c", word[1]);
	if (!opt->arg) {
		if (word[2])
			return conf_fail(args->conf, "-%c takes no value", word[1]);
		return put(args, section, opt, STR("true"), origin);
	}

	int r = take_value(args, origin, word[2] ? word + 2 : NULL, &text);

	return r < 0 ? r : put(args, section, opt, text, origin);
}

int conf_parse_args(struct conf *conf, const struct opt_section *const *sections, int argc,
		    char *const argv[], int *ret_used, bool *ret_help)
{
	struct args args = { .conf = conf, .sections = sections, .argc = argc, .argv = argv };
	int r = 0;

	/* Options before and after the command are one source: --label adds across both. */
	if (conf->source < SOURCE_ARGS)
		conf->source = SOURCE_ARGS;
	for (; args.at < argc && r == 0; args.at++) {
		const char *word = argv[args.at];

		if (word[0] != '-' || !word[1])
			break;
		if (strcmp(word, "--") == 0) {
			args.at++;
			break;
		}
		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
			*ret_help = true;
		else if (word[1] == '-')
			r = parse_long(&args, word);
		else
			r = parse_short(&args, word);
	}
	if (r == 0)
		*ret_used = args.at;
	return r;
}
