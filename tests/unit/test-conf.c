/* SPDX-License-Identifier: Apache-2.0 */
/* The program's own sections, filled by --set, the environment and the command line. */
#include <errno.h>

#include "unit.h"

#include "base/conf.h"
#include "cmd/commands.h"
#include "collect/run.h"
#include "settings.h"

enum { SECTIONS_MAX = 128 };

struct world {
	const struct opt_section *sections[SECTIONS_MAX + 1];
	struct conf *conf;
	const struct push_conf *push;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	sections_all(w->sections, SECTIONS_MAX);
	w->conf = conf_new(w->sections);
	w->push = conf_get(w->conf, &section_push);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	conf_free(w->conf);
	free(w);
	return 0;
}

static struct str map_text(const struct opt_map *map, char text[256])
{
	size_t n = 0;

	for (size_t i = 0; i < map->n; i++)
		n += (size_t)snprintf(text + n, 256 - n, "%s%.*s=%.*s", i ? " " : "",
				      STR_ARG(map->v[i].key), STR_ARG(map->v[i].value));
	return (struct str){ text, n };
}

static struct str labels(const struct world *w)
{
	static char text[256];

	return map_text(&w->push->labels, text);
}

static struct str enabled(const struct world *w)
{
	static char text[256];
	const struct collectors_conf *c = conf_get(w->conf, &section_collectors);
	size_t n = 0;

	for (size_t i = 0; i < c->enable.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", i ? " " : "",
				      STR_ARG(c->enable.v[i]));
	return (struct str){ text, n };
}

static int set(struct world *w, const char *key, const char *text)
{
	return conf_set(w->conf, str_of(key), str_of(text), "--set");
}

/* argv as words; returns how many were taken, or the error. */
static int args(struct world *w, const char *const *words)
{
	int argc = 0, used = -1, r;
	bool help = false;

	while (words[argc])
		argc++;
	r = conf_parse_args(w->conf, sections_before_command, argc, (char *const *)(uintptr_t)words,
			    &used, &help);
	if (r < 0)
		assert_int_equal(used, -1);
	return r < 0 ? r : used + (help ? 100 : 0);
}

#define ARGS(w, ...) args((w), (const char *const[]){ __VA_ARGS__, NULL })

static void test_presets(void **state)
{
	struct world *w = *state;

	assert_text(w->push->url, "http://127.0.0.1:9091");
	assert_true(w->push->interval_ns == INT64_C(15000000000));
	assert_int_equal(w->push->labels.n, 0);
	assert_text(enabled(w), "default");
	assert_text(conf_origin(w->conf, &section_push, &w->push->url), "built-in");
	assert_int_equal(conf_error(w->conf).n, 0);
}

static void test_set(void **state)
{
	struct world *w = *state;
	const struct tls_conf *tls = conf_get(w->conf, &section_tls);

	assert_int_equal(set(w, "push.timeout", "2s"), 0);
	assert_true(w->push->timeout_ns == INT64_C(2000000000));
	assert_text(conf_origin(w->conf, &section_push, &w->push->timeout_ns), "--set");
	assert_text(conf_origin(w->conf, &section_push, &w->push->interval_ns), "built-in");
	assert_int_equal(set(w, "push.tls.ca", "/ca.pem"), 0);
	assert_text(tls->ca, "/ca.pem");
	assert_int_equal(set(w, "push.labels.site", "x"), 0);
	assert_int_equal(set(w, "push.labels.a.b.c", "d=e"), 0);
	assert_int_equal(set(w, "push.labels", "k=v"), 0);
	assert_text(labels(w), "site=x a.b.c=d=e k=v");
	/* The first value of a source replaces the built-in ones, the next add. */
	assert_int_equal(set(w, "collectors.enable", "cpu,stat"), 0);
	assert_int_equal(set(w, "collectors.enable", "-hwmon"), 0);
	assert_text(enabled(w), "cpu stat -hwmon");
	assert_int_equal(set(w, "collectors.filesystem.mount_points_exclude", "/x"), 0);
}

