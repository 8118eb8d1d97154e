/* SPDX-License-Identifier: Apache-2.0 */
/* Files as a source: libconfig's text, conf.d, and whatever else may lie at that path. */
#include <errno.h>

#include "unit.h"

#include "base/conf_internal.h"
#include "cmd/commands.h"
#include "collect/energy/settings.h"
#include "collect/run.h"
#include "job/job.h"
#include "settings.h"

enum { SECTIONS_MAX = 128 };

/* libconfig 1.5 loses a string when it meets a syntax error right behind it. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

struct world {
	const struct opt_section *sections[SECTIONS_MAX + 1];
	struct conf *conf;
	const struct push_conf *push;
	int dir, drop_ins;
	char path[64], file[80];
};

static void renew(struct world *w)
{
	conf_free(w->conf);
	w->conf = conf_new(w->sections);
	w->push = conf_get(w->conf, &section_push);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	sections_all(w->sections, SECTIONS_MAX);
	renew(w);
	w->dir = unit_dir(w->path);
	(void)snprintf(w->file, sizeof(w->file), "%s/peekpush.conf", w->path);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	conf_free(w->conf);
	if (w->drop_ins)
		(void)close(w->drop_ins);
	unit_remove(w->dir);
	free(w);
	return 0;
}

static void drop_in(struct world *w, const char *name, const char *text)
{
	if (!w->drop_ins) {
		assert_int_equal(mkdirat(w->dir, "conf.d", 0755), 0);
		w->drop_ins = file_open_dir(w->dir, "conf.d");
	}
	unit_write(w->drop_ins, name, str_of(text));
}

/* conf_load() of a new configuration with that text as the file. */
static int load(struct world *w, const char *text)
{
	unit_write(w->dir, "peekpush.conf", str_of(text));
	renew(w);
	return conf_load(w->conf, w->file);
}

/* Refused, with the place and the reason named. */
static void refuse(struct world *w, const char *text, const char *line, const char *error)
{
	char where[120];

	if (load(w, text) != -EINVAL)
		fail_msg("not refused: %s", text);
	(void)snprintf(where, sizeof(where), "%s:%s: ", w->file, line);
	assert_part(conf_error(w->conf), where);
	assert_part(conf_error(w->conf), error);
	assert_true(conf_error(w->conf).n < 1100);
}

static struct str labels(const struct world *w)
{
	static char text[256];
	const struct opt_map *map = &w->push->labels;
	size_t n = 0;

	for (size_t i = 0; i < map->n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s=%.*s", i ? " " : "",
				      STR_ARG(map->v[i].key), STR_ARG(map->v[i].value));
	return (struct str){ text, n };
}

static const struct opt_list *enabled(const struct world *w)
{
	const struct collectors_conf *c = conf_get(w->conf, &section_collectors);

	return &c->enable;
}

