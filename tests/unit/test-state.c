/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "unit.h"

#include "metric/state.h"

struct world {
	int dir;
	struct state state;
	struct arena arena;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->dir = unit_dir(NULL);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	state_release(&w->state);
	arena_release(&w->arena);
	unit_remove(w->dir);
	free(w);
	return 0;
}

static int reload(struct world *w)
{
	state_release(&w->state);
	return state_load(&w->state, w->dir, "s");
}

static void set(struct world *w, const char *key, const char *value)
{
	state_set(&w->state, str_of(key), str_of(value));
}

static struct str get(const struct world *w, const char *key)
{
	return state_get(&w->state, str_of(key));
}

static void save(struct world *w)
{
	assert_int_equal(state_save(&w->state, w->dir, "s", false), 0);
}

static struct str content(struct world *w, const char *file)
{
	struct str text = { 0 };

	assert_int_equal(file_read(w->dir, file, 1 << 20, &w->arena, &text), 0);
	return text;
}

static void test_values(void **state)
{
	struct world *w = *state;

	assert_int_equal(get(w, "a").n, 0);
	assert_false(w->state.changed);
	set(w, "a", "1");
	set(w, "b", "");
	set(w, "ab", "2");
	assert_true(w->state.changed);
	assert_text(get(w, "a"), "1");
	assert_text(get(w, "ab"), "2");
	assert_text(get(w, "b"), "");
	set(w, "a", "a longer value than there was room for before, by far");
	assert_text(get(w, "a"), "a longer value than there was room for before, by far");
	set(w, "a", "3");
	assert_text(get(w, "a"), "3");
	/* A part of its own value. */
	set(w, "a", "0123456789");
	state_set(&w->state, STR("a"), str_skip(get(w, "a"), 4));
	assert_text(get(w, "a"), "456789");
	state_unset(&w->state, STR("a"));
	state_unset(&w->state, STR("never"));
	assert_int_equal(get(w, "a").n, 0);
	assert_text(get(w, "ab"), "2");
	assert_int_equal(w->state.n, 2);
}

static void test_numbers(void **state)
{
	struct world *w = *state;

	assert_int_equal(state_u64(&w->state, STR("n"), 7), 7);
	state_set_u64(&w->state, STR("n"), UINT64_MAX);
	assert_text(get(w, "n"), "18446744073709551615");
	assert_int_equal(state_u64(&w->state, STR("n"), 7), UINT64_MAX);
	state_set_u64(&w->state, STR("n"), 0);
	assert_int_equal(state_u64(&w->state, STR("n"), 7), 0);
	assert_int_equal(state_add(&w->state, STR("n"), 5), 5);
	assert_int_equal(state_add(&w->state, STR("n"), 1), 6);
	assert_int_equal(state_add(&w->state, STR("new"), 3), 3);
	for (const char *const *bad = (const char *const[]){ "", "x", "-1", "1 ", "1.5",
							     "18446744073709551616", NULL };
	     *bad; bad++) {
		set(w, "n", *bad);
		assert_int_equal(state_u64(&w->state, STR("n"), 7), 7);
	}
	assert_int_equal(state_add(&w->state, STR("n"), 2), 2);
}

static void test_changed(void **state)
{
	struct world *w = *state;

	set(w, "a", "1");
	save(w);
	assert_false(w->state.changed);
	set(w, "a", "1");
	state_unset(&w->state, STR("none"));
	assert_false(w->state.changed);
	save(w);
	assert_int_equal(w->state.serial, 1);
	state_unset(&w->state, STR("a"));
	assert_true(w->state.changed);
	save(w);
	assert_int_equal(reload(w), 0);
	assert_false(w->state.fresh);
	assert_int_equal(w->state.n, 0);
}

static void sum(void *arg, struct str key, struct str value)
{
	char *text = arg;

	(void)snprintf(text + strlen(text), 200 - strlen(text), "%.*s=%.*s;", STR_ARG(key),
		       STR_ARG(value));
}