static void test_set_refused(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *key, *text, *error;
	} cases[] = {
		{ "push.timeuot", "1s",
		  "unknown option push.timeuot (did you mean push.timeout?)" },
		{ "psuh.timeout", "1s", "(did you mean push.timeout?)" },
		{ "push.tsl.ca", "x", "(did you mean push.tls.ca?)" },
		{ "collectors.filesistem.mount_points_exclude", "x",
		  "(did you mean collectors.filesystem.mount_points_exclude?)" },
		{ "timeout", "1s", "unknown option timeout (did you mean push.timeout?)" },
		{ "gateway.bearer_token_file", "x", "(did you mean push.bearer_token_file?)" },
		{ "push", "x", "unknown option push" },
		{ "", "x", "unknown option" },
		{ ".", "x", "unknown option" },
		{ "push.", "x", "unknown option" },
		{ "push.url.", "x", "unknown option" },
		{ "push.url.x", "x", "unknown option" },
		{ "push.labels.", "a=b", "unknown option" },
		{ "collectors.enable.x", "x", "unknown option" },
		{ "push.interval", "15", "--set: push.interval: 15 has no unit" },
		{ "push.interval", "1ns", "--set: push.interval: 1ns is not between 10ms and 1d" },
		{ "push.format", "xml", "--set: push.format: \"xml\" is not one of auto|text|" },
		{ "push.delete_on_stop", "maybe", "is not true or false" },
		{ "limits.series", "many", "limits.series: \"many\" is not a whole number" },
		{ "push.labels", "alone", "push.labels: \"alone\" is not of the form KEY=VALUE" },
		{ "collectors.filesystem.mount_points_exclude", "(", "not a regular expression" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(set(w, cases[i].key, cases[i].text), -EINVAL);
		assert_part(conf_error(w->conf), cases[i].error);
	}
	assert_text(w->push->url, "http://127.0.0.1:9091");
	assert_int_equal(w->push->labels.n, 0);
}

static void test_hostile(void **state)
{
	struct world *w = *state;
	char *big = malloc(1000001);

	assert_non_null(big);
	memset(big, 'k', 1000000);
	big[1000000] = '\0';
	assert_int_equal(set(w, big, "x"), -EINVAL);
	assert_true(conf_error(w->conf).n < 1100);
	assert_true(str_ends(conf_error(w->conf), STR("kkk...")));
	assert_int_equal(set(w, "push.interval", big), -EINVAL);
	assert_true(conf_error(w->conf).n < 1100);
	assert_int_equal(set(w, "push.format", "\x1b[2J\n\xff"), -EINVAL);
	assert_part(conf_error(w->conf), "push.format");
	memset(big, '.', 100000);
	big[100000] = '\0';
	assert_int_equal(set(w, big, "x"), -EINVAL);
	memcpy(big, "push.labels", 11);
	assert_int_equal(set(w, big, "x"), 0);
	assert_int_equal(w->push->labels.n, 1);
	assert_int_equal(w->push->labels.v[0].key.n, 100000 - 12);
	free(big);
}

static void test_environment(void **state)
{
	struct world *w = *state;

	(void)setenv("PEEKPUSH_URL", "http://env:1", 1);
	(void)setenv("PEEKPUSH_INSTANCE", "", 1);
	(void)setenv("PEEKPUSH_LABELS", "a=1, b=2,,c=x=y", 1);
	assert_int_equal(set(w, "push.labels.gone", "1"), 0);
	assert_int_equal(conf_load_environment(w->conf), 0);
	assert_text(w->push->url, "http://env:1");
	assert_text(conf_origin(w->conf, &section_push, &w->push->url), "PEEKPUSH_URL");
	assert_text(conf_origin(w->conf, &section_push, &w->push->instance), "built-in");
	assert_text(labels(w), "a=1 b=2 c=x=y");

	/* The command line rules, and replaces the whole map. */
	assert_int_equal(ARGS(w, "--url", "http://args:2", "--label", "z=1"), 4);
	assert_text(w->push->url, "http://args:2");
	assert_text(labels(w), "z=1");

	(void)setenv("PEEKPUSH_LABELS", "a=1,broken", 1);
	assert_int_equal(conf_load_environment(w->conf), -EINVAL);
	assert_part(conf_error(w->conf), "PEEKPUSH_LABELS: push.labels: \"broken\" is not");
	(void)unsetenv("PEEKPUSH_URL");
	(void)unsetenv("PEEKPUSH_INSTANCE");
	(void)unsetenv("PEEKPUSH_LABELS");
}

