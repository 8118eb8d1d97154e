/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as netlink would tell them, beside a sysfs of plain files that tells the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "host/netclass.h"

enum { MANY = NETCLASS_KEPT_DEVICES + 12 };

struct world {
	char path[32];
	int root; /* of the files */
	struct host host;
	struct arena arena;
	struct netclass_files files;
	struct link links[MANY];
	struct netclass_device devices[MANY];
	size_t n;
};

static void write_file(const struct world *w, const char *device, const char *file,
		       const char *content)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "class/net/%s/%s", device, file);
	fd = openat(w->root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, str_of(content)), 0);
	(void)close(fd);
}

/* A device on both sides: index n + 1, up. */
static struct link *add_device(struct world *w, const char *name)
{
	struct link *link = &w->links[w->n++];
	char path[128], number[16];

	*link = (struct link){
		.index = (int32_t)w->n,
		.name = arena_str(&w->arena, str_of(name)),
		.address = STR("\x02\xfc\x00\x00\x00\x01"),
		.flags = 1,
	};
	(void)snprintf(path, sizeof(path), "class/net/%s", name);
	assert_int_equal(mkdirat(w->root, path, 0755), 0);
	(void)snprintf(number, sizeof(number), "%zu\n", w->n);
	write_file(w, name, "ifindex", number);
	write_file(w, name, "address", "02:fc:00:00:00:01\n");
	write_file(w, name, "flags", "0x1003\n");
	write_file(w, name, "speed", "10000\n");
	write_file(w, name, "duplex", "full\n");
	write_file(w, name, "dev_id", number);
	return link;
}

static int start(void **state)
{
	static struct world w;

	w = (struct world){ .path = "/tmp/netclass.XXXXXX" };
	assert_non_null(mkdtemp(w.path));
	w.root = file_open_dir(AT_FDCWD, w.path);
	assert_int_equal(mkdirat(w.root, "class", 0755), 0);
	assert_int_equal(mkdirat(w.root, "class/net", 0755), 0);
	host_open(&w.host, &(struct host_paths){ .path[HOST_SYS] = w.path }, true);
	*state = &w;
	return 0;
}

/* Everything at depth 4: class/net/NAME/FILE. */
static void remove_tree(int dir, int depth)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str *names;
	size_t n;

	assert_int_equal(host_list_dir(dir, &arena, &names, &n), 0);
	for (size_t i = 0; i < n; i++) {
		_cleanup_fd_ int below = file_open_dir(dir, names[i].p);

		if (below >= 0 && depth < 4)
			remove_tree(below, depth + 1);
		(void)unlinkat(dir, names[i].p, below >= 0 ? AT_REMOVEDIR : 0);
	}
}

static int stop(void **state)
{
	struct world *w = *state;

	netclass_files_close(&w->files);
	host_close(&w->host);
	arena_release(&w->arena);
	remove_tree(w->root, 1);
	(void)close(w->root);
	return rmdir(w->path);
}

static int complete(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		netclass_from_link(&w->links[i], &w->arena, &w->devices[i]);
	return netclass_complete(&w->host, &w->files, w->devices, w->n, w->n, &w->arena);
}

static void assert_str(struct str got, struct str expected)
{
	if (!str_eq(got, expected))
		fail_msg("got \"%.*s\", not \"%.*s\"", STR_ARG(got), STR_ARG(expected));
}

static bool has(const struct netclass_device *d, enum netclass_number number)
{
	return d->has & 1u << number;
}

static void test_rest_from_sysfs(void **state)
{
	struct world *w = *state;

	add_device(w, "eth0");
	add_device(w, "a\"b\\");
	write_file(w, "eth0", "name_assign_type", "4\n");
	write_file(w, "a\"b\\", "speed", "-1\n");
	assert_int_equal(complete(w), 0);
	assert_int_equal(w->devices[0].numbers[NETCLASS_FLAGS], 0x1003);
	assert_int_equal(w->devices[0].numbers[NETCLASS_SPEED], 10000);
	assert_int_equal(w->devices[0].numbers[NETCLASS_NAME_ASSIGN_TYPE], 4);
	assert_int_equal(w->devices[0].numbers[NETCLASS_DEV_ID], 1);
	assert_str(w->devices[0].duplex, STR("full"));
	assert_str(w->devices[1].name, STR("a\"b\\"));
	assert_int_equal(w->devices[1].numbers[NETCLASS_SPEED], -1);
	assert_int_equal(w->devices[1].numbers[NETCLASS_DEV_ID], 2);
	assert_false(has(&w->devices[1], NETCLASS_NAME_ASSIGN_TYPE));
	assert_int_equal(w->files.n, 2);
}

static void test_down_has_no_speed(void **state)
{
	struct world *w = *state;

	add_device(w, "eth0")->flags = 0;
	add_device(w, "eth1");
	assert_int_equal(complete(w), 0);
	assert_false(has(&w->devices[0], NETCLASS_SPEED));
	assert_str(w->devices[0].duplex, STR(""));
	assert_int_equal(w->devices[0].numbers[NETCLASS_FLAGS], 0x1003);
	assert_true(has(&w->devices[1], NETCLASS_SPEED));
}