static void test_each(void **state)
{
	struct world *w = *state;
	char text[200] = "";

	set(w, "p.a", "1");
	set(w, "q.b", "2");
	set(w, "p.c", "3");
	set(w, "p", "4");
	state_each(&w->state, STR("p."), sum, text);
	assert_string_equal(text, "p.a=1;p.c=3;");
	text[0] = '\0';
	state_each(&w->state, STR(""), sum, text);
	assert_string_equal(text, "p.a=1;q.b=2;p.c=3;p=4;");
	text[0] = '\0';
	state_each(&w->state, STR("x"), sum, text);
	assert_string_equal(text, "");
}

static void test_round_trip(void **state)
{
	static const struct str odd[] = {
		{ "", 0 },
		{ "plain", 5 },
		{ "a=b", 3 },
		{ "\n", 1 },
		{ "\\", 1 },
		{ "\\n", 2 },
		{ "a\nb\\c\n", 6 },
		{ "\\\\\\", 3 },
		{ "\0", 1 },
		{ "x\0y\nz\0", 6 },
		{ "\xff\xfe\r", 3 },
		{ "\n\n\n", 3 },
		{ "end 0123456789abcdef\n", 21 },
	};
	struct world *w = *state;
	static const char letters[] = "abcdefghijklmnop";
	char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		state_set(&w->state, (struct str){ &letters[i], 1 }, odd[i]);
	state_set(&w->state, STR("all"), (struct str){ all, 256 });
	state_set(&w->state, (struct str){ all, 256 }, STR("odd key"));
	state_set(&w->state, (struct str){ "k\0", 2 }, STR("short"));
	state_set(&w->state, (struct str){ "k\0l", 3 }, STR("long"));
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
			struct str back = state_get(&w->state, (struct str){ &letters[i], 1 });

			assert_int_equal(back.n, odd[i].n);
			assert_memory_equal(back.p, odd[i].p, odd[i].n);
		}
		assert_int_equal(get(w, "all").n, 256);
		assert_memory_equal(get(w, "all").p, all, 256);
		assert_text(state_get(&w->state, (struct str){ all, 256 }), "odd key");
		assert_text(state_get(&w->state, (struct str){ "k\0", 2 }), "short");
		assert_text(state_get(&w->state, (struct str){ "k\0l", 3 }), "long");
		assert_int_equal(w->state.n, ARRAY_SIZE(odd) + 4);
		state_set_u64(&w->state, STR("all rounds"), (uint64_t)round);
		save(w);
		assert_int_equal(reload(w), 0);
		state_unset(&w->state, STR("all rounds"));
	}
}