static void test_args(void **state)
{
	struct world *w = *state;
	const struct main_conf *main_conf = conf_get(w->conf, &section_main);

	assert_int_equal(ARGS(w, "push"), 0);
	assert_int_equal(ARGS(w, "-v", "--url=http://a:1", "--instance", "i", "push", "-q"), 4);
	assert_true(main_conf->verbose);
	assert_false(main_conf->quiet);
	assert_text(w->push->url, "http://a:1");
	assert_text(w->push->instance, "i");
	assert_text(conf_origin(w->conf, &section_push, &w->push->url), "--url");
	assert_text(conf_origin(w->conf, &section_main, &main_conf->verbose), "-v");
	assert_int_equal(ARGS(w, "--no-verbose"), 1);
	assert_false(main_conf->verbose);
	assert_int_equal(ARGS(w, "--verbose=yes"), 1);
	assert_true(main_conf->verbose);
	assert_int_equal(ARGS(w, "--", "--url", "x"), 1);
	assert_int_equal(ARGS(w, "-", "x"), 0);
	assert_int_equal(ARGS(w, "--url=", "x"), 1);
	assert_text(w->push->url, "");
	assert_int_equal(ARGS(w, "--url=a=b"), 1);
	assert_text(w->push->url, "a=b");
	assert_int_equal(ARGS(w, "--url", "--"), 2);
	assert_text(w->push->url, "--");
	assert_int_equal(ARGS(w, "--help"), 101);
	assert_int_equal(ARGS(w, "-v", "-h", "x"), 102);
	assert_int_equal(ARGS(w, "x", "--help"), 0);
	assert_int_equal(ARGS(w, "--", "--help"), 1);
}

/* Before and after the command is one source: both add. */
static void test_args_add(void **state)
{
	struct world *w = *state;

	assert_int_equal(ARGS(w, "--label", "a=1", "-lb=2", "push"), 3);
	assert_int_equal(ARGS(w, "--label=c=3", "--set", "push.labels.d=4", "-l", "a=9"), 5);
	assert_text(labels(w), "a=9 b=2 c=3 d=4");
	assert_int_equal(ARGS(w, "--collectors", "default,-hwmon"), 2);
	assert_int_equal(ARGS(w, "--set=collectors.enable = -cpu "), 1);
	assert_text(enabled(w), "default -hwmon -cpu");
	assert_int_equal(ARGS(w, "--set", "push.job= spaced out "), 2);
	assert_text(w->push->job, "spaced out");
}

static void test_args_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(ARGS(w, "--ulr", "x"), -EINVAL);
	assert_text(conf_error(w->conf), "unknown option --ulr (did you mean --url?)");
	assert_int_equal(ARGS(w, "--completely-else"), -EINVAL);
	assert_text(conf_error(w->conf), "unknown option --completely-else");
	assert_int_equal(ARGS(w, "--=x"), -EINVAL);
	assert_int_equal(ARGS(w, "-Z"), -EINVAL);
	assert_text(conf_error(w->conf), "unknown option -Z");
	assert_int_equal(ARGS(w, "-vq"), -EINVAL);
	assert_text(conf_error(w->conf), "-v takes no value");
	assert_int_equal(ARGS(w, "--url"), -EINVAL);
	assert_text(conf_error(w->conf), "--url needs a value");
	assert_int_equal(ARGS(w, "-v", "-l"), -EINVAL);
	assert_text(conf_error(w->conf), "-l needs a value");
	assert_int_equal(ARGS(w, "--set"), -EINVAL);
	assert_text(conf_error(w->conf), "--set needs a value");
	assert_int_equal(ARGS(w, "--set", "push.job"), -EINVAL);
	assert_part(conf_error(w->conf), "--set push.job: not of the form SECTION.KEY=VALUE");
	assert_int_equal(ARGS(w, "--set", "push.jbo=x"), -EINVAL);
	assert_part(conf_error(w->conf), "(did you mean push.job?)");
	assert_int_equal(ARGS(w, "--verbose=perhaps"), -EINVAL);
	assert_part(conf_error(w->conf), "--verbose: main.verbose: \"perhaps\" is not true");
	assert_int_equal(ARGS(w, "--interval", "5"), -EINVAL);
	assert_part(conf_error(w->conf), "--interval: push.interval: 5 has no unit");
	assert_int_equal(ARGS(w, "-l=a"), -EINVAL);
	assert_part(conf_error(w->conf), "-l: push.labels: \"=a\" is not of the form");

	/* Only what is on or off can be negated, and without a value. */
	assert_int_equal(ARGS(w, "--no-url", "http://no"), -EINVAL);
	assert_part(conf_error(w->conf), "unknown option --no-url");
	assert_int_equal(ARGS(w, "--no-verbose=true"), -EINVAL);
	assert_text(w->push->url, "http://127.0.0.1:9091");
}

