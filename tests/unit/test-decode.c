/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to labels, by what stands in the bytes themselves. Tables that depend on the host are in
 * test-decode-names.c.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/syscall.h>

#include "base/num.h"
#include "bpf/decode_internal.h"

struct world {
	struct decoder *decoder;
	struct host host;
	struct arena arena;
};

static int setup(void **state)
{
	const struct host_paths nowhere = { .path = { "/nowhere", "/nowhere", "/nowhere", NULL } };
	struct world *w = calloc(1, sizeof(*w));

	host_open(&w->host, &nowhere, false);
	w->decoder = decoder_new();
	decoder_begin(w->decoder, &w->host);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	decoder_free(w->decoder);
	decoder_free(NULL);
	host_close(&w->host);
	arena_release(&w->arena);
	free(w);
	return 0;
}

static enum decoded decode(struct world *w, const char *decoders, struct str key, struct str *ret)
{
	struct str text = ARENA_CONCAT(&w->arena, STR("x|"), str_of(decoders)), why;
	struct spec_label label = { .offset = 1, .size = (uint32_t)key.n };
	char *bytes = arena_cstr(&w->arena, ARENA_CONCAT(&w->arena, STR("\xee"), key));

	if (spec_parse_label(text, &w->arena, &label, &why))
		fail_msg("%s: %.*s", decoders, STR_ARG(why));
	return decode_label(w->decoder, &label, bytes, &w->arena, ret);
}

static void gives(struct world *w, const char *decoders, struct str key, const char *want)
{
	struct str got = { 0 };

	assert_int_equal(decode(w, decoders, key, &got), DECODED);
	assert_text(got, want);
}

static void gives_u32(struct world *w, const char *decoders, uint32_t key, const char *want)
{
	gives(w, decoders, (struct str){ (const char *)&key, sizeof(key) }, want);
}

static void gives_u64(struct world *w, const char *decoders, uint64_t key, const char *want)
{
	gives(w, decoders, (struct str){ (const char *)&key, sizeof(key) }, want);
}

