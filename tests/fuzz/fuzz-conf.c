/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files. What is refused is refused in one bounded message; what is taken prints
 * as values that make the same configuration again. Sections with regular expressions are left
 * out: glibc compiles some of a few bytes only with gigabytes.
 * runner: -runs=60000
 */
#include <stdlib.h>

#include "base/conf_internal.h"
#include "cmd/commands.h"

enum { SECTIONS_MAX = 128 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses a string when it meets a syntax error right behind it. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool has_regex(const struct opt_section *section)
{
	for (const struct opt *opt = section->opts; opt->name; opt++)
		if (opt->type == OPT_REGEX || (opt->type == OPT_GROUPS && has_regex(opt->group)))
			return true;
	return false;
}

static struct conf *new_conf(void)
{
	const struct opt_section *all[SECTIONS_MAX + 1], *some[SECTIONS_MAX + 1];
	size_t n = 0;

	sections_all(all, SECTIONS_MAX);
	for (size_t i = 0; all[i]; i++)
		if (!has_regex(all[i]))
			some[n++] = all[i];
	some[n] = NULL;
	return conf_new(some);
}

struct copier {
	struct conf *to;
	struct arena arena;
};

static void copy(void *arg, const struct opt_section *section, const struct opt *opt,
		 struct str value, struct str origin)
{
	struct copier *copier = arg;
	struct str key = arena_printf(&copier->arena, "%s.%s", section->path, opt->name), pair;

	must(origin.n > 0);
	/* A comma within a map's value ends the pair when it is read back. */
	if (opt->type == OPT_MAP) {
		while (str_cut(&value, ',', &pair))
			(void)conf_set(copier->to, key, pair, "copy");
		return;
	}
	must(conf_set(copier->to, key, value, "copy") == 0);
}

struct comparer {
	const struct conf *with;
};

static void compare(void *arg, const struct opt_section *section, const struct opt *opt,
		    struct str value, struct str origin)
{
	const struct comparer *comparer = arg;
	struct arena arena = { 0 };

	(void)origin;
	if (opt->type != OPT_MAP)
		must(str_eq(opt_print(opt, conf_get(comparer->with, section), &arena), value));
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	const char *text = arena_cstr(&arena, (struct str){ (const char *)data, size });
	struct conf *conf = new_conf();
	struct copier copier = { .to = new_conf() };
	int r = conf_load_text(conf, text, "fuzz.conf");

	if (r < 0) {
		must(str_starts(conf_error(conf), STR("fuzz.conf:")));
		must(conf_error(conf).n > 12 && conf_error(conf).n < 1024);
	} else {
		struct comparer comparer = { copier.to };

		must(conf_error(conf).n == 0);
		conf_each(conf, copy, &copier);
		conf_each(conf, compare, &comparer);
	}
	conf_free(conf);
	conf_free(copier.to);
	arena_release(&copier.arena);
	arena_release(&arena);
	return 0;
}
