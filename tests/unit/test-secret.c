/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/secret.h"

static void test_without_user(void **state)
{
	static const char *const rows[][2] = {
		{ "http://u:p@h:1/x", "http://h:1/x" },
		{ "http://u:p@q@h/x?a=b@c", "http://h/x?a=b@c" },
		{ "https://u@h", "https://h" },
		{ "//u:p@h/x", "//h/x" },
		{ "http://h/x@y", "http://h/x@y" },
		{ "http://h?x@y", "http://h?x@y" },
		{ "/x:y@z", "/x:y@z" },
		{ "http:", "http:" },
		{ "http://", "http://" },
		{ "", "" },
	};
	struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(
			arena_cstr(&arena, secret_without_user(str_of(rows[i][0]), &arena)),
			rows[i][1]);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_without_user) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