static void test_numbers(void **state)
{
	struct world *w = *state;
	uint16_t port = htons(8443);

	gives(w, "uint", STR("\xff"), "255");
	gives_u32(w, "uint", UINT32_MAX, "4294967295");
	gives_u64(w, "uint", UINT64_MAX, "18446744073709551615");
	gives(w, "int", STR("\x80"), "-128");
	gives(w, "int", STR("\x7f"), "127");
	gives_u32(w, "int", (uint32_t)-5, "-5");
	gives_u64(w, "int", (uint64_t)INT64_MIN, "-9223372036854775808");
	gives(w, "be", (struct str){ (const char *)&port, 2 }, "8443");
	gives(w, "be", STR("\x01\x02\x03\x04"), "16909060");
	gives(w, "be", STR("\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615");
	gives(w, "hex", STR("\x00\x0f\xa5\xff"), "000fa5ff");
	gives(w, "hex", STR("\x00\x0f\xa5"), "000fa5");
}

static void test_strings(void **state)
{
	struct world *w = *state;

	gives(w, "string", STR("comm\0rest"), "comm");
	gives(w, "string", STR("not ended"), "not ended");
	gives(w, "string", STR("\0"), "");
	gives(w, "string", STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	      "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	/* What paints a terminal, forges a line, or is no UTF-8. */
	gives(w, "string", STR("a\x1b[31m\n\tb\x7f"), "a?[31m??b?");
	gives(w, "string", STR("\xc2\x9b\xc2\xa0"), "??\xc2\xa0");
	gives(w, "string", STR("cut\xe2\x82"), "cut??");
	gives(w, "string", STR("\xff\xfe\xc0\x80"), "????");
	gives(w, "string", STR("\xed\xa0\x80"), "???");
}

static void test_map(void **state)
{
	struct world *w = *state;

	gives_u32(w, "map:0=read,1=write", 1, "write");
	gives_u32(w, "uint|map:0=read,1=write", 0, "read");
	gives_u32(w, "map:0=read,1=write", 7, "unknown:7");
	gives_u32(w, "map?:0=read,1=write", 7, "7");
	gives_u32(w, "int|map:-1=none", (uint32_t)-1, "none");
	gives(w, "map:ab=c", STR("ab\0"), "c");
	gives(w, "map:ab=c", STR("ab\0\0"), "unknown:25185");
	gives(w, "string|map:ab=c", STR("ab\0\0"), "c");
	gives_u32(w, "map?:510=compat,511=unknown|syscall", 510, "compat");
	gives_u32(w, "map?:510=compat,511=unknown|syscall", __NR_getppid, "getppid");
	gives_u32(w, "map?:4=errors|errno", 2, "ENOENT");
	gives_u32(w, "uint|map:1=a|map:a=b", 1, "b");
}

static void test_regexp(void **state)
{
	struct world *w = *state;
	struct str got = STR("untouched");

	gives(w, "string|regexp:^kworker/(u?[0-9]+)", STR("kworker/u4:2-x\0"), "u4");
	gives(w, "string|regexp:^kworker ^ksoft.*", STR("ksoftirqd/0\0"), "ksoftirqd/0");
	gives(w, "string|regexp:^(a)?b$", STR("b\0\0"), "b");
	gives(w, "string|regexp:x(y|)$", STR("x\0\0"), "");
	gives_u32(w, "regexp:^4(.)$", 42, "2");
	assert_int_equal(decode(w, "string|regexp:^a$ ^b$", STR("c\0\0"), &got), DECODED_SKIP);
	assert_text(got, "untouched");
}

/* More expressions than are kept: each still means itself. */
static void test_many_expressions(void **state)
{
	struct world *w = *state;

	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < EXPRESSIONS_MAX + 9; i++) {
			char text[32], want[16];

			(void)snprintf(text, sizeof(text), "regexp:^%u(.*)$", i + 1000);
			(void)snprintf(want, sizeof(want), "%u", i % 10);
			gives_u32(w, text, (i + 1000) * 10 + i % 10, want);
			assert_true(w->decoder->n_expressions <= EXPRESSIONS_MAX);
		}
}

static void test_errno(void **state)
{
	struct world *w = *state;

	gives_u32(w, "errno", 0, "unknown:0");
	gives_u32(w, "errno", ENOENT, "ENOENT");
	gives_u32(w, "errno", (uint32_t)-EPERM, "EPERM");
	gives_u64(w, "errno", (uint64_t)-ETIMEDOUT, "ETIMEDOUT");
	gives(w, "errno", STR("\xf5"), "EAGAIN");
	gives_u32(w, "int|errno", (uint32_t)-EINVAL, "EINVAL");
	gives_u32(w, "uint|errno", EOPNOTSUPP, "ENOTSUP");
	gives_u32(w, "errno", 41, "unknown:41");
	gives_u32(w, "errno", 133, "EHWPOISON");
	gives_u32(w, "errno", 134, "unknown:134");
	gives_u32(w, "errno", 512, "unknown:512");
	gives_u64(w, "errno", UINT64_MAX - 4095, "unknown:18446744073709547520");
}

static void test_addresses(void **state)
{
	static const char *const cases[] = {
		"::",
		"::1",
		"1::",
		"fe80::1",
		"1:2:3:4:5:6:7:8",
		"2001:db8::ff00:42:8329",
		"1:0:3:4:5:6:7:8",
		"1::4:5:6:7:8",
		"1:0:0:4::8",
		"0:1::",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"64:ff9b::102:304",
	};
	struct world *w = *state;

	gives(w, "inet_ip", STR("\xc0\x00\x02\xff"), "192.0.2.255");
	gives(w, "inet_ip", STR("\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\x01"), "10.0.0.1");
	gives(w, "inet_ip", STR("\0\0\0\0\0\0\0\0\0\0\0\0\x0a\0\0\x01"), "::a00:1");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned char bytes[16];

		assert_int_equal(inet_pton(AF_INET6, cases[i], bytes), 1);
		gives(w, "inet_ip", (struct str){ (const char *)bytes, 16 }, cases[i]);
	}
}

static void test_dname(void **state)
{
	struct world *w = *state;

	gives(w, "dname", STR("\7example\3com\0\0\0"), "example.com");
	gives(w, "dname", STR("\3com"), "com");
	gives(w, "string|dname", STR("\7example\3com\0junk"), "example.com");
	gives(w, "dname", STR("\0\0"), ".");
	gives(w, "dname", STR("\5com"), "?com");
	gives(w, "dname", STR("\3com\xc0\x0c"), "?com??");
	gives(w, "dname",
	      STR("\x03"
		  "a\nb"),
	      "a?b");
}