static void test_values(void **state)
{
	struct world *w = *state;
	const struct tls_conf *tls;
	const struct limits_conf *limits;
	const struct job_conf *st;
	char origin[120];

	assert_int_equal(load(w,
			      "# comment @include \"x\"\n"
			      "push: {\n"
			      "\turl = \"http://h:9091/\" // 99999999999\n"
			      "\t      \"prefix\";\n"
			      "\tinterval = \"1m\"; delete_on_stop = true; format = \"text\";\n"
			      "\tlabels: { site = \"a,b\"; n = 5; big = 3000000000L; on = true;\n"
			      "\t\tr = 0.1; };\n"
			      "\ttls = { insecure = true };\n"
			      "};\n"
			      "/* 99999999999 */\n"
			      "limits.series : 1;\n"),
			 -EINVAL);
	assert_int_equal(load(w,
			      "push: {\n"
			      "\turl = \"http://h:9091/\" // 99999999999\n"
			      "\t      \"prefix\";\n"
			      "\tinterval = \"1m\"; delete_on_stop = true; format = \"text\";\n"
			      "\tlabels: { site = \"a,b\"; n = 5; big = 3000000000L; on = true;\n"
			      "\t\tr = 0.1; };\n"
			      "\ttls = { insecure = true; };\n"
			      "};\n"
			      "/* 99999999999 @include */\n"
			      "limits = { series = 0x10; };\n"
			      "job = { metrics_size = 5000000000L; remember = 7; };\n"
			      "collectors: { enable = (\"default\", \"-hwmon\");\n"
			      "\tdisable = [ \"cpu\", \"stat\" ];\n"
			      "\tfilesystem: { mount_points_exclude = \"/@include 5\"; };\n"
			      "};"),
			 0);
	tls = conf_get(w->conf, &section_tls);
	limits = conf_get(w->conf, &section_limits);
	st = conf_get(w->conf, &section_job);
	assert_text(w->push->url, "http://h:9091/prefix");
	assert_true(w->push->interval_ns == INT64_C(60000000000));
	assert_true(w->push->delete_on_stop && tls->insecure);
	assert_int_equal(w->push->format, PUSH_FORMAT_TEXT);
	assert_text(labels(w), "site=a,b n=5 big=3000000000 on=true r=0.1");
	assert_true(limits->series == 16);
	assert_true(st->metrics_size == 5000000000 && st->remember == 7);
	assert_int_equal(enabled(w)->n, 2);
	assert_text(enabled(w)->v[1], "-hwmon");
	(void)snprintf(origin, sizeof(origin), "%s:4", w->file);
	assert_text(conf_origin(w->conf, &section_push, &w->push->interval_ns), origin);

	assert_int_equal(load(w, ""), 0);
	assert_int_equal(load(w, "push: {};\npush_nothing: "), -EINVAL);
	assert_int_equal(load(w, "collectors: { enable = \"a, b\"; };"), 0);
	assert_int_equal(enabled(w)->n, 2);
	assert_int_equal(load(w, "collectors: { enable = (); };"), 0);
	assert_int_equal(enabled(w)->n, 0);
}

static void test_unknown(void **state)
{
	struct world *w = *state;

	refuse(w, "push: {\n  job = \"j\";\n  timeuot = \"5s\";\n};", "3",
	       "push.timeuot: unknown option (did you mean push.timeout?)");
	refuse(w, "\npusj: { url = \"x\"; };", "2", "pusj: unknown section (did you mean push?)");
	refuse(w, "push: {\n tsl: { ca = \"x\"; }; };", "2",
	       "push.tsl: unknown section (did you mean push.tls?)");
	refuse(w, "collectors: {\n\n filesystem: { mount_points_exlude = \"x\"; }; };", "3",
	       "(did you mean collectors.filesystem.mount_points_exclude?)");
	refuse(w, "url = \"x\";", "1", "url: unknown option (did you mean push.url?)");
	refuse(w, "zzzzzzzzzzzzzzzz = 1;", "1", "zzzzzzzzzzzzzzzz: unknown option");
	assert_false(str_ends(conf_error(w->conf), STR("?)")));
	refuse(w, "push = 5;", "1", "push: expected a group { ... }");
	refuse(w, "collectors: { filesystem = \"x\"; };", "1",
	       "collectors.filesystem: expected a group { ... }");
	refuse(w, "push: { url: { x = 1; }; };", "1", "push.url: expected text in quotes");
}

static void test_number(void **state)
{
	struct world *w = *state;
	const struct energy_model_conf *model;

	renew(w);
	assert_int_equal(
		conf_load_text(w->conf,
			       "energy: { model: { idle_watts = 10; max_watts = 60.25; }; };",
			       "text"),
		0);
	model = energy_model_settings(w->conf);
	assert_true(model->idle_watts == 10);
	assert_true(model->max_watts == 60.25);
}