static void test_missing(void **state)
{
	struct world *w = *state;

	assert_int_equal(reload(w), 0);
	assert_true(w->state.fresh);
	assert_int_equal(w->state.n, 0);
	set(w, "a", "1");
	save(w);
	assert_false(w->state.fresh);
	assert_int_equal(reload(w), 0);
	assert_false(w->state.fresh);
	assert_text(get(w, "a"), "1");

	struct stat st;

	assert_int_equal(fstatat(w->dir, "s.1", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* The newer file wins; when it is cut anywhere, the older one does. */
static void test_cut(void **state)
{
	struct world *w = *state;
	struct str newer;

	set(w, "n", "1");
	set(w, "other", "x\ny");
	save(w);
	set(w, "n", "123456");
	save(w);
	assert_int_equal(reload(w), 0);
	assert_text(get(w, "n"), "123456");
	newer = content(w, "s.0");
	for (size_t n = 0; n < newer.n; n++) {
		unit_write(w->dir, "s.0", (struct str){ newer.p, n });
		assert_int_equal(reload(w), 0);
		assert_text(get(w, "n"), "1");
		assert_false(w->state.fresh);
	}

	/* Any byte changed is as bad. */
	char *torn = malloc(newer.n);

	assert_non_null(torn);
	for (size_t i = 0; i < newer.n; i++) {
		memcpy(torn, newer.p, newer.n);
		torn[i] ^= 1;
		unit_write(w->dir, "s.0", (struct str){ torn, newer.n });
		assert_int_equal(reload(w), 0);
		assert_text(get(w, "n"), "1");
	}
	free(torn);

	/* The next save goes over the damaged one. */
	set(w, "n", "5");
	save(w);
	assert_int_equal(reload(w), 0);
	assert_text(get(w, "n"), "5");
	assert_true(str_eq(content(w, "s.0"), newer) == false);

	/* Cut while there is no other: said, and nothing is known. */
	assert_int_equal(unlinkat(w->dir, "s.1", 0), 0);
	unit_write(w->dir, "s.0", (struct str){ newer.p, newer.n - 1 });
	assert_int_equal(reload(w), -EBADMSG);
	assert_true(w->state.fresh);
	assert_int_equal(w->state.n, 0);
	set(w, "n", "6");
	save(w);
	assert_int_equal(reload(w), 0);
	assert_text(get(w, "n"), "6");
}

static void test_garbage(void **state)
{
	static const struct str garbage[] = {
		{ "", 0 },
		{ "\n", 1 },
		{ "garbage", 7 },
		{ "peekpush-state 2\nserial 1\nend 0000000000000000\n", 46 },
		{ "peekpush-state 1\n", 17 },
		{ "peekpush-state 1\nserial 1\nend 0000000000000000\n", 46 },
		{ "peekpush-state 1\nend 0000000000000000\n", 37 },
		{ "end 0000000000000000\n", 21 },
		{ "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		  "\0",
		  40 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		unit_write(w->dir, "s.0", garbage[i]);
		assert_int_equal(reload(w), -EBADMSG);
		assert_true(w->state.fresh);
		assert_int_equal(w->state.n, 0);
	}

	/* With a right hash, but wrong within. */
	static const char *const bodies[] = { "serial x\n",
					      "serial 1\nno equals\n",
					      "serial 1\n=empty key\n",
					      "serial 1\na=b\\x\n",
					      "serial 1\na=b\\\n",
					      "a=b\nserial 1\n",
					      "serial 99999999999999999999\n",
					      "serial 1\n\n" };

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct str body = arena_printf(&w->arena, "peekpush-state 1\n%s", bodies[i]);

		unit_write(w->dir, "s.0",
			   arena_printf(&w->arena,
					"%s"
					"end %016llx\n",
					body.p, (unsigned long long)str_hash(body)));
		assert_int_equal(reload(w), -EBADMSG);
		assert_int_equal(w->state.n, 0);
	}
}

/* A file whose hash is right but whose lines are not: the older one, and then a newer one. */
static void test_misprint(void **state)
{
	struct world *w = *state;
	struct str bad = STR("peekpush-state 1\nserial 100\nnot a line\n");

	set(w, "a", "1");
	save(w);
	unit_write(w->dir, "s.0",
		   arena_printf(&w->arena, "%send %016llx\n", bad.p,
				(unsigned long long)str_hash(bad)));
	assert_int_equal(reload(w), 0);
	assert_text(get(w, "a"), "1");
	set(w, "a", "2");
	save(w);
	assert_int_equal(reload(w), 0);
	assert_text(get(w, "a"), "2");
	assert_int_equal(w->state.serial, 101);
}

/* A file of a million short lines must not keep the host from being sampled. */
static void test_huge(void **state)
{
	enum { LINES = 1000000 };
	struct world *w = *state;
	struct str head = STR("peekpush-state 1\nserial 4\n");
	char *text = malloc(head.n + 9 * LINES + 100), *to = text;

	assert_non_null(text);
	memcpy(to, head.p, head.n);
	to += head.n;
	for (int i = 0; i < LINES; i++)
		to += snprintf(to, 9, "%x=\n", (unsigned)i);
	assert_true((size_t)(to - text) < 8 << 20);
	(void)snprintf(to, 100, "end %016llx\n",
		       (unsigned long long)str_hash(str_between(text, to)));
	unit_write(w->dir, "s.0", str_of(text));
	free(text);
	(void)alarm(60);
	assert_int_equal(reload(w), 0);
	(void)alarm(0);
	assert_int_equal(w->state.n, LINES);

	char *big = malloc(9 << 20);

	assert_non_null(big);
	memset(big, 'x', 9 << 20);
	unit_write(w->dir, "s.0", (struct str){ big, 9 << 20 });
	free(big);
	assert_int_equal(reload(w), -EFBIG);
	assert_true(w->state.fresh);
}

static void test_denied(void **state)
{
	struct world *w = *state;
	uid_t user;

	set(w, "a", "1");
	save(w);
	assert_int_equal(fchmodat(w->dir, "s.1", 0, 0), 0);
	assert_int_equal(fchmod(w->dir, 0555), 0);
	user = unit_as_nobody();
	assert_int_equal(reload(w), -EACCES);
	assert_true(w->state.fresh);
	set(w, "a", "2");
	assert_int_equal(state_save(&w->state, w->dir, "s", false), -EACCES);
	/* It is still to be written. */
	assert_true(w->state.changed);
	unit_as(user);
	assert_int_equal(fchmod(w->dir, 0755), 0);
	assert_int_equal(fchmodat(w->dir, "s.1", 0600, 0), 0);
	assert_int_equal(reload(w), 0);
	assert_text(get(w, "a"), "1");

	/* A link in the place of a file is not followed. */
	unit_write(w->dir, "precious", STR("keep"));
	assert_int_equal(symlinkat("precious", w->dir, "s.0"), 0);
	set(w, "a", "3");
	assert_int_equal(state_save(&w->state, w->dir, "s", false), -ELOOP);
	assert_text(content(w, "precious"), "keep");

	/* A FIFO has no reader to wait for. */
	assert_int_equal(unlinkat(w->dir, "s.0", 0), 0);
	assert_int_equal(mkfifoat(w->dir, "s.0", 0600), 0);
	(void)alarm(60);
	assert_int_equal(state_save(&w->state, w->dir, "s", false), -ENXIO);
	(void)alarm(0);
}

/* Shorter content over longer: nothing of the old may stay behind. */
static void test_shrink(void **state)
{
	struct world *w = *state;
	char big[5001];

	memset(big, 'b', 5000);
	big[5000] = '\0';
	for (int i = 0; i < 4; i++) {
		set(w, "v", i & 2 ? "small" : big);
		state_set_u64(&w->state, STR("i"), (uint64_t)i);
		assert_int_equal(state_save(&w->state, w->dir, "s", true), 0);
		assert_int_equal(reload(w), 0);
		assert_int_equal(state_u64(&w->state, STR("i"), 9), i);
		assert_int_equal(get(w, "v").n, i & 2 ? 5 : 5000);
	}
	assert_int_equal(w->state.serial, 4);
	assert_true(content(w, "s.0").n < 200);
}

/* Room that is kept: both files have it from the first save on, and it is nobody's entry. */
static void test_reserve(void **unused)
{
	struct state state = { .fresh = true, .reserve = 4096 }, again;
	char path[64];
	int dir = unit_dir(path);

	(void)unused;
	state_set(&state, STR("a"), STR("1"));
	assert_int_equal(state_save(&state, dir, "s", false), 0);
	for (int i = 0; i < 4; i++) {
		struct stat st[2];

		assert_int_equal(fstatat(dir, "s.0", &st[0], 0), 0);
		assert_int_equal(fstatat(dir, "s.1", &st[1], 0), 0);
		assert_int_equal(st[0].st_size, 4096);
		assert_int_equal(st[1].st_size, 4096);
		state_set_u64(&state, STR("n"), (uint64_t)i);
		assert_int_equal(state_save(&state, dir, "s", false), 0);
	}
	assert_int_equal(state_load(&again, dir, "s"), 0);
	assert_int_equal(again.n, 2);
	assert_int_equal(state_u64(&again, STR("n"), 9), 3);
	state_release(&state);
	state_release(&again);
	unit_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserve),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_misprint, setup, teardown),
		cmocka_unit_test_setup_teardown(test_huge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shrink, setup, teardown),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