static void test_bad(void **state)
{
	struct world *w = *state;
	struct str got = STR("untouched");

	assert_int_equal(decode(w, "uint", STR("abc"), &got), DECODED_BAD);
	assert_int_equal(decode(w, "int", STR(""), &got), DECODED_BAD);
	assert_int_equal(decode(w, "be", STR("abcdefghi"), &got), DECODED_BAD);
	assert_int_equal(decode(w, "inet_ip", STR("abcde"), &got), DECODED_BAD);
	assert_int_equal(decode(w, "string|inet_ip", STR("abcd"), &got), DECODED_BAD);
	assert_int_equal(decode(w, "kstack", STR("abcd"), &got), DECODED_BAD);
	assert_int_equal(decode(w, "errno", STR("abc"), &got), DECODED_BAD);
	assert_int_equal(decode(w, "", STR("abcd"), &got), DECODED_BAD);
	assert_text(got, "untouched");
}

/* Where there is nothing to read, a number stays what it is. */
static void test_nowhere(void **state)
{
	struct world *w = *state;

	gives_u64(w, "cgroup", 4711, "unknown_cgroup_id:4711");
	gives_u32(w, "ifname", 3, "unknown:3");
	gives_u32(w, "majorminor", 254 << 8 | 7, "unknown:254:7");
	gives_u32(w, "majorminor", 254u << 20 | 7, "unknown:254:7");
	gives_u32(w, "majorminor", 0, "unknown:0:0");
	gives_u32(w, "user", 1000, "1000");
	gives_u64(w, "ksym", 0xffffffff81000000, "unknown_addr:0xffffffff81000000");
	gives_u64(w, "kstack", 0xffffffff81000000, "??");
	gives_u64(w, "kstack", 0, "");
	gives_u32(w, "pci_vendor", 0x8086, "missing pci.ids db");
	gives_u32(w, "pci_device", 0x80861533, "missing pci.ids db");
}

/* The tables beside the numbers that the headers of this system give; of arm64's, too. */
static void compare_calls(const char *path, bool x86_64, size_t least)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct words words = decode_syscalls(x86_64, &arena);
	struct str text, line;
	size_t n = 0;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &arena, &text), 0);
	while (str_line(&text, &line)) {
		struct str word, name;
		uint64_t number;

		if (!str_word(&line, &word) || !str_eq(word, STR("#define")) ||
		    !str_word(&line, &name) || !str_word(&line, &word) || num_u64(word, &number))
			continue;
		/* Names for the calls of either kind of architecture; those of 32 bits only. */
		if (!str_starts(name, STR("__NR_")) || str_ends(name, STR("_syscall")) ||
		    str_ends(name, STR("_syscalls")) ||
		    str_eq(name, STR("__NR_sync_file_range2")) || (number > 400 && number < 424))
			continue;
		if (number >= words.n)
			continue;
		assert_true(str_eq(words.v[number], str_skip(name, 5)));
		n++;
	}
	assert_true(n >= least);
}

static void test_calls(void **state)
{
	struct world *w = *state;
	static const char *const paths[] = { "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
					     "/usr/include/asm/unistd_64.h" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (access(paths[i], R_OK) == 0)
			compare_calls(paths[i], true, 350);
	if (access("/usr/include/asm-generic/unistd.h", R_OK) == 0)
		compare_calls("/usr/include/asm-generic/unistd.h", false, 250);
	gives_u64(w, "syscall", __NR_read, "read");
	gives_u64(w, "syscall", __NR_exit_group, "exit_group");
	gives_u32(w, "syscall", __NR_openat, "openat");
	gives_u32(w, "syscall", __NR_futex, "futex");
	gives_u32(w, "syscall", 439, "faccessat2");
	gives_u32(w, "uint|syscall", 462, "mseal");
	gives_u32(w, "syscall", 400, "unknown_syscall:400");
	gives_u32(w, "syscall", 511, "unknown_syscall:511");
	gives_u64(w, "syscall", UINT64_MAX, "unknown_syscall:18446744073709551615");
}

/* Every name that the C library has for an error. */
static void test_errors(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct words words = decode_errors(&arena);

	(void)state;
	for (int i = 0; i < 4096; i++) {
		const char *name = i ? strerrorname_np(i) : NULL;
		struct str got = (size_t)i < words.n ? words.v[i] : (struct str){ 0 };

		if (!name)
			assert_null(got.p);
		else if (strcmp(name, "EOPNOTSUPP") != 0)
			assert_text(got, name);
		else
			assert_text(got, "ENOTSUP");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_regexp),
		cmocka_unit_test(test_many_expressions),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_dname),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_nowhere),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