static void test_types(void **state)
{
	struct world *w = *state;

	refuse(w, "push: { url = 5; };", "1", "push.url: expected text in quotes");
	refuse(w, "push: { delete_on_stop = \"true\"; };", "1",
	       "push.delete_on_stop: expected true or false, without quotes");
	refuse(w, "push: { delete_on_stop = 1; };", "1", "expected true or false");
	refuse(w, "limits: {\n series = \"5\"; };", "2",
	       "limits.series: expected a whole number, without quotes");
	refuse(w, "limits: { series = 5.0; };", "1", "expected a whole number");
	refuse(w, "push: { interval = true; };", "1", "expected a time span such as");
	refuse(w, "push: { interval = 15; };", "1",
	       "push.interval: 15 has no unit (did you mean 15s?)");
	refuse(w, "push: { interval = 0.5; };", "1", "0.5 has no unit");
	refuse(w, "push: { labels = \"a=b\"; };", "1", "push.labels: expected a group such as");
	refuse(w, "push: { labels = (\"a=b\"); };", "1", "push.labels: expected a group such as");
	refuse(w, "push: { labels: { a: { b = 1; }; }; };", "1", "expected a group such as");
	refuse(w, "collectors: { enable = 5; };", "1", "expected a list such as");
	refuse(w, "collectors: { enable = { a = \"b\"; }; };", "1", "expected a list such as");
	refuse(w, "collectors: { enable = ((\"a\")); };", "1", "expected a list such as");
	refuse(w, "collectors: {\n enable = (\"a\",\n \"b,c\"); };", "2", "a comma within an item");
	refuse(w, "energy: { cost_per_kwh = \"0.3\"; };", "1",
	       "energy.cost_per_kwh: expected a number, without quotes");
	refuse(w, "energy: { model: { max_watts = -0.5; }; };", "1", "a number from 0 on");
	refuse(w, "push: { format = \"xml\"; };", "1", "\"xml\" is not one of");
	refuse(w, "push: { interval = \"1y\"; };", "1", "\"1y\" is not a time span");
	refuse(w, "collectors: { filesystem: { mount_points_exclude = \"(\"; }; };", "1",
	       "not a regular expression");
	refuse(w, "limits: { series = 0; };", "1", "0 is not between 1 and");
	refuse(w, "job: { metrics_size = 1e99; };", "1", "not a size such as");
}

/* What libconfig takes without a word, wrongly. */
static void test_swallowed(void **state)
{
	struct world *w = *state;
	const struct job_conf *st;

	refuse(w, "job: {\n metrics_size = 4294967296; };", "2",
	       "4294967296 is too large (an L after it allows 64 bits)");
	refuse(w, "limits: { series = 2147483648; };", "1", "is too large");
	refuse(w, "limits: { series = -2147483649; };", "1", "-2147483649 is too large");
	refuse(w, "limits: { series = 0xffffffff; };", "1", "0xffffffff is too large");
	refuse(w, "limits: { series = 9223372036854775808L; };", "1",
	       "9223372036854775808L is too large");
	refuse(w, "limits: { series = 99999999999999999999999L; };", "1", "is too large");
	refuse(w, "\n\n/* push: { url = 1; };\n", "3", "a comment without end");
	refuse(w, "/*/", "1", "a comment without end");
	refuse(w, "push: { url = \"a\nb\n\"; };\nlimits: { series = 2147483648; };", "4",
	       "is too large");
	assert_int_equal(load(w, "/**//* 3000000000 */ job: { metrics_size = 2147483647; };"), 0);
	st = conf_get(w->conf, &section_job);
	assert_true(st->metrics_size == 2147483647);
	assert_int_equal(load(w, "job: { metrics_size = 0x7fffffffffffffffL; }; # 3000000000"), 0);
	st = conf_get(w->conf, &section_job);
	assert_true(st->metrics_size == INT64_MAX);

	/* An include may be a directory (which ends the process) or a FIFO (which never ends). */
	unit_write(w->dir, "more.conf", STR("limits: { series = 5; };"));
	refuse(w, "@include \"more.conf\"\n", "1", "no @include here");
	refuse(w, "push: {};\n \t@include \"/tmp\"\n", "2", "no @include here");
}