static void test_kept_files_are_read_anew(void **state)
{
	struct world *w = *state;

	add_device(w, "eth0");
	add_device(w, "eth1");
	assert_int_equal(complete(w), 0);
	write_file(w, "eth0", "speed", "100\n");
	write_file(w, "eth0", "duplex", "half\n");
	/* No longer looked at, or this would be another device. */
	write_file(w, "eth1", "address", "02:fc:00:00:00:99\n");
	assert_int_equal(complete(w), 0);
	assert_int_equal(w->devices[0].numbers[NETCLASS_SPEED], 100);
	assert_str(w->devices[0].duplex, STR("half"));
	assert_int_equal(w->devices[1].numbers[NETCLASS_SPEED], 10000);
}

static void test_order_and_number_may_change(void **state)
{
	struct world *w = *state;
	struct link first;
	char path[] = "class/net/eth0";

	first = *add_device(w, "eth0");
	add_device(w, "eth1");
	add_device(w, "eth2");
	assert_int_equal(complete(w), 0);
	/* eth0 leaves, the others turn round. */
	assert_int_equal(renameat(w->root, path, w->root, "class/gone"), 0);
	w->links[0] = w->links[2];
	w->n = 2;
	assert_int_equal(complete(w), 0);
	assert_int_equal(w->files.n, 2);
	assert_int_equal(w->devices[0].numbers[NETCLASS_DEV_ID], 3);
	assert_int_equal(w->devices[1].numbers[NETCLASS_DEV_ID], 2);
	/* And comes back. */
	assert_int_equal(renameat(w->root, "class/gone", w->root, path), 0);
	w->links[w->n++] = first;
	assert_int_equal(complete(w), 0);
	assert_int_equal(w->files.n, 3);
	assert_int_equal(w->devices[2].numbers[NETCLASS_DEV_ID], 1);
}

static void test_more_than_are_kept(void **state)
{
	struct world *w = *state;
	char name[16];

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "veth%d", i);
		add_device(w, name);
	}
	for (int round = 0; round < 3; round++) {
		assert_int_equal(complete(w), 0);
		assert_int_equal(w->files.n, NETCLASS_KEPT_DEVICES);
		for (int i = 0; i < MANY; i++)
			assert_int_equal(w->devices[i].numbers[NETCLASS_DEV_ID], i + 1);
	}
}

static void test_oneshot_keeps_nothing(void **state)
{
	struct world *w = *state;

	w->host.keep = false;
	add_device(w, "eth0");
	assert_int_equal(complete(w), 0);
	assert_int_equal(w->files.n, 0);
	assert_int_equal(w->devices[0].numbers[NETCLASS_DEV_ID], 1);
}

static void assert_stale(struct world *w)
{
	assert_int_equal(complete(w), -ESTALE);
	assert_int_equal(w->files.n, 0);
}

/* sysfs of another network namespace: more devices, fewer, others by the same names. */
static void test_other_namespace(void **state)
{
	struct world *w = *state;

	add_device(w, "lo");
	add_device(w, "eth0");
	assert_int_equal(mkdirat(w->root, "class/net/eth1", 0755), 0);
	assert_stale(w);
	assert_int_equal(unlinkat(w->root, "class/net/eth1", AT_REMOVEDIR), 0);
	assert_int_equal(complete(w), 0);
	netclass_files_close(&w->files);
	w->links[1].index = 77;
	assert_stale(w);
	w->links[1].index = 2;
	w->links[1].address = STR("\x02\xfc\x00\x00\x00\x02");
	assert_stale(w);
	w->links[1].address = w->links[0].address;
	w->links[1].name = STR("eth9");
	assert_stale(w);
	w->n = 1;
	assert_stale(w);
}

/* lo looks the same everywhere: a file that was right once proves nothing for it. */
static void test_lone_device_is_looked_at_again(void **state)
{
	struct world *w = *state;

	add_device(w, "lo");
	assert_int_equal(complete(w), 0);
	assert_int_equal(complete(w), 0);
	assert_int_equal(w->files.n, 1);
	assert_int_equal(mkdirat(w->root, "class/net/eth0", 0755), 0);
	assert_stale(w);
}

static void test_bonding_masters_is_no_device(void **state)
{
	struct world *w = *state;

	add_device(w, "bond0");
	assert_int_equal(mkdirat(w->root, "class/net/bonding_masters", 0755), 0);
	assert_int_equal(complete(w), 0);
}

static void test_words(void **state)
{
	struct world *w = *state;
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

	netclass_from_link(&link, &w->arena, &d);
	assert_str(d.address, STR("80:00:02:08:fe:80"));
	assert_str(d.broadcast, STR(""));
	assert_str(d.ifalias, STR("two words"));
	assert_str(d.operstate, STR("lowerlayerdown"));
	assert_int_equal(d.numbers[NETCLASS_DORMANT], 1);
	assert_int_equal(d.numbers[NETCLASS_CARRIER], 1);
	assert_int_equal(d.numbers[NETCLASS_MTU], -1);
	link.flags = 1u << 17;
	link.operstate = 200;
	netclass_from_link(&link, &w->arena, &d);
	assert_str(d.operstate, STR(""));
	assert_false(has(&d, NETCLASS_DORMANT));
	assert_false(has(&d, NETCLASS_CARRIER));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rest_from_sysfs),
		TEST(test_down_has_no_speed),
		TEST(test_kept_files_are_read_anew),
		TEST(test_order_and_number_may_change),
		TEST(test_more_than_are_kept),
		TEST(test_oneshot_keeps_nothing),
		TEST(test_other_namespace),
		TEST(test_lone_device_is_looked_at_again),
		TEST(test_bonding_masters_is_no_device),
		TEST(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
