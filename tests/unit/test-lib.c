/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "unit.h"

#include "base/lib.h"

struct zlib {
	void *before;
	const char *(*version)(void);
	unsigned long (*crc32)(unsigned long crc, const unsigned char *p, unsigned n);
	void *after;
};

static void test_open(void **state)
{
	static const struct lib_symbol symbols[] = {
		{ "zlibVersion", offsetof(struct zlib, version) },
		{ "crc32", offsetof(struct zlib, crc32) },
		{ 0 },
	};
	struct zlib zlib = { .before = &zlib, .after = &zlib };
	const char *why = NULL;

	(void)state;
	assert_int_equal(lib_open("libz.so.1", symbols, &zlib, &why), 0);
	assert_null(why);
	assert_int_equal(zlib.version()[0], '1');
	assert_int_equal(zlib.crc32(0, (const unsigned char *)"123456789", 9), 0xcbf43926);
	assert_ptr_equal(zlib.before, &zlib);
	assert_ptr_equal(zlib.after, &zlib);
}

static void test_missing(void **state)
{
	static const struct lib_symbol none[] = { { 0 } };
	static const struct lib_symbol wrong[] = {
		{ "zlibVersion", offsetof(struct zlib, version) },
		{ "no_such_function", offsetof(struct zlib, crc32) },
		{ 0 },
	};
	struct zlib zlib = { 0 };
	const char *why = NULL;

	(void)state;
	assert_int_equal(lib_open("libnosuch.so.99", none, &zlib, &why), -ENOENT);
	assert_part(str_of(why), "libnosuch.so.99");
	why = NULL;
	assert_int_equal(lib_open("libz.so.1", wrong, &zlib, &why), -ENOENT);
	assert_part(str_of(why), "no_such_function");
	assert_null(zlib.crc32);
}

static void test_some(void **state)
{
	static const struct lib_symbol symbols[] = {
		{ "zlibVersion", offsetof(struct zlib, version) },
		{ 0 },
	};
	static const struct lib_symbol optional[] = {
		{ "no_such_function", offsetof(struct zlib, before) },
		{ "crc32", offsetof(struct zlib, crc32) },
		{ 0 },
	};
	struct zlib zlib = { .before = &zlib, .after = &zlib };
	const char *why = NULL;

	(void)state;
	assert_int_equal(lib_open_some("libz.so.1", symbols, optional, &zlib, &why), 0);
	assert_null(why);
	assert_null(zlib.before);
	assert_int_equal(zlib.crc32(0, (const unsigned char *)"123456789", 9), 0xcbf43926);
	assert_ptr_equal(zlib.after, &zlib);
	assert_int_equal(lib_open_some("libz.so.1", optional, symbols, &zlib, &why), -ENOENT);
	assert_part(str_of(why), "no_such_function");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_some),
	};

	return cmocka_run_group_tests_name("lib", tests, NULL, NULL);
}