struct reader {
	struct world *w;
	struct conf *copy;
	unsigned n;
};

static void read_back(void *arg, const struct opt_section *section, const struct opt *opt,
		      struct str value, struct str origin)
{
	struct reader *reader = arg;
	char key[200];
	struct str rest = value, pair;

	(void)origin;
	(void)snprintf(key, sizeof(key), "%s.%s", section->path, opt->name);
	reader->n++;
	if (opt->type != OPT_MAP)
		assert_int_equal(conf_set(reader->copy, str_of(key), value, "x"), 0);
	while (opt->type == OPT_MAP && str_cut(&rest, ',', &pair))
		assert_int_equal(conf_set(reader->copy, str_of(key), pair, "x"), 0);
}

struct listing {
	struct arena arena;
	struct str text;
};

static void list(void *arg, const struct opt_section *section, const struct opt *opt,
		 struct str value, struct str origin)
{
	struct listing *all = arg;

	(void)origin;
	all->text = arena_printf(&all->arena, "%s%s.%s=%.*s\n", all->text.n ? all->text.p : "",
				 section->path, opt->name, STR_ARG(value));
}

/* All that conf_each() prints makes the same configuration again. */
static void test_each(void **state)
{
	struct world *w = *state;
	struct reader reader = { .w = w, .copy = conf_new(w->sections) };
	struct listing first = { 0 }, second = { 0 };

	assert_true(ARGS(w, "-l", "a=1", "-l", "b=2", "--interval", "1500ms", "--collectors",
			 "all,-cpu", "--set", "limits.series=7", "--set", "job.metrics_size=1M",
			 "--set", "push.format=text", "--set", "push.method=PUT", "-q") > 0);
	conf_each(w->conf, read_back, &reader);
	assert_true(reader.n > 30);
	conf_each(w->conf, list, &first);
	conf_each(reader.copy, list, &second);
	assert_text(second.text, first.text.p);
	assert_part(first.text, "\npush.labels=a=1,b=2\n");
	assert_part(first.text, "\npush.interval=1500ms\n");
	assert_part(first.text, "\njob.metrics_size=1048576\n");
	assert_part(first.text, "\ncollectors.enable=all,-cpu\n");
	arena_release(&first.arena);
	arena_release(&second.arena);
	conf_free(reader.copy);
	conf_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_presets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_args, setup, teardown),
		cmocka_unit_test_setup_teardown(test_args_add, setup, teardown),
		cmocka_unit_test_setup_teardown(test_args_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each, setup, teardown),
	};

	/* Whoever runs the tests may have these set. */
	for (const char *const *name =
		     (const char *const[]){ "PEEKPUSH_URL", "PEEKPUSH_JOB", "PEEKPUSH_INSTANCE",
					    "PEEKPUSH_LABELS", "PEEKPUSH_CONFIG",
					    "PEEKPUSH_STATE_DIR", NULL };
	     *name; name++)
		(void)unsetenv(*name);
	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
