/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of groups over cycles, and what the state makes of them. */
#include "unit.h"

#include "collect/process/ledger.h"

enum { BOOT = 7, RULES = 9, LIMIT = 3 };

static struct ledger_entry entry(uint64_t id, uint64_t start, uint32_t group, uint64_t used)
{
	return (struct ledger_entry){
		.id = id,
		.start = start,
		.group = group,
		.tag = 5,
		.used = { .user_ns = used, .read_bytes = used * 2 },
	};
}

/* The next cycle of the same ledger. */
static void turn(struct ledger *ledger, struct arena *arena, uint64_t boot, uint64_t rules)
{
	struct buf out = { 0 };

	ledger_save(ledger, BOOT, RULES, &out);
	assert_int_equal(out.err, 0);
	ledger_load(ledger, arena_str(arena, buf_view(&out)), boot, rules, LIMIT, arena);
	assert_false(ledger->fresh);
	buf_release(&out);
}

static uint64_t sum(const struct ledger *ledger, uint32_t group)
{
	assert_int_equal(ledger->groups[group].sums.read_bytes,
			 ledger->groups[group].sums.user_ns * 2);
	return ledger->groups[group].sums.user_ns;
}

static struct ledger begin(struct arena *arena)
{
	struct ledger ledger;

	ledger_load(&ledger, STR(""), BOOT, RULES, LIMIT, arena);
	assert_true(ledger.fresh);
	assert_int_equal(ledger_group(&ledger, STR("a"), false), 0);
	assert_int_equal(ledger_group(&ledger, STR("b\0x"), false), 1);
	return ledger;
}

static void test_differences(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct ledger ledger = begin(&arena);

	(void)state;
	ledger_charge(&ledger, entry(10, 100, 0, 1000));
	ledger_charge(&ledger, entry(11, 100, 1, 50));
	assert_int_equal(sum(&ledger, 0), 1000);
	turn(&ledger, &arena, BOOT, RULES);
	assert_int_equal(ledger.n_groups, 2);
	assert_int_equal(ledger.groups[1].name.n, 3);
	assert_int_equal(ledger_before(&ledger, 10, 100)->tag, 5);
	/* The first goes on, the second one's number is another process now. */
	ledger_charge(&ledger, entry(10, 100, 0, 1300));
	ledger_charge(&ledger, entry(11, 200, 1, 20));
	assert_int_equal(sum(&ledger, 0), 1300);
	assert_int_equal(sum(&ledger, 1), 70);
	turn(&ledger, &arena, BOOT, RULES);
	assert_int_equal(ledger_before(&ledger, 11, 100)->used.user_ns, 50);
	/* It moves: what it used so far stays. */
	ledger_charge(&ledger, entry(10, 100, 1, 1301));
	assert_int_equal(sum(&ledger, 0), 1300);
	assert_int_equal(sum(&ledger, 1), 71);
	turn(&ledger, &arena, BOOT, RULES);
	/* What falls adds nothing, and what then grows does. */
	ledger_charge(&ledger, entry(10, 100, 1, 100));
	assert_int_equal(sum(&ledger, 1), 71);
	turn(&ledger, &arena, BOOT, RULES);
	ledger_charge(&ledger, entry(10, 100, 1, 104));
	assert_int_equal(sum(&ledger, 1), 75);
}

static void test_the_dead(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct ledger ledger = begin(&arena);
	const struct process_used more = { .user_ns = 60, .read_bytes = 120 };

	(void)state;
	ledger_charge(&ledger, entry(10, 100, 0, 50));
	ledger_charge(&ledger, entry(11, 100, 0, 50));
	ledger_charge(&ledger, entry(12, 100, LEDGER_NONE, 50));
	/* It died behind the table's back: it is known from this very cycle. */
	assert_true(ledger_end(&ledger, 11, 100, &more));
	assert_int_equal(sum(&ledger, 0), 110);
	turn(&ledger, &arena, BOOT, RULES);
	assert_null(ledger_before(&ledger, 11, 100));
	assert_true(ledger_end(&ledger, 10, 100, &more));
	assert_int_equal(sum(&ledger, 0), 120);
	assert_true(ledger_end(&ledger, 12, 100, &more));
	assert_false(ledger_end(&ledger, 10, 101, &more));
	assert_int_equal(sum(&ledger, 0), 120);
	assert_int_equal(sum(&ledger, 1), 0);
}

static void test_other_boots_and_rules(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct ledger ledger = begin(&arena);

	(void)state;
	ledger.seen = (struct process_seen){ 3, 4 };
	ledger_charge(&ledger, entry(10, 100, 0, 50));
	turn(&ledger, &arena, BOOT, RULES + 1);
	assert_int_not_equal(ledger_before(&ledger, 10, 100)->tag, 5);
	assert_int_equal(ledger.seen.load, 3);
	assert_int_equal(ledger.seen.next, 4);
	ledger_charge(&ledger, entry(10, 100, 0, 51));
	assert_int_equal(sum(&ledger, 0), 51);
	turn(&ledger, &arena, BOOT + 1, RULES);
	assert_null(ledger_before(&ledger, 10, 100));
	assert_int_equal(ledger.seen.load, 0);
	ledger_charge(&ledger, entry(10, 100, 0, 9));
	assert_int_equal(sum(&ledger, 0), 60);
}