static void test_syntax(void **state)
{
	struct world *w = *state;

	refuse(w, "push: {\n url \"x\";\n};", "2", "syntax error");
	refuse(w, "push: {\n url = \"x\";\n", "3", "syntax error");
	refuse(w, "push: { url = \"x\"; };\npush: { url = \"x; };\n", "2", "a string without end");
	refuse(w, "push: { url = \"x\\\"; };", "1", "a string without end");
	assert_int_equal(load(w, "push: {};\n# without a line end"), 0);
	refuse(w, "push: { job = \"a\"; };\npush: { job = \"b\"; };", "2",
	       "duplicate setting name");
	refuse(w, "push: { job = \"a\"; job = \"b\"; };", "1", "duplicate setting name");
	refuse(w, "\xff\xfe", "1", "syntax error");
	refuse(w, ";;;", "1", "syntax error");
}

static void test_hostile(void **state)
{
	struct world *w = *state;
	char *big = malloc(1 << 20), *to;
	size_t n;

	assert_non_null(big);
	/* A key, then a value, then an expression of most of a megabyte. */
	memset(big, 'k', 1000000);
	(void)snprintf(big + 1000000, 100, " = 1;");
	refuse(w, big, "1", "kkkkk");
	n = (size_t)snprintf(big, 100, "push: { interval = \"");
	memset(big + n, '\x01', 1000000);
	(void)snprintf(big + n + 1000000, 100, "\"; };");
	refuse(w, big, "1", "push.interval: ");
	n = (size_t)snprintf(big, 100, "push: { url = \"");
	memset(big + n, 'u', 1000000);
	(void)snprintf(big + n + 1000000, 100, "\"; };");
	assert_int_equal(load(w, big), 0);
	assert_int_equal(w->push->url.n, 1000000);

	/* Items without end. */
	to = stpcpy(big, "collectors: { enable = (\"a\"");
	while (to < big + 1000000)
		to = stpcpy(to, ",\"b\"");
	(void)stpcpy(to, "); };");
	refuse(w, big, "1", "more than 10000 items");

	/* Nesting without end. */
	for (to = big; to < big + 1000000;)
		to = stpcpy(to, "a:{");
	assert_int_equal(load(w, big), -EINVAL);
	memset(big, '(', 1000000);
	memcpy(big, "x=", 2);
	assert_int_equal(load(w, big), -EINVAL);

	/* Larger than a configuration may be. */
	memset(big, '#', (1 << 20) - 1);
	big[(1 << 20) - 1] = '\0';
	assert_int_equal(load(w, big), 0);
	free(big);
	big = malloc((1 << 20) + 2);
	assert_non_null(big);
	memset(big, '#', (1 << 20) + 1);
	big[(1 << 20) + 1] = '\0';
	assert_int_equal(load(w, big), -EINVAL);
	assert_part(conf_error(w->conf), "peekpush.conf: larger than 1 MiB");
	free(big);
}

static void test_order(void **state)
{
	struct world *w = *state;

	drop_in(w, "20-b.conf", "push: { job = \"b\"; instance = \"b\"; };");
	drop_in(w, "10-a.conf", "push: { job = \"a\"; labels: { a = \"1\"; }; };");
	drop_in(w, "9-c.conf", "push: { job = \"c\"; };\ncollectors: { enable = (\"cpu\"); };");
	drop_in(w, "readme", "not = \"read\"");
	drop_in(w, "x.conf.bak", "not = \"read\"");
	drop_in(w, ".hidden.conf", "not = \"read\"");
	assert_int_equal(load(w,
			      "push: { job = \"main\"; url = \"main\"; labels: { m = \"1\"; }; };"
			      "collectors: { enable = (\"default\", \"stat\"); };"),
			 0);
	/* By bytes: 10, 20, 9. */
	assert_text(w->push->job, "c");
	assert_text(w->push->instance, "b");
	assert_text(w->push->url, "main");
	assert_text(labels(w), "a=1");
	assert_int_equal(enabled(w)->n, 1);
	assert_text(enabled(w)->v[0], "cpu");
	assert_part(conf_origin(w->conf, &section_push, &w->push->instance), "/conf.d/20-b.conf:1");

	/* An empty group or list replaces, too. */
	drop_in(w, "z.conf", "push: { labels: {}; }; collectors: { enable = (); };");
	assert_int_equal(load(w, "push: { labels: { m = \"1\"; }; };"), 0);
	assert_int_equal(w->push->labels.n, 0);
	assert_int_equal(enabled(w)->n, 0);

	/* Then the environment and the command line. */
	(void)setenv("PEEKPUSH_JOB", "env", 1);
	assert_int_equal(conf_load_environment(w->conf), 0);
	assert_text(w->push->job, "env");
	(void)unsetenv("PEEKPUSH_JOB");

	/* conf.d counts without the main file, which is missing all the same. */
	assert_int_equal(unlinkat(w->dir, "peekpush.conf", 0), 0);
	renew(w);
	assert_int_equal(conf_load(w->conf, w->file), -ENOENT);
	assert_int_equal(conf_error(w->conf).n, 0);
	assert_text(w->push->instance, "b");
}

