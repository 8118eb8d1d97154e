/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>

#include "bpf/builtin.h"
#include "bpf/settings.h"

/* The settings with `programs` as it would stand in the file, split at commas. */
static struct ebpf_conf settings(struct arena *arena, const char *programs)
{
	struct ebpf_conf conf = { .objects = STR("/nonexistent") };
	struct str why;

	assert_int_equal(
		opt_parse(&section_ebpf.opts[0], &conf, str_of(programs), true, arena, &why), 0);
	return conf;
}

static void test_wants(void **state)
{
	static const struct {
		const char *programs;
		bool on, off; /* whether an "x" that is on by default is wanted, and one that is not
			       */
	} rows[] = {
		{ "default", true, false },
		{ "all", true, true },
		{ "", false, false },
		{ "y", false, false },
		{ "x", true, true },
		{ "default,x", true, true },
		{ "default,-x", false, false },
		{ "-x", false, false },
		{ "-y", true, false },
		{ "all,-x", false, false },
		{ "x,-all", false, false },
		{ "-all,x", true, true },
		{ "-default", false, false },
		{ "-x,x", true, true },
	};
	struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ebpf_conf conf = settings(&arena, rows[i].programs);

		if (ebpf_wants(&conf, STR("x"), true) != rows[i].on ||
		    ebpf_wants(&conf, STR("x"), false) != rows[i].off)
			fail_msg("programs = %s", rows[i].programs);
	}
	arena_release(&arena);
}

static void test_check(void **state)
{
	struct arena arena = { 0 };
	struct str why = { 0 };
	char path[64];
	int dir = unit_dir(path);
	struct ebpf_conf conf = settings(&arena, "default,all,-syscalls,mine");

	(void)state;
	if (builtin_programs->name) {
		assert_int_equal(ebpf_check(&conf, &arena, &why), -EINVAL);
		assert_text(why,
			    "ebpf.programs: there is no program \"mine\"; see peekpush bpf list");
		conf = settings(&arena, "-sycsalls");
		assert_int_equal(ebpf_check(&conf, &arena, &why), -EINVAL);
		assert_part(why, "\"sycsalls\" (did you mean syscalls?)");
	}
	conf = settings(&arena, "default,all,-syscalls,mine");
	conf.objects = str_of(path);
	unit_write(dir, "mine.bpf.o", STR(""));
	assert_int_equal(ebpf_check(&conf, &arena, &why), 0);
	if (builtin_programs->name) {
		conf.programs.v[3] = STR("mime");
		assert_int_equal(ebpf_check(&conf, &arena, &why), -EINVAL);
		assert_part(why, "did you mean mine?");
	}
	unit_remove(dir);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wants),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests_name("ebpf-settings", tests, NULL, NULL);
}
