/* SPDX-License-Identifier: Apache-2.0 */
/* On the machine's own devices: what is made of netlink and six files equals all of sysfs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "collect/node/netclass.h"

static void assert_str(const char *device, const char *what, struct str got, struct str expected)
{
	if (!str_eq(got, expected))
		fail_msg("%s: %s is \"%.*s\", not \"%.*s\"", device, what, STR_ARG(got),
			 STR_ARG(expected));
}

static void assert_same(const struct netclass_device *got, const struct netclass_device *expected)
{
	const char *name = expected->name.p;

	assert_str(name, "name", got->name, expected->name);
	assert_str(name, "address", got->address, expected->address);
	assert_str(name, "broadcast", got->broadcast, expected->broadcast);
	assert_str(name, "duplex", got->duplex, expected->duplex);
	assert_str(name, "operstate", got->operstate, expected->operstate);
	assert_str(name, "ifalias", got->ifalias, expected->ifalias);
	if (got->has != expected->has)
		fail_msg("%s: has %x, not %x", name, got->has, expected->has);
	for (unsigned i = 0; i < NETCLASS_NUMBERS; i++)
		if (got->has & 1u << i && got->numbers[i] != expected->numbers[i])
			fail_msg("%s: number %u is %lld, not %lld", name, i,
				 (long long)got->numbers[i], (long long)expected->numbers[i]);
}

static void compare_all(struct host *host, struct netclass_files *files, struct arena *arena)
{
	const struct link *links;
	struct netclass_device *devices;
	size_t n;

	host->cycle++;
	assert_int_equal(netlink_links(host, &links, &n), 0);
	assert_true(n > 0);
	devices = arena_zalloc(arena, n, sizeof(*devices));
	for (size_t i = 0; i < n; i++)
		netclass_from_link(&links[i], arena, &devices[i]);
	assert_int_equal(netclass_complete(host, files, devices, n, n, arena), 0);
	for (size_t i = 0; i < n; i++) {
		struct netclass_device whole;
		_cleanup_fd_ int class_dir = host_open_dir(host, HOST_SYS, "class/net");
		_cleanup_fd_ int dir = openat(class_dir, links[i].name.p, O_RDONLY | O_DIRECTORY);

		assert_true(dir >= 0);
		netclass_from_sysfs(dir, links[i].name, arena, &whole);
		assert_same(&devices[i], &whole);
	}
}

static void test_live(bool keep)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct netclass_files files = { 0 };
	struct host host;

	host_open(&host, &(struct host_paths){ 0 }, keep);
	for (int i = 0; i < 3; i++) {
		compare_all(&host, &files, &arena);
		assert_true(keep == (files.n > 0));
	}
	netclass_files_close(&files);
	host_close(&host);
}

static void test_oneshot(void **state)
{
	(void)state;
	test_live(false);
}

static void test_kept_open(void **state)
{
	(void)state;
	test_live(true);
}

/* A device that sysfs does not know, or knows as another, sends all to sysfs. */
static void test_other_namespace(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct netclass_files files = { 0 };
	struct netclass_device device;
	struct host host;
	const struct link *links;
	struct link forged;
	size_t n;

	(void)state;
	host_open(&host, &(struct host_paths){ 0 }, true);
	assert_int_equal(netlink_links(&host, &links, &n), 0);

	forged = links[0];
	netclass_from_link(&forged, &arena, &device);
	assert_int_equal(netclass_complete(&host, &files, &device, 1, n, &arena), 0);
	assert_int_equal(files.n, 1);
	netclass_files_close(&files);
	/* As many devices as sysfs has, but one. */
	assert_int_equal(netclass_complete(&host, &files, &device, 1, n + 1, &arena), -ESTALE);
	forged.index += 1000;
	assert_int_equal(netclass_complete(&host, &files, &device, 1, n, &arena), -ESTALE);
	forged.index -= 1000;
	device.address = STR("fe:fe:fe:fe:fe:fe");
	assert_int_equal(netclass_complete(&host, &files, &device, 1, n, &arena), -ESTALE);
	device.name = STR("nosuchdevice");
	assert_int_equal(netclass_complete(&host, &files, &device, 1, n, &arena), -ESTALE);
	assert_int_equal(files.n, 0);
	host_close(&host);
}

static void test_words(void **state)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct link link = {
		.name = STR("ib0"),
		.alias = STR(" two words\n"),
		.address = STR("\x80\x00\x02\x08\xfe\x80"),
		.operstate = 3,
		.flags = 1 | 1u << 17, /* up and dormant */
		.mtu = UINT32_MAX,
		.carrier = 1,
	};
	struct netclass_device d;

	(void)state;
	netclass_from_link(&link, &arena, &d);
	assert_str("ib0", "address", d.address, STR("80:00:02:08:fe:80"));
	assert_str("ib0", "broadcast", d.broadcast, STR(""));
	assert_str("ib0", "ifalias", d.ifalias, STR("two words"));
	assert_str("ib0", "operstate", d.operstate, STR("lowerlayerdown"));
	assert_int_equal(d.numbers[NETCLASS_DORMANT], 1);
	assert_int_equal(d.numbers[NETCLASS_CARRIER], 1);
	assert_int_equal(d.numbers[NETCLASS_MTU], -1);
	link.flags = 1u << 17;
	link.operstate = 200;
	netclass_from_link(&link, &arena, &d);
	assert_str("ib0", "operstate", d.operstate, STR(""));
	assert_false(d.has & (1u << NETCLASS_DORMANT | 1u << NETCLASS_CARRIER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oneshot),
		cmocka_unit_test(test_kept_open),
		cmocka_unit_test(test_other_namespace),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