static void test_limits(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct ledger ledger = begin(&arena);

	(void)state;
	assert_int_equal(ledger_group(&ledger, STR("c"), false), 2);
	assert_true(ledger_group(&ledger, STR("d"), false) == LEDGER_NONE);
	assert_int_equal(ledger_group(&ledger, STR("other"), true), 3);
	assert_int_equal(ledger_group(&ledger, STR("b\0x"), false), 1);
	/* Of those that were idle for long, the oldest makes room. */
	ledger.groups[0].active = 50;
	ledger.groups[1].active = 40;
	ledger.groups[1].sums.user_ns = 1;
	ledger.groups[2].active = 90;
	ledger.idle = 60;
	assert_int_equal(ledger_group(&ledger, STR("d"), false), 1);
	assert_text(ledger.groups[1].name, "d");
	assert_int_equal(ledger.groups[1].sums.user_ns, 0);
	ledger.idle = 50;
	assert_true(ledger_group(&ledger, STR("e"), false) == LEDGER_NONE);
}

static void test_forgetting(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct ledger ledger = begin(&arena);

	(void)state;
	ledger.groups[0].active = 50;
	ledger.groups[1].active = 80;
	ledger_charge(&ledger, entry(11, 100, 1, 2));
	turn(&ledger, &arena, BOOT, RULES);
	ledger_forget(&ledger, 50);
	assert_int_equal(ledger.n_groups, 2);
	ledger_forget(&ledger, 60);
	assert_int_equal(ledger.n_groups, 1);
	assert_int_equal(ledger.groups[0].name.n, 3);
	assert_int_equal(ledger_before(&ledger, 11, 100)->group, 0);
	/* It was met in the last cycle, and may be again. */
	ledger_forget(&ledger, 1000);
	assert_int_equal(ledger.n_groups, 1);
	ledger_charge(&ledger, entry(11, 100, 0, 5));
	assert_int_equal(sum(&ledger, 0), 5);
}

/* The kernel may tell of an end when a cycle without the process has been. */
static void test_late_ends(void **state)
{
	const struct process_used used = { .user_ns = 1300, .read_bytes = 2600 };
	_cleanup_arena_ struct arena arena = { 0 };
	struct ledger ledger = begin(&arena);

	(void)state;
	ledger_charge(&ledger, entry(10, 100, 0, 1000));
	ledger_charge(&ledger, entry(12, 100, 1, 7));
	turn(&ledger, &arena, BOOT, RULES);
	turn(&ledger, &arena, BOOT, RULES);
	assert_true(ledger_end(&ledger, 10, 100, &used));
	assert_int_equal(sum(&ledger, 0), 1300);
	assert_true(ledger_end(&ledger, 10, 100, &used));
	assert_int_equal(sum(&ledger, 0), 1300);
	turn(&ledger, &arena, BOOT, RULES);
	assert_null(ledger_before(&ledger, 10, 100));
	assert_non_null(ledger_before(&ledger, 12, 100));
	for (int i = 0; i < 3; i++)
		turn(&ledger, &arena, BOOT, RULES);
	assert_null(ledger_before(&ledger, 12, 100));
	assert_int_equal(sum(&ledger, 1), 7);
}

/* /proc has no switches of ended threads: to come back from it must not count them again. */
static void test_changing_readers(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct ledger ledger = begin(&arena);
	struct ledger_entry e = entry(10, 100, 0, 1005);

	(void)state;
	e.flags = LEDGER_KERNEL;
	e.used.voluntary_switches = 500;
	ledger_charge(&ledger, e);
	turn(&ledger, &arena, BOOT, RULES);
	e.flags = 0;
	e.used.user_ns = 1000;
	e.used.voluntary_switches = 20;
	ledger_charge(&ledger, e);
	turn(&ledger, &arena, BOOT, RULES);
	e.used.voluntary_switches = 23;
	ledger_charge(&ledger, e);
	turn(&ledger, &arena, BOOT, RULES);
	e.flags = LEDGER_KERNEL;
	e.used.user_ns = 1006;
	e.used.voluntary_switches = 505;
	ledger_charge(&ledger, e);
	assert_int_equal(ledger.groups[0].sums.voluntary_switches, 503);
	assert_in_range(ledger.groups[0].sums.user_ns, 1005, 1011);
}

/* Whatever byte of the state is wrong, nothing is read beyond its end. */
static void test_damage(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	struct ledger ledger = begin(&arena);

	(void)state;
	ledger_charge(&ledger, entry(10, 100, 0, 1000));
	ledger_charge(&ledger, entry(500, 100, 1, 1));
	ledger_save(&ledger, BOOT, RULES, &out);
	for (size_t n = 0; n < out.n; n++) {
		struct ledger cut;
		char *copy = malloc(n ? n : 1);

		memcpy(copy, out.p, n);
		ledger_load(&cut, (struct str){ copy, n }, BOOT, RULES, LIMIT, &arena);
		assert_true(cut.fresh);
		assert_int_equal(cut.n_before, 0);
		free(copy);
	}
	for (size_t i = 0; i < out.n; i++) {
		struct ledger other;

		out.p[i] ^= 0x55;
		ledger_load(&other, buf_view(&out), BOOT, RULES, LIMIT, &arena);
		for (size_t k = 0; k < other.n_before; k++)
			assert_true(other.before[k].group == LEDGER_NONE ||
				    other.before[k].group < other.n_groups);
		out.p[i] ^= 0x55;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_the_dead),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_other_boots_and_rules),
		cmocka_unit_test(test_forgetting),
		cmocka_unit_test(test_late_ends),
		cmocka_unit_test(test_changing_readers),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