static void test_bad_drop_ins(void **state)
{
	struct world *w = *state;
	uid_t user;

	drop_in(w, "1.conf", "push: {\n jbo = \"x\"; };");
	assert_int_equal(load(w, ""), -EINVAL);
	assert_part(conf_error(w->conf), "/conf.d/1.conf:2: push.jbo: unknown option");
	assert_int_equal(unlinkat(w->dir, "peekpush.conf", 0), 0);
	renew(w);
	assert_int_equal(conf_load(w->conf, w->file), -EINVAL);

	assert_int_equal(unlinkat(w->drop_ins, "1.conf", 0), 0);
	assert_int_equal(symlinkat("nowhere", w->drop_ins, "1.conf"), 0);
	assert_int_equal(load(w, ""), -EINVAL);
	assert_part(conf_error(w->conf), "/conf.d/1.conf: No such file");

	assert_int_equal(unlinkat(w->drop_ins, "1.conf", 0), 0);
	assert_int_equal(mkdirat(w->drop_ins, "1.conf", 0755), 0);
	assert_int_equal(load(w, ""), -EINVAL);
	assert_part(conf_error(w->conf), "/conf.d/1.conf: not a regular file");
	assert_int_equal(unlinkat(w->drop_ins, "1.conf", AT_REMOVEDIR), 0);

	drop_in(w, "1.conf", "push: {};");
	assert_int_equal(fchmodat(w->drop_ins, "1.conf", 0, 0), 0);
	unit_write(w->dir, "peekpush.conf", STR(""));
	assert_int_equal(fchmod(w->dir, 0755), 0);
	renew(w);
	user = unit_as_nobody();
	assert_int_equal(conf_load(w->conf, w->file), -EINVAL);
	unit_as(user);
	assert_part(conf_error(w->conf), "/conf.d/1.conf: Permission denied");

	assert_int_equal(fchmodat(w->dir, "conf.d", 0, 0), 0);
	renew(w);
	user = unit_as_nobody();
	assert_int_equal(conf_load(w->conf, w->file), -EINVAL);
	unit_as(user);
	assert_part(conf_error(w->conf), "/conf.d: Permission denied");
}

