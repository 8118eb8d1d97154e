/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of files in the drop-box that were lent to a user count as that user. */
#include "unit.h"

#include "dropbox_owner.h"

static void test_owner(void **state)
{
	struct arena arena = { 0 };
	struct owner_ranges ranges;

	(void)state;
	owner_ranges_parse(STR("1000:100000:65536\n"
			       "daemon:200000:10\n"
			       "no-such-user-here:300000:10\n"
			       "\n# what is this\n1001:x:5\n1001:400000\n1001:500000:-1\n"
			       "1002:4294967290:65536\n"
			       "1003:600000:1"),
			   &arena, &ranges);
	assert_int_equal(ranges.n, 5);
	assert_int_equal(owner_behind(&ranges, 0), 0);
	assert_int_equal(owner_behind(&ranges, 1000), 1000);
	assert_int_equal(owner_behind(&ranges, 99999), 99999);
	assert_int_equal(owner_behind(&ranges, 100000), 1000);
	assert_int_equal(owner_behind(&ranges, 165535), 1000);
	assert_int_equal(owner_behind(&ranges, 165536), 165536);
	/* By name; asked for twice, as for two files. */
	assert_int_equal(owner_behind(&ranges, 200009), 1);
	assert_int_equal(owner_behind(&ranges, 200000), 1);
	assert_int_equal(owner_behind(&ranges, 200010), 200010);
	assert_int_equal(owner_behind(&ranges, 300000), 300000);
	assert_int_equal(owner_behind(&ranges, 300000), 300000);
	assert_int_equal(owner_behind(&ranges, 400000), 400000);
	assert_int_equal(owner_behind(&ranges, 4294967294U), 1002);
	assert_int_equal(owner_behind(&ranges, 600000), 1003);
	assert_int_equal(owner_behind(&ranges, 600001), 600001);
	owner_ranges_parse((struct str){ 0 }, &arena, &ranges);
	assert_int_equal(owner_behind(&ranges, 100000), 100000);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
