/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for groups of processes: what is refused, what holds, and what a group is called. */
#include "unit.h"

#include "collect/process/rules.h"

static void refused(const char *text, const char *why_part)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str why = { 0 };

	assert_int_equal(rules_check(str_of(text), &arena, &why), -22);
	assert_part(why, why_part);
}

static void test_refused(void **state)
{
	(void)state;
	refused("com=x", "did you mean comm?");
	refused("comm", "KEY=VALUE");
	refused("comm=", "nothing behind");
	refused("=x", "KEY=VALUE");
	refused("name='x", "without its match");
	refused("name='x'y", "without its match");
	refused("cmdline=(", "cmdline: not a regular expression");
	refused("cmdline=x name={2}", "there is no {2}");
	refused("cmdline=(x) name={2}", "there is no {2}");
	refused("cmdline=(?P<a>x) name={{.Matches.b}}", "there is no {.Matches.b}");
	refused("name={com}", "there is no {com}");
	refused("name=x{y", "there is no {y}");
	refused("cmdline=()()()()()()()()()()()()()()()()()", "parentheses");
}

/* A host whose /proc and / are made here. */
struct scene {
	char path[64];
	int dir;
	struct host host;
	struct arena arena;
	struct process process;
};

static void open_scene(struct scene *s, struct str cmdline, const char *cgroup)
{
	struct host_paths paths = { .path = { [HOST_PROC] = s->path, [HOST_ROOT] = s->path } };

	s->dir = unit_dir(s->path);
	assert_int_equal(mkdirat(s->dir, "42", 0755), 0);
	assert_int_equal(mkdirat(s->dir, "etc", 0755), 0);
	unit_write(s->dir, "42/cmdline", cmdline);
	unit_write(s->dir, "42/cgroup", str_of(cgroup));
	unit_write(s->dir, "etc/passwd", STR("root:x:0:0::/:/bin/sh\n:x:7:\nalice:x:1000:1::/:\n"));
	host_open(&s->host, &paths, false);
	s->host.cycle = 1;
	s->process =
		(struct process){ .pid = 42, .uid = 1000, .start_ns = 5000000, .comm = "java" };
}

static void close_scene(struct scene *s)
{
	host_close(&s->host);
	unit_remove(s->dir);
	arena_release(&s->arena);
}

/* The group that this one rule gives, or NULL. */
static const char *group_by(struct scene *s, const char *rule, bool dead)
{
	struct opt_pair pair = { STR("own"), str_of(rule) };
	const struct opt_map map = { 1, &pair };
	struct identity who = {
		.host = &s->host,
		.arena = &s->arena,
		.process = &s->process,
		.dead = dead,
	};
	struct rules rules;
	struct str name, why = { 0 };
	bool match;

	if (rules_check(str_of(rule), &s->arena, &why) < 0)
		fail_msg("%s: %.*s", rule, STR_ARG(why));
	rules_init(&rules, &map, &s->arena);
	assert_int_equal(rules.n, 1);
	match = rules_match(&rules, &who, &name);
	rules_release(&rules);
	return match ? arena_cstr(&s->arena, name) : NULL;
}

static void test_conditions(void **state)
{
	struct scene s = { 0 };

	(void)state;
	open_scene(&s, STR("/opt/jdk/bin/java\0-jar\0/srv/shop app.jar\0-Xmx1g\0"),
		   "3:cpu:/legacy\n0::/system.slice/docker-"
		   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope\n");
	assert_string_equal(group_by(&s, "comm=java", false), "own");
	assert_string_equal(group_by(&s, "comm=perl,j*", false), "own");
	assert_null(group_by(&s, "comm=jav", false));
	assert_string_equal(group_by(&s, "exe=java", false), "own");
	assert_null(group_by(&s, "exe=/usr/bin/java", false));
	assert_string_equal(group_by(&s, "exe=/opt/jdk/bin/java name={path}", false),
			    "/opt/jdk/bin/java");
	assert_string_equal(group_by(&s, "user=alice", false), "own");
	assert_string_equal(group_by(&s, "user=1000 name={user}", false), "alice");
	assert_null(group_by(&s, "user=root", false));
	assert_string_equal(group_by(&s, "unit=docker-*.scope name={comm}@{pid}", false),
			    "java@42");
	assert_string_equal(group_by(&s, "container=0123* name={container}", false),
			    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	assert_string_equal(group_by(&s, "cgroup=^/system[.]slice/", false), "own");
	assert_null(group_by(&s, "cgroup=^/legacy", false));
	assert_string_equal(
		group_by(&s, "comm=java cmdline='([^ /]+) app[.]jar' name=java:{1}", false),
		"java:shop");
	assert_string_equal(group_by(&s,
				     "cmdline=-Xmx(?P<size>\\d+)g cmdline=(?:x|s)(hop) "
				     "name='{{.ExeBase}} {{.Matches.size}} {size} {2}'",
				     false),
			    "java 1 1 hop");
	assert_null(group_by(&s, "comm=java cmdline=nothing", false));
	assert_string_equal(group_by(&s, "name='{{.Comm}} {{.Username}} {{.StartTime}}'", false),
			    "java alice 5");
	/* Who is dead has no command line: what asks for it passes it by. */
	assert_null(group_by(&s, "comm=java cmdline=jar", true));
	assert_string_equal(group_by(&s, "comm=java user=alice", true), "own");
	close_scene(&s);
}

static void test_strange_processes(void **state)
{
	struct scene s = { 0 };

	(void)state;
	open_scene(&s, STR("postgres: writer   \0\0\0\0\0"),
		   "9:name=systemd:/a/b.service\n1:cpu:/\n");
	assert_string_equal(group_by(&s, "cmdline='^postgres: ([a-z]+)$' name={1}", false),
			    "writer");
	assert_string_equal(group_by(&s, "name={unit}", false), "b.service");
	memcpy(s.process.comm, "a\nb{1}\xff", 8);
	assert_string_equal(group_by(&s, "name={comm}", false), "a\nb{1}\xff");
	close_scene(&s);

	s = (struct scene){ 0 };
	open_scene(&s, STR(""), "");
	assert_string_equal(group_by(&s, "name={exe}", false), "java");
	assert_string_equal(group_by(&s, "name={unit}{container}{cgroup}", false), "java");
	assert_null(group_by(&s, "cmdline=.", false));
	close_scene(&s);
}

static void test_default(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	const struct process process = { .comm = "init" };
	struct identity who = { .arena = &arena, .process = &process };
	struct rules rules;
	struct str name;

	(void)state;
	rules_init(&rules, &(struct opt_map){ 0 }, &arena);
	assert_true(rules_match(&rules, &who, &name));
	assert_text(name, "init");
	rules_release(&rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_strange_processes),
		cmocka_unit_test(test_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