/* In /tmp anybody may be first to make a conf.d. */
static void test_planted_drop_ins(void **state)
{
	struct world *w = *state;

	drop_in(w, "1.conf", "push: { job = \"theirs\"; };");
	assert_int_equal(fchmod(w->dir, 01777), 0);
	assert_int_equal(load(w, ""), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(fchown(w->drop_ins, 64123, 64123), 0);
	assert_int_equal(load(w, ""), -EINVAL);
	assert_part(conf_error(w->conf), "/conf.d: made by another user");
	/* Who has the directory for himself may have it from whom he wants. */
	assert_int_equal(fchmod(w->dir, 0755), 0);
	assert_int_equal(load(w, ""), 0);
	assert_int_equal(fchmod(w->dir, 01777), 0);
	assert_int_equal(renameat(w->dir, "conf.d", w->dir, "mine"), 0);
	assert_int_equal(fchown(w->drop_ins, 0, 0), 0);
	assert_int_equal(symlinkat("mine", w->dir, "conf.d"), 0);
	assert_int_equal(load(w, ""), 0);
	assert_int_equal(fchownat(w->dir, "conf.d", 64123, 64123, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(load(w, ""), -EINVAL);
}

static void test_drop_ins_is_no_directory(void **state)
{
	struct world *w = *state;

	unit_write(w->dir, "conf.d", STR("x"));
	assert_int_equal(load(w, ""), -EINVAL);
	assert_part(conf_error(w->conf), "/conf.d: Not a directory");
}

static void test_too_many_drop_ins(void **state)
{
	struct world *w = *state;
	char name[32];

	for (int i = 0; i < 1001; i++) {
		(void)snprintf(name, sizeof(name), "%d.conf", i);
		drop_in(w, name, "");
	}
	assert_int_equal(load(w, ""), -EINVAL);
	assert_part(conf_error(w->conf), "/conf.d: more than 1000 files");
	assert_int_equal(unlinkat(w->drop_ins, "0.conf", 0), 0);
	assert_int_equal(load(w, ""), 0);
}

static void test_odd_files(void **state)
{
	struct world *w = *state;
	uid_t user;

	assert_int_equal(conf_load(w->conf, w->file), -ENOENT);
	assert_int_equal(conf_load(w->conf, "/nowhere/at/all.conf"), -ENOENT);
	assert_int_equal(conf_load(w->conf, w->path), -EINVAL);
	assert_part(conf_error(w->conf), ": not a regular file");
	assert_int_equal(conf_load(w->conf, "/dev/null"), 0);
	assert_int_equal(conf_load(w->conf, "/dev/zero"), -EINVAL);
	assert_int_equal(conf_load(w->conf, "/proc/self/mem"), -EINVAL);

	unit_write(w->dir, "peekpush.conf", (struct str){ "push: {};\0garbage(", 18 });
	assert_int_equal(conf_load(w->conf, w->file), -EINVAL);
	assert_part(conf_error(w->conf), "has NUL bytes");

	assert_int_equal(fchmodat(w->dir, "peekpush.conf", 0, 0), 0);
	assert_int_equal(fchmod(w->dir, 0755), 0);
	user = unit_as_nobody();
	assert_int_equal(conf_load(w->conf, w->file), -EINVAL);
	unit_as(user);
	assert_part(conf_error(w->conf), "peekpush.conf: Permission denied");

	assert_int_equal(unlinkat(w->dir, "peekpush.conf", 0), 0);
	assert_int_equal(mkfifoat(w->dir, "peekpush.conf", 0600), 0);
	(void)alarm(60);
	assert_int_equal(conf_load(w->conf, w->file), -EINVAL);
	(void)alarm(0);
	assert_part(conf_error(w->conf), "not a regular file");
}

/* A path without a directory has its conf.d beside it as well. */
static void test_relative(void **state)
{
	struct world *w = *state;
	_cleanup_fd_ int here = file_open_dir(AT_FDCWD, ".");

	drop_in(w, "1.conf", "push: { job = \"d\"; };");
	unit_write(w->dir, "peekpush.conf", STR("push: { job = \"m\"; instance = \"m\"; };"));
	assert_int_equal(fchdir(w->dir), 0);
	assert_int_equal(conf_load(w->conf, "peekpush.conf"), 0);
	assert_int_equal(fchdir(here), 0);
	assert_text(w->push->job, "d");
	assert_text(w->push->instance, "m");
	assert_text(conf_origin(w->conf, &section_push, &w->push->instance), "peekpush.conf:1");
	assert_text(conf_origin(w->conf, &section_push, &w->push->job), "./conf.d/1.conf:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_number, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swallowed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_syntax, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_drop_ins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_planted_drop_ins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drop_ins_is_no_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_drop_ins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relative, setup, teardown),
	};

	return cmocka_run_group_tests_name("conf-file", tests, NULL, NULL);
}
